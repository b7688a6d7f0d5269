package websocket_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// burst returns the wire form of n text messages in a row.
func burst(n int, payload string) []byte {
	var wire []byte
	for range n {
		wire = append(wire, masked(frame.Header{Fin: true, Opcode: frame.OpText}, payload)...)
	}
	return wire
}

// TestPostLeavesWithoutAnotherRead posts while there are more messages at hand, for
// which the reader never comes back: nothing may depend on that.
func TestPostLeavesWithoutAnotherRead(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			c, s, _ := tr.script(t, nil)
			s.Send(burst(16, "question"))
			_, _, err := c.Next(t.Context())
			assert.NoError(t, err)
			assert.NoError(t, c.Post(websocket.Text, []byte("answer")))
			s.ExpectText("answer")
			assert.NoError(t, c.Post(websocket.Text, []byte("another")))
			assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("written")))
			s.ExpectText("another")
			s.ExpectText("written")
		})
	}
}

// TestPostInFakeTime says that no time passes between Post and the network.
func TestPostInFakeTime(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		synctest.Wait()
		assert.NoError(t, c.Post(websocket.Text, []byte("posted")))
		synctest.Wait()
		assert.Equal(t, c.Queued(), 0)
		s.ExpectText("posted")
		s.SendText("done")
		assert.NoError(t, read())
	})
}

// TestReaderDoesNotWaitForAPeerThatDoesNotRead has the reader write what it posts to a
// peer that only sends: it must go on reading.
func TestReaderDoesNotWaitForAPeerThatDoesNotRead(t *testing.T) {
	const bursts = 200
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			c, _, peer := tr.script(t, &websocket.AcceptOptions{MaxQueue: 64 << 10, WriteTimeout: -1})
			sent := start(func() error {
				for range bursts {
					if _, err := peer.Write(burst(16, "question")); err != nil {
						return err
					}
				}
				return nil
			})
			full := 0
			for range 16 * bursts {
				_, _, err := c.Next(t.Context())
				assert.NoError(t, err)
				err = c.Post(websocket.Binary, make([]byte, 10_000))
				if errors.Is(err, websocket.ErrQueueFull) {
					full++
					continue
				}
				assert.NoError(t, err)
			}
			assert.NoError(t, sent())
			assert.True(t, full > 0, "the peer took everything")
		})
	}
}

// TestFlushersTakeTurns has one goroutine answer what it reads with Post, others post,
// write and ping, all at once. Every message arrives once, those of each in order.
func TestFlushersTakeTurns(t *testing.T) {
	const messages, others = 100, 4
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		echoed := start(func() error {
			for range messages {
				k, p, err := a.Next(t.Context())
				if err != nil {
					return err
				}
				if err := a.Post(k, p); err != nil {
					return err
				}
			}
			_, _, err := a.Next(t.Context()) // so that pongs are seen
			return err
		})
		sent := start(func() (err error) {
			for i := range messages {
				err = errors.Join(err, b.Post(websocket.Binary, numbered(others, i)))
			}
			return err
		})
		var waits []func() error
		for writer := range others {
			waits = append(waits, start(func() (err error) {
				for i := range messages {
					if writer%2 == 0 {
						err = errors.Join(err, a.Write(t.Context(), websocket.Binary, numbered(writer, i)))
					} else {
						err = errors.Join(err, a.Post(websocket.Binary, numbered(writer, i)))
					}
					if i%50 == 49 {
						_, pingErr := a.Ping(t.Context())
						err = errors.Join(err, pingErr)
					}
				}
				return err
			}))
		}
		var seen [others + 1]int
		for range messages * (others + 1) {
			_, p, err := b.Next(t.Context())
			assert.NoError(t, err)
			writer := int(binary.BigEndian.Uint32(p))
			assert.Equal(t, string(p), string(numbered(writer, seen[writer])))
			seen[writer]++
		}
		// A pong may still be on its way to a: b must read for it to be answered.
		ended := reading(context.WithoutCancel(t.Context()), b)
		for _, wait := range append(waits, sent) {
			assert.NoError(t, wait())
		}
		assert.NoError(t, a.CloseNow())
		assert.True(t, echoed() != nil && ended() != nil, "a closed connection goes on")
	})
}
