package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/duplexhq/duplex/server/cli/screen"
)

// redrawing is how often the progress is drawn on a terminal.
const redrawing = 200 * time.Millisecond

// progress shows, until the function returned is called, what is being done: on a
// terminal with how long it has taken, of d if that is not 0, and with text; elsewhere
// in one line.
func (b *bench) progress(what string, d time.Duration, text func() string) (stop func()) {
	w := b.env.Err
	if b.Quiet {
		return func() {}
	}
	if !screen.IsTerminal(w) {
		if d > 0 {
			what += " for " + d.String()
		}
		fmt.Fprintf(w, "%s\n", what)
		return func() {}
	}
	done := make(chan struct{})
	var drawing sync.WaitGroup
	begin := time.Now()
	fmt.Fprintf(w, "\r%s\x1b[K", what)
	drawing.Go(func() {
		tick := time.NewTicker(redrawing)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "\r%s\x1b[K", cutLine(progressLine(what, time.Since(begin), d, text()), columns(w)-1))
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	})
	return func() {
		close(done)
		drawing.Wait()
	}
}

func progressLine(what string, since, d time.Duration, text string) string {
	s := fmt.Sprintf("%s  %.1f s", what, since.Seconds())
	if d > 0 {
		s += fmt.Sprintf(" of %s", d)
	}
	return s + "  " + text
}

// cutLine returns the first n characters of s: a full line would scroll.
func cutLine(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), max(n, 0))])
}
