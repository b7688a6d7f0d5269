package event

import (
	"slices"
	"sync"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A Group is a set of connections to which messages are broadcast: a room, a topic. What
// was broadcast to it since a loop came round last is joined once and written to each
// member that has nothing else waiting from the same memory, so that a burst costs a member
// one write and not much more.
//
// All members get the messages of a group in the same order. What is sent to one of them
// with Conn.Send after a broadcast may arrive before it. A Group does not wait for members:
// QueueBlock counts as QueueClose. Members that have ended leave by themselves.
//
// The zero value is ready. All methods may be called concurrently, within the functions of
// a Handler too.
type Group struct {
	mu    sync.Mutex
	room  sync.Cond // of mu: a part has taken what waited
	index map[*Conn]place
	parts []*part
}

// A place is where a member stands: in part.seats.
type place struct {
	part *part
	seat int
}

// A part is the members of a group that one loop drives, or all that have a goroutine each.
// It is guarded by the group's mu.
type part struct {
	group   *Group
	loop    groupHome // nil for goroutines
	seats   []seat
	waiting []*websocket.Prepared // what the loop has not come to
	bytes   int                   // in waiting
	next    uint64                // number of the next message
	told    bool                  // the loop knows that something waits
}

// A seat is a member and the number of the first message that it is to get.
type seat struct {
	c    *Conn
	from uint64
}

// A groupHome is a home of many connections, which comes round to a part.
type groupHome interface{ attendGroup(p *part) }

// Add makes c a member. It gets what is broadcast from now on.
func (g *Group) Add(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.index[c]; ok {
		return
	}
	if g.index == nil {
		g.index = make(map[*Conn]place)
	}
	p := g.partOf(c)
	g.index[c] = place{p, len(p.seats)}
	p.seats = append(p.seats, seat{c, p.next})
}

// partOf returns the part for c. mu must be held.
func (g *Group) partOf(c *Conn) *part {
	home, _ := c.home.(groupHome)
	for _, p := range g.parts {
		if p.loop == home {
			return p
		}
	}
	p := &part{group: g, loop: home}
	g.parts = append(g.parts, p)
	return p
}

// Remove makes c a member no longer, if it is one. What was broadcast before may still
// reach it.
func (g *Group) Remove(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(c)
}

// remove is Remove with mu held.
func (g *Group) remove(c *Conn) {
	at, ok := g.index[c]
	if !ok {
		return
	}
	delete(g.index, c)
	p := at.part
	last := len(p.seats) - 1
	if at.seat < last {
		p.seats[at.seat] = p.seats[last]
		g.index[p.seats[at.seat].c] = at
	}
	p.seats[last] = seat{}
	p.seats = p.seats[:last]
}

// Len returns how many members there are.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.index)
}

// Broadcast sends m to all members. It returns at once, unless more waits for a loop to come
// round than one connection may have waiting (Options.MaxQueue): then it waits for that.
func (g *Group) Broadcast(m *websocket.Prepared) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.parts {
		switch {
		case len(p.seats) == 0:
		case p.loop == nil:
			p.send(m)
		default:
			p.wait(len(m.Payload()))
			p.post(m)
		}
	}
}

// send sends m to members that have a goroutine each.
func (p *part) send(m *websocket.Prepared) {
	for _, s := range slices.Backward(p.seats) { // as some may leave
		c := s.c
		c.mu.Lock()
		over := c.phase >= ended
		tell, _ := c.queue(m, false) // its OnClose tells of what is refused
		c.mu.Unlock()
		if tell {
			c.home.schedule(c)
		}
		if over {
			p.group.remove(c)
		}
	}
}

// post leaves m to the loop.
func (p *part) post(m *websocket.Prepared) {
	p.waiting = append(p.waiting, m)
	p.bytes += len(m.Payload())
	p.next++
	if !p.told {
		p.told = true
		p.loop.attendGroup(p)
	}
}

// wait waits until n more bytes may wait.
func (p *part) wait(n int) {
	g := p.group
	if g.room.L == nil {
		g.room.L = &g.mu
	}
	for len(p.seats) > 0 && p.bytes > 0 && p.bytes+n > p.seats[0].c.engine.settings.maxQueue {
		g.room.Wait()
	}
}

// A round is what a loop takes of a part at a time, in memory that it uses again.
type round struct {
	seats    []seat
	messages []*websocket.Prepared
	first    uint64 // number of the first message
	b        []byte // frames of some of the messages, joined
	ends     []int  // where they end in b
}

// take takes what waits.
func (r *round) take(p *part) {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	r.seats = append(r.seats[:0], p.seats...)
	r.messages = append(r.messages[:0], p.waiting...)
	r.first = p.next - uint64(len(p.waiting))
	clear(p.waiting)
	p.waiting, p.bytes, p.told = p.waiting[:0], 0, false
	p.group.room.Broadcast()
}

// release lets go of what was taken.
func (r *round) release() {
	clear(r.seats)
	clear(r.messages)
	if cap(r.b) > 2*gatherSize {
		r.b = nil
	}
}

// deliver sends what waits to all members.
func (r *round) deliver(p *part) {
	r.take(p)
	messages, first := r.messages, r.first
	for len(messages) > 0 {
		n := r.join(messages)
		for _, s := range r.seats {
			skip := 0
			if s.from > first {
				skip = int(min(s.from-first, uint64(n)))
			}
			if skip < n && !s.c.sendJoined(r, messages[skip:n], skip) {
				p.group.Remove(s.c)
			}
		}
		messages, first = messages[n:], first+uint64(n)
	}
	r.release()
}

// join joins the frames of as many messages as make a write, and returns how many.
func (r *round) join(messages []*websocket.Prepared) int {
	r.b, r.ends = r.b[:0], r.ends[:0]
	for _, m := range messages {
		wire := m.Frame(0)
		if len(r.ends) > 0 && len(r.b)+len(wire) > gatherSize {
			break
		}
		r.b = append(r.b, wire...)
		r.ends = append(r.ends, len(r.b))
	}
	return len(r.ends)
}

// sendJoined sends messages, whose frames stand in r.b behind those of skip others. It
// returns false if c has ended. Only the loop calls it.
func (c *Conn) sendJoined(r *round, messages []*websocket.Prepared, skip int) bool {
	off := 0
	if skip > 0 {
		off = r.ends[skip-1]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase >= ended:
		return false
	case !c.isPlain():
		c.queueAll(messages)
		return true
	}
	b := r.b[off:]
	c.writing = true
	c.mu.Unlock()
	n, err := c.home.write(c, b)
	c.mu.Lock()
	c.writing = false
	switch {
	case err != nil:
		c.fallSilent(err)
	case n < len(b):
		c.box().pushShared(messages, n)
		c.block()
	case c.out != nil:
		c.flush()
	}
	return true
}

// queueAll queues messages and writes what it can. mu is held, and may be released
// meanwhile.
func (c *Conn) queueAll(messages []*websocket.Prepared) {
	mine := false // the flushing
	for _, m := range messages {
		tell, _ := c.queue(m, false) // its OnClose tells of what is refused
		mine = mine || tell
	}
	if !mine {
		return
	}
	c.dirty = false
	if c.out != nil && c.cork == nil && !c.writing && !c.blocked.Load() {
		c.flush()
	}
}

// isPlain tells that frames can be written just as they are: nothing waits before them, and
// nothing needs to be done to them. mu must be held.
func (c *Conn) isPlain() bool {
	return c.phase == open && c.engine.role == proto.Server && c.out == nil && c.cork == nil && !c.writing && !c.blocked.Load() && c.broken == nil &&
		c.machine.State() == proto.Open && c.machine.DeflateBits(mostSize) == 0
}

// pushShared puts the frames of messages in front of everything else, but for the first n
// bytes, which have left.
func (o *outbox) pushShared(messages []*websocket.Prepared, n int) {
	var segs []segment
	for _, m := range messages {
		wire := m.Frame(0)
		gone := min(n, len(wire))
		if n -= gone; gone < len(wire) {
			segs = append(segs, segment{b: wire[gone:], whole: gone == 0, shared: true})
			o.size += len(wire) - gone
		}
	}
	o.segs = slices.Insert(o.segs, 0, segs...)
}
