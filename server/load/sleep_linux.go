package load

import (
	"runtime"
	"syscall"
	"time"
)

// A sleeper waits for moments that are close: a timer of the Go runtime may be a
// millisecond late, more than many servers take for an answer.
type sleeper struct{}

// prSetTimerslack is PR_SET_TIMERSLACK, which package syscall does not name.
const prSetTimerslack = 29

// newSleeper returns a sleeper for this goroutine, which is tied to a thread until
// stop is called. Threads have 50 µs of slack unless they ask for less.
func newSleeper() sleeper {
	runtime.LockOSThread()
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerslack, 1, 0)
	return sleeper{}
}

// sleep waits for d, or less after a signal.
func (sleeper) sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil)
}

// stop lets the goroutine go; the thread gets back its slack, the default.
func (sleeper) stop() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerslack, 0, 0)
	runtime.UnlockOSThread()
}
