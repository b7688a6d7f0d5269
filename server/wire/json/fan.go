package json

import (
	"bytes"
	"slices"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// A topicFan delivers a message to all subscriptions of its topic that are up to date: it
// is encoded once.
type topicFan struct{}

// DeliverAll does what Deliver of each subscription would do.
func (topicFan) DeliverAll(subs []*hub.Subscription, m *hub.Message, held []*hub.Subscription) []*hub.Subscription {
	return deliverAll(subs, frameOf(m), held)
}

// A filterFan does the same for a filter, which its frames name.
type filterFan struct{ filter string }

// DeliverAll does what Deliver of each subscription would do.
func (f filterFan) DeliverAll(subs []*hub.Subscription, m *hub.Message, held []*hub.Subscription) []*hub.Subscription {
	return deliverAll(subs, encode(m, f.filter), held)
}

var connLists = sync.Pool{New: func() any { return new([]*event.Conn) }}

func deliverAll(subs []*hub.Subscription, f *websocket.Prepared, held []*hub.Subscription) []*hub.Subscription {
	list := connLists.Get().(*[]*event.Conn) //nolint:forcetypeassert // the pool holds nothing else
	for _, s := range subs {
		*list = append(*list, s.Sink().(*subscription).socket.conn) //nolint:forcetypeassert // only subscriptions name a fan
	}
	event.Broadcast(*list, f)
	clear(*list)
	*list = (*list)[:0]
	connLists.Put(list)
	for _, s := range subs {
		if !s.Sink().(*subscription).sent(f) { //nolint:forcetypeassert // as above
			held = append(held, s)
		}
	}
	return held
}

// frameOf returns the frame of a message, which all receivers share that have subscribed
// to its topic.
func frameOf(m *hub.Message) *websocket.Prepared {
	return m.Encoded(hub.FormB, encodeAny).(*websocket.Prepared) //nolint:forcetypeassert // the form is this package's
}

func encodeAny(m *hub.Message) any { return encode(m, "") }

// largePayload is how many bytes a payload has that is not encoded for each filter anew: a
// client may have a thousand filters that match one topic, and everybody waits meanwhile.
const largePayload = 4 << 10

// encode makes the frame of a message for the subscriptions with a filter, "" for those
// of its topic.
func encode(m *hub.Message, filter string) *websocket.Prepared {
	if filter != "" && len(m.Payload) >= largePayload {
		return prepare(func(dst []byte) []byte { return appendWithSub(dst, frameOf(m).Payload(), filter) })
	}
	return prepare(func(dst []byte) []byte { return wire.AppendMessage(dst, m, true, filter) })
}

// appendWithSub appends what encoded is, {"t":"…",…}, with "sub":"FILTER" behind the topic.
func appendWithSub(dst, encoded []byte, filter string) []byte {
	head := bytes.IndexByte(encoded, ',') + 1 // no topic has a comma
	dst = slices.Grow(dst, len(encoded)+len(filter)+len(`"sub":"",`))
	dst = append(dst, encoded[:head]...)
	dst = append(dst, `"sub":`...)
	dst = append(wire.AppendString(dst, filter), ',')
	return append(dst, encoded[head:]...)
}

func encodePresence(c *hub.PresenceChange) any {
	return prepare(func(dst []byte) []byte { return appendPresence(dst, c) })
}

// prepare makes a frame of what appendTo appends to an empty buffer, which is UTF-8.
func prepare(appendTo func(dst []byte) []byte) *websocket.Prepared {
	b := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	*b = appendTo((*b)[:0])
	f, _ := websocket.Prepare(websocket.Text, *b) // which copies
	if cap(*b) <= maxBuffer {
		buffers.Put(b)
	}
	return f
}
