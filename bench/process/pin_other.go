//go:build !linux

package process

import (
	"errors"
	"os/exec"
)

var errNoPinning = errors.New("processes can be pinned to a processor on Linux only")

// startOn starts a command, on any processor.
func startOn(cmd *exec.Cmd, processor int) error {
	if processor != Any {
		return errNoPinning
	}
	return cmd.Start()
}

// Pin keeps this process to one processor; not on this system.
func Pin(int) error { return errNoPinning }
