package screen_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/cli/screen"
)

// openTerminal returns both ends of a pseudo terminal: the keyboard and monitor,
// and what a program has for its standard input and output.
func openTerminal(t *testing.T) (monitor, program *os.File) {
	t.Helper()
	monitor, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	assert.NoError(t, err)
	t.Cleanup(func() { monitor.Close() })
	var unlock, number int32
	ioctl(t, monitor, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	ioctl(t, monitor, syscall.TIOCGPTN, unsafe.Pointer(&number))
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	assert.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return monitor, program
}

func ioctl(t *testing.T, f *os.File, request uintptr, arg unsafe.Pointer) {
	t.Helper()
	raw, err := f.SyscallConn()
	assert.NoError(t, err)
	assert.NoError(t, raw.Control(func(fd uintptr) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg)); errno != 0 {
			t.Errorf("ioctl %#x: %v", request, errno)
		}
	}))
}

// A monitor remembers what a terminal was told to show.
type monitor struct {
	*os.File

	t     *testing.T
	shown string
}

// keys types s.
func (m *monitor) keys(s string) {
	m.t.Helper()
	_, err := m.WriteString(s)
	assert.NoError(m.t, err)
}

// until reads until the terminal was told to show part, and returns all that came
// since the last call.
func (m *monitor) until(part string) string {
	m.t.Helper()
	assert.NoError(m.t, m.SetReadDeadline(time.Now().Add(10*time.Second)))
	b := make([]byte, 4096)
	for {
		if i := strings.Index(m.shown, part); i >= 0 {
			shown := m.shown[:i+len(part)]
			m.shown = m.shown[i+len(part):]
			return shown
		}
		n, err := m.Read(b)
		if err != nil {
			m.t.Fatalf("%q did not come, but %q: %v", part, m.shown, err)
		}
		m.shown += string(b[:n])
	}
}

func open(t *testing.T, o screen.Options) (*screen.Screen, *monitor) {
	t.Helper()
	m, program := openTerminal(t)
	o.In, o.Out, o.Err = program, program, program
	s, err := screen.Open(o)
	assert.NoError(t, err)
	assert.True(t, s.Interactive(), "a terminal is taken for a pipe")
	return s, &monitor{File: m, t: t}
}

// readLines sends the lines of s, then closes the channel.
func readLines(s *screen.Screen) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for {
			line, err := s.ReadLine()
			if err != nil {
				return
			}
			lines <- string(line)
		}
	}()
	return lines
}

func TestLineBeingTypedSurvivesMessages(t *testing.T) {
	s, m := open(t, screen.Options{NoColour: true})
	lines := readLines(s)
	m.until("> ")
	m.keys("half a 漢")
	m.until("half a 漢")
	s.Message(false, []byte("\x1b[2Jhello"))
	shown := m.until("half a 漢")
	assert.Contains(t, shown, "< \\x1b[2Jhello\r\n> half a 漢")
	s.Message(true, []byte("0123456789abcdefg"))
	assert.Contains(t, m.until("half a 漢"), "< binary 17 bytes:\r\n  00000000: 3031")
	s.Note("a note")
	assert.Contains(t, m.until("half a 漢"), "a note\r\n> half a 漢")
	m.keys(" line\r")
	assert.Equal(t, <-lines, "half a 漢 line")

	m.keys("draft")
	m.until("> draft")
	m.keys("\x03") // Ctrl-C
	_, more := <-lines
	assert.True(t, !more, "Ctrl-C did not end the input")
	assert.NoError(t, s.Close())
	m.until("\r\x1b[J") // the draft is gone
}

func TestColours(t *testing.T) {
	s, m := open(t, screen.Options{})
	s.Message(false, []byte("hello"))
	s.Note("note")
	s.Problem("problem")
	assert.Contains(t, m.until("problem\x1b[0m"),
		"\x1b[36m< \x1b[0mhello\r\n\r\x1b[K\x1b[2mnote\x1b[0m\r\n\r\x1b[K\x1b[31mproblem\x1b[0m")
	assert.NoError(t, s.Close())
}

func TestCloseGivesTheTerminalBack(t *testing.T) {
	m, program := openTerminal(t)
	var before, during, after syscall.Termios
	ioctl(t, program, syscall.TCGETS, unsafe.Pointer(&before))
	s, err := screen.Open(screen.Options{In: program, Out: program, Err: program})
	assert.NoError(t, err)
	ioctl(t, program, syscall.TCGETS, unsafe.Pointer(&during))
	lines := readLines(s)
	(&monitor{File: m, t: t}).keys("\x04") // Ctrl-D
	_, more := <-lines
	assert.True(t, !more, "Ctrl-D did not end the input")
	assert.NoError(t, s.Close())
	ioctl(t, program, syscall.TCGETS, unsafe.Pointer(&after))
	assert.Equal(t, after, before)
	assert.True(t, during != before, "the line editor did not take the terminal")
}
