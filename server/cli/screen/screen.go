// Package screen is the face of the interactive client: it shows what a peer
// sends without letting the peer touch the terminal, and reads the lines that
// are typed. With a terminal at both ends the line being typed stays whole while
// messages come in; with pipes it is plain: a line in, a line out.
package screen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Options says where a Screen reads and writes.
type Options struct {
	In       io.Reader // lines to send
	Out      io.Writer // messages received; notes too if there is a terminal at both ends
	Err      io.Writer // notes and problems
	Quiet    bool      // no notes
	Raw      bool      // messages as they came, text with a newline behind it; not for terminals
	NoColour bool      // only plain text on terminals
}

// A Screen shows a conversation. One goroutine may read lines; all other methods
// may be called by any number of goroutines.
type Screen struct {
	quiet, raw bool
	plainIn    *bufio.Reader // if there is no line
	line       *line         // the line editor, nil unless there is a terminal at both ends

	mu     sync.Mutex // one write at a time, of whole lines
	out    io.Writer
	notes  io.Writer
	styles styles // for out, if there is a line
	asides styles // for notes
}

// prefix stands before messages where they share the screen with what is typed.
const prefix = "< "

// Open returns a Screen. If In and Out are terminals it edits lines, and the
// terminal is in raw mode until Close.
func Open(o Options) (*Screen, error) {
	s := &Screen{quiet: o.Quiet, raw: o.Raw, out: o.Out, notes: o.Err}
	if !o.NoColour && IsTerminal(o.Err) {
		s.asides = colours
	}
	if !IsTerminal(o.In) || !IsTerminal(o.Out) {
		s.plainIn = bufio.NewReader(o.In)
		return s, nil
	}
	if !o.NoColour {
		s.styles, s.asides = colours, colours
	}
	in, _ := o.In.(*os.File)
	out, _ := o.Out.(*os.File)
	l, err := editLine(in, out, s.styles)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	s.line, s.out, s.notes = l, l, l
	return s, nil
}

// IsTerminal tells whether f is an *os.File that is a terminal.
func IsTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Interactive tells whether somebody types the lines and sees the answers.
func (s *Screen) Interactive() bool { return s.line != nil }

// Close gives the terminal back as it was. Call it last.
func (s *Screen) Close() error {
	if s.line == nil {
		return nil
	}
	return s.line.close()
}

// ReadLine returns the next line without its end; the slice is the caller's. A
// last line without an end counts if it is not empty. At the end of the input,
// and where somebody types Ctrl-C or Ctrl-D, the error is io.EOF.
func (s *Screen) ReadLine() ([]byte, error) {
	if s.line != nil {
		return s.line.read()
	}
	b, err := s.plainIn.ReadBytes('\n')
	if err != nil && (len(b) == 0 || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r")), nil
}

// Message shows one message, text escaped and binary as hexadecimal digits.
func (s *Screen) Message(binary bool, p []byte) {
	var b []byte
	switch {
	case s.raw:
		b = append(b, p...)
	case s.line == nil && binary:
		b = AppendBinary(b, p, "")
	case s.line == nil:
		b = AppendText(b, p)
	default:
		b = append(b, s.styles.received+prefix+s.styles.reset...)
		if binary {
			b = AppendBinary(b, p, "  ")
		} else {
			b = AppendText(b, p)
		}
	}
	if !s.raw || !binary {
		b = append(b, '\n')
	}
	s.write(s.out, b)
}

// Note says in one line what happens, unless the screen is quiet. Whatever in it
// came from the peer is escaped.
func (s *Screen) Note(format string, args ...any) {
	if !s.quiet {
		s.aside(s.asides.note, fmt.Sprintf(format, args...))
	}
}

// Problem says in one line what went wrong. Whatever in it came from the peer is
// escaped.
func (s *Screen) Problem(format string, args ...any) {
	s.aside(s.asides.problem, fmt.Sprintf(format, args...))
}

func (s *Screen) aside(style, text string) {
	b := AppendText([]byte(style), []byte(text))
	if style != "" {
		b = append(b, s.asides.reset...)
	}
	s.write(s.notes, append(b, '\n'))
}

func (s *Screen) write(w io.Writer, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = w.Write(b) // a reader that went away ends the program by SIGPIPE
}

// styles are the escape sequences of a terminal, all empty for plain text.
type styles struct {
	received, note, problem, reset string
}

var colours = styles{received: "\x1b[36m", note: "\x1b[2m", problem: "\x1b[31m", reset: "\x1b[0m"}
