package load_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
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
			e.Total = 200
			if e.Size > 16<<10 {
				e.Total = 20
			}
			r, err := s.Echo(t.Context(), &e)
			assert.NoError(t, err)
			assert.Equal(t, r.Messages, int64(e.Total))
			assert.Equal(t, r.Latency.Count(), int64(e.Total))
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

// wrong runs a server for the length of a test that answers in its own way.
func wrong(t *testing.T, answer func(n int, c *websocket.Conn, kind websocket.MessageType, p []byte) error) string {
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for n := 0; ; n++ {
			kind, p, err := c.Read(ctx)
			if err == nil {
				err = answer(n, c, kind, p)
			}
			if err != nil {
				return err
			}
		}
	}, nil))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestWrong shows that everything is noticed that is no echo.
func TestWrong(t *testing.T) {
	ctx := t.Context()
	errBored := errors.New("bored")
	for _, server := range []struct {
		name, problem string
		answer        func(n int, c *websocket.Conn, kind websocket.MessageType, p []byte) error
	}{
		{"another byte", "is another message", func(n int, c *websocket.Conn, kind websocket.MessageType, p []byte) error {
			if n == 5 {
				p[len(p)-1]++
			}
			return c.Write(ctx, kind, p)
		}},
		{"one byte less", "is another message", func(n int, c *websocket.Conn, kind websocket.MessageType, p []byte) error {
			if n == 5 {
				p = p[1:]
			}
			return c.Write(ctx, kind, p)
		}},
		{"one byte more", "is another message", func(n int, c *websocket.Conn, kind websocket.MessageType, p []byte) error {
			if n == 5 {
				p = append(p, 'x')
			}
			return c.Write(ctx, kind, p)
		}},
		{"another type", "opcode", func(n int, c *websocket.Conn, _ websocket.MessageType, p []byte) error {
			if n == 5 {
				return c.Write(ctx, websocket.Text, []byte("hi"))
			}
			return c.Write(ctx, websocket.Binary, p)
		}},
		{"twice", "more messages", func(_ int, c *websocket.Conn, kind websocket.MessageType, p []byte) error {
			if err := c.Post(kind, p); err != nil {
				return err
			}
			return c.Write(ctx, kind, p)
		}},
		{"the end", "ended a connection", func(n int, _ *websocket.Conn, _ websocket.MessageType, _ []byte) error {
			if n == 5 {
				return errBored
			}
			return nil
		}},
	} {
		t.Run(server.name, func(t *testing.T) {
			s := open(t, &load.Target{Addr: wrong(t, server.answer)}, 2)
			_, err := s.Echo(ctx, &load.Echo{Message: load.Message{Content: load.Random, Size: 200}, Depth: 8, Total: 100})
			assert.True(t, err != nil, "not noticed")
			if server.name != "the end" { // a close frame comes first
				assert.Contains(t, err.Error(), server.problem)
			}
		})
	}
}

// TestFragments takes echoes in several frames, with messages of several frames and
// of one on the same connection.
func TestFragments(t *testing.T) {
	ctx := t.Context()
	addr := wrong(t, func(n int, c *websocket.Conn, kind websocket.MessageType, p []byte) error {
		if n%3 == 0 {
			return c.Write(ctx, kind, p)
		}
		w, err := c.Writer(ctx, kind)
		for part := range slices.Chunk(p, 70_000) {
			if err == nil {
				_, err = w.Write(part)
			}
		}
		if err != nil {
			return err
		}
		return w.Close()
	})
	s := open(t, &load.Target{Addr: addr}, 2)
	for range 2 {
		r, err := s.Echo(ctx, &load.Echo{Message: load.Message{Content: load.Chinese, Size: 200_001}, Depth: 3, Total: 40})
		assert.NoError(t, err)
		assert.Equal(t, r.Messages, int64(40))
	}
}

func TestOpenFails(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	for addr, problem := range map[string]string{
		s.Listener.Addr().String(): "404", "127.0.0.1:1": "refused", "[::1]:80": "IPv4", "nowhere": "port",
	} {
		_, err := load.Open(t.Context(), &load.Target{Addr: addr}, 3)
		assert.True(t, err != nil, "opened "+addr)
		assert.Contains(t, err.Error(), problem)
	}
	addr := serve(t, "gorilla", peers.Options{})
	_, err := load.Connect(t.Context(), &load.Target{Addr: addr, Path: "/\r\nbad"}, &load.Storm{Duration: time.Millisecond})
	assert.Contains(t, err.Error(), "400")
}

// TestWorker does in another process what the others do in this one.
func TestWorker(t *testing.T) {
	w, err := load.Start(t.Context())
	assert.NoError(t, err)
	defer func() { assert.NoError(t, w.Stop()) }()
	_, err = w.Echo(&load.Echo{})
	assert.Contains(t, err.Error(), "no connections are open")
	target := &load.Target{Addr: serve(t, "gws", peers.Options{})}
	assert.NoError(t, w.Open(target, 5, false))
	e := &load.Echo{Message: load.Message{Content: load.Random, Size: 100}, Total: 50}
	r, err := w.Echo(e)
	assert.NoError(t, err)
	assert.Equal(t, r.Messages, int64(50))
	assert.Equal(t, r.Latency.Count(), int64(50))
	r, err = w.Connect(target, &load.Storm{Duration: time.Millisecond})
	assert.NoError(t, err)
	assert.True(t, r.Messages > 0, "no handshakes")
	target.Path = "/fan"
	assert.NoError(t, w.Open(target, 5, false))
	r, err = w.FanOut(&load.FanOut{Message: load.Message{Size: 10}, Duration: time.Millisecond})
	assert.NoError(t, err)
	assert.True(t, r.Messages > 0 && r.Messages%5 == 0, "not to everybody")
	target.Extensions = "permessage-deflate"
	assert.Contains(t, w.Open(target, 1, false).Error(), "does not compress")
}

func TestWorkerTLS(t *testing.T) {
	trusted := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(trusted.Close)
	addr := serve(t, "gorilla", peers.Options{TLS: &tls.Config{Certificates: trusted.TLS.Certificates}})
	w, err := load.Start(t.Context())
	assert.NoError(t, err)
	defer func() { assert.NoError(t, w.Stop()) }()
	assert.NoError(t, w.Open(&load.Target{Addr: addr}, 40, true))
	r, err := w.Echo(&load.Echo{Message: load.Message{Content: load.Random, Size: 512}, Total: 80})
	assert.NoError(t, err)
	assert.Equal(t, r.Messages, int64(80))
	_, err = w.FanOut(&load.FanOut{})
	assert.Contains(t, err.Error(), "no connections are open")
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

// A server may answer the handshake before messages go to the connection: it is waited for.
func TestFanOutOfAServerThatLetsInLate(t *testing.T) {
	var entered atomic.Int32
	var mu sync.Mutex
	var room []*websocket.Conn
	srv := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		if entered.Add(1) > 1 { // all but the one that publishes
			time.Sleep(50 * time.Millisecond)
		}
		mu.Lock()
		room = append(room, c)
		mu.Unlock()
		for {
			kind, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, c := range room {
				_ = c.Write(ctx, kind, p)
			}
			mu.Unlock()
		}
	}, nil))
	t.Cleanup(srv.Close)
	s := open(t, &load.Target{Addr: srv.Listener.Addr().String(), Path: "/"}, 5)
	r, err := s.FanOut(t.Context(), &load.FanOut{Message: load.Message{Size: 10}, Duration: time.Millisecond})
	assert.NoError(t, err)
	assert.Equal(t, r.Messages%5, int64(0))
}
