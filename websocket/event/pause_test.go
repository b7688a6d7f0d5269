package event_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A pausing is a server whose handler pauses its connection at each message "pause", and
// tells of all others.
type pausing struct {
	*served
	opened
	handled chan string
	closed  chan error
}

func newPausing(t *testing.T, w way, o event.Options) *pausing {
	t.Helper()
	s := &pausing{handled: make(chan string, 1000), closed: make(chan error, 1)}
	h := s.handler()
	h.OnMessage = func(c *event.Conn, _ websocket.MessageType, p []byte) {
		switch string(p) {
		case "pause":
			c.Pause()
		case "both":
			c.Pause()
			c.Resume()
		}
		s.handled <- string(p)
	}
	h.OnClose = func(_ *event.Conn, err error) { s.closed <- err }
	s.served = w.serve(t, h, o)
	return s
}

// frames returns text messages as a client sends them, in one piece.
func frames(texts ...string) (b []byte) {
	for _, text := range texts {
		b = appendMessage(b, frame.OpText, []byte(text))
	}
	return b
}

func TestPause(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		s := newPausing(t, w, event.Options{})
		peer := s.script(t)
		c := within(t, s.conn, "OnOpen")
		for range 20 {
			peer.Send(frames("both", "one", "pause", "two"))
			peer.SendPing([]byte("?"))
			for _, want := range []string{"both", "one", "pause"} {
				assert.Equal(t, within(t, s.handled, "OnMessage"), want)
			}
			// What others send leaves, and what the peer sends waits.
			assert.NoError(t, c.Send(websocket.Text, []byte("hello")))
			peer.ExpectText("hello")
			peer.Send(frames("three"))
			assert.Equal(t, len(s.handled), 0)
			c.Resume()
			c.Resume() // is nothing more
			for _, want := range []string{"two", "three"} {
				assert.Equal(t, within(t, s.handled, "OnMessage"), want)
			}
			peer.ExpectPong([]byte("?"))
		}
	})
}

// TestPauseWhileMuchComes has a peer send more than anybody buffers: nothing is handled, and
// nothing lost.
func TestPauseWhileMuchComes(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		const size = 50_000
		messages := 400
		if raced {
			messages = 120
		}
		s := newPausing(t, w, event.Options{})
		peer := s.script(t)
		c := within(t, s.conn, "OnOpen")
		peer.Send(frames("pause"))
		assert.Equal(t, within(t, s.handled, "OnMessage"), "pause")
		wait := peer.Go(func() {
			for i := range messages {
				peer.SendBinary(numbered(i, size))
			}
		})
		assert.NoError(t, c.Send(websocket.Text, []byte("hello")))
		peer.ExpectText("hello")
		assert.Equal(t, len(s.handled), 0)
		c.Resume()
		for i := range messages {
			assert.Equal(t, number(t, []byte(within(t, s.handled, "OnMessage"))), i)
		}
		wait()
	})
}

// A connection that is paused can end in all ways.
func TestEndWhilePaused(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for name, end := range map[string]func(s *pausing, c *event.Conn, peer interface{ Close() }){
			"CloseNow": func(_ *pausing, c *event.Conn, _ interface{ Close() }) { c.CloseNow() },
			"Close":    func(_ *pausing, c *event.Conn, _ interface{ Close() }) { _ = c.Close(1000, "") },
			"a peer that is gone": func(_ *pausing, c *event.Conn, peer interface{ Close() }) {
				peer.Close()
				c.Resume()
			},
		} {
			t.Run(name, func(t *testing.T) {
				s := newPausing(t, w, event.Options{CloseTimeout: 50 * time.Millisecond})
				peer := s.script(t)
				c := within(t, s.conn, "OnOpen")
				peer.Send(frames("pause", "never handled"))
				assert.Equal(t, within(t, s.handled, "OnMessage"), "pause")
				end(s, c, peer)
				within(t, s.closed, "OnClose")
			})
		}
	})
}

// A connection that is paused is not taken for dead, and one that was is pinged again.
func TestKeepaliveWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPausing(t, way{driver: event.Goroutines, network: "memory"}, event.Options{})
		peer := s.script(t)
		peer.SetTimeout(time.Minute)
		c := within(t, s.conn, "OnOpen")
		peer.Send(frames("pause"))
		peer.ExpectSilence(time.Hour)
		c.Resume()
		peer.SendPong(peer.ExpectPing())
		synctest.Wait()
		assert.Equal(t, len(s.closed), 0)
	})
}
