package event_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A way is a driver, and how connections come to it. What must be true of a Conn must
// be true in all of them: they are read, written and ended in different ways.
type way struct {
	name    string
	driver  event.Driver
	network string
	http    bool // by way of net/http
	secure  bool
}

var ways = []way{
	{name: "goroutines from net/http", driver: event.Goroutines, network: "tcp", http: true},
	{name: "goroutines", driver: event.Goroutines, network: "tcp"},
	{name: "goroutines over Unix", driver: event.Goroutines, network: "unix"},
	{name: "goroutines over TLS from net/http", driver: event.Auto, network: "tcp", http: true, secure: true},
	{name: "goroutines over TLS", driver: event.Auto, network: "tcp", secure: true},
	{name: "goroutines in memory", driver: event.Auto, network: "memory"},
	{name: "epoll from net/http", driver: event.Epoll, network: "tcp", http: true},
	{name: "epoll", driver: event.Epoll, network: "tcp"},
	{name: "epoll over Unix", driver: event.Epoll, network: "unix"},
}

// plain are the ways that use descriptors.
func plain() (list []way) {
	for _, w := range ways {
		if !w.secure && w.network != "memory" {
			list = append(list, w)
		}
	}
	return list
}

// everyWay runs f for each way.
func everyWay(t *testing.T, f func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { f(t, w) })
	}
}

// everyWayAtOnce runs f for all ways at the same time: for tests that wait, and not for what
// takes the processor.
func everyWayAtOnce(t *testing.T, f func(t *testing.T, w way)) {
	t.Helper()
	var all sync.WaitGroup
	for _, w := range ways {
		all.Go(func() { t.Run(w.name, func(t *testing.T) { f(t, w) }) })
	}
	all.Wait()
}

// everyPlainWay runs f for each way that uses descriptors.
func everyPlainWay(t *testing.T, f func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range plain() {
		t.Run(w.name, func(t *testing.T) { f(t, w) })
	}
}

// listen returns a listener of the way's network.
func (w way) listen(t testing.TB) net.Listener {
	t.Helper()
	if w.network == "memory" {
		return wstest.Listen()
	}
	addr := "127.0.0.1:0"
	if w.network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(w.network, addr)
	assert.NoError(t, err)
	return l
}

// certificates are those of httptest, for a server and its clients.
var certificates = sync.OnceValues(func() (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS, s.Client().Transport.(*http.Transport).TLSClientConfig
})

// A served server is one that runs until the test ends.
type served struct {
	*event.Server
	way way
	l   net.Listener
}

// serve runs a server until the test ends.
func (w way) serve(t testing.TB, h event.Handler, o event.Options) *served {
	t.Helper()
	o.Driver = w.driver
	s := &served{Server: event.NewServer(h, &o), way: w, l: w.listen(t)}
	l := s.l
	if w.secure {
		config, _ := certificates()
		l = tls.NewListener(l, &tls.Config{Certificates: config.Certificates})
	}
	ended := make(chan error, 1)
	if w.http {
		hs := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
		go func() { ended <- hs.Serve(l) }()
		t.Cleanup(func() {
			_ = hs.Close()
			<-ended
		})
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
	return s
}

func (s *served) url() string {
	if s.way.secure {
		return "wss://example.com/" // the name in the certificate of httptest
	}
	return "ws://example.com/"
}

// transport connects without a handshake of any kind.
func (s *served) transport(ctx context.Context) (net.Conn, error) {
	if l, ok := s.l.(*wstest.Listener); ok {
		return l.DialContext(ctx, "", "")
	}
	var d net.Dialer
	return d.DialContext(ctx, s.l.Addr().Network(), s.l.Addr().String())
}

// connect returns a connection without an opening handshake.
func (s *served) connect(t testing.TB) net.Conn {
	t.Helper()
	c, err := s.transport(t.Context())
	assert.NoError(t, err)
	if s.way.secure {
		_, config := certificates()
		config = config.Clone()
		config.ServerName = "example.com"
		c = tls.Client(c, config)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// script returns a scripted client. Each header is a line of its request.
func (s *served) script(t testing.TB, header ...string) *wstest.Script {
	t.Helper()
	p := wstest.NewScript(t, s.connect(t), wstest.Client)
	p.SetTimeout(patience)
	p.ClientHandshake("/", append(header, "Host: example.com")...)
	return p
}

// scriptOn puts a script on c, which does the handshake.
func scriptOn(t testing.TB, c net.Conn) *wstest.Script {
	t.Helper()
	p := wstest.NewScript(t, c, wstest.Client)
	p.SetTimeout(patience)
	p.ClientHandshake("/", "Host: example.com")
	return p
}

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// options returns options to dial s with.
func (s *served) options() *websocket.DialOptions {
	_, config := certificates()
	return &websocket.DialOptions{
		Proxy: noProxy, TLSConfig: config, MaxMessage: -1,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.transport(ctx) },
	}
}

// dial returns a client. o may be nil.
func (s *served) dial(t testing.TB, z *websocket.Compression) *websocket.Conn {
	t.Helper()
	o := s.options()
	o.Compression = z
	c, _, err := websocket.Dial(t.Context(), s.url(), o)
	assert.NoError(t, err)
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// within returns what comes from ch, and fails the test if nothing does for a long time.
func within[T any](t testing.TB, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}
