package raw

import (
	"sync/atomic"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
)

// A room is what the members of a topic share: the frame of the message that is
// being delivered, so that it is encoded once and not once for each of them.
//
// The hub must not know frames, so a message cannot carry its own. The frame is
// found by the message instead, and one place to remember is enough, because the
// hub delivers the messages of a topic one after the other. Whoever publishes,
// through this wire or another, the first member that is called encodes. A map
// of frames for all topics would need a lock that all of them share; here is
// only a load, and a race between two sinks, should the hub ever call them at
// once, costs a second encoding and nothing else.
type room struct {
	topic   string
	members int // guarded by wire.mu
	latest  atomic.Pointer[encoded]
}

// An encoded message is one with its frame.
type encoded struct {
	message *hub.Message
	frame   *websocket.Prepared
}

// frame returns the frame of m.
func (rm *room) frame(m *hub.Message) (*websocket.Prepared, error) {
	if e := rm.latest.Load(); e != nil && e.message == m {
		return e.frame, nil
	}
	kind := websocket.Text
	if m.Binary {
		kind = websocket.Binary
	}
	f, err := websocket.Prepare(kind, m.Payload)
	if err != nil {
		return nil, err
	}
	rm.latest.Store(&encoded{m, f})
	return f, nil
}

// publish hands m to everybody and lets go of its frame, which may be large,
// when all have got it. What another wire publishes is kept until the next
// message.
func (rm *room) publish(h *hub.Hub, m *hub.Message) error {
	err := h.Publish(m)
	if e := rm.latest.Load(); e != nil && e.message == m {
		rm.latest.CompareAndSwap(e, nil)
	}
	return err
}
