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
// server keeps track of every connection.
func benchServer(b *testing.B, f func(context.Context, *websocket.Conn) error) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(b, err)
	srv := &http.Server{Handler: websocket.Handler(f, nil)}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	return "ws://" + l.Addr().String()
}

func benchDial(b *testing.B, url string) *websocket.Conn {
	c, _, err := websocket.Dial(b.Context(), url, nil)
	assert.NoError(b, err)
	b.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func echoAll(ctx context.Context, c *websocket.Conn) error {
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
	}
}

// BenchmarkEcho sends a message to a server over TCP and waits for its echo: two
// messages written and two read.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			c := benchDial(b, benchServer(b, echoAll))
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				// A large message does not fit into the socket's buffers.
				wrote := make(chan error, 1)
				if size > 64<<10 {
					go func() { wrote <- c.Write(b.Context(), websocket.Binary, p) }()
				} else {
					wrote <- c.Write(b.Context(), websocket.Binary, p)
				}
				_, _, err := c.Read(b.Context())
				assert.NoError(b, err)
				assert.NoError(b, <-wrote)
			}
		})
	}
}

// BenchmarkPipelined keeps 16 messages in flight.
func BenchmarkPipelined(b *testing.B) {
	const inFlight = 16
	c := benchDial(b, benchServer(b, echoAll))
	p := make([]byte, 64)
	b.ReportAllocs()
	for range inFlight {
		assert.NoError(b, c.Write(b.Context(), websocket.Binary, p))
	}
	for b.Loop() {
		_, _, err := c.Read(b.Context())
		assert.NoError(b, err)
		assert.NoError(b, c.Write(b.Context(), websocket.Binary, p))
	}
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
			c := benchDial(b, benchServer(b, drop))
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
func BenchmarkBroadcast(b *testing.B) {
	const receivers = 100
	var open websocket.Registry
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(b, err)
	srv := &http.Server{Handler: websocket.Handler(echoAll, &websocket.AcceptOptions{Registry: &open})}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	conns := make([]*websocket.Conn, receivers)
	for i := range conns {
		conns[i] = benchDial(b, "ws://"+l.Addr().String())
	}
	m, err := websocket.Prepare(websocket.Text, make([]byte, 64))
	assert.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
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
