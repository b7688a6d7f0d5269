package process

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// startOn starts a command on one processor, from its first instruction on, so
// that its Go runtime sees just that one.
func startOn(cmd *exec.Cmd, processor int) error {
	if processor == Any {
		return cmd.Start()
	}
	runtime.LockOSThread() // children inherit the set of the thread that makes them
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	one.Set(processor)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	err := cmd.Start()
	if restore := unix.SchedSetaffinity(0, &before); err == nil {
		err = restore
	}
	return err
}

// Pin keeps this process to one processor.
func Pin(processor int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var one unix.CPUSet
	one.Set(processor)
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &one); err != nil {
			return err
		}
	}
	runtime.GOMAXPROCS(1)
	return nil
}
