//go:build !386

package event

import (
	"net"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestHangUpWhilePaused has a peer reset a connection that is paused. Epoll tells of that
// whether it was asked or not: once, and then the loop sleeps until there is something to do.
func TestHangUpWhilePaused(t *testing.T) {
	paused, closed := make(chan *Conn, 1), make(chan error, 1)
	s := NewServer(Handler{
		OnMessage: func(c *Conn, _ websocket.MessageType, _ []byte) { c.Pause(); paused <- c },
		OnClose:   func(_ *Conn, err error) { closed <- err },
	}, &Options{Loops: 1, PingInterval: -1})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	assert.NoError(t, err)
	peer := wstest.NewScript(t, c, wstest.Client)
	peer.ClientHandshake("/")
	peer.SendText("pause")
	conn := <-paused
	peer.Reset()

	// What the loop is asked to do now it does after it has heard of that, or just before.
	loop, done := s.loops.started()[0], make(chan struct{})
	loop.do(func() { close(done) })
	<-done
	for end := time.Now().Add(10 * time.Second); !loop.asleep.Load(); time.Sleep(time.Millisecond) {
		assert.True(t, time.Now().Before(end), "the loop does not sleep")
	}
	conn.Resume()
	assert.True(t, <-closed != nil, "it ended well")
	assert.NoError(t, s.Shutdown(t.Context()))
	assert.NoError(t, <-served)
}
