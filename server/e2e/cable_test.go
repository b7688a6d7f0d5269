package e2e

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// A cable leads to a server and can be cut: a network between one page and the
// server that the test has in its hand.
type cable struct {
	t         testing.TB
	near, far string // addresses
	silent    atomic.Bool
	carried   atomic.Int64 // bytes from the server
	ids       atomic.Int64 // parts of them that had the position of an event stream
	carriers  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while it is cut
	open     map[net.Conn]bool
}

func newCable(t testing.TB, s *server) *cable {
	t.Helper()
	c := &cable{t: t, near: freeAddress(t), far: strings.TrimPrefix(s.url, "http://"), open: map[net.Conn]bool{}}
	c.mend()
	t.Cleanup(func() {
		c.cut()
		c.carriers.Wait()
	})
	return c
}

// url returns the address of the near end.
func (c *cable) url() string { return "http://" + c.near }

// mend lets connections through, in both directions.
func (c *cable) mend() {
	c.t.Helper()
	l, err := net.Listen("tcp", c.near)
	assert.NoError(c.t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent.Store(false)
	c.listener = l
	c.carriers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.carriers.Go(func() { c.carry(conn) })
		}
	})
}

// cut breaks all connections and refuses new ones.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener == nil {
		return
	}
	_ = c.listener.Close()
	c.listener = nil
	for end := range c.open {
		_ = end.Close()
	}
}

// mute swallows what the server sends from now on.
func (c *cable) mute() { c.silent.Store(true) }

// carry connects conn with the server until one of them ends.
func (c *cable) carry(conn net.Conn) {
	far, err := net.Dial("tcp", c.far)
	if err != nil {
		_ = conn.Close()
		return
	}
	c.note(conn, far)
	defer c.forget(conn, far)
	var ways sync.WaitGroup
	ways.Go(func() { _, _ = io.Copy(far, conn); _ = far.Close() })
	ways.Go(func() { _, _ = io.Copy(muffler{conn, c}, far); _ = conn.Close() })
	ways.Wait()
}

// note keeps the ends of a connection for cut, which may have been there already.
func (c *cable) note(ends ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		c.open[end] = true
		if c.listener == nil {
			_ = end.Close()
		}
	}
}

func (c *cable) forget(ends ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		delete(c.open, end)
	}
}

// A muffler writes unless the cable is silent.
type muffler struct {
	io.Writer
	cable *cable
}

func (m muffler) Write(p []byte) (int, error) {
	m.cable.carried.Add(int64(len(p)))
	if m.cable.silent.Load() {
		return len(p), nil
	}
	n, err := m.Writer.Write(p)
	if bytes.Contains(p, []byte("\nid: ")) {
		m.cable.ids.Add(1)
	}
	return n, err
}

// A client is a program in a room.
type client struct {
	t testing.TB
	*websocket.Conn
	in chan string
}

// dial connects a program.
func dial(t testing.TB, url string) *client {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	assert.NoError(t, err)
	c := &client{t: t, Conn: conn, in: make(chan string, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range conn.Messages(context.Background()) {
			if err != nil {
				return
			}
			c.in <- string(m.Data)
		}
	}()
	t.Cleanup(func() {
		_ = conn.CloseNow()
		<-done
	})
	return c
}

func (c *client) write(kind websocket.MessageType, data string) {
	c.t.Helper()
	assert.NoError(c.t, c.Conn.Write(c.t.Context(), kind, []byte(data)))
}

// expect waits for a message with this part in it.
func (c *client) expect(part string) {
	c.t.Helper()
	for !strings.Contains(receive(c.t, "a message with "+part, c.in), part) {
	}
}

// later tells whether a message with this part came since the last that was
// expected.
func (c *client) later(part string) bool {
	for {
		select {
		case m := <-c.in:
			if strings.Contains(m, part) {
				return true
			}
		default:
			return false
		}
	}
}
