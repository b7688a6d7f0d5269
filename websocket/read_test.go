package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// masked returns a frame as a client sends it.
func masked(h frame.Header, payload string) []byte {
	h.Masked, h.Key, h.Length = true, 0x3d21fa37, int64(len(payload))
	b := frame.AppendHeader(nil, h)
	n := len(b)
	b = append(b, payload...)
	frame.Mask(b[n:], h.Key)
	return b
}

// conversation is what a client may send to be understood as three messages: one
// in a long header, one in fragments with a ping between them, an empty one.
func conversation() (wire []byte, messages []websocket.Message) {
	long := strings.Repeat("é", 70)
	wire = append(wire, masked(frame.Header{Fin: true, Opcode: frame.OpText}, long)...)
	wire = append(wire, masked(frame.Header{Opcode: frame.OpBinary}, "one ")...)
	wire = append(wire, masked(frame.Header{Fin: true, Opcode: frame.OpPing}, "ping")...)
	wire = append(wire, masked(frame.Header{}, "")...)
	wire = append(wire, masked(frame.Header{Fin: true}, "two")...)
	wire = append(wire, masked(frame.Header{Fin: true, Opcode: frame.OpText}, "")...)
	return wire, []websocket.Message{text(long), {Type: websocket.Binary, Data: []byte("one two")}, text("")}
}

// TestReadGoesOnAfterATimeout has reads time out after every byte received: before
// the first, in headers, in payloads, between fragments. Nothing may be lost.
func TestReadGoesOnAfterATimeout(t *testing.T) {
	wire, want := conversation()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			c, s, _ := tr.script(t, nil)
			var got []websocket.Message
			for i := range wire {
				s.Send(wire[i : i+1])
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				kind, p, err := c.Read(ctx)
				cancel()
				if err == nil {
					got = append(got, websocket.Message{Type: kind, Data: p})
					continue
				}
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, websocket.CloseStatus(err), 0)
			}
			for len(got) < len(want) {
				kind, p, err := c.Read(t.Context())
				assert.NoError(t, err)
				got = append(got, websocket.Message{Type: kind, Data: p})
			}
			assert.Equal(t, got, want)
			s.ExpectPong([]byte("ping"))
		})
	}
}

// TestReadGoesOnAfterATimeoutAtEveryByte is the same in fake time: one read times
// out when exactly so many bytes are there.
func TestReadGoesOnAfterATimeoutAtEveryByte(t *testing.T) {
	wire, want := conversation()
	for cut := range wire {
		synctest.Test(t, func(t *testing.T) {
			c, s := wstest.AcceptScript(t, nil)
			s.Send(wire[:cut])
			var got []websocket.Message
			for len(got) < len(want) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				kind, p, err := c.Read(ctx)
				cancel()
				if err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					s.Send(wire[cut:])
					continue
				}
				got = append(got, websocket.Message{Type: kind, Data: p})
			}
			assert.Equal(t, got, want)
		})
	}
}

// TestReadOfALongMessageGoesOnAfterATimeout stops in a message that is longer than
// any buffer, which is read straight to where it is to stand.
func TestReadOfALongMessageGoesOnAfterATimeout(t *testing.T) {
	m := sample(websocket.Binary, 300<<10)
	wire := masked(frame.Header{Fin: true, Opcode: frame.OpBinary}, string(m.Data))
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			c, s, _ := tr.script(t, nil)
			for part := range 7 {
				s.Send(wire[part*5000 : (part+1)*5000])
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
				_, _, err := c.Read(ctx)
				cancel()
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}
			wait := s.Go(func() { s.Send(wire[35000:]) })
			expect(t, c, m)
			wait()
		})
	}
}

// TestReadWithAlternatingContexts changes the context from read to read: only the
// one in use may interrupt.
func TestReadWithAlternatingContexts(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		first, cancelFirst := context.WithCancel(t.Context())
		second, cancelSecond := context.WithCancel(t.Context())
		defer cancelSecond()
		read := func(ctx context.Context) {
			t.Helper()
			assert.NoError(t, a.Write(t.Context(), websocket.Text, []byte("m")))
			_, _, err := b.Read(ctx)
			assert.NoError(t, err)
		}
		for range 3 {
			read(first)
			read(second)
			read(context.Background())
			read(context.WithValue(first, key{}, 1))
		}
		cancelFirst()
		_, _, err := b.Read(first)
		assert.ErrorIs(t, err, context.Canceled)
		read(second)
		waiting := reading(second, b)
		cancelSecond()
		assert.ErrorIs(t, waiting(), context.Canceled)
		read(context.Background())
	})
}

type key struct{}

func TestReadWithACancelledContext(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.NoError(t, a.Write(t.Context(), websocket.Text, []byte("m")))
		_, _, err := b.Read(ctx)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Contains(t, err.Error(), "websocket: read interrupted: ")
		expect(t, b, text("m"))
	})
}

func TestConcurrentReadIsRefused(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		first := reading(t.Context(), c)
		synctest.Wait()
		_, _, err := c.Read(t.Context())
		assert.ErrorIs(t, err, websocket.ErrConcurrentRead)
		_, _, err = c.Reader(t.Context())
		assert.ErrorIs(t, err, websocket.ErrConcurrentRead)
		for _, err := range c.Messages(t.Context()) {
			assert.ErrorIs(t, err, websocket.ErrConcurrentRead)
		}
		s.SendText("for the first")
		assert.NoError(t, first())
		s.SendText("for the next")
		expect(t, c, text("for the next"))
	})
}

// TestReadSliceIsTheCallers keeps messages while others are read.
func TestReadSliceIsTheCallers(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		var got [][]byte
		for i := range 50 {
			m := sample(websocket.Binary, i*i)
			wait := writing(t.Context(), a, m)
			_, p, err := b.Read(t.Context())
			assert.NoError(t, err)
			assert.NoError(t, wait())
			got = append(got, p)
		}
		for i, p := range got {
			assert.True(t, bytes.Equal(p, sample(websocket.Binary, i*i).Data), "a message changed after Read returned it")
		}
	})
}

func TestReader(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		for _, n := range []int{0, 1, 1000, 40_000} {
			for _, slow := range []func(io.Reader) io.Reader{all, iotest.HalfReader, iotest.OneByteReader} {
				m := sample(websocket.Text, n)
				wait := writing(t.Context(), a, m)
				kind, r, err := b.Reader(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, kind, websocket.Text)
				got, err := io.ReadAll(slow(r))
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(got, m.Data), "a Reader read something else than was written")
				assert.NoError(t, wait())
				k, err := r.Read(make([]byte, 1))
				assert.True(t, k == 0 && err == io.EOF, "a Reader does not stay at its end")
			}
		}
	})
}

func all(r io.Reader) io.Reader { return r }

// TestLeavingAReader asks for the next message in the middle of one.
func TestLeavingAReader(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		for _, n := range []int{0, 10, 200_000} {
			wait := start(func() error {
				return errors.Join(
					a.Write(t.Context(), websocket.Binary, sample(websocket.Binary, n).Data),
					a.Write(t.Context(), websocket.Text, []byte("next")),
					a.Write(t.Context(), websocket.Text, []byte("last")))
			})
			_, left, err := b.Reader(t.Context())
			assert.NoError(t, err)
			k, err := left.Read(make([]byte, 5))
			assert.True(t, k > 0 || n == 0 && err == io.EOF, "nothing was read")
			expect(t, b, text("next"))
			if n > 0 {
				_, err = left.Read(make([]byte, 5))
				assert.ErrorIs(t, err, websocket.ErrMessageDone)
			}
			_, r, err := b.Reader(t.Context())
			assert.NoError(t, err)
			got, err := io.ReadAll(r)
			assert.NoError(t, err)
			assert.Equal(t, string(got), "last")
			assert.NoError(t, wait())
		}
	})
}

// TestLeavingAReaderInPieces leaves a message with a read that is interrupted
// while the rest is dropped. The reader left behind must not go on with a gap.
func TestLeavingAReaderInPieces(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendFrame(frame.Header{Opcode: frame.OpText}, []byte("begun"))
		_, left, err := c.Reader(t.Context())
		assert.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leaving := reading(ctx, c)
		s.SendFrame(frame.Header{}, []byte("dropped"))
		assert.ErrorIs(t, leaving(), context.DeadlineExceeded)
		s.SendFrame(frame.Header{Fin: true}, []byte("end"))
		s.SendText("next")
		_, err = left.Read(make([]byte, 100))
		assert.ErrorIs(t, err, websocket.ErrMessageDone)
		expect(t, c, text("next"))
	})
}

// TestReaderAfterAnInterruptedRead takes over a message that a Read began.
func TestReaderAfterAnInterruptedRead(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendFrame(frame.Header{Opcode: frame.OpText}, []byte("begun by Read, "))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := c.Read(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		s.SendFrame(frame.Header{Fin: true}, []byte("ended by Reader"))
		kind, r, err := c.Reader(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, websocket.Text)
		got, err := io.ReadAll(r)
		assert.NoError(t, err)
		assert.Equal(t, string(got), "begun by Read, ended by Reader")
	})
}

// TestReaderWhoseContextEnds loses that message only.
func TestReaderWhoseContextEnds(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendFrame(frame.Header{Opcode: frame.OpText}, []byte("begun"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, r, err := c.Reader(ctx)
		assert.NoError(t, err)
		got, err := io.ReadAll(r)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, string(got), "begun")
		s.SendFrame(frame.Header{Fin: true}, []byte("end"))
		s.SendText("next")
		expect(t, c, text("next"))
	})
}

func TestMessages(t *testing.T) {
	ends := []struct {
		name string
		end  func(s *wstest.Script)
		want websocket.StatusCode // of the error the loop yields, 0 if it just ends
	}{
		{"1000", func(s *wstest.Script) { s.SendClose(websocket.StatusNormalClosure, "") }, 0},
		{"1001", func(s *wstest.Script) { s.SendClose(websocket.StatusGoingAway, "") }, 0},
		{"no code", func(s *wstest.Script) { s.SendClose(websocket.StatusNoStatusReceived, "") }, 0},
		{"1011", func(s *wstest.Script) { s.SendClose(websocket.StatusInternalError, "") }, websocket.StatusInternalError},
		{"no close frame", func(s *wstest.Script) { s.CloseWrite() }, websocket.StatusAbnormalClosure},
	}
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				s.SendText("first")
				s.SendText("second")
				for m, err := range c.Messages(t.Context()) {
					assert.NoError(t, err)
					assert.Equal(t, m, text("first"))
					break
				}
				end.end(s)
				var got []websocket.Message
				var last error
				for m, err := range c.Messages(t.Context()) {
					assert.NoError(t, last) // nothing comes behind an error
					if last = err; err == nil {
						got = append(got, m)
					}
				}
				assert.Equal(t, got, []websocket.Message{text("second")})
				assert.Equal(t, websocket.CloseStatus(last), end.want)
			})
		})
	}
}

// TestCloseRead answers pings while nobody reads, and ends its context with the
// connection.
func TestCloseRead(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx := c.CloseRead(t.Context())
		s.SendPing([]byte("still there?"))
		s.ExpectPong([]byte("still there?"))
		assert.NoError(t, c.Write(ctx, websocket.Text, []byte("news")))
		s.ExpectText("news")
		assert.NoError(t, ctx.Err())
		s.SendClose(websocket.StatusGoingAway, "")
		s.ExpectClose(websocket.StatusGoingAway, "")
		<-ctx.Done()
	})
}

func TestCloseReadRefusesMessages(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx := c.CloseRead(t.Context())
		s.SendText("unexpected")
		s.ExpectClose(websocket.StatusPolicyViolation, "no messages expected")
		s.SendClose(websocket.StatusPolicyViolation, "")
		<-ctx.Done()
		assert.ErrorIs(t, c.Write(t.Context(), websocket.Text, nil), net.ErrClosed)
	})
}

func TestCloseReadStopsWithItsContext(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		parent, cancel := context.WithCancel(t.Context())
		ctx := c.CloseRead(parent)
		synctest.Wait()
		cancel()
		<-ctx.Done()
		synctest.Wait()
		s.SendText("for Read again")
		expect(t, c, text("for Read again"))
	})
}
