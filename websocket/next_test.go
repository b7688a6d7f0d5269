package websocket_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// receive is a way to get a message.
type receive func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error)

// receives are all of them. Those that go on in the middle of a message come first.
var receives = []struct {
	name string
	receive
}{
	{"Read", func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
		return c.Read(ctx)
	}},
	{"Next", func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
		return c.Next(ctx)
	}},
	{"ReadInto nothing", func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
		return c.ReadInto(ctx, nil)
	}},
	{"ReadInto something", func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
		return c.ReadInto(ctx, make([]byte, 7, 20_000))
	}},
	{"ReadInto a lot", func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
		return c.ReadInto(ctx, make([]byte, 1<<20))
	}},
	{"Reader", func(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
		t, r, err := c.Reader(ctx)
		if err != nil {
			return 0, nil, err
		}
		p, err := io.ReadAll(r)
		return t, p, err
	}},
}

// TestWaysToReceive takes them in turn, for messages of all sizes, in one frame and in
// many. What is lent is copied at once; what is not must stay as it is.
func TestWaysToReceive(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		var want, got []websocket.Message
		long := 150_000
		if raced {
			long = 40_000
		}
		for i, n := range []int{0, 1, 8, 100, 4000, 16_370, 17_000, 65_536, long} {
			want = append(want, sample(websocket.MessageType(1+i%2), n))
		}
		sent := start(func() error {
			for range receives {
				for i, m := range want {
					if i%3 == 0 {
						if err := writeStream(t.Context(), a, m.Data); err != nil {
							return err
						}
						continue
					}
					if err := a.Write(t.Context(), m.Type, m.Data); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for i := range len(receives) * len(want) {
			way := receives[(i+i/len(want))%len(receives)]
			kind, p, err := way.receive(t.Context(), b)
			assert.NoError(t, err)
			if way.name == "Next" {
				p = bytes.Clone(p)
			}
			got = append(got, websocket.Message{Type: kind, Data: p})
		}
		assert.NoError(t, sent())
		for i, m := range got {
			if !bytes.Equal(m.Data, want[i%len(want)].Data) {
				t.Fatalf("message %d of %d bytes came as %d bytes, or changed", i, len(want[i%len(want)].Data), len(m.Data))
			}
		}
	})
}

// TestReceivingGoesOnAfterATimeout interrupts every way after every byte, in any order:
// the next one goes on where the one before stopped.
func TestReceivingGoesOnAfterATimeout(t *testing.T) {
	wire, want := conversation()
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same every time
		for range 10 {
			var got []websocket.Message
			try := func(ctx context.Context) error {
				kind, p, err := receives[random.IntN(5)].receive(ctx, c)
				if err == nil {
					got = append(got, websocket.Message{Type: kind, Data: bytes.Clone(p)})
				}
				return err
			}
			for i := range wire {
				s.Send(wire[i : i+1])
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if err := try(ctx); err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
				cancel()
			}
			for len(got) < len(want) {
				assert.NoError(t, try(t.Context()))
			}
			for i, m := range got {
				assert.Equal(t, m.Type, want[i].Type)
				assert.Equal(t, string(m.Data), string(want[i].Data))
			}
			s.ExpectPong([]byte("ping"))
		}
	})
}

// TestReadIntoUsesItsBuffer is the contract of append.
func TestReadIntoUsesItsBuffer(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		for _, n := range []int{1, 1000, 40_000, 200_000} {
			for _, size := range []int{0, n - 1, n, 2 * n} {
				m := sample(websocket.Binary, n)
				wait := writing(t.Context(), a, m)
				buf := make([]byte, size)
				_, p, err := b.ReadInto(t.Context(), buf)
				assert.NoError(t, err)
				assert.NoError(t, wait())
				assert.True(t, bytes.Equal(p, m.Data), "another message came than was sent")
				if same := size > 0 && &p[0] == &buf[0]; same != (size >= n) {
					t.Errorf("message of %d bytes, buffer of %d: is in the buffer: %v", n, size, same)
				}
			}
		}
	})
}

// TestReadIntoGivesItsBufferBack when it is interrupted: what the caller does with it
// must not change the message.
func TestReadIntoGivesItsBufferBack(t *testing.T) {
	m := sample(websocket.Binary, 100_000)
	wire := masked(frame.Header{Fin: true, Opcode: frame.OpBinary}, string(m.Data))
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			c, s, _ := tr.script(t, nil)
			buf := make([]byte, 1<<20)
			for part := range 7 {
				s.Send(wire[part*10_000 : (part+1)*10_000])
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
				_, p, err := c.ReadInto(ctx, buf)
				cancel()
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.True(t, len(p) == 0 && cap(p) == cap(buf), "the buffer is not given back")
				clear(buf)
			}
			s.Send(wire[70_000:])
			_, p, err := c.ReadInto(t.Context(), buf)
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(p, m.Data), "another message came than was sent")
			assert.True(t, &p[0] == &buf[0], "the message is not in the buffer")
		})
	}
}

// TestCloseLeavesWhatIsLent has another goroutine close the connection, which reads
// and drops messages, while one is lent.
func TestCloseLeavesWhatIsLent(t *testing.T) {
	for _, tr := range transports {
		for _, n := range []int{5, 1000, 40_000} {
			t.Run(tr.name, func(t *testing.T) {
				server, client := tr.pair(t, nil)
				m := sample(websocket.Binary, n)
				sent := start(func() error {
					for range 20 {
						if err := client.Write(t.Context(), m.Type, m.Data); err != nil {
							return err
						}
					}
					_, _, err := client.Read(t.Context())
					assert.Equal(t, websocket.CloseStatus(err), websocket.StatusGoingAway)
					return nil
				})
				_, p, err := server.Next(t.Context())
				assert.NoError(t, err)
				closed := start(func() error { return server.Close(websocket.StatusGoingAway, "") })
				assert.NoError(t, closed())
				assert.NoError(t, sent())
				assert.True(t, bytes.Equal(p, m.Data), "a message changed while it was lent")
				_, _, err = server.Next(t.Context())
				assert.Equal(t, websocket.CloseStatus(err), websocket.StatusGoingAway)
				assert.True(t, bytes.Equal(p, m.Data), "a message changed after the connection had ended")
			})
		}
	}
}

// TestConcurrentNextIsRefused and leaves the one that waits alone.
func TestConcurrentNextIsRefused(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		first := reading(t.Context(), c)
		synctest.Wait()
		for _, way := range receives {
			_, _, err := way.receive(t.Context(), c)
			assert.ErrorIs(t, err, websocket.ErrConcurrentRead)
		}
		s.SendText("for the first")
		assert.NoError(t, first())
	})
}
