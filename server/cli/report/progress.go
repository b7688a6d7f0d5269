package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/duplexhq/duplex/websocket/conformance"
)

// A Bar is the progress of a run in the last line of a terminal. Update may be
// called by any number of goroutines.
type Bar struct {
	mu     sync.Mutex
	w      io.Writer
	width  func() int // columns of the terminal
	drawn  time.Time
	failed int
	now    func() time.Time
}

// NewBar returns a bar that is drawn on w, a terminal of width() columns.
func NewBar(w io.Writer, width func() int) *Bar {
	return &Bar{w: w, width: width, now: time.Now}
}

// redraw is how often the bar is drawn at most: a terminal is slower than a run.
const redraw = 50 * time.Millisecond

// Update draws the bar for a test that has ended.
func (b *Bar) Update(p conformance.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Result != nil && p.Result.Verdict == conformance.Failed {
		b.failed++
	}
	if p.Done < p.Total && b.now().Sub(b.drawn) < redraw {
		return
	}
	b.drawn = b.now()
	fmt.Fprintf(b.w, "\r%s\x1b[K", line(p, b.failed, b.width()))
}

// Clear takes the bar off the screen.
func (b *Bar) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprint(b.w, "\r\x1b[K")
}

// line returns the bar: a picture, numbers, and the test that ended last, cut to
// width columns.
func line(p conformance.Progress, failed, width int) string {
	const cells = 24
	full := 0
	if p.Total > 0 {
		full = cells * p.Done / p.Total
	}
	s := fmt.Sprintf("%s%s %d/%d", strings.Repeat("█", full), strings.Repeat("░", cells-full), p.Done, p.Total)
	if failed > 0 {
		s += fmt.Sprintf(", %d failed", failed)
	}
	if p.Result != nil {
		s += "  " + p.Result.Area + "/" + p.Result.Name
	}
	return cut(s, width-1) // a full line would scroll
}

// cut returns the first n characters of s.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:max(n-1, 0)]) + "…"
}
