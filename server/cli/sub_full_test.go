package cli

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// A full disk has no room for what is written behind its last byte.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	if f.Len()+len(p) > f.room {
		return 0, errors.New("no space left on device")
	}
	return f.Buffer.Write(p)
}

// What could not be printed is printed the next time.
func TestCursorFileOnAFullDisk(t *testing.T) {
	at := startServer(t)
	publish(t, reader(t, at), "x", "a", "b", "c")
	for _, how := range []string{"--last=3", "--no-follow"} {
		file := filepath.Join(t.TempDir(), "cursor")
		out, says := full{room: 4}, bytes.Buffer{}
		status := Main([]string{"sub", "-S", at, "x", how, "-c", file}, Env{In: strings.NewReader(""), Out: &out, Err: &says})
		assert.Equal(t, status, 1)
		assert.Contains(t, says.String(), "no space left on device")
		assert.Equal(t, out.String(), "a\nb\n")
		r := command("", "sub", "-S", at, "x", "-n", "1", "-c", file)
		assert.Equal(t, r, result{out: "c\n"})
	}
}
