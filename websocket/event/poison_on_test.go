//go:build poison

package event_test

import (
	"bytes"
	"testing"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// TestPoison keeps what was lent, which it must not: it is overwritten.
func TestPoison(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for _, n := range []int{10, 20 << 10} {
			var message []byte // kept against the rules
			srv := w.serve(t, event.Handler{
				OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
					if message == nil {
						message = p
						_ = c.Send(kind, p)
						return
					}
					_ = c.Send(kind, message)
				},
			}, event.Options{})
			s := srv.script(t)
			s.SendBinary(pattern(n, 1))
			s.ExpectBinary(pattern(n, 1))
			s.SendBinary(nil)
			s.ExpectBinary(bytes.Repeat([]byte{0xDB}, n))
		}
	})
}
