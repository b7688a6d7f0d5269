//go:build unix

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// cpuTime returns the processor time of this process.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// resident returns the resident memory of this process, in bytes, 0 where the system
// does not tell.
func resident() int64 {
	n, err := residentOf("/proc/self")
	if err != nil {
		return 0
	}
	return n
}

// residentOf returns that of a process by its folder below /proc.
func residentOf(folder string) (int64, error) {
	statm, err := os.ReadFile(filepath.Join(folder, "statm"))
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(statm), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}
