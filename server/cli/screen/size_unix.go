//go:build unix

package screen

import (
	"os"
	"os/signal"
	"syscall"
)

// watchSize calls changed whenever the size of the terminal changes, until the
// function returned is called.
func watchSize(changed func()) (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	go func() {
		for range c {
			changed()
		}
	}()
	return func() {
		signal.Stop(c)
		close(c)
	}
}
