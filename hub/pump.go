package hub

import (
	"context"
	"sync"
)

// How much a subscription that catches up takes from the log at once.
const (
	pageMessages = 64
	pageBytes    = 256 << 10
	coldMessages = 256 // of a disk
)

// coldReaders is how many goroutines read from the engine for those who catch up.
const coldReaders = 4

// pageBuffers holds *[]*Message of pageMessages.
var pageBuffers = sync.Pool{New: func() any {
	b := make([]*Message, 0, pageMessages)
	return &b
}}

// An outcome is what came of a step.
type outcome uint8

const (
	goOn      outcome = iota // there may be more to do
	enough                   // the sink wants no more
	elsewhere                // what comes next must be read elsewhere
	over                     // it is live, or has ended
)

// pump catches up. The caller has made the state pumping, and nobody else does anything
// with the subscription until it is something else.
func (s *Subscription) pump() {
	buf, _ := pageBuffers.Get().(*[]*Message)
	defer pageBuffers.Put(buf)
	s.again.Store(false)
	for {
		switch s.step(buf) {
		case goOn:
		case over:
			return
		case elsewhere:
			if s.awaitRead() {
				return
			}
		case enough:
			s.cold = nil // its place in the log is all that it costs
			s.source.lock()
			s.note()
			s.source.hold(s)
			s.source.unlock()
			s.state.Store(held)
			again := s.again.Swap(false) || s.over()
			if !again || !s.state.CompareAndSwap(held, pumping) {
				return
			}
		}
	}
}

// step does one thing of what there is to do.
func (s *Subscription) step(buf *[]*Message) outcome {
	s.source.lock()
	s.note()
	if s.over() {
		s.source.unlock()
		s.finish()
		return over
	}
	if len(s.cold) > 0 && (!s.attached || s.gap) {
		s.source.unlock()
		s.tell()
		return goOn
	}
	list, cold := s.source.page(s, (*buf)[:0])
	switch {
	case cold:
		s.source.unlock()
		return elsewhere
	case !s.attached || s.gap:
		s.source.unlock()
		s.tell()
		return goOn
	case len(s.cold) > 0 && len(list) == 0: // page has it there now
		s.source.unlock()
		return goOn
	case len(list) == 0:
		s.goLive()
		s.source.unlock()
		return over
	}
	s.source.unlock()
	defer clear(list)
	for _, m := range list {
		if s.over() {
			return goOn
		}
		wanted := s.wants(m)
		s.pos = m.At
		if wanted && !s.sink.Deliver(s, m) {
			return enough
		}
	}
	return goOn
}

// tell says where the subscription begins, or that there is a gap.
func (s *Subscription) tell() {
	n := Notice{Kind: Gap, At: s.pos}
	if !s.attached {
		n = Notice{Kind: Attached, At: s.pos, Gap: s.gap}
	}
	s.attached, s.gap = true, false
	s.sink.Notify(s, n)
}

// goLive joins the audience. The lock is held, so nothing passes by.
func (s *Subscription) goLive() {
	here := s.source.position()
	ahead := s.pos.Offset > here.Offset // its client heard of it in another way
	if !ahead {
		s.pos = here
	}
	s.source.unhold(s)
	s.lagging = true
	s.choosey = ahead || s.except != ""
	s.source.audience().add(s)
	s.state.Store(live)
	if !s.caught {
		s.caught = true
		s.sink.Notify(s, Notice{Kind: Live, At: s.pos})
	}
	if s.presence && s.stale {
		s.stale = false
		s.sink.Notify(s, Notice{Kind: PresenceChanged, Presence: s.hub.roster.full(s.filter)})
	}
}

// deliver gives m to those who are live, and returns those who are to be pumped as they
// asked for more at the same time. The lock of src is held.
func deliver(src source, m *Message) (wake []*Subscription) {
	list := src.audience().deliver(m)
	for _, s := range list {
		s.state.Store(held)
		src.hold(s)
		if s.again.Swap(false) && s.state.CompareAndSwap(held, pumping) {
			wake = append(wake, s)
		}
	}
	clear(list) // it is scratch, which would keep those who leave
	return wake
}

// awaitRead has s read for elsewhere, and go on. It returns false if the hub is closed, and the
// caller still pumps.
func (s *Subscription) awaitRead() bool {
	s.state.Store(queued)
	return s.hub.cold.add(s.readAndPump) || !s.state.CompareAndSwap(queued, pumping)
}

func (s *Subscription) readAndPump(ctx context.Context) {
	if !s.state.CompareAndSwap(queued, pumping) {
		return // it has ended
	}
	if err := s.source.read(ctx, s); err != nil {
		if ctx.Err() != nil {
			err = ErrClosed
		}
		s.ending.CompareAndSwap(nil, &err)
	}
	s.pump()
}

// A coldPool reads from the engine for those who catch up, a few at a time and in the order
// in which they came.
type coldPool struct {
	ctx  context.Context // ends the reading
	stop context.CancelFunc

	mu      sync.Mutex
	queue   []func(context.Context)
	readers int
	ended   bool
	all     sync.WaitGroup
}

func (p *coldPool) init() { p.ctx, p.stop = context.WithCancel(context.Background()) }

// add has the pool call read. It returns false if the hub is closed.
func (p *coldPool) add(read func(context.Context)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	p.queue = append(p.queue, read)
	if p.readers < coldReaders {
		p.readers++
		p.all.Go(p.work)
	}
	return true
}

// end returns when nobody reads any more.
func (p *coldPool) end() {
	p.stop()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.all.Wait()
}

func (p *coldPool) work() {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.readers--
			p.queue = nil
			p.mu.Unlock()
			return
		}
		read := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		read(p.ctx)
	}
}
