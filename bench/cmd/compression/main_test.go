package main

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// Marks of the page.
const (
	begin = "<!-- written by bench/cmd/compression -->"
	end   = "<!-- end of what is written by bench/cmd/compression -->"
)

func TestMain(m *testing.M) {
	process.ServeIfChild()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each server sleeps a second before it exits
	assert.RunWithoutLeaks(m)
}

// TestRun measures a little of everything and looks at what is written.
func TestRun(t *testing.T) {
	page, table := filepath.Join(t.TempDir(), "page.md"), filepath.Join(t.TempDir(), "all.csv")
	assert.NoError(t, os.WriteFile(page, []byte("# Before\n"+begin+"\nold\n"+end+"\nafter\n"), 0o600))
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"-lib", "duplex-conn,gorilla,gws", "-rounds", "1", "-conns", "3", "-idle", "3", "-exchange", "2", "-scale", "100",
		"-pin=false", "-page", page, "-csv", table,
	}, &out, io.Discard)
	assert.NoError(t, err)
	for _, want := range []string{
		"### With context takeover", "### Without context takeover", "### Without compression",
		"| gorilla |", "| duplex-conn, 12 bits |", "| *duplex-conn / best of the others* |",
	} {
		assert.Contains(t, out.String(), want)
	}
	assert.Equal(t, strings.Count(out.String(), "| gorilla |"), 2) // it has no takeover
	written, err := os.ReadFile(page)
	assert.NoError(t, err)
	assert.Equal(t, string(written), "# Before\n"+begin+"\n\n"+out.String()+"\n"+end+"\nafter\n")

	f, err := os.Open(table)
	assert.NoError(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	assert.NoError(t, err)
	assert.Equal(t, len(lines), 1+9*len(corpora()))
	for _, line := range lines[1:] {
		mode, bits, agreed := line[2], line[3], line[4]
		assert.Equal(t, strings.HasPrefix(agreed, "permessage-deflate"), mode != "off")
		assert.Equal(t, strings.Contains(agreed, "server_no_context_takeover"), mode == "no-takeover")
		assert.Equal(t, strings.Contains(agreed, "max_window_bits=12"), bits == "12" || line[0] == "gws" && mode == "takeover")
	}
}

func TestRunRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-lib socket.io": "there is no library",
		"-rounds 0":      "at least 1",
		"-nonsense":      "not defined",
	} {
		var errs bytes.Buffer
		err := run(t.Context(), append(strings.Fields(args), "-pin=false"), io.Discard, &errs)
		assert.True(t, err != nil, "accepted "+args)
		assert.Contains(t, err.Error(), want)
	}
}

// TestLoadVerifies shows that an echo that is not one is found.
func TestLoadVerifies(t *testing.T) {
	server, err := process.Start(t.Context(), "duplex-conn", peers.Options{}, process.Any)
	assert.NoError(t, err)
	defer func() { _ = server.Stop() }()
	l, err := connect(t.Context(), server.Addr, peers.Off, 2)
	assert.NoError(t, err)
	defer l.close()
	from := &corpora()[0]
	done, payload, wire, err := l.echo(t.Context(), from, 10)
	assert.NoError(t, err)
	assert.Equal(t, done, 10)
	assert.Equal(t, wire, payload+10*4) // headers of servers are 4 bytes at these lengths
	// An echo that nobody expects is the wrong one for the next message.
	assert.NoError(t, l[1].Write(t.Context(), websocket.Text, []byte("surplus")))
	_, _, _, err = l.echo(t.Context(), from, 10)
	assert.Contains(t, err.Error(), "is another message")
}

func TestMarkdown(t *testing.T) {
	of := func(name string, ratio, cpu, resident, heap float64) *contender {
		peer, err := peers.Find(name)
		assert.NoError(t, err)
		c := &contender{peer: peer, mode: peers.NoTakeover, resident: resident, heap: heap}
		for range corpora() {
			c.results = append(c.results, result{
				messages: 3, payload: 1000, wire: int64(1000 * ratio), cpu: []float64{cpu + 5, cpu, cpu - 1},
			})
		}
		return c
	}
	got := markdown([]*contender{
		of("duplex-conn", 0.3, 10, 5_000, 1_500), of("gws", 0.25, 20, 150_000, 90_000), of("coder", 0.0725, 40, 10_000, 3_000),
	})
	assert.Equal(t, got, `### Without context takeover

| library | chat 200 B | market 1 KiB | text 16 KiB | random 1 KiB | memory of a connection |
|---|--:|--:|--:|--:|--:|
| duplex-conn | 30 % · 10.0 µs | 30 % · 10.0 µs | 30 % · 10.0 µs | 30 % · 10.0 µs | 5.0 KB · 1.5 KB |
| gws | 25 % · 20.0 µs | 25 % · 20.0 µs | 25 % · 20.0 µs | 25 % · 20.0 µs | 150 KB · 90.0 KB |
| coder | 7.2 % · 40.0 µs | 7.2 % · 40.0 µs | 7.2 % · 40.0 µs | 7.2 % · 40.0 µs | 10.0 KB · 3.0 KB |
| *duplex-conn / best of the others* | 4.17 · 0.50 | 4.17 · 0.50 | 4.17 · 0.50 | 4.17 · 0.50 | 0.50 · 0.50 |
`)
}

func TestQuantile(t *testing.T) {
	r := result{cpu: []float64{5, 1, 4, 2, 3}}
	assert.Equal(t, r.quantile(0), 1.0)
	assert.Equal(t, r.quantile(0.25), 2.0)
	assert.Equal(t, r.quantile(0.5), 3.0)
	assert.Equal(t, r.quantile(1), 5.0)
}
