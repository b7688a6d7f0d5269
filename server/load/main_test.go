package load

import (
	"context"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// TestMain fails the run if a test leaves a goroutine behind.
func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// serve starts a server that runs f for each connection, and returns its URL.
func serve(t testing.TB, f func(ctx context.Context, c *websocket.Conn) error) string {
	t.Helper()
	s := httptest.NewServer(websocket.Handler(f, &websocket.AcceptOptions{MaxMessage: -1}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

// echoing sends every message back.
func echoing(ctx context.Context, c *websocket.Conn) error {
	return answering(func(m websocket.Message) []websocket.Message { return []websocket.Message{m} })(ctx, c)
}

// answering answers each message with those that answer returns. It is called for
// messages of all connections, one at a time.
func answering(answer func(m websocket.Message) []websocket.Message) func(context.Context, *websocket.Conn) error {
	var mu sync.Mutex
	return func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			mu.Lock()
			all := answer(m)
			mu.Unlock()
			for _, a := range all {
				if err := c.Write(ctx, a.Type, a.Data); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// A room sends every message to all connections.
type room struct {
	without bool // publishers do not get their own

	// spoil, if not nil, returns what becomes of message n on its way to a
	// connection: the publisher's own if to is -1, the others are counted.
	spoil func(c *websocket.Conn, to, n int, m websocket.Message) []websocket.Message

	mu    sync.Mutex
	conns []*websocket.Conn
	n     int
}

func (r *room) add(c *websocket.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.conns, c) {
		r.conns = append(r.conns, c)
	}
}

func (r *room) handle(ctx context.Context, c *websocket.Conn) error {
	r.add(c)
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		r.broadcast(ctx, c, m)
	}
	return nil
}

func (r *room) broadcast(ctx context.Context, from *websocket.Conn, m websocket.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	others := 0
	for _, c := range r.conns {
		to := -1
		if c != from {
			to, others = others, others+1
		} else if r.without {
			continue
		}
		all := []websocket.Message{m}
		if r.spoil != nil {
			all = r.spoil(c, to, r.n, m)
		}
		for _, a := range all {
			_ = c.Write(ctx, a.Type, a.Data)
		}
	}
	r.n++
}

// listen serves with the listeners of s, and returns its URL.
func listen(t testing.TB, s *event.Server) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { assert.NoError(t, s.Shutdown(context.Background())) })
	return "ws://" + l.Addr().String()
}

// open opens a Set that is closed with the test, unless the test closes it.
func open(t testing.TB, url string, n int) *Set {
	t.Helper()
	return openTarget(t, &Target{URL: url}, n)
}

func openTarget(t testing.TB, target *Target, n int) *Set {
	t.Helper()
	s, err := Open(t.Context(), target, n)
	assert.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// impatient is a target that waits for a short time for what will not come.
func impatient(url string) *Target { return &Target{URL: url, Timeout: time.Second} }

// count returns how many problems of a kind there are.
func count(all []Problem, k Kind) (n int64) {
	for _, p := range all {
		if p.Kind == k {
			n += p.Count
		}
	}
	return n
}
