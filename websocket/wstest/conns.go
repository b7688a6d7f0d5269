package wstest

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/duplexhq/duplex/websocket"
)

// Pipe returns the two ends of an open WebSocket connection in memory. They
// have been through the whole handshake: server was accepted with so by an
// http.Server, client was dialled with do, whose DialContext and Proxy do not
// count. Either may be nil for the defaults. The test ends if the handshake
// fails. Both ends are closed at the end of the test.
func Pipe(t testing.TB, so *websocket.AcceptOptions, do *websocket.DialOptions) (server, client *websocket.Conn) {
	t.Helper()
	l, accepted := serve(t, so)
	client = dial(t, l.Addr(), do, l.DialContext)
	return (<-accepted)(t), client
}

// AcceptScript returns a connection that was accepted with so, nil for the
// defaults, by an http.Server, and a scripted client at its other end. The
// handshake is done, and each header a line of the client's request. The
// script sits on a PipeConn.
func AcceptScript(t testing.TB, so *websocket.AcceptOptions, header ...string) (*websocket.Conn, *Script) {
	t.Helper()
	l, accepted := serve(t, so)
	c, err := l.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("wstest: %v", err)
	}
	s := NewScript(t, c, Client)
	s.ClientHandshake("/", header...)
	return (<-accepted)(t), s
}

// DialScript returns a connection that was dialled with do, nil for the
// defaults, and a scripted server at its other end. The handshake is done, and
// each header a line of the server's answer. The script sits on a PipeConn;
// its DialContext and Proxy do not count.
func DialScript(t testing.TB, do *websocket.DialOptions, header ...string) (*websocket.Conn, *Script) {
	t.Helper()
	a, b := NetPipe()
	s := NewScript(t, b, Server)
	wait := s.Go(func() { s.ServerHandshake(header...) })
	c := dial(t, a.RemoteAddr(), do, func(context.Context, string, string) (net.Conn, error) { return a, nil })
	wait()
	return c, s
}

// An acceptance is what became of a handshake on the server: it returns the
// connection, or ends the test if there is none.
type acceptance func(t testing.TB) *websocket.Conn

// serve starts an http.Server on a new Listener, until the end of the test. It
// accepts every request as a WebSocket and reports what became of the first.
func serve(t testing.TB, o *websocket.AcceptOptions) (*Listener, <-chan acceptance) {
	l, first := Listen(), make(chan acceptance, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, o)
		first <- func(t testing.TB) *websocket.Conn {
			t.Helper()
			if err != nil {
				t.Fatalf("wstest: the server refused the connection: %v", err)
			}
			t.Cleanup(func() { _ = c.CloseNow() })
			return c
		}
	})}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-stopped
	})
	return l, first
}

// dial connects to addr over the transport that open returns.
func dial(t testing.TB, addr net.Addr, o *websocket.DialOptions,
	open func(ctx context.Context, network, addr string) (net.Conn, error)) *websocket.Conn {
	t.Helper()
	var direct websocket.DialOptions
	if o != nil {
		direct = *o
	}
	direct.DialContext = open
	direct.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	c, _, err := websocket.Dial(t.Context(), "ws://"+addr.String()+"/", &direct)
	if err != nil {
		t.Fatalf("wstest: the client could not connect: %v", err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}
