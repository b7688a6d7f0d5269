package process_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"os"
	"os/signal"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestMain(m *testing.M) {
	process.ServeIfChild()
	// A program with the race detector sleeps a second before it exits.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	// The first use of signals starts a goroutine for good.
	_, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	stop()
	assert.RunWithoutLeaks(m)
}

func start(t *testing.T, lib string, o peers.Options, processor int) *process.Process {
	p, err := process.Start(t.Context(), lib, o, processor)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func echo(t *testing.T, p *process.Process, data []byte, times int) {
	c, _, err := websocket.Dial(t.Context(), "ws://"+p.Addr+"/any/path", &websocket.DialOptions{MaxMessage: -1})
	assert.NoError(t, err)
	for range times {
		assert.NoError(t, c.Write(t.Context(), websocket.Binary, data))
		_, got, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, data), "the echo is another message")
	}
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

func TestStart(t *testing.T) {
	for _, peer := range peers.All() {
		t.Run(peer.Name, func(t *testing.T) {
			p := start(t, peer.Name, peers.Options{MaxMessage: 4 << 20}, process.Any)
			echo(t, p, make([]byte, 3<<20), 1)
			assert.True(t, p.Running(), "the server is gone")
			assert.NoError(t, p.Stop())
			assert.True(t, !p.Running(), "the server is still there")
		})
	}
}

func TestUsage(t *testing.T) {
	p := start(t, "duplex-conn", peers.Options{MaxMessage: 4 << 20}, process.Any)
	before, err := p.Usage()
	assert.NoError(t, err)
	echo(t, p, make([]byte, 1<<20), 30)
	after, err := p.Usage()
	assert.NoError(t, err)
	assert.True(t, after.CPU > before.CPU, "the work cost no time")
	freed, err := p.Free()
	assert.NoError(t, err)
	assert.True(t, freed.Resident < after.Resident, "nothing was given back")
	assert.True(t, freed.Heap > 0 && freed.Stack > 0 && freed.Heap < freed.Resident, "memory does not add up")
}

func TestStartFails(t *testing.T) {
	_, err := process.Start(t.Context(), "socket.io", peers.Options{}, process.Any)
	assert.Contains(t, err.Error(), "start socket.io")
}

// TestOptions shows that the options arrive on the other side.
func TestOptions(t *testing.T) {
	p := start(t, "coder", peers.Options{
		MaxMessage: 10, CheckText: true, Compression: peers.Takeover, Subprotocols: []string{"a", "b"},
	}, process.Any)
	c, answer, err := websocket.Dial(t.Context(), "ws://"+p.Addr, &websocket.DialOptions{Subprotocols: []string{"b"}})
	assert.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	assert.Equal(t, answer.Header.Get("Sec-WebSocket-Protocol"), "b")
	assert.NoError(t, c.Write(t.Context(), websocket.Binary, make([]byte, 11)))
	_, _, err = c.Read(t.Context())
	assert.Contains(t, err.Error(), "1009")

	p = start(t, "gws", peers.Options{Compression: peers.Takeover, WindowBits: 9}, process.Any)
	o := &websocket.DialOptions{Compression: &websocket.Compression{}}
	c, _, err = websocket.Dial(t.Context(), "ws://"+p.Addr, o)
	assert.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	assert.Contains(t, c.Extensions(), "server_max_window_bits=9")
}

func TestMainRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-lib socket.io":    "there is no library",
		"-compression zip":  "is not one of off",
		"-listen nowhere:x": "lookup",
		"surplus":           `unexpected argument "surplus"`,
		"-unknown":          "not defined",
		"-h":                "-compression",
	} {
		var out, errs bytes.Buffer
		status := process.Main(strings.Fields(args), strings.NewReader(""), &out, &errs)
		assert.Equal(t, status == 0, args == "-h")
		assert.Contains(t, errs.String(), want)
		assert.Equal(t, out.String(), "")
	}
}

// TestMainControlled runs the server in this process: it ends with its input.
func TestMainControlled(t *testing.T) {
	var out, errs bytes.Buffer
	in := strings.NewReader("usage\ndance\nfree\n")
	assert.Equal(t, process.Main([]string{"-control"}, in, &out, &errs), 0)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, len(lines), 4)
	assert.Contains(t, lines[0], "duplex-conn echoes on ws://127.0.0.1:")
	assert.Equal(t, len(strings.Fields(lines[1])), 4)
	assert.Equal(t, lines[2], `unknown command "dance"`)
	assert.Equal(t, len(strings.Fields(lines[3])), 4)
}

// TestTLS shows that a server makes a certificate for itself.
func TestTLS(t *testing.T) {
	p := start(t, "gorilla", peers.Options{TLS: process.SelfSigned}, process.Any)
	_, _, err := websocket.Dial(t.Context(), "wss://"+p.Addr, nil)
	assert.Contains(t, err.Error(), "certificate")
	c, _, err := websocket.Dial(t.Context(), "wss://"+p.Addr, &websocket.DialOptions{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	assert.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("hi")))
	_, data, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(data), "hi")
}

// TestUsageFromOutside compares what the system says with what the process says.
func TestUsageFromOutside(t *testing.T) {
	p := start(t, "gorilla", peers.Options{MaxMessage: 1 << 20}, process.Any)
	before, err := p.CPU()
	assert.NoError(t, err)
	echo(t, p, make([]byte, 1<<20), 20)
	after, err := p.CPU()
	assert.NoError(t, err)
	said, err := p.Usage()
	assert.NoError(t, err)
	assert.True(t, after > before, "the work cost no time")
	// Threads that have ended are not in what the system says of threads.
	assert.True(t, said.CPU > after/2 && said.CPU < 2*after, "the system and the process do not agree on time")
	resident, err := p.Resident()
	assert.NoError(t, err)
	assert.True(t, resident > said.Resident/2 && resident < 2*said.Resident, "nor on memory")
}
