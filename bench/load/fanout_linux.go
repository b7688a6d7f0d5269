package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// FanOut has the first connection send messages and waits until each has reached
// all connections. The Messages of its Result are those received by all together.
func (s *Set) FanOut(ctx context.Context, f *FanOut) (*Result, error) {
	s.begin(f.Message)
	for i := range s.conns {
		s.conns[i].inFlight = 0 // counts what came
	}
	p := &publication{Set: s, outstanding: max(f.Outstanding, 1), r: new(Result)}
	p.sent, p.missing = make([]time.Duration, p.outstanding), make([]int, p.outstanding)
	cpu, begun := ownCPU(), s.now()
	p.until = begun + f.Duration
	err := p.run(ctx)
	p.r.Elapsed, p.r.CPU = s.now()-begun, ownCPU()-cpu
	for i := range s.conns {
		s.conns[i].inFlight = 0
	}
	if err == nil {
		err = ctx.Err()
	}
	return p.r, err
}

// A publication is a slice of fan-out. Message i stands at i modulo outstanding.
type publication struct {
	*Set
	outstanding        int
	published, arrived int             // messages; arrived at all
	sent               []time.Duration // when each was
	missing            []int           // connections that each is to reach
	until              time.Duration
	r                  *Result
}

func (p *publication) run(ctx context.Context) error {
	if err := p.publish(); err != nil {
		return err
	}
	for p.arrived < p.published {
		events, err := p.poller.wait()
		if err != nil {
			return fmt.Errorf("%d messages have not reached everybody: %w", p.published-p.arrived, err)
		}
		if ctx.Err() != nil {
			p.until = 0
		}
		for i := range events {
			if err := p.event(&events[i]); err != nil {
				return err
			}
		}
		if err := p.publish(); err != nil {
			return err
		}
	}
	return nil
}

// publish sends as many messages as may be outstanding, unless it is time to end.
func (p *publication) publish() error {
	now := p.now()
	n := p.outstanding - (p.published - p.arrived)
	if n == 0 || now >= p.until && p.published > 0 {
		return nil
	}
	for range n {
		i := p.published % p.outstanding
		p.sent[i], p.missing[i] = now, len(p.conns)
		p.published++
	}
	c := &p.conns[0]
	p.queue(c, n)
	if c.blocked {
		return nil
	}
	return p.flush(c)
}

func (p *publication) event(ev *unix.EpollEvent) error {
	c := &p.conns[ev.Fd]
	if ev.Events&unix.EPOLLOUT != 0 {
		if err := p.flush(c); err != nil {
			return err
		}
	}
	n, err := p.read(c)
	if err != nil {
		return err
	}
	now := p.now()
	for range n {
		if c.inFlight == p.published {
			return errSurplus
		}
		i := c.inFlight % p.outstanding
		c.inFlight++
		p.r.Latency.Add(now-p.sent[i], 1)
		if p.missing[i]--; p.missing[i] == 0 {
			p.arrived++
		}
	}
	p.r.Messages += int64(n)
	p.r.Bytes += int64(n * len(p.stream.payloads[0]))
	return nil
}
