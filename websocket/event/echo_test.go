package event_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/event"
)

// echo sends everything back.
var echo = event.Handler{OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) { _ = c.Send(t, p) }}

// A way is a driver, and how connections come to it.
type way struct {
	name   string
	driver event.Driver
	http   bool // by way of net/http
}

var ways = []way{
	{"goroutines from net/http", event.Goroutines, true},
	{"goroutines", event.Goroutines, false},
	{"epoll from net/http", event.Epoll, true},
	{"epoll", event.Epoll, false},
}

// serve runs a server with a driver until the test ends, and returns its URL.
func (w way) serve(t *testing.T, h event.Handler, o event.Options) (s *event.Server, url string) {
	t.Helper()
	o.Driver = w.driver
	s = event.NewServer(h, &o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	ended := make(chan error, 1)
	if w.http {
		hs := &http.Server{Handler: s}
		go func() { ended <- hs.Serve(l) }()
		t.Cleanup(func() { _ = hs.Close() })
	} else {
		go func() { ended <- s.Serve(l) }()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		if !w.http {
			assert.NoError(t, <-ended)
		}
	})
	return s, "ws://" + l.Addr().String()
}

// everyWay runs f for each driver and each way to it.
func everyWay(t *testing.T, f func(t *testing.T, w way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { f(t, w) })
	}
}

func TestEcho(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		_, url := w.serve(t, echo, event.Options{})
		ctx := t.Context()
		c, _, err := websocket.Dial(ctx, url, nil)
		assert.NoError(t, err)
		defer c.CloseNow()
		for _, n := range []int{0, 1, 125, 126, 4 << 10, 16 << 10, 16<<10 + 1, 64 << 10, 300 << 10, 1 << 20} {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(i * 7)
			}
			assert.NoError(t, c.Write(ctx, websocket.Binary, p))
			_, got, err := c.Read(ctx)
			assert.NoError(t, err)
			assert.Equal(t, string(got) == string(p), true)
		}
		assert.NoError(t, c.Close(websocket.StatusNormalClosure, "bye"))
	})
}

func TestConformance(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		_, url := w.serve(t, echo, event.Options{})
		conformance.TestServer(t, url)
	})
}
