package examples

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// patience is how long a program may run before its test has failed.
const patience = time.Minute

// A program is one of the examples, built.
type program struct {
	t      testing.TB
	path   string
	stdout *bufio.Scanner
}

// build builds the program in dir. With two more arguments the second takes the
// place of the first in its source: a port, which may be taken on this machine.
func build(t testing.TB, dir string, replace ...string) *program {
	t.Helper()
	source, err := filepath.Abs(filepath.Join(dir, "main.go"))
	assert.NoError(t, err)
	text, err := os.ReadFile(source)
	assert.NoError(t, err)
	if len(replace) > 0 {
		assert.Contains(t, string(text), replace[0])
	}
	changed := strings.NewReplacer(replace...).Replace(string(text))

	tmp := t.TempDir()
	replacement, overlay := filepath.Join(tmp, "main.go"), filepath.Join(tmp, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: replacement}})
	assert.NoError(t, err)
	assert.NoError(t, os.WriteFile(replacement, []byte(changed), 0o600))
	assert.NoError(t, os.WriteFile(overlay, list, 0o600))

	path := filepath.Join(tmp, "program.exe") // Windows wants the name, others do not mind
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", path, "./"+dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%s does not build: %v\n%s", dir, err, out)
	}
	return &program{t: t, path: path}
}

// start runs the program until the end of the test.
func (p *program) start(args ...string) *program {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	assert.NoError(p.t, err)
	assert.NoError(p.t, cmd.Start())
	p.t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // it was killed
	})
	p.stdout = bufio.NewScanner(out)
	return p
}

// line waits for the next line that the program prints; "" means that it ended.
func (p *program) line() string {
	p.stdout.Scan()
	return p.stdout.Text()
}
