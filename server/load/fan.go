package load

import (
	"fmt"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

func (f *fan) start() {
	for _, c := range f.set.conns {
		c.lane.mu.Lock()
		if c.active = !c.closed; c.active {
			f.live++
		}
		c.lane.mu.Unlock()
	}
	f.mu.Lock()
	for _, p := range f.pubs {
		if p.active = p.conn.isActive(); p.active {
			f.pending.Add(1)
		}
	}
	f.mu.Unlock()
	if f.pace != nil {
		f.pending.Add(1)
		go f.follow()
		return
	}
	for _, p := range f.pubs {
		f.next(p)
	}
	if f.repeats {
		f.pending.Add(1)
		go f.repeat(f.pubs[0])
	}
}

// A publisher that waits for everybody to join repeats itself, so often at most.
const (
	repetition  = 100 * time.Millisecond
	repetitions = 20
)

// repeat publishes again and again until every connection has got something.
func (f *fan) repeat(p *turn) {
	defer f.finish()
	tick := time.NewTicker(repetition)
	defer tick.Stop()
	for range repetitions {
		select {
		case <-p.over:
			return
		case <-tick.C:
			f.publish(p, p.issued.Add(1)-1, 1)
		}
	}
}

func (c *conn) isActive() bool {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	return c.active
}

// next sends the next burst of a publisher whose last one has arrived, or marks the
// publisher as done. No lock must be held.
func (f *fan) next(p *turn) {
	now := f.now()
	f.mu.Lock()
	if !p.active {
		f.mu.Unlock()
		return
	}
	first, n := p.issued.Load(), uint64(len(p.times))
	if f.each > 0 {
		n = min(n, f.each-min(f.each, first-p.base)) // it may have repeated itself
	}
	p.owed = f.receivers()
	if f.pace != nil || now >= f.end.Load() || n == 0 || p.owed == 0 {
		f.retire(p)
		f.mu.Unlock()
		return
	}
	for i := range n {
		p.times[(first+i)%uint64(len(p.times))].Store(now)
	}
	p.issued.Store(first + n)
	p.end.Store(first + n)
	f.mu.Unlock()
	f.publish(p, first, n)
}

// retire marks a publisher as done. f.mu must be held.
func (f *fan) retire(p *turn) {
	p.active = false
	close(p.over)
	f.finish()
}

// receivers returns how many connections get what a publisher sends. f.mu must be
// held.
func (f *fan) receivers() int {
	if f.own {
		return f.live
	}
	return f.live - 1
}

// publish sends n messages.
func (f *fan) publish(p *turn, first, n uint64) {
	l := p.conn.lane
	l.mu.Lock()
	l.tally.sent += int64(n)
	l.mu.Unlock()
	for i := range n {
		f.send(p.conn.event, first+i, p.id)
	}
}

// since returns from when on the latency of a message counts.
func (f *fan) since(p *turn, seq uint64) int64 {
	if f.pace != nil {
		return f.pace.due((seq-p.base)*uint64(len(f.pubs)) + uint64(p.slot))
	}
	return p.times[seq%uint64(len(p.times))].Load()
}

// message checks one that came. The last one to arrive of a burst lets the next
// begin.
func (f *fan) message(c *conn, _ *event.Conn, t websocket.MessageType, p []byte) {
	now := f.now()
	seq, id, ok := f.form.read(p)
	var complete *turn
	l := c.lane
	l.mu.Lock()
	if pub := f.turn(id); ok && pub != nil && seq < pub.issued.Load() {
		m := &c.marks[id]
		if f.joining && m.next == 0 {
			m.next = seq
		}
		if seq == m.next && f.form.filled(t, p) {
			m.next++
			f.took(c, pub, now, seq, len(p))
		} else {
			f.wrong(c, pub, now, seq, t, p)
		}
		if f.arrived(c, pub) {
			complete = pub
		}
	} else if ok && pub == nil && int64(id) < int64(len(c.marks)) && seq < f.set.publishers[id].issued.Load() {
		f.late(c, id, seq, t, p)
	} else {
		f.alien(c, id, ok, t, p)
	}
	l.mu.Unlock()
	if complete != nil {
		f.next(complete)
	}
}

// turn returns the publisher with that id if it takes part, or nil.
func (f *fan) turn(id uint32) *turn {
	if int64(id) < int64(len(f.byID)) {
		return f.byID[id]
	}
	return nil
}

// spared tells whether what p publishes is not meant to come on c.
func (f *fan) spared(c *conn, p *turn) bool { return !f.own && c == p.conn }

// took counts a message that is right. c.lane.mu must be held.
func (f *fan) took(c *conn, p *turn, now int64, seq uint64, size int) {
	c.clear()
	if f.spared(c, p) || seq < p.base {
		c.lane.tally.ignored++
		return
	}
	c.lane.took(now, now-f.since(p, seq), size)
}

// wrong judges a message that is not the next one of its publisher as it was sent.
// c.lane.mu must be held.
func (f *fan) wrong(c *conn, p *turn, now int64, seq uint64, t websocket.MessageType, b []byte) {
	c.lane.total++
	from := fmt.Sprintf("publisher %d on connection %d", p.id, c.id)
	if f.judge(c, &c.marks[p.id].track, seq, t, b, from) {
		c.lane.total--
		f.took(c, p, now, seq, len(b))
	}
}

// late judges a message of a publisher that does not take part any more: only a probe
// that was repeated may come so late. c.lane.mu must be held.
func (f *fan) late(c *conn, id uint32, seq uint64, t websocket.MessageType, p []byte) {
	c.lane.total++
	m := &c.marks[id]
	if f.joining && m.next == 0 {
		m.next = seq
	}
	if f.judge(c, &m.track, seq, t, p, fmt.Sprintf("publisher %d on connection %d", id, c.id)) {
		c.lane.tally.ignored++
	}
}

// alien judges a message that no publisher has sent. c.lane.mu must be held.
func (f *fan) alien(c *conn, id uint32, stamped bool, t websocket.MessageType, p []byte) {
	c.lane.total++
	if stamped && f.form.filled(t, p) {
		c.lane.problem(Unexpected, 1, "connection %d: a message of publisher %d came that is not awaited", c.id, id)
		return
	}
	only := f.pubs[0]
	awaited := c.marks[only.id].next < only.issued.Load()
	if f.strange(c, t, p, awaited) && len(f.pubs) == 1 {
		c.marks[only.id].next++ // it can only be this one
	}
}

// arrived notes that c has got all of a burst, if it has, and tells whether it was
// the last one to. c.lane.mu must be held.
func (f *fan) arrived(c *conn, p *turn) bool {
	m, end := &c.marks[p.id], p.end.Load()
	if !c.active || m.next < end || len(m.missing) > 0 || m.finished == end || f.spared(c, p) {
		return false
	}
	m.finished = end
	f.mu.Lock()
	defer f.mu.Unlock()
	p.owed--
	return p.owed == 0
}

// follow publishes at the rate, by the publishers in turn, and then waits for the
// rest like for a burst.
func (f *fan) follow() {
	for _, p := range f.pubs {
		p.end.Store(unknown)
	}
	f.pace.run(f.slice, func(k uint64) {
		p := f.pubs[k%uint64(len(f.pubs))]
		f.mu.Lock()
		seq, ok := p.issued.Load(), p.active
		if ok {
			p.issued.Add(1)
		}
		f.mu.Unlock()
		if ok {
			f.publish(p, seq, 1)
		}
	})
	for _, p := range f.pubs {
		f.settle(p)
	}
	f.finish()
}

// settle tells everybody how many messages there were in all.
func (f *fan) settle(p *turn) {
	f.mu.Lock()
	end := p.issued.Load()
	p.owed = f.receivers()
	p.end.Store(end)
	complete := p.owed == 0 || end == p.base
	f.mu.Unlock()
	for _, c := range f.set.conns {
		c.lane.mu.Lock()
		if f.arrived(c, p) {
			complete = true
		}
		c.lane.mu.Unlock()
	}
	if complete {
		f.next(p)
	}
}

// closed gives up what the connection did not get, and what it would have published.
func (f *fan) closed(c *conn) {
	c.lane.mu.Lock()
	complete := f.leave(c, true)
	c.lane.mu.Unlock()
	for _, p := range complete {
		f.next(p)
	}
}

// leave takes a connection out of the slice and returns the publishers that waited
// only for it. c.lane.mu must be held.
func (f *fan) leave(c *conn, lost bool) (complete []*turn) {
	if !c.active {
		return nil
	}
	c.active = false
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live--
	for _, p := range f.pubs {
		if c == p.conn && p.active {
			f.retire(p)
		}
		m := &c.marks[p.id]
		if !f.spared(c, p) && p.active && m.finished != p.end.Load() {
			if p.owed--; p.owed == 0 {
				complete = append(complete, p)
			}
		}
		if n, first := m.lost(p.issued.Load()); lost && n > 0 && !f.spared(c, p) {
			c.lane.problem(Lost, n, "message %d of publisher %d did not come on connection %d", first, p.id, c.id)
		}
		m.giveUp(p.issued.Load())
	}
	return complete
}

func (f *fan) awaits(c *conn) bool {
	if !c.active {
		return false
	}
	for _, p := range f.pubs {
		if n, _ := c.marks[p.id].lost(p.issued.Load()); n > 0 && !f.spared(c, p) {
			return true
		}
	}
	return false
}

func (f *fan) abandon(c *conn, interrupted bool) (broken bool) {
	for _, p := range f.pubs {
		broken = broken || !f.spared(c, p) && c.marks[p.id].next < p.issued.Load()
	}
	if !interrupted {
		c.tell()
	}
	f.leave(c, !interrupted)
	return broken
}

// ended marks the publishers as done: nobody is waited for any more.
func (f *fan) ended() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pubs {
		if p.active {
			f.retire(p)
		}
	}
}
