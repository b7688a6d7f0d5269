//go:build unix

package load

import (
	"syscall"
	"time"
)

// ownCPU returns the processor time of this process, user and system.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
