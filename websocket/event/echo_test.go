package event_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// echo sends everything back.
var echo = event.Handler{OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) { _ = c.Send(t, p) }}

// compressions are the ways to compress that a test runs with: no message is too small
// for them.
var compressions = []struct {
	name   string
	option *websocket.Compression
}{
	{"plain", nil},
	{"with takeover", &websocket.Compression{Threshold: -1}},
	{"without takeover", &websocket.Compression{Threshold: -1, NoContextTakeover: true, PeerNoContextTakeover: true}},
}

// noise are bytes of which no part is like another.
var noise = sync.OnceValue(func() []byte {
	p := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p)
	return p
})

// pattern returns n bytes, at most 3 MiB, that differ from those for most other seeds.
func pattern(n, seed int) []byte { return bytes.Clone(noise()[seed*1009%(1<<20):][:n]) }

func TestEcho(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 4 << 10, 16 << 10, 16<<10 + 1, 64 << 10}
	if !raced { // which takes long for them
		sizes = append(sizes, 300<<10, 1<<20)
	}
	everyWay(t, func(t *testing.T, w way) {
		for _, z := range compressions {
			t.Run(z.name, func(t *testing.T) {
				c := w.serve(t, echo, event.Options{Compression: z.option}).dial(t, z.option)
				for _, n := range sizes {
					p := pattern(n, n)
					assert.NoError(t, c.Write(t.Context(), websocket.Binary, p))
					_, got, err := c.Read(t.Context())
					assert.NoError(t, err)
					assert.True(t, bytes.Equal(got, p), fmt.Sprintf("%d bytes came back changed", n))
				}
				assert.NoError(t, c.Close(websocket.StatusNormalClosure, "bye"))
			})
		}
	})
}

// TestPipelined sends messages of all sizes without waiting for their echoes, so that
// several of them are handled in one read.
func TestPipelined(t *testing.T) {
	sizes := []int{10, 20 << 10, 3, 17 << 10, 200, 16 << 10, 40 << 10, 0, 100 << 10, 1}
	everyWay(t, func(t *testing.T, w way) {
		for _, z := range compressions {
			t.Run(z.name, func(t *testing.T) {
				c := w.serve(t, echo, event.Options{Compression: z.option}).dial(t, z.option)
				rounds := 20
				if raced {
					rounds = 3
				}
				go func() {
					for i := range rounds {
						for j, n := range sizes {
							_ = c.Post(websocket.Binary, pattern(n, i+j))
						}
						_, _ = c.Ping(t.Context())
					}
				}()
				for i := range rounds {
					for j, n := range sizes {
						_, got, err := c.Read(t.Context())
						assert.NoError(t, err)
						assert.True(t, bytes.Equal(got, pattern(n, i+j)), fmt.Sprintf("round %d, message %d of %d bytes: got %d others", i, j, n, len(got)))
					}
				}
			})
		}
	})
}
