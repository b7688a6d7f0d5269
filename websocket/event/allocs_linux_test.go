//go:build !race

package event_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
)

// mallocs returns how many allocations this process makes for each of n calls of f, those
// of all goroutines included.
func mallocs(n int, f func()) float64 {
	for range 50 { // until pools are filled and slices have grown
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

// few is how many allocations count as none: those of the runtime, and of pools that the
// collector emptied.
const few = 0.3

func TestAllocs(t *testing.T) {
	everyPlainWay(t, func(t *testing.T, w way) {
		var o opened
		h := o.handler()
		h.OnMessage = echo.OnMessage
		h.OnPong = func(*event.Conn, []byte) {}
		srv := w.serve(t, h, event.Options{})
		for _, n := range []int{10, 3000} {
			peer := srv.connect(t)
			scriptOn(t, peer)
			c := within(t, o.conn, "OnOpen")
			message := appendMessage(nil, frame.OpBinary, pattern(n, 1))
			got := make([]byte, len(appendEcho(nil, pattern(n, 1))))
			each := mallocs(1000, func() { exchange(t, peer, message, got) })
			assert.True(t, each < few, fmt.Sprintf("%v allocations for an echo of %d bytes", each, n))
			payload := pattern(n, 1)
			each = mallocs(1000, func() {
				assert.NoError(t, c.Send(websocket.Binary, payload))
				_, _ = io.ReadFull(peer, got)
				for c.Queued() > 0 { // the write has yet to return
					runtime.Gosched()
				}
			})
			assert.True(t, each < few, fmt.Sprintf("%v allocations for Send of %d bytes", each, n))
			ping := make([]byte, 2)
			each = mallocs(1000, func() {
				assert.NoError(t, c.Ping(nil))
				_, _ = io.ReadFull(peer, ping)
			})
			assert.True(t, each < few, fmt.Sprintf("%v allocations for a ping", each))
			peer.Close()
			within(t, o.end, "OnClose")
		}
	})
}

func exchange(t *testing.T, peer net.Conn, message, got []byte) {
	_, err := peer.Write(message)
	assert.NoError(t, err)
	_, err = io.ReadFull(peer, got)
	assert.NoError(t, err)
}

func TestAllocsOfBroadcast(t *testing.T) {
	everyPlainWay(t, func(t *testing.T, w way) {
		opens := make(chan *event.Conn, 100)
		srv := w.serve(t, event.Handler{OnOpen: func(c *event.Conn) { opens <- c }}, event.Options{})
		const receivers = 20
		var peers []net.Conn
		for range receivers {
			peer := srv.connect(t)
			scriptOn(t, peer)
			within(t, opens, "OnOpen")
			peers = append(peers, peer)
		}
		m, err := websocket.Prepare(websocket.Binary, pattern(1000, 1))
		assert.NoError(t, err)
		got := make([]byte, len(appendEcho(nil, pattern(1000, 1))))
		each := mallocs(300, func() {
			srv.Broadcast(m)
			for _, p := range peers {
				_, _ = io.ReadFull(p, got)
			}
		})
		// The portable driver starts a goroutine for a burst.
		assert.True(t, each < 3, fmt.Sprintf("%v allocations for a broadcast to %d", each, receivers))
	})
}

// TestAllocsOfHandshake opens connections on a listener of the epoll driver: little more
// than the Conn is allocated for each.
func TestAllocsOfHandshake(t *testing.T) {
	for _, w := range ways {
		if w.driver != event.Epoll || w.http {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			var opens, ends = make(chan struct{}, 1), make(chan struct{}, 1)
			srv := w.serve(t, event.Handler{
				OnOpen:  func(*event.Conn) { opens <- struct{}{} },
				OnClose: func(*event.Conn, error) { ends <- struct{}{} },
			}, event.Options{})
			request := []byte("GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			answer := make([]byte, 4096)
			dial := func() net.Conn {
				c, err := srv.transport(t.Context())
				assert.NoError(t, err)
				return c
			}
			alone := mallocs(300, func() { // what the dialler takes
				c := dial()
				c.Close()
			})
			all := mallocs(300, func() {
				c := dial()
				_, _ = c.Write(request)
				<-opens
				_, _ = c.Read(answer)
				c.Close()
				<-ends
			})
			t.Logf("%.1f allocations with a handshake, %.1f without", all, alone)
			assert.True(t, all-alone < 4, fmt.Sprintf("%.1f allocations for a handshake", all-alone))
		})
	}
}
