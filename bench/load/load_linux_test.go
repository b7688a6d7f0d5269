package load_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) {
	load.ServeIfChild()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each worker sleeps a second before it exits
	assert.RunWithoutLeaks(m)
}

// serve runs a library for the length of a test and returns its address.
func serve(t *testing.T, lib string, o peers.Options) string {
	p, err := peers.Find(lib)
	assert.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, l, o) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return l.Addr().String()
}

// open opens connections for the length of a test.
func open(t *testing.T, target *load.Target, n int) *load.Set {
	s, err := load.Open(t.Context(), target, n)
	assert.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// TestEcho sends all kinds of messages to a server that sends each in one frame and
// one that cuts long ones.
func TestEcho(t *testing.T) {
	for _, lib := range []string{"gorilla", "nbio"} {
		if race && lib == "nbio" {
			continue // see peers_test.go
		}
		s := open(t, &load.Target{Addr: serve(t, lib, peers.Options{})}, 20)
		for _, e := range []load.Echo{
			{Message: load.Message{Content: load.Random, Size: 64}},
			{Message: load.Message{Content: load.Random, Size: 64}, Depth: 16},
			{Message: load.Message{Content: load.Random, Size: 64}, Depth: 7, Active: 3},
			{Message: load.Message{Content: load.Random, Size: 1 << 10}},
			{Message: load.Message{Content: load.Chinese, Size: 12 << 10}, Depth: 3},
			{Message: load.Message{Content: load.JSON, Size: 1 << 10}, Depth: 5},
			{Message: load.Message{Content: load.Random, Size: 64 << 10}, Depth: 2},
			{Message: load.Message{Content: load.Random, Size: 1 << 20}, Depth: 2, Active: 2},
		} {
			e.Total = 300
			r, err := s.Echo(t.Context(), &e)
			assert.NoError(t, err)
			assert.Equal(t, r.Messages, int64(300))
			assert.Equal(t, r.Latency.Count(), int64(300))
			assert.True(t, r.Latency.Quantile(0.5) > 0 && r.Elapsed > 0, "no time has passed")
		}
	}
}

// TestDuration shows that a slice comes to its end by itself.
func TestDuration(t *testing.T) {
	s := open(t, &load.Target{Addr: serve(t, "gws", peers.Options{})}, 10)
	r, err := s.Echo(t.Context(), &load.Echo{Message: load.Message{Size: 64}, Depth: 4, Duration: 20 * time.Millisecond})
	assert.NoError(t, err)
	assert.True(t, r.Messages >= 40, "fewer messages than at the beginning")
	assert.True(t, r.Elapsed >= 20*time.Millisecond, "it was over before its time")
	assert.Equal(t, r.Bytes, 64*r.Messages)
}

// TestDeflate inflates what comes back, with and without context takeover.
func TestDeflate(t *testing.T) {
	for _, compression := range []peers.Compression{peers.NoTakeover, peers.Takeover} {
		addr := serve(t, "duplex-conn", peers.Options{Compression: compression})
		s := open(t, &load.Target{Addr: addr, Extensions: "permessage-deflate"}, 3)
		on, takeover := s.Deflates()
		assert.True(t, on, "not agreed on")
		assert.Equal(t, takeover, compression == peers.Takeover)
		r, err := s.Echo(t.Context(), &load.Echo{
			Message: load.Message{Content: load.JSON, Size: 1 << 10, Deflate: true}, Depth: 4, Total: 500,
		})
		assert.NoError(t, err)
		assert.Equal(t, r.Messages, int64(500))
	}
}

func TestFanOut(t *testing.T) {
	s := open(t, &load.Target{Addr: serve(t, "gorilla", peers.Options{}), Path: "/fan"}, 30)
	for _, outstanding := range []int{1, 8} {
		r, err := s.FanOut(t.Context(), &load.FanOut{
			Message: load.Message{Size: 64}, Outstanding: outstanding, Duration: 10 * time.Millisecond,
		})
		assert.NoError(t, err)
		assert.True(t, r.Messages >= int64(30*outstanding), "not everybody got everything")
		assert.Equal(t, r.Messages%30, int64(0))
		assert.Equal(t, r.Latency.Count(), r.Messages)
	}
}

func TestConnect(t *testing.T) {
	target := &load.Target{Addr: serve(t, "gorilla", peers.Options{})}
	r, err := load.Connect(t.Context(), target, &load.Storm{Concurrent: 4, Duration: 10 * time.Millisecond})
	assert.NoError(t, err)
	assert.True(t, r.Messages >= 4, "hardly any handshakes")
	assert.Equal(t, r.Latency.Count(), r.Messages)
}
