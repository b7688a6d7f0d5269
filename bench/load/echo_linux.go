package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Echo has connections send messages and waits until all have come back.
func (s *Set) Echo(ctx context.Context, e *Echo) (*Result, error) {
	s.begin(e.Message)
	t := &turn{Set: s, depth: max(e.Depth, 1), active: e.Active, left: e.Total, until: e.Duration, r: new(Result)}
	if t.active <= 0 || t.active > len(s.conns) {
		t.active = len(s.conns)
	}
	if t.left == 0 {
		t.left = 1<<63 - 1
	} else {
		t.until = time.Hour
	}
	cpu, begun := ownCPU(), s.now()
	t.until += begun
	err := t.run(ctx)
	t.r.Elapsed, t.r.CPU = s.now()-begun, ownCPU()-cpu
	if err == nil {
		err = ctx.Err()
	}
	return t.r, err
}

// A turn is a slice of echoes.
type turn struct {
	*Set
	depth, active int
	left          int           // messages to send
	until         time.Duration // when no more are sent
	waiting       int           // messages in flight on all connections
	idle          int           // connection that was idle longest, if not all are active
	r             *Result
}

func (t *turn) run(ctx context.Context) error {
	for range t.active {
		if err := t.wake(t.now()); err != nil {
			return err
		}
	}
	for t.waiting > 0 {
		events, err := t.poller.wait()
		if err != nil {
			return fmt.Errorf("%d messages in flight: %w", t.waiting, err)
		}
		if ctx.Err() != nil {
			t.left = 0
		}
		for i := range events {
			if err := t.event(&events[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// wake makes the next connection active.
func (t *turn) wake(now time.Duration) error {
	c := &t.conns[t.idle]
	t.idle = (t.idle + 1) % len(t.conns)
	return t.send(c, t.depth, now)
}

// send sends messages on a connection, unless it is time to end.
func (t *turn) send(c *conn, n int, now time.Duration) error {
	if n = min(n, t.left); n == 0 || now >= t.until {
		return nil
	}
	t.left -= n
	t.waiting += n
	return t.Set.send(c, n, now)
}

func (t *turn) event(ev *unix.EpollEvent) error {
	c := &t.conns[ev.Fd]
	if ev.Events&unix.EPOLLOUT != 0 {
		if err := t.flush(c); err != nil {
			return err
		}
	}
	if ev.Events&^unix.EPOLLOUT == 0 {
		return nil
	}
	n, err := t.read(c)
	if n == 0 || err != nil {
		return err
	}
	now := t.now()
	if err := t.arrived(c, n, now); err != nil {
		return err
	}
	switch {
	case t.active == len(t.conns):
		return t.send(c, n, now)
	case c.inFlight == 0:
		return t.wake(now)
	}
	return nil
}

// read reads once and returns how many messages have come to their end.
func (s *Set) read(c *conn) (int, error) {
	n, err := receive(c.fd, s.in)
	if n == 0 || err != nil {
		return 0, err
	}
	return s.consume(c, s.in[:n])
}

// arrived counts messages that came back.
func (t *turn) arrived(c *conn, n int, now time.Duration) error {
	if n > c.inFlight {
		return errSurplus
	}
	for range n {
		t.r.Latency.Add(now-c.sent[c.first], 1)
		c.first = (c.first + 1) % len(c.sent)
	}
	c.inFlight -= n
	t.waiting -= n
	t.r.Messages += int64(n)
	t.r.Bytes += int64(n * len(t.stream.payloads[0]))
	return nil
}

// send sends n messages on a connection.
func (s *Set) send(c *conn, n int, now time.Duration) error {
	if need := c.inFlight + n; need > len(c.sent) {
		grown := make([]time.Duration, need)
		for i := range c.inFlight {
			grown[i] = c.sent[(c.first+i)%len(c.sent)]
		}
		c.sent, c.first = grown, 0
	}
	for range n {
		c.sent[(c.first+c.inFlight)%len(c.sent)] = now
		c.inFlight++
	}
	s.queue(c, n)
	if c.blocked {
		return nil
	}
	return s.flush(c)
}

// queue adds n frames to what is to be written.
func (s *Set) queue(c *conn, n int) {
	if c.outLeft == 0 {
		if s.stream.alike() {
			c.next = 0 // so that many frames stand one behind the other
		}
		c.outAt = s.stream.start(c.next)
	}
	c.outLeft += s.stream.size(c.next, n)
	c.next = (c.next + n) % len(s.stream.ends)
}

// flush writes what there is room for.
func (s *Set) flush(c *conn) error {
	out := s.stream.out
	for c.outLeft > 0 {
		n, err := send(c.fd, out[c.outAt:min(c.outAt+c.outLeft, len(out))])
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		c.outLeft -= n
		c.outAt = (c.outAt + n) % len(out)
	}
	if blocked := c.outLeft > 0; blocked != c.blocked {
		c.blocked = blocked
		return s.poller.watchRoom(c.fd, c.number, blocked)
	}
	return nil
}
