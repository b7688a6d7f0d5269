package screen

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// prompt stands before the line being typed.
const prompt = "> "

// A line is the line editor at the bottom of a terminal. Writing to it puts text
// above the line being typed.
type line struct {
	*term.Terminal

	in, out *os.File
	before  *term.State // of the terminal
	unwatch func()
}

// editLine puts the terminal into raw mode and edits lines on it.
func editLine(in, out *os.File, s styles) (*line, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	both := struct {
		io.Reader
		io.Writer
	}{in, out}
	l := &line{Terminal: term.NewTerminal(both, s.note+prompt+s.reset), in: in, out: out, before: before}
	l.resize()
	l.unwatch = watchSize(l.resize)
	return l, nil
}

// resize tells the editor how large the terminal is.
func (l *line) resize() {
	if width, height, err := term.GetSize(int(l.out.Fd())); err == nil && width > 0 {
		_ = l.SetSize(width, height)
	}
}

// Write puts lines above the one being typed. The editor takes each character for
// one column, so it goes back too little over wide ones (Chinese, emoji); what is
// left of the line is erased here.
func (l *line) Write(b []byte) (int, error) {
	if _, err := l.Terminal.Write(append([]byte("\r\x1b[K"), b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// read returns the next line typed.
func (l *line) read() ([]byte, error) {
	s, err := l.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return []byte(s), err
}

// close takes the prompt, and what was typed behind it, off the screen, and gives
// the terminal back.
func (l *line) close() error {
	l.unwatch()
	_, _ = io.WriteString(l.out, "\r\x1b[J")
	return term.Restore(int(l.in.Fd()), l.before)
}
