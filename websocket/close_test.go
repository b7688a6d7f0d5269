package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// closing closes in a goroutine.
func closing(c *websocket.Conn, code websocket.StatusCode, reason string) (wait func() error) {
	return start(func() error { return c.Close(code, reason) })
}

// ending takes a CloseError out of err.
func ending(t testing.TB, err error) *websocket.CloseError {
	t.Helper()
	var e *websocket.CloseError
	assert.True(t, errors.As(err, &e), fmt.Sprintf("%v is no *CloseError", err))
	return e
}

// TestCloseOverAll has one end close while the other reads.
func TestCloseOverAll(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		assert.NoError(t, a.Post(websocket.Text, []byte("last words")))
		closed := closing(a, 4321, "because")
		expect(t, b, text("last words"))
		_, _, err := b.Read(t.Context())
		e := ending(t, err)
		assert.Equal(t, *e.Received, websocket.CloseFrame{Code: 4321, Reason: "because"})
		assert.Equal(t, *e.Sent, websocket.CloseFrame{Code: 4321})
		assert.True(t, e.ReceivedFirst && e.Cause == nil && !errors.Is(err, net.ErrClosed), "closed by the wrong end")
		assert.NoError(t, closed())

		_, _, err = a.Read(t.Context())
		e = ending(t, err)
		assert.Equal(t, *e.Received, websocket.CloseFrame{Code: 4321})
		assert.Equal(t, *e.Sent, websocket.CloseFrame{Code: 4321, Reason: "because"})
		assert.True(t, !e.ReceivedFirst && e.Cause == nil && errors.Is(err, net.ErrClosed), "closed by the wrong end")
		assert.NoError(t, b.Close(websocket.StatusNormalClosure, ""))
	})
}

// TestCloseFromBothEnds crosses the close frames on the way.
func TestCloseFromBothEnds(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		reads := []func() error{reading(t.Context(), a), reading(t.Context(), b)}
		here, there := closing(a, 4001, ""), closing(b, 4002, "")
		assert.NoError(t, here())
		assert.NoError(t, there())
		for _, read := range reads {
			e := ending(t, read())
			assert.True(t, e.Received != nil && e.Sent != nil && e.Cause == nil, e.Error())
		}
	})
}

// TestCloseFramesThatCross has the peer close before it has seen our close frame,
// which is then the answer to its own.
func TestCloseFramesThatCross(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		closed := closing(c, 4001, "ours")
		synctest.Wait()
		s.SendClose(4002, "theirs")
		assert.NoError(t, closed())
		s.ExpectClose(4001, "ours")
		_, _, err := c.Read(t.Context())
		e := ending(t, err)
		assert.Equal(t, *e.Received, websocket.CloseFrame{Code: 4002, Reason: "theirs"})
		assert.Equal(t, *e.Sent, websocket.CloseFrame{Code: 4001, Reason: "ours"})
		assert.ErrorIs(t, err, net.ErrClosed)
		s.Close()
	})
}

func TestCloseManyTimesAtOnce(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		var waits []func() error
		for range 10 {
			waits = append(waits, closing(c, websocket.StatusNormalClosure, "bye"))
		}
		s.ExpectClose(websocket.StatusNormalClosure, "bye")
		s.ExpectSilence(time.Second)
		s.SendClose(websocket.StatusNormalClosure, "")
		for _, wait := range waits {
			assert.NoError(t, wait())
		}
		assert.NoError(t, c.Close(websocket.StatusGoingAway, ""))
		s.Close()
	})
}

func TestCloseCodes(t *testing.T) {
	legal := []websocket.StatusCode{1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}
	for _, code := range legal {
		bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			closed := closing(c, code, "")
			s.ExpectClose(code, "")
			s.SendClose(code, "")
			assert.NoError(t, closed())
			_, _, err := c.Read(t.Context())
			assert.Equal(t, websocket.CloseStatus(err), code)
		})
	}
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		for _, code := range []websocket.StatusCode{0, 1, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65535} {
			assert.True(t, c.Close(code, "") != nil, fmt.Sprintf("Close took %d", code))
		}
		for _, reason := range []string{strings.Repeat("x", 124), "\xff", "cut \xe2\x82"} {
			assert.True(t, c.Close(websocket.StatusNormalClosure, reason) != nil, "Close took the reason "+reason)
		}
		assert.True(t, c.Close(websocket.StatusNoStatusReceived, "why") != nil, "Close took a reason without a code")
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("nothing happened")))
		s.ExpectText("nothing happened")
		closed := closing(c, websocket.StatusNormalClosure, strings.Repeat("€", 41))
		s.ExpectClose(websocket.StatusNormalClosure, strings.Repeat("€", 41))
		s.SendClose(websocket.StatusNormalClosure, "")
		assert.NoError(t, closed())
	})
}

// TestMessagesDuringClose go to a Read in progress and are dropped otherwise.
func TestMessagesDuringClose(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := start(func() string {
			_, p, _ := c.Read(t.Context())
			return string(p)
		})
		synctest.Wait()
		closed := closing(c, websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
		s.SendText("for the Read in progress")
		assert.Equal(t, read(), "for the Read in progress")
		synctest.Wait()

		// Now Close reads. Another Read waits with it for the end.
		second := reading(t.Context(), c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, reading(ctx, c)(), context.DeadlineExceeded)
		s.SendText("dropped")
		s.SendPing([]byte("no answer after our close frame"))
		s.SendClose(websocket.StatusNormalClosure, "")
		err := second()
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusNormalClosure)
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.NoError(t, closed())
	})
}

// TestCloseAfterAReadThatStops takes the reading over from a Read whose context
// ends in the middle of a message.
func TestCloseAfterAReadThatStops(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx, cancel := context.WithCancel(t.Context())
		read := reading(ctx, c)
		s.SendFrame(frame.Header{Opcode: frame.OpText}, []byte("begun"))
		closed := closing(c, websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
		cancel()
		assert.ErrorIs(t, read(), context.Canceled)
		s.SendFrame(frame.Header{Fin: true}, []byte("ended"))
		s.SendClose(websocket.StatusNormalClosure, "")
		assert.NoError(t, closed())
	})
}

// TestCloseIsBounded has peers that make Close wait in every way.
func TestCloseIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name string
		peer func(t *testing.T, c *websocket.Conn, s *wstest.Script)
	}{
		{"it never answers", func(*testing.T, *websocket.Conn, *wstest.Script) {}},
		{"it never reads", func(t *testing.T, c *websocket.Conn, s *wstest.Script) { fill(t, c, s) }},
		{"it never stops sending", func(_ *testing.T, _ *websocket.Conn, s *wstest.Script) {
			s.Go(func() {
				for s.TrySend([]byte{0x89, 0x80, 0, 0, 0, 0}) == nil {
					time.Sleep(time.Millisecond)
				}
			})
		}},
		{"it stops in the middle of a frame", func(_ *testing.T, _ *websocket.Conn, s *wstest.Script) { s.SendHex("88") }},
		{"somebody reads", func(t *testing.T, c *websocket.Conn, _ *wstest.Script) { reading(t.Context(), c) }},
		{"somebody waits to write", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			fill(t, c, s)
			for range 3 {
				writing(t.Context(), c, text("waits"))
				writing(t.Context(), c, sample(websocket.Binary, 100_000))
			}
			synctest.Wait()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := wstest.AcceptScript(t, nil)
				tt.peer(t, c, s)
				begun := time.Now()
				err := c.Close(websocket.StatusGoingAway, "")
				assert.Equal(t, time.Since(begun), 5*time.Second)
				e := ending(t, err)
				assert.Equal(t, e.Received, nil)
				assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
				assert.ErrorIs(t, err, net.ErrClosed)
				assert.Contains(t, err.Error(), "no close frame within the close timeout")
				_, _, err = c.Read(t.Context())
				assert.ErrorIs(t, err, net.ErrClosed)
			})
		})
	}
}

// TestPeerClosesWithoutReading leaves no room for our answer: it is not waited for
// without end, and not claimed to have been sent.
func TestPeerClosesWithoutReading(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		write := writing(t.Context(), c, sample(websocket.Binary, 200<<10))
		synctest.Wait()
		s.SendClose(websocket.StatusNormalClosure, "")
		begun := time.Now()
		_, _, err := c.Read(t.Context())
		assert.Equal(t, time.Since(begun), 5*time.Second)
		e := ending(t, err)
		assert.Equal(t, *e.Received, websocket.CloseFrame{Code: websocket.StatusNormalClosure})
		assert.Equal(t, e.Sent, nil)
		assert.Equal(t, websocket.CloseStatus(write()), websocket.StatusNormalClosure)
	})
}

// TestLingerIsBounded has peers that do not hang up after the closing handshake.
func TestLingerIsBounded(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		begun := time.Now()
		s.SendClose(websocket.StatusNormalClosure, "")
		_, _, err := c.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusNormalClosure)
		assert.Equal(t, time.Since(begun), 0)
		time.Sleep(5*time.Second - 1)
		assert.NoError(t, s.TrySend([]byte("ignored")))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.ErrorIs(t, s.TrySend([]byte("gone")), syscall.EPIPE)
		s.ExpectClose(websocket.StatusNormalClosure, "")
		s.ExpectEOF()
	})
}

// TestServerEndsTheTransportFirst as RFC 6455 §7.1.1 asks for.
func TestServerEndsTheTransportFirst(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		closed := closing(c, websocket.StatusNormalClosure, "")
		h, _ := s.ExpectFrame()
		s.SendClose(websocket.StatusNormalClosure, "")
		assert.NoError(t, closed())
		if client := h.Masked; client {
			s.ExpectSilence(4 * time.Second)
			s.Close()
		} else {
			s.ExpectEOF()
		}
	})
}

func TestCloseNow(t *testing.T) {
	size := 1 << 20
	if raced {
		size = 200 << 10
	}
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		var wait []func() error
		until := func(f func() error) {
			wait = append(wait, start(func() error {
				for {
					if err := f(); err != nil {
						return err
					}
				}
			}))
		}
		large := sample(websocket.Binary, size).Data
		until(func() error { _, _, err := a.Read(t.Context()); return err })
		until(func() error { return a.Write(t.Context(), websocket.Binary, large) })
		until(func() error { return a.Write(t.Context(), websocket.Text, []byte("small")) })
		until(func() error { return writeStream(t.Context(), a, large) })
		until(func() error { _, err := a.Ping(t.Context()); return err })
		for range 10 { // some are under way
			_, _, err := b.Read(t.Context())
			assert.NoError(t, err)
		}
		assert.NoError(t, a.CloseNow())
		assert.NoError(t, a.CloseNow())
		for _, wait := range wait {
			assert.ErrorIs(t, wait(), net.ErrClosed)
		}
		assert.Equal(t, websocket.CloseStatus((<-readAll(t, b)).err), websocket.StatusAbnormalClosure)
	})
}

// TestCloseNowDuringClose cuts the wait for the peer short.
func TestCloseNowDuringClose(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		begun := time.Now()
		closed := closing(c, websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
		assert.NoError(t, c.CloseNow())
		assert.ErrorIs(t, closed(), net.ErrClosed)
		assert.Equal(t, time.Since(begun), 0)
		s.ExpectEOF()
	})
}

// TestCloseFrameIsDeliveredPastUnreadData has the peer send much that nobody
// reads: over TCP that must not cost it our close frame.
func TestCloseFrameIsDeliveredPastUnreadData(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name+"/Close", func(t *testing.T) {
			c, s, _ := tr.script(t, nil)
			wait := s.Go(func() {
				for range 40 {
					s.SendBinary(make([]byte, 100_000))
				}
				s.ExpectClose(websocket.StatusGoingAway, "enough")
				s.SendClose(websocket.StatusGoingAway, "")
				s.ExpectEOF()
			})
			assert.NoError(t, c.Close(websocket.StatusGoingAway, "enough"))
			wait()
		})
		t.Run(tr.name+"/failure", func(t *testing.T) {
			c, s, _ := tr.script(t, &websocket.AcceptOptions{MaxMessage: 1000})
			s.SendExact(frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Length: 500_000}, nil)
			wait := s.Go(func() {
				s.Send(make([]byte, 500_000))
				s.ExpectCloseCode(websocket.StatusMessageTooBig)
				s.ExpectEOF()
				s.Close()
			})
			_, _, err := c.Read(t.Context())
			var tooBig *websocket.MessageTooBigError
			assert.True(t, errors.As(err, &tooBig) && tooBig.Limit == 1000, fmt.Sprintf("ended with %v", err))
			wait()
		})
	}
}

// TestCloseErrorsOfATransportThatIsGone ends Close at once.
func TestCloseOfALostConnection(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		b.CloseNow()
		err := a.Close(websocket.StatusNormalClosure, "")
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.True(t, !errors.Is(err, io.EOF), "EOF shows")
	})
}
