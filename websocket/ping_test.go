package websocket_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// isSilent checks that the connection was given up because the peer is silent.
func isSilent(t testing.TB, err error) {
	t.Helper()
	assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
	assert.Equal(t, err.Error(), "websocket: connection lost (no close frame): peer is silent: no answer to a ping")
}

func TestKeepaliveFindsADeadPeer(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		begun := time.Now()
		read := reading(t.Context(), c)
		s.ExpectSilence(30*time.Second - 1)
		s.ExpectPing()
		assert.Equal(t, time.Since(begun), 30*time.Second)
		isSilent(t, read())
		assert.Equal(t, time.Since(begun), 40*time.Second)
		s.ExpectEOF()
	})
}

func TestKeepaliveAsSetUp(t *testing.T) {
	o := &websocket.AcceptOptions{PingInterval: time.Minute, PongTimeout: 5 * time.Second}
	bothRoles(t, o, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		begun := time.Now()
		isSilent(t, reading(t.Context(), c)())
		assert.Equal(t, time.Since(begun), 65*time.Second)
	})
}

func TestKeepaliveOff(t *testing.T) {
	bothRoles(t, &websocket.AcceptOptions{PingInterval: -1}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		s.ExpectSilence(24 * time.Hour)
		s.SendText("still here")
		assert.NoError(t, read())
	})
}

// TestKeepaliveOfAPeerThatAnswers pings every 30 seconds for an hour.
func TestKeepaliveOfAPeerThatAnswers(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		s.SetTimeout(time.Minute)
		last := time.Now()
		for i := range 100 {
			p := s.ExpectPing()
			// The pong of one ping is heard in the interval before the next.
			gap := time.Since(last)
			assert.True(t, 30*time.Second <= gap && gap <= 45*time.Second, fmt.Sprintf("ping %d came after %v", i, gap))
			last = time.Now()
			time.Sleep(time.Duration(i%10) * time.Second)
			s.SendPong(p)
		}
		s.SendText("still here")
		assert.NoError(t, read())
	})
}

func TestKeepaliveIsQuietWhileDataFlows(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(s *wstest.Script)
	}{
		{"messages", func(s *wstest.Script) { s.SendText("news") }},
		{"pongs nobody asked for", func(s *wstest.Script) { s.SendPong([]byte("alive")) }},
		{"fragments of a message", func(s *wstest.Script) { s.SendFrame(frame.Header{}, []byte("a")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				end := readAll(t, c)
				if tt.name == "fragments of a message" {
					s.SendFrame(frame.Header{Opcode: frame.OpText}, nil)
				}
				for range 20 {
					tt.send(s)
					s.ExpectSilence(29 * time.Second)
				}
				c.CloseNow()
				<-end
			})
		})
	}
}

// TestKeepaliveWithShortReads reads with a timeout much shorter than the pong's:
// no read waits long, yet the dead peer is found in time.
func TestKeepaliveWithShortReads(t *testing.T) {
	for _, timeout := range []time.Duration{10 * time.Millisecond, 700 * time.Millisecond, 9 * time.Second, 17 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				begun := time.Now()
				for {
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					_, _, err := c.Read(ctx)
					cancel()
					if websocket.CloseStatus(err) != 0 {
						isSilent(t, err)
						assert.Equal(t, time.Since(begun), 40*time.Second)
						return
					}
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					assert.True(t, time.Since(begun) < time.Minute, "the dead peer is not found")
				}
			})
		})
	}
}

// TestKeepaliveOfAnApplicationThatIsBusy leaves a connection alone whose pongs
// may just not have been looked at.
func TestKeepaliveOfAnApplicationThatIsBusy(t *testing.T) {
	t.Run("the peer answered", func(t *testing.T) {
		bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			s.SetTimeout(time.Minute)
			s.SendPong(s.ExpectPing())
			time.Sleep(10 * time.Minute)
			s.SendText("patience")
			expect(t, c, text("patience"))
		})
	})
	t.Run("the peer is dead", func(t *testing.T) {
		bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			s.SetTimeout(time.Minute)
			s.ExpectPing()
			s.ExpectSilence(10 * time.Minute)
			begun := time.Now()
			isSilent(t, reading(t.Context(), c)())
			took := time.Since(begun)
			assert.True(t, 10*time.Second <= took && took <= 20*time.Second, fmt.Sprintf("found after %v", took))
		})
	})
	t.Run("it read shortly after the ping", func(t *testing.T) {
		bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			s.SetTimeout(time.Minute)
			p := s.ExpectPing()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			assert.ErrorIs(t, reading(ctx, c)(), context.DeadlineExceeded)
			time.Sleep(time.Second)
			s.SendPong(p) // not looked at for a minute
			time.Sleep(time.Minute)
			s.SendText("patience")
			expect(t, c, text("patience"))
		})
	})
	t.Run("between messages", func(t *testing.T) {
		bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			for range 5 {
				s.SendText("a task of a minute")
			}
			for range 5 {
				expect(t, c, text("a task of a minute"))
				time.Sleep(time.Minute)
			}
			s.SendText("done")
			expect(t, c, text("done"))
		})
	})
}

func TestPing(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		type result struct {
			rtt time.Duration
			err error
		}
		ping := func() (wait func() result) {
			return start(func() result {
				rtt, err := c.Ping(t.Context())
				return result{rtt, err}
			})
		}
		first := ping()
		p := s.ExpectPing()
		time.Sleep(2 * time.Second)
		s.SendPong([]byte("nobody asked"))
		s.SendPong(p)
		assert.Equal(t, first(), result{2 * time.Second, nil})

		// One pong answers all pings before its own (RFC 6455 §5.5.3).
		older := ping()
		s.ExpectPing()
		time.Sleep(time.Second)
		newer := ping()
		q := s.ExpectPing()
		s.SendPong(p) // answered long ago
		s.SendPong([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
		time.Sleep(time.Second)
		s.SendPong(q)
		assert.Equal(t, older(), result{2 * time.Second, nil})
		assert.Equal(t, newer(), result{time.Second, nil})
		s.SendText("done")
		assert.NoError(t, read())
	})
}

func TestPingEndsEarly(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Ping(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Since(begun), time.Second)
		_, err = c.Ping(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		s.SendPong(s.ExpectPing()) // too late, and harmless
		s.SendText("usable")
		assert.NoError(t, read())

		read = reading(t.Context(), c)
		wait := start(func() error { _, err := c.Ping(t.Context()); return err })
		s.ExpectPing()
		s.SendClose(websocket.StatusGoingAway, "")
		assert.Equal(t, websocket.CloseStatus(wait()), websocket.StatusGoingAway)
		assert.Equal(t, websocket.CloseStatus(read()), websocket.StatusGoingAway)
		_, err = c.Ping(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusGoingAway)
	})
}

// TestPingThatCannotBeWritten ends with its context, while the network has no room.
// The connection must not be lost for the sake of a ping.
func TestPingThatCannotBeWritten(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		const room = 64<<10 - 8 // with the longest header for this size the pipe is full, or nearly
		assert.NoError(t, c.Write(t.Context(), websocket.Binary, make([]byte, room)))
		read := reading(t.Context(), c)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begun := time.Now()
			_, err := c.Ping(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Since(begun), time.Second)
		}
		s.ExpectBinary(make([]byte, room))
		s.ExpectPing() // the others were taken back
		s.SendText("usable")
		assert.NoError(t, read())
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("usable")))
		s.ExpectText("usable")
	})
}

func TestPingOverAll(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		here, there := reading(t.Context(), a), reading(t.Context(), b)
		for range 20 {
			rtt, err := a.Ping(t.Context())
			assert.NoError(t, err)
			assert.True(t, 0 <= rtt && rtt < 10*time.Second, "round trip of "+rtt.String())
		}
		assert.NoError(t, a.Write(t.Context(), websocket.Text, nil))
		assert.NoError(t, b.Write(t.Context(), websocket.Text, nil))
		assert.NoError(t, here())
		assert.NoError(t, there())
	})
}

func TestPingsAreAnswered(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		for i := range 10 {
			s.SendPing([]byte{byte(i)})
		}
		s.SendText("done")
		assert.NoError(t, read())
		for i := range 10 {
			s.ExpectPong([]byte{byte(i)})
		}
	})
}

// TestPongsForAPeerThatDoesNotRead keeps some answers and of the rest the newest
// (RFC 6455 §5.5.3), and goes on reading.
func TestPongsForAPeerThatDoesNotRead(t *testing.T) {
	bothRoles(t, &websocket.AcceptOptions{WriteTimeout: -1}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		drain := fill(t, c, s)
		before := c.Queued()
		read := reading(t.Context(), c)
		const pings = 1000
		for i := range pings {
			s.SendPing(fmt.Append(nil, i))
		}
		s.SendText("read all the same")
		assert.NoError(t, read())
		synctest.Wait()
		assert.True(t, c.Queued() < before+200, "pongs pile up")
		drain()
		last := ""
		n := 0
		for ; last != fmt.Sprint(pings-1); n++ {
			h, p := s.ExpectFrame()
			assert.Equal(t, h.Opcode, frame.OpPong)
			last = string(p)
		}
		assert.Equal(t, n, 17)
	})
}
