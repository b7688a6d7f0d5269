//go:build !js

package browser_test

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/browser"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A message of 1000 bytes takes 1008 on the wire, so a pipe of 4096 holds four and a
// piece of the fifth.
func TestBufferedAmountWhileThePeerDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 4096, websocket.DialOptions{})
		message := make([]byte, 1000)
		for _, want := range []int64{0, 0, 0, 0, 1000, 2000, 3000} {
			assert.NoError(t, p.Send(message))
			synctest.Wait()
			assert.Equal(t, p.BufferedAmount(), want)
		}
		assert.NoError(t, p.Close(1000, "")) // waits its turn
		assert.NoError(t, p.SendText("too late"))
		synctest.Wait()
		assert.Equal(t, p.BufferedAmount(), int64(3008))
		for range 7 {
			s.ExpectBinary(message)
		}
		s.ExpectClose(1000, "")
		s.SendClose(1000, "")
		s.Close()
		p.expectEnd("close 1000 clean, CLOSED")
		assert.Equal(t, p.BufferedAmount(), int64(8))
	})
}

func TestPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := withScript(t, 4096, websocket.DialOptions{})
		begin := time.Now()
		assert.NoError(t, p.Send(make([]byte, 1_000_000)))
		assert.NoError(t, p.SendText("behind it"))
		p.expectEnd("close 1006 unclean, CLOSED")
		after := time.Since(begin)
		assert.True(t, after >= websocket.DefaultWriteTimeout && after <= websocket.DefaultWriteTimeout*5/4, after.String())
		assert.Equal(t, p.BufferedAmount(), int64(1_000_009)) // stays
		assert.NoError(t, p.Send(make([]byte, 1)))
		assert.Equal(t, p.BufferedAmount(), int64(1_000_010)) // and grows
	})
}

// Without a write timeout the peer may take its time, as in a page.
func TestPeerThatReadsLateIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 4096, websocket.DialOptions{WriteTimeout: -1, PingInterval: -1})
		large := make([]byte, 1_000_000)
		assert.NoError(t, p.Send(large))
		time.Sleep(time.Hour)
		assert.Equal(t, p.ReadyState(), browser.Open)
		assert.Equal(t, p.BufferedAmount(), int64(len(large)))
		s.ExpectBinary(large)
		synctest.Wait()
		assert.Equal(t, p.BufferedAmount(), int64(0))
		s.SendClose(1001, "")
		s.ExpectClose(1001, "")
		s.Close()
		p.expectEnd("close 1001 clean, CLOSED")
	})
}

// The queue has no bound, whatever MaxQueue says.
func TestQueueHasNoBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 4096, websocket.DialOptions{MaxQueue: 1})
		message := make([]byte, 10_000)
		const n = 500
		for range n {
			assert.NoError(t, p.Send(message))
		}
		assert.True(t, p.BufferedAmount() > (n-10)*10_000, "the messages do not wait")
		for range n {
			s.ExpectBinary(message)
		}
		synctest.Wait()
		assert.Equal(t, p.BufferedAmount(), int64(0))
		s.Reset()
		p.expectEnd("close 1006 unclean, CLOSED")
	})
}

// A countingConn counts writes, which take their time.
type countingConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	time.Sleep(time.Millisecond) // in the bubble: until nobody else has anything to do
	return c.Conn.Write(p)
}

// Messages that wait together leave together.
func TestSmallMessagesLeaveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.NetPipeSize(4096)
		s := wstest.NewScript(t, b, wstest.Server)
		conn := &countingConn{Conn: a}
		ws, err := browser.NewWithOptions("ws://example.com/", over(conn, websocket.DialOptions{}))
		assert.NoError(t, err)
		p := watch(t, ws)
		s.ServerHandshake()
		p.expect("open, OPEN")
		assert.NoError(t, p.Send(make([]byte, 5000))) // fills the pipe
		synctest.Wait()
		before := conn.writes.Load()
		for range 1000 {
			assert.NoError(t, p.SendText("small"))
		}
		s.ExpectBinary(make([]byte, 5000))
		for range 1000 {
			s.ExpectText("small")
		}
		synctest.Wait()
		assert.True(t, conn.writes.Load()-before <= 3, "each message was written by itself")
		s.Reset()
		p.expectEnd("close 1006 unclean, CLOSED")
	})
}
