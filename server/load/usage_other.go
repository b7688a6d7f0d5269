//go:build !linux

package load

import (
	"errors"
	"time"
)

var errNoUsage = errors.New("processor time and memory of other processes can be read on Linux only")

func cpuTime(int) (time.Duration, error) { return 0, errNoUsage }

func resident(int) (int64, error) { return 0, errNoUsage }
