package websocket_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestDefectPongInsideAFrame: where a frame goes out in two writes, header and
// payload, or in as many as the network takes, the answer to a ping may land in the
// middle of it, and from then on the peer takes payload for headers.
func TestDefectPongInsideAFrame(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		// The network holds 64 KiB: the frame is cut where nobody expects it.
		large := sample(websocket.Binary, 300_000)
		var waits []func() error
		for range 3 {
			waits = append(waits, writing(t.Context(), c, large))
		}
		synctest.Wait()
		for i := range 5 {
			s.SendPing([]byte{byte(i)})
			synctest.Wait()
		}
		var messages, pongs int
		for messages < 3 || pongs < 5 {
			switch h, p := s.ExpectFrame(); h.Opcode {
			case frame.OpPong:
				assert.Equal(t, p, []byte{byte(pongs)})
				pongs++
			default:
				assert.Equal(t, h.Opcode, frame.OpBinary)
				assert.True(t, slices.Equal(p, large.Data), "there is something else in the message")
				messages++
			}
		}
		for _, wait := range waits {
			assert.NoError(t, wait())
		}
		s.SendClose(websocket.StatusNormalClosure, "")
		<-end
	})
}

// TestDefectMessageInManyFrames: a message that is written in one call leaves in
// frames of some buffer's size, which peers that know no fragments cannot read.
func TestDefectMessageInManyFrames(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		for _, n := range []int{0, 1, 4096, 16 << 10, 64<<10 + 1, 2 << 20} {
			m := sample(websocket.Binary, n)
			wait := writing(t.Context(), c, m)
			s.ExpectBinary(m.Data)
			assert.NoError(t, wait())
			assert.NoError(t, c.Post(m.Type, m.Data))
			s.ExpectBinary(m.Data)
		}
	})
}

// TestDefectMaskKeysFromTheClock: keys from a generator that is seeded with the time
// can be guessed by whoever chooses the payload, and then a page can write what it
// likes past a proxy (RFC 6455 §5.3 and §10.3). In bubbles it is the same time.
func TestDefectMaskKeysFromTheClock(t *testing.T) {
	const programs, frames = 3, 200
	seen := make(map[uint32]int)
	var nonces []string
	for range programs {
		synctest.Test(t, func(t *testing.T) {
			var s *wstest.Script
			c, _, _, err := dialScript(t.Context(), t, "ws://example.com/", nil, func(server *wstest.Script) {
				s = server
				nonces = append(nonces, answer(t, s, switching+"\r\n").Header.Get("Sec-WebSocket-Key"))
			})
			assert.NoError(t, err)
			var keys, steps []uint32
			for range frames {
				assert.NoError(t, c.Post(websocket.Text, []byte("same")))
				h, _ := s.ExpectFrame()
				keys = append(keys, h.Key)
				steps = append(steps, h.Key-keys[max(0, len(keys)-2)])
				seen[h.Key]++
			}
			slices.Sort(steps)
			assert.True(t, len(slices.Compact(steps)) > frames-5, "the keys only count")
		})
	}
	// That two of 600 random keys are the same happens in a run of 20,000.
	assert.True(t, len(seen) > programs*frames-5, fmt.Sprintf("%d frames, %d keys", programs*frames, len(seen)))
	slices.Sort(nonces)
	assert.Equal(t, len(slices.Compact(nonces)), programs)
}
