package event_test

import (
	"fmt"
	"slices"
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

// TestBroadcastOfSeveralToTheSlow sends bursts to connections that read nothing: the queue
// is as bounded as it is for single messages, and its policy is kept.
func TestBroadcastOfSeveralToTheSlow(t *testing.T) {
	const several, size = 3, 16 << 10
	const messages = 192 * several // 9 MiB, more than sockets hold
	everyPlainWay(t, func(t *testing.T, w way) {
		for policy, code := range map[event.QueuePolicy]websocket.StatusCode{
			event.QueueClose:      websocket.StatusTryAgainLater,
			event.QueueDropOldest: websocket.StatusNormalClosure,
		} {
			opens := make(chan *event.Conn, 2)
			srv := w.serve(t, event.Handler{OnOpen: func(c *event.Conn) { opens <- c }},
				event.Options{MaxQueue: maxQueue, QueuePolicy: policy, WriteTimeout: -1})
			s := srv.script(t)
			conns := []*event.Conn{within(t, opens, "OnOpen")}
			srv.script(t)
			conns = append(conns, within(t, opens, "OnOpen"))
			for i := 0; i < messages; i += several {
				event.Broadcast(conns, prepared(t, i, size), prepared(t, i+1, size), prepared(t, i+2, size))
				held := conns[0].Queued()
				assert.True(t, held <= maxQueue+256, fmt.Sprintf("%d bytes are queued", held))
			}
			if policy == event.QueueDropOldest {
				assert.NoError(t, conns[0].Close(code, ""))
			}
			numbers, _, got := rest(t, s)
			assert.Equal(t, got, code)
			assert.True(t, slices.IsSorted(numbers), "in order")
			assert.True(t, len(numbers) < messages, "nothing is missing")
			last := len(numbers) - 1 // all before the first that was refused
			if policy == event.QueueDropOldest {
				last = messages - 1
			}
			assert.Equal(t, numbers[len(numbers)-1], last)
		}
	})
}
