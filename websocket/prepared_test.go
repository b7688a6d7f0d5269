package websocket_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestPrepared sends one prepared message over many connections.
func TestPrepared(t *testing.T) {
	for _, n := range []int{0, 5, 126, 16 << 10, 100_000} {
		want := sample(websocket.Text, n)
		p := bytes.Clone(want.Data)
		m, err := websocket.Prepare(websocket.Text, p)
		assert.NoError(t, err)
		clear(p) // it was copied
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
				for range 2 {
					wait := start(func() error { return a.WritePrepared(t.Context(), m) })
					expect(t, b, want)
					assert.NoError(t, wait())
					assert.NoError(t, a.PostPrepared(m))
					expect(t, b, want)
				}
			})
		})
	}
}

// TestPostPreparedIsBounded holds prepared messages to MaxQueue too.
func TestPostPreparedIsBounded(t *testing.T) {
	m, err := websocket.Prepare(websocket.Binary, make([]byte, 1000))
	assert.NoError(t, err)
	o := &websocket.AcceptOptions{MaxQueue: 10_000, WriteTimeout: -1}
	bothRoles(t, o, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		var err error
		n := 0
		for ; err == nil; n++ {
			err = c.PostPrepared(m)
			synctest.Wait()
		}
		assert.ErrorIs(t, err, websocket.ErrQueueFull)
		for range n - 1 {
			s.ExpectBinary(make([]byte, 1000))
		}
		synctest.Wait()
		assert.NoError(t, c.PostPrepared(m))
		s.ExpectBinary(make([]byte, 1000))
	})
}

// TestPreparedBytesAreShared has a server send the same frame, and a client mask
// it anew each time.
func TestPreparedBytesAreShared(t *testing.T) {
	m, err := websocket.Prepare(websocket.Text, []byte("shared"))
	assert.NoError(t, err)
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		assert.NoError(t, c.WritePrepared(t.Context(), m))
		assert.NoError(t, c.WritePrepared(t.Context(), m))
		first, p := s.ExpectFrame()
		second, q := s.ExpectFrame()
		assert.Equal(t, string(p), "shared")
		assert.Equal(t, string(q), "shared")
		assert.Equal(t, first.Masked, second.Masked)
		assert.Equal(t, first.Key == second.Key, !first.Masked)
	})
}
