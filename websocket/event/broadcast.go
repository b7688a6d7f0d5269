package event

import (
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// Broadcast sends messages to connections, as Conn.SendPrepared does to each of them: nothing
// is copied or allocated for a receiver, and what those who drive the connections write is
// spread over them. It costs less than a loop over SendPrepared, as each of them is told
// once. Several messages at a time cost a receiver not much more than one: they are joined
// once for all. What cannot be queued for a connection is a matter of its policy, and of
// its OnClose.
func Broadcast(conns []*Conn, messages ...*websocket.Prepared) {
	told := newList()
	defer freeList(told)
	var driver bulk
	b := burst{messages: messages, single: len(messages) < 2 || len(conns) < 2}
	for _, c := range conns {
		c.mu.Lock()
		tell := c.queueBurst(&b)
		c.mu.Unlock()
		if !tell {
			continue
		}
		d, ok := c.home.(bulk)
		if !ok {
			c.home.schedule(c)
			continue
		}
		if d != driver {
			if driver != nil {
				driver.attendAll(*told)
				*told = (*told)[:0]
			}
			driver = d
		}
		*told = append(*told, c)
	}
	if driver != nil {
		driver.attendAll(*told)
	}
}

// A burst is messages that are sent to many connections at a time.
type burst struct {
	messages []*websocket.Prepared
	single   bool   // they are not to be joined
	joined   []byte // their frames, once somebody asked for them; never changes
}

// join returns the frames of all messages, not compressed, or nil if they are too large for
// that to be worth it.
func (b *burst) join() []byte {
	if b.single || b.joined != nil {
		return b.joined
	}
	size := 0
	for _, m := range b.messages {
		size += len(m.Frame(0))
	}
	if b.single = size > gatherSize; b.single {
		return nil
	}
	b.joined = make([]byte, 0, size)
	for _, m := range b.messages {
		b.joined = append(b.joined, m.Frame(0)...)
	}
	return b.joined
}

// queueBurst queues messages. If it says so the caller is to call schedule. mu is held, and
// may be released meanwhile.
func (c *Conn) queueBurst(b *burst) (tell bool) {
	if wire := b.join(); wire != nil && c.mayJoin(len(wire)) {
		c.box().add(segment{b: wire, shared: true})
		return c.needsFlush()
	}
	for _, m := range b.messages {
		mine, _ := c.queue(m, true)
		tell = tell || mine
	}
	return tell
}

// mayJoin tells that n bytes of frames may wait as they are, all together. mu must be held.
func (c *Conn) mayJoin(n int) bool {
	s := &c.engine.settings
	return c.phase == open && c.broken == nil && c.engine.role == proto.Server && c.machine.State() == proto.Open &&
		c.machine.DeflateBits(mostSize) == 0 && !c.corks() &&
		s.queuePolicy != QueueDropOldest && // it drops one by one
		(c.out == nil && n <= s.maxQueue || c.out != nil && c.out.held()+n <= s.maxQueue)
}

// bulk is a home of many connections, which can be told of many at once.
type bulk interface{ attendAll(list []*Conn) }

// broadcast sends m to all connections that are open.
func (e *engine) broadcast(m *websocket.Prepared) {
	list := newList()
	*list = e.conns(*list)
	Broadcast(*list, m)
	freeList(list)
}
