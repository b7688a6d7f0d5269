// Package wiretest runs a wire form on a hub of its own, for the tests of that form.
package wiretest

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A Form is a wire form as a handler that is shut down before its hub is closed.
type Form interface {
	http.Handler
	Shutdown(ctx context.Context) error
}

// A Site is a server with one form of a hub's topics. It ends with its test.
type Site struct {
	Hub  *hub.Hub
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// A Serve runs a site: a form that is made for its hub, at a pattern of http.ServeMux. The
// options are those of the hub.
type Serve func(t testing.TB, pattern string, form func(h *hub.Hub) Form, o *hub.Options) *Site

// InMemory runs a site in memory, for bubbles: there is a goroutine for each socket.
func InMemory(t testing.TB, pattern string, form func(h *hub.Hub) Form, o *hub.Options) *Site {
	t.Helper()
	l := wstest.Listen()
	return serve(t, l, l.DialContext, pattern, form, o)
}

// TCP runs a site on a port, with the epoll driver where there is one.
func TCP(t testing.TB, pattern string, form func(h *hub.Hub) Form, o *hub.Options) *Site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	return serve(t, l, dial, pattern, form, o)
}

func serve(t testing.TB, l net.Listener, dial func(ctx context.Context, network, addr string) (net.Conn, error),
	pattern string, form func(h *hub.Hub) Form, o *hub.Options) *Site {
	t.Helper()
	h, err := hub.New(o)
	assert.NoError(t, err)
	f := form(h)
	mux := http.NewServeMux()
	mux.Handle(pattern, f)
	srv := &http.Server{Handler: mux}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = f.Shutdown(ctx)
		_ = h.Close()
	})
	return &Site{Hub: h, Dial: dial}
}
