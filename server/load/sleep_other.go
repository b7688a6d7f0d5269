//go:build !linux

package load

import "time"

// A sleeper waits for moments that are close.
type sleeper struct{}

func newSleeper() sleeper { return sleeper{} }

func (sleeper) sleep(d time.Duration) { time.Sleep(d) }

func (sleeper) stop() {}
