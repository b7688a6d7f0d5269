package event_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// inBubble runs f in fake time. What it calls serve with is a server of the portable
// driver, which is shut down behind it.
func inBubble(t *testing.T, f func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, func(h event.Handler, o event.Options) net.Conn {
			s := event.NewServer(h, &o)
			l := wstest.Listen()
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(l) }()
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_ = s.Shutdown(ctx)
				assert.NoError(t, <-ended)
				time.Sleep(time.Minute) // until the clock stands still
			})
			c, err := l.DialContext(t.Context(), "", "")
			assert.NoError(t, err)
			return c
		})
	})
}

// A clock of a server ticks once a second, or four times within its shortest timeout: so
// much may be added to each time, and one tick more as the first is not a whole one.
const slack = 2 * time.Second

// between fails the test unless d is least or, at most, slack more.
func between(t testing.TB, d, least time.Duration) {
	t.Helper()
	if d < least || d > least+slack {
		t.Fatalf("it took %v, want %v and at most %v more", d, least, slack)
	}
}

func TestKeepalive(t *testing.T) {
	inBubble(t, func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn) {
		end := make(chan error, 1)
		s := scriptOn(t, serve(event.Handler{OnClose: func(_ *event.Conn, err error) { end <- err }},
			event.Options{PingInterval: 30 * time.Second, PongTimeout: 10 * time.Second}))
		s.SetTimeout(time.Hour)
		for range 3 { // answered, so it goes on
			start := time.Now()
			p := s.ExpectPing()
			between(t, time.Since(start), 30*time.Second)
			s.Send(appendMessage(nil, 10, p))
		}
		// Whatever comes counts as a sign of life.
		start := time.Now()
		for range 5 {
			time.Sleep(20 * time.Second)
			s.SendText("hello")
		}
		s.ExpectPing()
		between(t, time.Since(start), 130*time.Second)
		start = time.Now()
		_ = s.ExpectRest() // it is not answered
		between(t, time.Since(start), 10*time.Second)
		assert.Contains(t, (<-end).Error(), "no answer to a ping")
	})
}

func TestKeepaliveIsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn) {
		s := scriptOn(t, serve(event.Handler{}, event.Options{PingInterval: -1}))
		s.SetTimeout(48 * time.Hour)
		s.ExpectSilence(24 * time.Hour)
	})
}

// TestKeepaliveWaitsForHandlers does not take a peer for silent while nobody reads.
func TestKeepaliveWaitsForHandlers(t *testing.T) {
	inBubble(t, func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn) {
		s := scriptOn(t, serve(event.Handler{OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
			time.Sleep(10 * time.Minute)
			_ = c.Send(kind, p)
		}}, event.Options{}))
		s.SetTimeout(time.Hour)
		s.SendText("work")
		for {
			h, p := s.ExpectFrame()
			if h.Opcode == 9 {
				s.Send(appendMessage(nil, 10, p))
				continue
			}
			assert.Equal(t, string(p), "work")
			break
		}
	})
}

func TestTimeouts(t *testing.T) {
	tests := []struct {
		name  string
		least time.Duration
		words string
		end   func(c *event.Conn, s *wstest.Script)
	}{
		{"close timeout", 5 * time.Second, "no close frame within the close timeout", func(c *event.Conn, s *wstest.Script) {
			_ = c.Close(websocket.StatusNormalClosure, "")
			s.ExpectCloseCode(websocket.StatusNormalClosure)
		}},
		{"write timeout", 10 * time.Second, "the peer does not read", func(c *event.Conn, _ *wstest.Script) {
			_ = c.Send(websocket.Binary, make([]byte, 200<<10))
		}},
		{"write timeout while it is closing", 5 * time.Second, "", func(c *event.Conn, _ *wstest.Script) {
			_ = c.Send(websocket.Binary, make([]byte, 200<<10))
			_ = c.Close(websocket.StatusNormalClosure, "")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn) {
				var o opened
				s := scriptOn(t, serve(o.handler(), event.Options{}))
				c := <-o.conn
				start := time.Now()
				test.end(c, s)
				err := <-o.end
				between(t, time.Since(start), test.least)
				var e *websocket.CloseError
				assert.True(t, errors.As(err, &e), "no CloseError")
				assert.True(t, strings.Contains(err.Error(), test.words), err.Error())
			})
		})
	}
}

func TestHandshakeTimeoutIsExact(t *testing.T) {
	inBubble(t, func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn) {
		c := serve(event.Handler{}, event.Options{})
		start := time.Now()
		_, err := c.Read(make([]byte, 1))
		assert.True(t, err != nil, "an answer to nothing")
		between(t, time.Since(start), websocket.DefaultHandshakeTimeout)
	})
}

// TestLinger has a peer linger after the end: the transport is closed after
// the close timeout.
func TestLinger(t *testing.T) {
	inBubble(t, func(t *testing.T, serve func(h event.Handler, o event.Options) net.Conn) {
		peer := serve(event.Handler{}, event.Options{})
		s := scriptOn(t, peer)
		s.SetTimeout(time.Hour)
		s.SendClose(websocket.StatusNormalClosure, "")
		s.ExpectCloseCode(websocket.StatusNormalClosure)
		s.ExpectEOF()
		start := time.Now()
		for err := error(nil); err == nil; time.Sleep(100 * time.Millisecond) {
			_, err = peer.Write([]byte("more"))
		}
		between(t, time.Since(start), websocket.DefaultCloseTimeout)
	})
}

// TestTimeoutsOfEveryWay waits for real, and not for long.
func TestTimeoutsOfEveryWay(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var o opened
		h := o.handler()
		s := w.serve(t, h, event.Options{PingInterval: soon / 4, PongTimeout: 10 * soon, WriteTimeout: soon, MaxQueue: 64 << 20}).script(t)
		c := within(t, o.conn, "OnOpen")
		// The next ping is sent when the pong timeout is over, and so long after what
		// follows.
		s.Send(appendMessage(nil, 10, s.ExpectPing()))
		for range 6 { // more than the kernel takes
			if err := c.Send(websocket.Binary, make([]byte, 4<<20)); err != nil {
				break
			}
		}
		e := o.closing(t)
		assert.Contains(t, e.Error(), "the peer does not read")
	})
}
