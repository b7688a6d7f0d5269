package websocket_test

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// benchServer serves f on TCP and returns the URL. It does not use httptest, whose
// server keeps track of every connection. o may be nil.
func benchServer(b *testing.B, f func(context.Context, *websocket.Conn) error, o *websocket.AcceptOptions) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(b, err)
	srv := &http.Server{Handler: websocket.Handler(f, o)}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	return "ws://" + l.Addr().String()
}

func benchDial(b *testing.B, url string, o *websocket.DialOptions) *websocket.Conn {
	c, _, err := websocket.Dial(b.Context(), url, o)
	assert.NoError(b, err)
	b.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// BenchmarkWriters has many goroutines write to one connection, whose frames then
// leave together.
func BenchmarkWriters(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			drop := func(ctx context.Context, c *websocket.Conn) error {
				for _, err := range c.Messages(ctx) {
					if err != nil {
						return err
					}
				}
				return nil
			}
			c := benchDial(b, benchServer(b, drop, nil), nil)
			p := make([]byte, 64)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() {
					for range (b.N + i) / writers {
						if err := c.Write(b.Context(), websocket.Binary, p); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkBroadcast posts one prepared message to many connections.
func BenchmarkBroadcast(b *testing.B) { benchmarkBroadcast(b, make([]byte, 64), nil) }

// BenchmarkBroadcastCompressed does the same with 1 KiB of JSON, which is prepared
// anew for each broadcast and so compressed once for all receivers.
func BenchmarkBroadcastCompressed(b *testing.B) {
	for _, z := range benchCompressions {
		b.Run(z.name, func(b *testing.B) { benchmarkBroadcast(b, orders(1<<10), z.option) })
	}
}

func benchmarkBroadcast(b *testing.B, p []byte, z *websocket.Compression) {
	const receivers = 100
	var open websocket.Registry
	url := benchServer(b, echoAll, &websocket.AcceptOptions{Registry: &open, Compression: z})
	conns := make([]*websocket.Conn, receivers)
	for i := range conns {
		conns[i] = benchDial(b, url, &websocket.DialOptions{Compression: z})
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := websocket.Prepare(websocket.Text, p)
		assert.NoError(b, err)
		for c := range open.All() {
			assert.NoError(b, c.PostPrepared(m))
		}
		for _, c := range conns {
			_, _, err := c.Read(b.Context())
			assert.NoError(b, err)
		}
	}
	b.ReportMetric(receivers, "receivers/op")
}

// benchCompressions are what is compared: nothing, each message by itself, and with
// reference to those before.
var benchCompressions = []struct {
	name   string
	option *websocket.Compression
}{
	{"off", nil},
	{"no-takeover", &websocket.Compression{NoContextTakeover: true, PeerNoContextTakeover: true}},
	{"takeover", &websocket.Compression{}},
}

// BenchmarkEchoCompressed sends 1 KiB of JSON and waits for its echo: it is compressed
// twice and inflated twice. No two messages in a row are the same. wire-B/op is what a
// message takes on the wire.
func BenchmarkEchoCompressed(b *testing.B) {
	all := orders(1 << 20)
	for _, z := range benchCompressions {
		b.Run(z.name, func(b *testing.B) {
			url := benchServer(b, echoAll, &websocket.AcceptOptions{Compression: z.option})
			var wire countedBytes
			c := benchDial(b, url, &websocket.DialOptions{Compression: z.option, DialContext: wire.dial})
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				at := n * 1031 % (len(all) - 1<<10)
				assert.NoError(b, c.Write(b.Context(), websocket.Text, all[at:at+1<<10]))
				_, _, err := c.Read(b.Context())
				assert.NoError(b, err)
			}
			b.ReportMetric(float64(wire.n)/float64(b.N), "wire-B/op")
		})
	}
}

// countedBytes counts what is written to a connection.
type countedBytes struct {
	net.Conn
	n int
}

func (w *countedBytes) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	w.Conn = c
	return w, err
}

func (w *countedBytes) Write(p []byte) (int, error) {
	w.n += len(p)
	return w.Conn.Write(p)
}
