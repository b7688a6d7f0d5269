package websocket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A transport is what connections run over in a test. What must be true of a
// Conn must be true over all of them: they are read and written in different ways.
type transport struct {
	name   string
	secure bool
	listen func(t testing.TB) net.Listener
	dial   func(ctx context.Context, l net.Listener) (net.Conn, error)
}

var transports = []transport{
	{
		name:   "memory",
		listen: func(testing.TB) net.Listener { return wstest.Listen() },
		dial: func(ctx context.Context, l net.Listener) (net.Conn, error) {
			return l.(*wstest.Listener).DialContext(ctx, "", "")
		},
	},
	{name: "TCP", listen: listenOnTCP, dial: dialAddr},
	{name: "TLS", secure: true, listen: listenOnTCP, dial: dialAddr},
	{
		name: "Unix",
		listen: func(t testing.TB) net.Listener {
			l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			assert.NoError(t, err)
			return l
		},
		dial: dialAddr,
	},
}

func listenOnTCP(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	return l
}

func dialAddr(ctx context.Context, l net.Listener) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, l.Addr().Network(), l.Addr().String())
}

// serve starts a server over the transport. It returns the connections accepted
// with o, and options to dial it with that say the same.
func (tr *transport) serve(t testing.TB, o *websocket.AcceptOptions) (<-chan *websocket.Conn, *websocket.DialOptions) {
	t.Helper()
	if o == nil {
		o = new(websocket.AcceptOptions)
	}
	accepted := make(chan *websocket.Conn, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, o); err == nil {
			t.Cleanup(func() { c.CloseNow() })
			accepted <- c
		}
	}))
	srv.Listener.Close()
	l := tr.listen(t)
	srv.Listener = l
	d := &websocket.DialOptions{
		Proxy:       noProxy,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return tr.dial(ctx, l) },
		MaxMessage:  o.MaxMessage, MaxQueue: o.MaxQueue, PingInterval: o.PingInterval, PongTimeout: o.PongTimeout,
		WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout, Trace: o.Trace, Compression: o.Compression,
	}
	if tr.secure {
		srv.StartTLS()
		d.TLSConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return accepted, d
}

func (tr *transport) url() string {
	if tr.secure {
		return "wss://example.com/" // the name in the certificate of httptest
	}
	return "ws://example.com/"
}

// pair returns the two ends of a connection over the transport; both behave as o
// says, nil for the defaults.
func (tr *transport) pair(t testing.TB, o *websocket.AcceptOptions) (server, client *websocket.Conn) {
	t.Helper()
	accepted, d := tr.serve(t, o)
	client, _, err := websocket.Dial(t.Context(), tr.url(), d)
	assert.NoError(t, err)
	t.Cleanup(func() { client.CloseNow() })
	return <-accepted, client
}

// script returns a server's end of a connection over the transport, a scripted
// client at the other and what that one sits on. Each header is a line of the
// client's request.
func (tr *transport) script(t testing.TB, o *websocket.AcceptOptions, header ...string) (*websocket.Conn, *wstest.Script, net.Conn) {
	t.Helper()
	accepted, d := tr.serve(t, o)
	c, err := d.DialContext(t.Context(), "", "")
	assert.NoError(t, err)
	if tr.secure {
		config := d.TLSConfig
		config.ServerName = "example.com"
		c = tls.Client(c, config)
	}
	s := wstest.NewScript(t, c, wstest.Client)
	s.ClientHandshake("/", append(header, "Host: example.com")...)
	return <-accepted, s, c
}

// compressions are the ways to compress that a test runs with: no message is too
// small for them.
var compressions = []struct {
	name   string
	option *websocket.Compression
}{
	{"", nil},
	{" with takeover", &websocket.Compression{Threshold: -1}},
	{" without takeover", &websocket.Compression{Threshold: -1, NoContextTakeover: true, PeerNoContextTakeover: true}},
}

// overAll runs f over every transport, with the server as a and the client as b and
// the other way round, and over TCP and TLS with compression too. o may be nil.
func overAll(t *testing.T, o *websocket.AcceptOptions, f func(t *testing.T, a, b *websocket.Conn)) {
	t.Helper()
	for _, tr := range transports {
		for _, z := range compressions {
			if z.option != nil && tr.name != "TCP" && tr.name != "TLS" {
				continue
			}
			var options websocket.AcceptOptions
			if o != nil {
				options = *o
			}
			options.Compression = z.option
			t.Run(tr.name+z.name+"/server to client", func(t *testing.T) {
				server, client := tr.pair(t, &options)
				f(t, server, client)
			})
			t.Run(tr.name+z.name+"/client to server", func(t *testing.T) {
				server, client := tr.pair(t, &options)
				f(t, client, server)
			})
		}
	}
}

// bothRoles runs f in bubbles of fake time, with a server and a scripted client
// and with a client and a scripted server. o may be nil. If it has compression, the
// peer offers it or answers it with the defaults.
func bothRoles(t *testing.T, o *websocket.AcceptOptions, f func(t *testing.T, c *websocket.Conn, s *wstest.Script)) {
	t.Helper()
	if o == nil {
		o = new(websocket.AcceptOptions)
	}
	var header []string
	if o.Compression != nil {
		header = append(header, "Sec-WebSocket-Extensions: permessage-deflate")
	}
	t.Run("server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, s := wstest.AcceptScript(t, o, header...)
			f(t, c, s)
		})
	})
	t.Run("client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, s := wstest.DialScript(t, &websocket.DialOptions{
				MaxMessage: o.MaxMessage, MaxQueue: o.MaxQueue, PingInterval: o.PingInterval, PongTimeout: o.PongTimeout,
				WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout, Registry: o.Registry, Trace: o.Trace,
				Compression: o.Compression,
			}, header...)
			f(t, c, s)
		})
	})
}

// start runs f in a goroutine and returns a function that waits for its result.
func start[T any](f func() T) (wait func() T) {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return func() T { return <-result }
}

// writing writes a message in a goroutine.
func writing(ctx context.Context, c *websocket.Conn, m websocket.Message) (wait func() error) {
	return start(func() error { return c.Write(ctx, m.Type, m.Data) })
}

// reading reads a message in a goroutine and returns the error.
func reading(ctx context.Context, c *websocket.Conn) (wait func() error) {
	return start(func() error {
		_, _, err := c.Read(ctx)
		return err
	})
}

// expect reads a message, which must be want.
func expect(t testing.TB, c *websocket.Conn, want websocket.Message) {
	t.Helper()
	kind, p, err := c.Read(t.Context())
	assert.NoError(t, err)
	if kind != want.Type || !bytes.Equal(p, want.Data) {
		t.Fatalf("got %v of %d bytes, want %v of %d, or the bytes differ", kind, len(p), want.Type, len(want.Data))
	}
}

// text returns a short text message.
func text(s string) websocket.Message {
	return websocket.Message{Type: websocket.Text, Data: []byte(s)}
}

// sampleText has code points of all lengths, and no part that looks like another.
var sampleText = sync.OnceValue(func() []byte {
	var p []byte
	for i := 0; len(p) < sampleSize; i++ {
		p = append(append(p, " aé€😀"...), strconv.Itoa(i)...)
	}
	return p
})

var sampleBinary = sync.OnceValue(func() []byte {
	p := make([]byte, sampleSize)
	rand.NewChaCha8([32]byte{}).Read(p)
	return p
})

const sampleSize = 8 << 20

// sample returns a message of n bytes, at most sampleSize.
func sample(kind websocket.MessageType, n int) websocket.Message {
	if kind == websocket.Binary {
		return websocket.Message{Type: kind, Data: bytes.Clone(sampleBinary()[:n])}
	}
	p := bytes.ToValidUTF8(bytes.Clone(sampleText()[:n]), nil)
	return websocket.Message{Type: kind, Data: append(p, strings.Repeat("x", n-len(p))...)}
}

func TestEcho(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 4096, 16<<10 - 1, 16 << 10, 16<<10 + 1, 65535, 65536, 65537}
	if !raced { // which takes long for it
		sizes = append(sizes, 2<<20+7)
	}
	overAll(t, &websocket.AcceptOptions{MaxMessage: -1}, func(t *testing.T, a, b *websocket.Conn) {
		for _, kind := range []websocket.MessageType{websocket.Text, websocket.Binary} {
			for _, n := range sizes {
				m := sample(kind, n)
				sent := bytes.Clone(m.Data)
				there := writing(t.Context(), a, m)
				expect(t, b, m)
				assert.NoError(t, there())
				back := writing(t.Context(), b, m)
				expect(t, a, m)
				assert.NoError(t, back())
				assert.True(t, bytes.Equal(m.Data, sent), "Write changed what it was given")
			}
		}
	})
}

// TestBothDirectionsAtOnce has both ends write more than any buffer holds before
// either reads: reads must not wait for writes.
func TestBothDirectionsAtOnce(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			a, b := tr.pair(t, &websocket.AcceptOptions{MaxMessage: -1, WriteTimeout: -1})
			m := sample(websocket.Binary, sampleSize)
			there, back := writing(t.Context(), a, m), writing(t.Context(), b, m)
			expect(t, b, m)
			expect(t, a, m)
			assert.NoError(t, there())
			assert.NoError(t, back())
		})
	}
}
