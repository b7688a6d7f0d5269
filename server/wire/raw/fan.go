package raw

import (
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// A fan delivers a message to all members of a topic that are up to date: it is encoded
// once, and what waits for a loop leaves in one write for each socket.
type fan struct{}

// A round is the memory for one delivery: those who have a socket, and their sockets.
type round struct {
	members []*member
	conns   []*event.Conn
}

var rounds = sync.Pool{New: func() any { return new(round) }}

// DeliverAll does what Deliver of each member would do.
func (fan) DeliverAll(subs []*hub.Subscription, msg *hub.Message, held []*hub.Subscription) []*hub.Subscription {
	r := rounds.Get().(*round) //nolint:forcetypeassert // the pool holds nothing else
	for _, s := range subs {
		m := s.Sink().(*member) //nolint:forcetypeassert // only members name a fan
		if c := m.socket(msg); c != nil {
			r.members, r.conns = append(r.members, m), append(r.conns, c)
		} else {
			held = append(held, s)
		}
	}
	f := frameOf(msg)
	event.Broadcast(r.conns, f)
	for i, m := range r.members {
		m.mu.Lock()
		if !m.sent(r.conns[i], f, msg) {
			held = append(held, m.sub)
		}
		m.mu.Unlock()
	}
	clear(r.members)
	clear(r.conns)
	r.members, r.conns = r.members[:0], r.conns[:0]
	rounds.Put(r)
	return held
}

// frameOf returns the frame of a message, which all receivers share.
func frameOf(m *hub.Message) *websocket.Prepared {
	return m.Encoded(hub.FormA, encode).(*websocket.Prepared) //nolint:forcetypeassert // the form is this package's
}

// encode makes the frame: text and JSON are text, binary is binary. What is not UTF-8
// cannot be text (RFC 6455 §8.1), whatever its publisher said.
func encode(m *hub.Message) any {
	if m.Kind != hub.Binary {
		if f, err := websocket.Prepare(websocket.Text, m.Payload); err == nil {
			return f
		}
	}
	f, _ := websocket.Prepare(websocket.Binary, m.Payload) // nothing is wrong with binary
	return f
}
