package process

import "strconv"

// PID returns the number of the process, as a name below /proc.
func PID(p *Process) string { return strconv.Itoa(p.cmd.Process.Pid) }
