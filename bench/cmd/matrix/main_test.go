package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) {
	process.ServeIfChild()
	load.ServeIfChild()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each child sleeps a second before it exits
	assert.RunWithoutLeaks(m)
}

// marks returns a page for tables.
func marks(between string) string {
	return "# Before\n<!-- written by " + command + " -->\n" + between + "\n<!-- end of what is written by " + command + " -->\nafter\n"
}

// TestRefuses names what is wrong with a command line.
func TestRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-libs socket.io":       "there is no library",
		"-rounds 0":             "above 0",
		"-slice 0s":             "above 0",
		"-only nothing":         "no workload matches",
		"-only (":               "missing closing",
		"-nonsense":             "not defined",
		"surplus":               "unexpected argument",
		"-from /does/not/exist": "no such file",
	} {
		err := run(t.Context(), append([]string{"-pin=false"}, strings.Fields(args)...), io.Discard, io.Discard)
		assert.True(t, err != nil, "accepted "+args)
		assert.Contains(t, err.Error(), want)
	}
}

// TestFrom writes the page anew from the CSV file, without measuring.
func TestFrom(t *testing.T) {
	dir := t.TempDir()
	r := &report{about: []string{"a machine"}, reference: "gws", results: results{
		of("echo-64B-1x100", "duplex-epoll", 4, 4, 5), of("echo-64B-1x100", "gws", 8, 8, 8), of("echo-64B-1x100", "bun", 5, 5, 5),
	}}
	assert.NoError(t, r.save(dir))
	name := filepath.Join(dir, "page.md")
	assert.NoError(t, os.WriteFile(name, []byte(marks("old")), 0o600))
	var out bytes.Buffer
	assert.NoError(t, run(t.Context(), []string{"-from", dir, "-page", name}, &out, io.Discard))
	written, err := os.ReadFile(name)
	assert.NoError(t, err)
	assert.Equal(t, string(written), marks("\n"+out.String()))
	assert.Contains(t, out.String(), "- a machine\n")
	drawing, err := os.Open(filepath.Join(dir, "img", "echo.svg"))
	assert.NoError(t, err)
	defer drawing.Close()
	wellFormed(t, drawing)
}

func wellFormed(t *testing.T, r io.Reader) {
	for d := xml.NewDecoder(r); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		assert.NoError(t, err)
	}
}
