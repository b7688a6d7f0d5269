package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// CPU returns the processor time of the process up to now, in nanoseconds and
// without asking it. What a thread has used that has ended since is not in it.
func (p *Process) CPU() (total time.Duration, err error) {
	dir := filepath.Join(p.folder(), "task")
	threads, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, t := range threads {
		stat, err := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		if err != nil {
			continue // it has ended just now
		}
		field, _, _ := bytes.Cut(stat, []byte(" "))
		ns, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("schedstat: %w", err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// Resident returns its resident memory, in bytes and without asking it.
func (p *Process) Resident() (int64, error) {
	return residentOf(p.folder())
}

// folder returns where the system tells about the process.
func (p *Process) folder() string { return "/proc/" + strconv.Itoa(p.cmd.Process.Pid) }
