package event_test

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
)

// benchWays are the drivers that benchmarks compare: by way of net/http, which makes no
// difference once a connection is open.
var benchWays = map[string]event.Driver{"goroutines": event.Goroutines, "epoll": event.Epoll}

// benchServer runs a server and returns its address.
func benchServer(b *testing.B, h event.Handler, o event.Options) (*event.Server, string) {
	s := event.NewServer(h, &o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(b, err)
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Shutdown(b.Context()) })
	return s, l.Addr().String()
}

// openPlain opens a connection of which there is only the socket on this side.
func openPlain(b *testing.B, addr string) net.Conn {
	c, err := net.Dial("tcp", addr)
	assert.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	assert.NoError(b, err)
	var got []byte
	for one := make([]byte, 1); len(got) < 4 || string(got[len(got)-4:]) != "\r\n\r\n"; got = append(got, one[0]) {
		_, err := c.Read(one)
		assert.NoError(b, err)
	}
	return c
}

// framed returns n frames of a client with size bytes of payload each, and how many bytes
// the echoes of them are.
func framed(size, n int) (frames []byte, echoed int) {
	h := frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Key: 0x04030201, Length: int64(size)}
	one := frame.AppendHeader(nil, h)
	payload := make([]byte, size)
	frame.Mask(payload, h.Key)
	one = append(one, payload...)
	h.Masked = false
	for range n {
		frames = append(frames, one...)
	}
	return frames, n * (len(frame.AppendHeader(nil, h)) + size)
}

// BenchmarkEcho echoes messages, so many in flight at a time. One operation is one
// message.
func BenchmarkEcho(b *testing.B) {
	for name, driver := range benchWays {
		for _, c := range []struct{ size, depth int }{{64, 1}, {64, 16}, {1 << 10, 1}, {16 << 10, 1}, {64 << 10, 1}, {1 << 20, 1}} {
			b.Run(fmt.Sprintf("%s/size=%d/depth=%d", name, c.size, c.depth), func(b *testing.B) {
				benchmarkEcho(b, event.Options{Driver: driver}, c.size, c.depth)
			})
		}
	}
}

func benchmarkEcho(b *testing.B, o event.Options, size, depth int) {
	_, addr := benchServer(b, echo, o)
	c := openPlain(b, addr)
	frames, n := framed(size, depth)
	got := make([]byte, n)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for range (b.N + depth - 1) / depth {
		_, err := c.Write(frames)
		assert.NoError(b, err)
		_, err = io.ReadFull(c, got)
		assert.NoError(b, err)
	}
}

// BenchmarkCork echoes bursts of 64 KiB in messages of 1 KiB with different bounds of the
// cork.
func BenchmarkCork(b *testing.B) {
	for name, driver := range benchWays {
		for _, cork := range []int{1, 4 << 10, 16 << 10, 64 << 10, 256 << 10} {
			b.Run(name+"/cork="+strconv.Itoa(cork), func(b *testing.B) {
				benchmarkEcho(b, event.Options{Driver: driver, Cork: cork}, 1<<10, 64)
			})
		}
	}
}

// BenchmarkBroadcast sends bursts of prepared messages to many connections. One operation
// is one message delivered to one of them.
func BenchmarkBroadcast(b *testing.B) {
	for name, driver := range benchWays {
		for _, burst := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/burst=%d", name, burst), func(b *testing.B) {
				benchmarkBroadcast(b, driver, burst)
			})
		}
	}
}

func benchmarkBroadcast(b *testing.B, driver event.Driver, burst int) {
	const receivers, size = 200, 64
	var received atomic.Int64
	all := make(chan struct{}, 1)
	s, addr := benchServer(b, event.Handler{}, event.Options{Driver: driver})
	_, n := framed(size, 1)
	for range receivers {
		c := openPlain(b, addr)
		go func() {
			got := make([]byte, 4<<10)
			for {
				k, err := c.Read(got)
				if err != nil {
					return
				}
				if received.Add(-int64(k)) == 0 {
					all <- struct{}{}
				}
			}
		}()
	}
	m, err := websocket.Prepare(websocket.Binary, make([]byte, size))
	assert.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += receivers * burst {
		received.Add(int64(receivers * burst * n))
		for range burst {
			s.Broadcast(m)
		}
		<-all
	}
}

// BenchmarkOpen opens connections and drops them, on listeners of the server's own.
func BenchmarkOpen(b *testing.B) {
	for name, driver := range benchWays {
		b.Run(name, func(b *testing.B) {
			_, addr := benchServer(b, echo, event.Options{Driver: driver})
			b.ReportAllocs()
			for b.Loop() {
				c := openPlain(b, addr)
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		})
	}
}
