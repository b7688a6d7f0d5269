package screen_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/cli/screen"
)

// pipes opens a screen without a terminal.
func pipes(t *testing.T, in io.Reader, o screen.Options) (s *screen.Screen, out, notes *bytes.Buffer) {
	t.Helper()
	out, notes = new(bytes.Buffer), new(bytes.Buffer)
	o.In, o.Out, o.Err = in, out, notes
	s, err := screen.Open(o)
	assert.NoError(t, err)
	assert.True(t, !s.Interactive(), "a pipe is taken for a terminal")
	return s, out, notes
}

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"a line", "a\n", []string{"a"}},
		{"the last line has no end", "a\nb", []string{"a", "b"}},
		{"empty lines count", "\n\na\n", []string{"", "", "a"}},
		{"line ends of Windows", "a\r\nb\r\n", []string{"a", "b"}},
		{"a line may be long", long + "\n" + long, []string{long, long}},
		{"spaces and controls stay", " a\x1b \n", []string{" a\x1b "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _ := pipes(t, iotest.HalfReader(strings.NewReader(c.in)), screen.Options{})
			var got []string
			for {
				line, err := s.ReadLine()
				if err != nil {
					assert.Equal(t, err, io.EOF)
					break
				}
				got = append(got, string(line))
			}
			assert.Equal(t, got, c.want)
			assert.NoError(t, s.Close())
		})
	}
}

func TestReadLineFails(t *testing.T) {
	broken := errors.New("broken")
	s, _, _ := pipes(t, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), screen.Options{})
	_, err := s.ReadLine()
	assert.ErrorIs(t, err, broken) // half a line is not a line
}

func TestPipesGetPlainLines(t *testing.T) {
	s, out, notes := pipes(t, nil, screen.Options{})
	s.Message(false, []byte("two\nlines\x1b[0m"))
	s.Message(true, []byte("hello"))
	s.Message(false, nil)
	s.Note("connected to %s", "\u202ehere")
	s.Problem("wrong: %s", "\a")
	assert.Equal(t, out.String(), "two\\nlines\\x1b[0m\nbinary 5 bytes: 68 65 6c 6c 6f\n\n")
	assert.Equal(t, notes.String(), "connected to \\u202ehere\nwrong: \\x07\n")
}

func TestQuiet(t *testing.T) {
	s, out, notes := pipes(t, nil, screen.Options{Quiet: true})
	s.Note("connected")
	s.Problem("wrong")
	s.Message(false, []byte("hello"))
	assert.Equal(t, out.String(), "hello\n")
	assert.Equal(t, notes.String(), "wrong\n")
}

func TestRaw(t *testing.T) {
	s, out, _ := pipes(t, nil, screen.Options{Raw: true})
	s.Message(false, []byte("{\n\x1b}"))
	s.Message(true, []byte("\x00\x01"))
	s.Message(true, []byte("\x02"))
	assert.Equal(t, out.String(), "{\n\x1b}\n\x00\x01\x02")
}
