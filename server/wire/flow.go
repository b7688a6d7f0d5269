package wire

import (
	"math"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
)

// DefaultWindow is how many bytes may be on their way to a socket by default.
const DefaultWindow = 256 << 10

// messageCost is what a message counts in a Flow beside its payload, in bytes: its
// header, and what it holds while it waits for the network.
const messageCost = 48

// MaxPings is how many pings may be unanswered, which is more than a window needs: a
// peer that answers none, and is sent more all the same, such as what it asks for, costs
// no more.
const MaxPings = 16

// QueueFor returns how many bytes must be allowed to wait on a socket for a window and
// messages of maxMessage bytes, which are 1 MiB if that is zero and have no bound if it
// is negative: what the window lets pass, the message that fills it, and what comes at
// the same time.
func QueueFor(window int, maxMessage int64) int {
	switch {
	case maxMessage == 0:
		maxMessage = websocket.DefaultMaxMessage
	case maxMessage < 0:
		return math.MaxInt32
	}
	return window + int(min(4*maxMessage, math.MaxInt32/2))
}

// A Flow is how much was sent to one socket and how much of it has arrived. The
// receiving end says so by itself: now and then a ping follows what was sent, and it
// is answered with the same payload (RFC 6455 §5.5.2 and §5.5.3).
//
// A ping goes out with each quarter of the window, and with what fills it, so that a
// socket that is sent little is never pinged. Only the answer to a ping that was sent
// counts, and it counts for those before it too, for a peer may answer the latest
// ping alone. A peer that invents pongs can do no more than deny itself the window.
//
// The zero Flow is ready. It holds memory beside its own only while a ping is not
// answered. It is guarded by a lock of its owner.
type Flow struct {
	sent     uint64 // bytes so far
	pinged   uint64 // of these, before the last ping
	answered uint64 // of these, before the last ping that was answered
	marks    *marks // pings that were not, nil if there are none
}

// A mark is a ping that was sent: behind which message, and behind how many bytes.
type mark struct {
	at   hub.Cursor
	sent uint64
}

// marks are in the order in which they were sent.
type marks struct{ list []mark }

var marksPool = sync.Pool{New: func() any { return &marks{list: make([]mark, 0, 8)} }}

// Sent takes note that messages were sent, with n bytes of payload in all.
func (f *Flow) Sent(messages, n int) { f.sent += uint64(n) + uint64(messages)*messageCost }

// Due tells whether a ping is to be sent now. It may become so by a pong, if there were
// [MaxPings].
func (f *Flow) Due(window int) bool {
	unpinged := f.sent - f.pinged
	if f.Unanswered() >= MaxPings {
		return false
	}
	return unpinged >= uint64(window)/4 || unpinged > 0 && f.Full(window)
}

// Full tells whether as much is on its way as the window allows.
func (f *Flow) Full(window int) bool { return f.sent-f.answered >= uint64(window) }

// Unpinged tells whether something was sent behind the last ping.
func (f *Flow) Unpinged() bool { return f.sent > f.pinged }

// Unanswered returns how many pings were not answered.
func (f *Flow) Unanswered() int {
	if f.marks == nil {
		return 0
	}
	return len(f.marks.list)
}

// AppendPing appends the payload of a ping that is sent now, behind the message at a
// position. A position must not come twice.
func (f *Flow) AppendPing(dst []byte, at hub.Cursor) []byte {
	if f.marks == nil {
		f.marks = marksPool.Get().(*marks) //nolint:forcetypeassert // the pool holds nothing else
	}
	f.pinged = f.sent
	f.marks.list = append(f.marks.list, mark{at, f.sent})
	return at.Append(dst)
}

// Pong takes the payload of a pong. If that answers a ping, ok is set and at is the
// position behind which the ping was sent.
func (f *Flow) Pong(p []byte) (at hub.Cursor, ok bool) {
	if f.marks == nil || len(p) == 0 {
		return hub.Cursor{}, false
	}
	var payload [hub.MaxCursorLen]byte
	list := f.marks.list
	for i, m := range list {
		if string(m.at.Append(payload[:0])) != string(p) {
			continue
		}
		f.answered = m.sent
		f.marks.list = list[:copy(list, list[i+1:])]
		if len(f.marks.list) == 0 {
			f.Drop()
		}
		return m.at, true
	}
	return hub.Cursor{}, false
}

// Drop forgets the pings that were not answered, when the socket has ended.
func (f *Flow) Drop() {
	if m := f.marks; m != nil {
		f.marks = nil
		m.list = m.list[:0]
		marksPool.Put(m)
	}
}
