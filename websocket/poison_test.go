//go:build poison

package websocket_test

import (
	"bytes"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// TestPoison keeps what was lent: with the tag poison it does not survive the next call
// of a reading method.
func TestPoison(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		for _, way := range receives {
			for _, n := range []int{1, 8, 1000, 40_000, 2 << 19} {
				m := sample(websocket.Binary, n)
				wait := start(func() error {
					if err := a.Write(t.Context(), m.Type, m.Data); err != nil {
						return err
					}
					return a.Write(t.Context(), websocket.Text, []byte("next"))
				})
				_, p, err := b.Next(t.Context())
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(p, m.Data), "another message came than was sent")
				_, _, err = way.receive(t.Context(), b)
				assert.NoError(t, err)
				assert.NoError(t, wait())
				if bytes.Equal(p, m.Data) {
					t.Errorf("message of %d bytes is still there after %s", n, way.name)
				}
			}
		}
	})
}
