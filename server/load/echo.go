package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// An Echo is work for a server that sends every message back.
type Echo struct {
	Message

	// Depth is how many messages each connection has in flight: it sends the
	// next when one comes back. Default 1. It begins with one message, so that
	// the first full batch leaves together like those after it.
	Depth int

	// Rate, if not 0, is how many messages are sent each second on all
	// connections together, in turn, whether or not the answers come (an open
	// loop). Depth is not used then.
	Rate float64

	// Duration is how long to send.
	Duration time.Duration

	// Each, if not 0, ends the work after so many messages on each connection.
	// Duration may be 0 then. It cannot be joined with Rate.
	Each int64
}

// forever stands for no limit.
const forever = 365 * 24 * time.Hour

// Echo sends messages and checks what comes back, until the time is over and
// everything is back. If ctx ends first, the Result is what there is until then, and
// the error is that of ctx. A connection that breaks is a Problem and is left out from
// then on; the error is ErrNoConnections if none is left.
func (s *Set) Echo(ctx context.Context, e *Echo) (*Result, error) {
	sl, err := s.newSlice(e.Message)
	if err != nil {
		return nil, err
	}
	d := e.Duration
	switch {
	case e.Rate < 0, e.Depth < 0, e.Each < 0, d < 0, d == 0 && e.Each == 0:
		return nil, errors.New("load: Echo needs a Duration, or Each, and nothing may be negative")
	case e.Rate > 0 && e.Each > 0:
		return nil, errors.New("load: Echo at a Rate ends after a Duration, not after Each")
	case d == 0:
		d = forever
	}
	j := &echo{slice: sl, depth: max(e.Depth, 1), each: uint64(e.Each)}
	sl.job = j
	if e.Rate == 0 {
		return sl.run(ctx, d)
	}
	j.pace = newPace(e.Rate)
	r, err := sl.run(ctx, d)
	j.pace.report(r)
	return r, err
}

// An echo is the job of Echo.
type echo struct {
	*slice
	depth  int
	each   uint64
	pace   *pace // nil: a message follows another
	places int   // connections in the schedule
	paced  atomic.Bool
}

func (e *echo) start() {
	var all []*conn
	for _, c := range e.set.conns {
		c.lane.mu.Lock()
		if !c.closed {
			c.base, c.slot, c.active = c.sent, len(all), true
			if len(c.times) != e.depth && e.pace == nil {
				c.times = make([]int64, e.depth)
			}
			e.pending.Add(1)
			all = append(all, c)
		}
		c.lane.mu.Unlock()
	}
	if e.places = len(all); e.pace != nil && e.places > 0 {
		e.pending.Add(1)
		go e.follow(all)
		return
	}
	for _, c := range all {
		c.lane.mu.Lock()
		first, n := e.next(c, e.now(), 1)
		c.lane.mu.Unlock()
		if n > 0 {
			e.send(c.event, first, c.id)
		}
	}
}

// message checks one that came and sends what may follow it.
func (e *echo) message(c *conn, ec *event.Conn, t websocket.MessageType, p []byte) {
	now := e.now()
	l := c.lane
	l.mu.Lock()
	if seq := c.back.next; seq < c.sent && e.form.is(t, p, seq, c.id) {
		c.back.next++
		e.took(c, now, seq, len(p))
	} else {
		e.wrong(c, now, t, p)
	}
	first, n := e.next(c, now, e.depth)
	l.mu.Unlock()
	for i := range n {
		e.send(ec, first+i, c.id)
	}
}

func (e *echo) took(c *conn, now int64, seq uint64, size int) {
	c.clear()
	c.lane.took(now, now-e.since(c, seq), size)
}

// wrong judges a message that is not the next one as it was sent. c.lane.mu must be
// held.
func (e *echo) wrong(c *conn, now int64, t websocket.MessageType, p []byte) {
	l := c.lane
	l.total++
	seq, id, ok := e.form.read(p)
	switch {
	case !ok || id == c.id && seq >= c.sent:
		if e.strange(c, t, p, c.back.next < c.sent) {
			c.back.next++
		}
	case id != c.id:
		l.problem(Unexpected, 1, "a message of connection %d came on connection %d: is this an echo?", id, c.id)
	case e.judge(c, &c.back, seq, t, p, fmt.Sprintf("connection %d", c.id)):
		l.total--
		e.took(c, now, seq, len(p))
	}
}

// since returns from when on the latency of a message counts: from sending it, or
// from when that was due.
func (e *echo) since(c *conn, seq uint64) int64 {
	if e.pace != nil {
		return e.pace.due((seq-c.base)*uint64(e.places) + uint64(c.slot))
	}
	return c.times[seq%uint64(len(c.times))]
}

// next reserves the messages that may be sent now, so that no more than depth are in
// flight, and returns the number of the first. If there will be none any more, and
// all have come, it marks the connection as done. c.lane.mu must be held.
func (e *echo) next(c *conn, now int64, depth int) (first, n uint64) {
	if !c.active {
		return 0, 0
	}
	over := now >= e.end.Load() || e.each > 0 && c.sent-c.base >= e.each
	switch {
	case e.pace != nil:
		over = e.paced.Load()
	case !over:
		n = max(uint64(depth), c.inFlight()) - c.inFlight()
		if e.each > 0 {
			n = min(n, e.each-(c.sent-c.base))
		}
	}
	first = c.sent
	for i := range n {
		c.times[(first+i)%uint64(len(c.times))] = now
	}
	c.sent += n
	c.lane.tally.sent += int64(n)
	if over && c.isBack() {
		e.retire(c)
	}
	return first, n
}

// retire marks a connection as done. c.lane.mu must be held.
func (e *echo) retire(c *conn) {
	c.active = false
	e.finish()
}

// follow sends at the rate, on the connections in turn.
func (e *echo) follow(all []*conn) {
	e.pace.run(e.slice, func(k uint64) {
		c := all[k%uint64(len(all))]
		c.lane.mu.Lock()
		seq, ok := c.sent, c.active
		if ok {
			c.sent++
			c.lane.tally.sent++
		}
		c.lane.mu.Unlock()
		if ok {
			e.send(c.event, seq, c.id)
		}
	})
	e.paced.Store(true)
	for _, c := range all {
		c.lane.mu.Lock()
		e.next(c, 0, 0)
		c.lane.mu.Unlock()
	}
	e.finish()
}

// closed gives up what was in flight.
func (e *echo) closed(c *conn) {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if c.active {
		e.lose(c)
		e.retire(c)
	}
}

// inFlight returns how many messages were sent and may still come in order.
func (c *conn) inFlight() uint64 { return c.sent - c.back.next }

// isBack tells whether every message has come back.
func (c *conn) isBack() bool { return c.inFlight() == 0 && len(c.back.missing) == 0 }

func (*echo) awaits(c *conn) bool { return c.active && !c.isBack() }

func (e *echo) abandon(c *conn, interrupted bool) (broken bool) {
	broken = c.inFlight() > 0
	if !interrupted {
		c.tell()
		if broken {
			c.lane.problem(Silent, 1, "connection %d: nothing came for %v", c.id, e.set.target.Timeout)
		}
		e.lose(c)
	}
	c.back.giveUp(c.sent)
	e.retire(c)
	return broken
}

// lose counts what has not come back as lost. c.lane.mu must be held.
func (e *echo) lose(c *conn) {
	if n, first := c.back.lost(c.sent); n > 0 {
		c.lane.problem(Lost, n, "message %d of connection %d did not come back", first, c.id)
	}
	c.back.giveUp(c.sent)
}

func (*echo) ended() {}
