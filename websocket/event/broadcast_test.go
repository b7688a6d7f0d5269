package event_test

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// TestBroadcastOfSeveral sends several messages at a time, beside those that each connection
// is sent alone: all of them arrive everywhere, in order.
func TestBroadcastOfSeveral(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		const rounds, several = 20, 5
		g := newHall(t, w, event.Handler{}, event.Options{Compression: &websocket.Compression{}})
		var members []*websocket.Conn
		var conns []*event.Conn
		for i := range 3 {
			c, conn := g.member(t, []*websocket.Compression{nil, {}, {NoContextTakeover: true}}[i])
			members, conns = append(members, c), append(conns, conn)
		}
		event.Broadcast(conns)                             // of nothing
		event.Broadcast(nil, prepared(t, 0, 100))          // to nobody
		event.Broadcast(conns[:1], prepared(t, 0, 70<<10)) // to one, which is large
		for i := range rounds {
			var list []*websocket.Prepared
			for j := range several {
				list = append(list, prepared(t, 1+i*(several+1)+j, 100))
			}
			event.Broadcast(conns, list...)
			for _, c := range conns {
				assert.NoError(t, c.Send(websocket.Binary, numbered(1+i*(several+1)+several, 100)))
			}
		}
		for i, c := range members {
			next := 1
			if i == 0 {
				next = 0
			}
			for ; next <= rounds*(several+1); next++ {
				_, p, err := c.Read(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, number(t, p), next)
			}
		}
	})
}
