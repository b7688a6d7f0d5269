package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/duplexhq/duplex/websocket/frame"
)

// FanOut has the first connection send messages and waits until each has reached
// all connections. The Messages of its Result are those received by all together.
func (s *Set) FanOut(ctx context.Context, f *FanOut) (*Result, error) {
	if err := s.settle(); err != nil {
		return nil, err
	}
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

// settle waits until every connection has answered a ping, once. A server may answer a
// handshake before it has made the connection one of those that messages go to, and it
// reads only after that.
func (s *Set) settle() error {
	if s.settled {
		return nil
	}
	ping := frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: frame.OpPing, Masked: true})
	pong := frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: frame.OpPong})
	came := make([]int, len(s.conns)) // bytes of the pong
	for i := range s.conns {
		n, err := send(s.conns[i].fd, ping)
		if err == nil && n < len(ping) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("a ping cannot be sent: %w", err)
		}
	}
	for left := len(s.conns); left > 0; {
		events, err := s.poller.wait()
		if err != nil {
			return fmt.Errorf("%d connections have not answered a ping: %w", left, err)
		}
		for _, ev := range events {
			n, err := receive(s.conns[ev.Fd].fd, s.in)
			if err != nil {
				return err
			}
			at := came[ev.Fd]
			if n > len(pong)-at || !bytes.Equal(s.in[:n], pong[at:at+n]) {
				return fmt.Errorf("%x came, where the answer to a ping must", s.in[:n])
			}
			if came[ev.Fd] += n; came[ev.Fd] == len(pong) && n > 0 {
				left--
			}
		}
	}
	s.settled = true
	return nil
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
