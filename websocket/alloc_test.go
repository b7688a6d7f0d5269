//go:build !race

package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
)

// The race detector has sync.Pool drop things, so that allocations are counted without.

// TestSteadyStateAllocatesNothing has a server do each of the things that it does again
// and again, over TCP, with a peer that allocates nothing.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	var buf []byte
	ways := []struct {
		name    string
		receive bool // a message of the peer goes before
		send    bool // a message to the peer comes of it
		do      func(ctx context.Context, c *websocket.Conn, m *websocket.Prepared, p []byte) error
	}{
		{"Next", true, false, func(ctx context.Context, c *websocket.Conn, _ *websocket.Prepared, _ []byte) error {
			_, _, err := c.Next(ctx)
			return err
		}},
		{"ReadInto", true, false, func(ctx context.Context, c *websocket.Conn, _ *websocket.Prepared, _ []byte) (err error) {
			_, buf, err = c.ReadInto(ctx, buf)
			return err
		}},
		{"Write", false, true, func(ctx context.Context, c *websocket.Conn, _ *websocket.Prepared, p []byte) error {
			return c.Write(ctx, websocket.Binary, p)
		}},
		{"WritePrepared", false, true, func(ctx context.Context, c *websocket.Conn, m *websocket.Prepared, _ []byte) error {
			return c.WritePrepared(ctx, m)
		}},
		{"Post", false, true, func(_ context.Context, c *websocket.Conn, _ *websocket.Prepared, p []byte) error {
			return c.Post(websocket.Binary, p)
		}},
		{"PostPrepared", false, true, func(_ context.Context, c *websocket.Conn, m *websocket.Prepared, _ []byte) error {
			return c.PostPrepared(m)
		}},
		{"Next and Post", true, true, func(ctx context.Context, c *websocket.Conn, _ *websocket.Prepared, _ []byte) error {
			k, p, err := c.Next(ctx)
			return errors.Join(err, c.Post(k, p))
		}},
	}
	cancellable, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, w := range ways {
		for _, size := range []int{5, 1000, 16 << 10, 64 << 10} {
			for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": cancellable} {
				t.Run(fmt.Sprintf("%s of %d, %s", w.name, size, name), func(t *testing.T) {
					c, _, peer := transports[1].script(t, nil)
					p := make([]byte, size)
					m, err := websocket.Prepare(websocket.Binary, p)
					assert.NoError(t, err)
					in := masked(frame.Header{Fin: true, Opcode: frame.OpBinary}, string(p))
					out := make([]byte, len(in)-4)
					once := func() {
						if w.receive {
							_, err := peer.Write(in)
							assert.NoError(t, err)
						}
						assert.NoError(t, w.do(ctx, c, m, p))
						if w.send {
							_, err := io.ReadFull(peer, out)
							assert.NoError(t, err)
						}
					}
					for range 10 { // the pools fill
						once()
					}
					// The average: a collection may empty the pools meanwhile.
					if n := testing.AllocsPerRun(200, once); n > 0 {
						t.Errorf("%v allocations", n)
					}
				})
			}
		}
	}
}
