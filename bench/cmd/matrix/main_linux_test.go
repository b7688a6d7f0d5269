package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/internal/assert"
)

// TestRun measures a little of each kind and looks at what is written.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "page.md")
	assert.NoError(t, os.WriteFile(name, []byte(marks("old")), 0o600))
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"-quick", "-only", "^(echo-64B-1x100|echo-64B-16x100|fan-1x1000|handshake|memory)$", "-libs", "duplex-conn,duplex-epoll,gorilla",
		"-reference", "gorilla", "-rounds", "2", "-slice", "3ms", "-idle", "50", "-pin=false", "-out", dir, "-page", name,
	}, &out, io.Discard)
	assert.NoError(t, err)
	r, err := loadReport(dir)
	assert.NoError(t, err)
	for workload, libraries := range map[string]int{
		"echo-64B-1x100": 4, "echo-64B-16x100": 4, "fan-1x1000": 4, "handshake": 4, "memory": 4, "memory" + after: 4,
	} {
		measured := r.results.of(workload)
		assert.Equal(t, len(measured), libraries)
		for _, x := range measured {
			assert.Equal(t, x.Problem, "")
			if x.Unit == bytesEach {
				assert.Equal(t, len(x.Rounds), 1)
				continue
			}
			assert.Equal(t, len(x.Rounds), 2)
			assert.True(t, x.Messages > 0 && x.PerSecond > 0 && x.P50 > 0 && x.P999 >= x.P50, "nothing was measured")
		}
	}
	for _, want := range []string{"### Targets", "| duplex-epoll |", "| *noise: gorilla / itself* |", "### Memory of an idle connection"} {
		assert.Contains(t, out.String(), want)
	}
	assert.True(t, !strings.Contains(out.String(), "could not be measured"), "something was not measured")
	for _, picture := range []string{"echo", "pipelined", "fanout", "other", "memory"} {
		_, err := os.Stat(filepath.Join(dir, "img", picture+".svg"))
		assert.NoError(t, err)
	}
}

// TestInterrupted shows that what was measured before an interrupt is kept.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := run(ctx, []string{
		"-only", "^(echo-64B-1x100|echo-64B-1x10000)$", "-libs", "gorilla", "-rounds", "1", "-slice", "1ms", "-pin=false", "-out", dir,
	}, io.Discard, writerFunc(func(p []byte) (int, error) {
		cancel() // after the first workload
		return len(p), nil
	}))
	assert.ErrorIs(t, err, context.Canceled)
	r, err := loadReport(dir)
	assert.NoError(t, err)
	assert.Equal(t, len(r.results), 1)
	assert.True(t, median(r.results[0]) > 0, "not kept")
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestContenderFails shows that a contender that fails is left out, named, and there
// again for the next workload.
func TestContenderFails(t *testing.T) {
	l, err := libraryOf("gorilla")
	assert.NoError(t, err)
	p := &plan{rounds: 2, slice: 5 * time.Millisecond, processor: process.Any, progress: io.Discard}
	s := setup{conns: 3}
	cs := []*contender{{library: l, setup: s}, {library: l, setup: s}}
	for _, c := range cs {
		c.open(t.Context(), p.processor)
		assert.NoError(t, c.err)
		defer c.stop()
	}
	assert.NoError(t, cs[1].server.Stop())
	w := echoOf(64, 1, 3)
	all := p.rounded(t.Context(), &w, cs)
	assert.Equal(t, all[0].Problem, "")
	assert.True(t, all[1].Problem != "" && median(all[1]) == 0, "measured a server that is not there")
	assert.Equal(t, len(all.of(w.name)), 1)
	all = p.rounded(t.Context(), &w, cs)
	assert.Equal(t, all[1].Problem, "")
	assert.True(t, median(all[1]) > 0, "not there again")
}
