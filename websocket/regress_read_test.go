package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// The tests named TestDefect are about defects that WebSocket libraries have had or
// have, and that no other test here is about. docs/reference/known-defects.md lists
// all that are known, with the tests that show that they are not in this one.

// TestDefectPanicOnRepeatedRead: a program that does not look at errors, or takes
// any for a timeout, reads a failed connection over and over. It gets the same error
// each time, and no panic.
func TestDefectPanicOnRepeatedRead(t *testing.T) {
	ends := map[string]func(c *websocket.Conn, s *wstest.Script){
		"broken rule":    func(_ *websocket.Conn, s *wstest.Script) { s.SendFrame(frame.Header{Fin: true, Opcode: 3}, nil) },
		"peer closed":    func(_ *websocket.Conn, s *wstest.Script) { s.SendClose(websocket.StatusGoingAway, "") },
		"lost transport": func(_ *websocket.Conn, s *wstest.Script) { s.Reset() },
		"closed here":    func(c *websocket.Conn, _ *wstest.Script) { c.CloseNow() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				end(c, s)
				_, _, first := c.Read(t.Context())
				ending(t, first)
				for range 3000 {
					_, _, err := c.Read(t.Context())
					assert.Equal(t, err.Error(), first.Error())
					_, _, err = c.Reader(t.Context())
					assert.Equal(t, err.Error(), first.Error())
				}
			})
		})
	}
}

// TestDefectExpiredContextEndsTheConnection: the context of one call ends, and with
// it the connection, although nothing was cut in the middle.
func TestDefectExpiredContextEndsTheConnection(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _, err := c.Read(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			_, err = c.Ping(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
			_, _, err = c.Reader(cancelled)
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, c.Write(cancelled, websocket.Text, nil), context.Canceled)
			_, err = c.Writer(cancelled, websocket.Text)
			assert.ErrorIs(t, err, context.Canceled)
		}
		s.SendText("still")
		expect(t, c, text("still"))
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("here")))
		// Of pings that nobody waits for any more some are sent, or none.
		for {
			h, p := s.ExpectFrame()
			if h.Opcode != frame.OpPing {
				assert.Equal(t, h.Opcode, frame.OpText)
				assert.Equal(t, string(p), "here")
				return
			}
		}
	})
}

// TestDefectNoReadLimit: without a limit by default, a server keeps whatever a
// stranger sends. And whoever runs into the limit has to learn what it is and where
// to change it.
func TestDefectNoReadLimit(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		most := make([]byte, 1<<20)
		wait := s.Go(func() {
			s.SendBinary(most)
			s.SendFrame(frame.Header{Opcode: frame.OpBinary}, most)
			s.SendFrame(frame.Header{Opcode: frame.OpContinuation, Fin: true}, []byte{0})
			s.ExpectCloseCode(websocket.StatusMessageTooBig)
		})
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, len(p), len(most))
		_, _, err = c.Read(t.Context())
		var tooBig *websocket.MessageTooBigError
		assert.True(t, errors.As(err, &tooBig) && tooBig.Limit == 1<<20, fmt.Sprintf("ended with %v", err))
		assert.Contains(t, err.Error(), "1048576 bytes (option MaxMessage)")
		wait()
	})
}

// TestDefectQuadraticPipelining: moving the rest of the buffer to its front after
// each frame makes a buffer full of frames cost its length squared. Here the frames
// of a buffer cost the same each, however many there are.
func TestDefectQuadraticPipelining(t *testing.T) {
	const few, many = 1000, 64_000
	small, large := time.Hour, time.Hour // for one frame, at best
	// Squared, it would be 64 times as much. Of many rounds on a busy machine some are
	// not interrupted.
	for round := 0; round < 5 || large > 16*max(small, 5); round++ {
		assert.True(t, round < 100, fmt.Sprintf("a frame takes %v among %d, %v among %d", small, few, large, many))
		small = min(small, parseTime(t, few)/few)
		large = min(large, parseTime(t, many)/many)
	}
}

// parseTime returns how long a machine takes for n frames in one buffer.
func parseTime(t *testing.T, n int) time.Duration {
	m := proto.New(proto.Config{Role: proto.Server})
	wire := bytes.Repeat(masked(frame.Header{Fin: true, Opcode: frame.OpText}, "x"), n)
	start, got := time.Now(), 0
	for m.Receive(wire); m.Next().Kind == proto.Data; {
		got++
	}
	took := time.Since(start)
	assert.Equal(t, got, n)
	return took
}

// TestDefectFailureWithoutACloseFrame: a peer that breaks a rule is hung up on, and
// its author never learns why. RFC 6455 §7.1.7 has us send a close frame first.
func TestDefectFailureWithoutACloseFrame(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		assert.NoError(t, c.Write(t.Context(), websocket.Text, nil))
		h, _ := s.ExpectFrame()
		// Either of us masks (§5.1), so the same frame back is wrong for both.
		s.SendExact(h, nil)
		assert.Contains(t, s.ExpectCloseCode(websocket.StatusProtocolError), "masked (RFC 6455 §5.1)")
		s.ExpectEOF()
		<-end
	})
}
