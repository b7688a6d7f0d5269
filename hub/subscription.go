package hub

import (
	"context"
	"sync/atomic"
)

// SubscribeOptions say where a subscription begins and what it takes. The zero value,
// like nil, takes everything from now on.
type SubscribeOptions struct {
	// After is the position to continue behind. Default: from now on, or as Last
	// says.
	After Cursor

	// Last begins with the newest messages, that many at most. It is not used with
	// After, nor with wildcards.
	Last int

	// Except leaves out messages whose From it is. Default: none.
	Except string

	// Latest begins, without After, with the latest message of each key, if the topic
	// keeps them.
	Latest bool

	// Presence has the sink notified of who is there. Not with wildcards.
	Presence bool

	// As is the name under which the subscription is counted as present. All with
	// one name are one member. Default: it is not counted. Not with wildcards.
	As string

	// Fan, if not nil, takes messages for many subscriptions at once. Values of Fan
	// must be comparable.
	Fan Fan
}

// What a Subscription is doing.
const (
	held    uint32 = iota // nothing: its sink wants no more
	pumping               // somebody catches up for it, and may call its sink
	queued                // it waits for one who reads for it; nobody calls its sink
	live                  // it is in its audience: its sink is called under the source's lock
	ended                 // its sink is not called any more
)

// A Subscription is a position in the log of a topic, or of many, and a [Sink] that is
// given what is behind it. Its methods may be called by any number of goroutines.
type Subscription struct {
	hub    *Hub
	source source
	filter string
	sink   Sink
	fan    Fan
	except string
	as     string

	state  atomic.Uint32
	again  atomic.Bool           // Resume was called: look again before holding
	ending atomic.Pointer[error] // why it is to end, nil while it is not, *nil for Close

	// What follows belongs to whoever pumps; while nobody does, it is guarded by the
	// source's lock.

	idle  chan struct{} // if not nil, to be closed when the sink is not called any more
	pos   Cursor        // everything up to here was delivered or left out; not kept up to date while live
	seen  Cursor        // pos for At: not of whoever pumps, but guarded by the source's lock
	snap  uint64        // first the latest of each key, up to this offset
	place int           // in its group, while it is live
	last  int           // begins with so many of the newest messages, not yet found

	// For wildcards: what the sink knows to be lost behind which offset, see collection.
	known, knownAfter uint64

	presence bool // is told of presence
	stale    bool // has missed a change of it
	attached bool // was told Attached
	caught   bool // was told Live
	gap      bool // is to be told of a gap before pos
	drop     bool // is too far behind, and to leave out the oldest
	lagging  bool // is live, or was, so that the bounds for slow ones hold
	choosey  bool // leaves something out while it is live

	cold []*Message // what was read elsewhere, or collected, and comes next; only of whoever pumps
}

// A source is what a subscription reads from: a topic, or all topics of a filter.
type source interface {
	// lock and unlock guard it and the audience.
	lock()
	unlock()

	// page appends what is behind the position of s to dst, or puts it into s.cold. cold is
	// set if it must be read elsewhere. The lock is held, as for what follows.
	page(s *Subscription, dst []*Message) (list []*Message, cold bool)

	// read does what page could not. Only whoever pumps calls it, without the lock.
	read(ctx context.Context, s *Subscription) error

	// position is that of those who are live.
	position() Cursor

	audience() *audience

	// hold takes note that s is held, and unhold that it is live or has ended.
	hold(s *Subscription)
	unhold(s *Subscription)
}

// checkEpoch has s begin with what there is, and a gap, if its position is none of these
// logs.
func (h *Hub) checkEpoch(s *Subscription) {
	if s.pos.Epoch != h.engine.Epoch() || s.pos.Offset > h.engine.Newest() {
		s.gap = true
		s.pos = Cursor{Epoch: h.engine.Epoch(), Time: s.pos.Time}
	}
}

// Filter returns what was subscribed to.
func (s *Subscription) Filter() string { return s.filter }

// Sink returns the receiving end.
func (s *Subscription) Sink() Sink { return s.sink }

// At returns the position: everything before it was delivered, or left out for a reason
// that the sink was told. While the subscription catches up it may be some messages behind.
// It must not be called by the sink within its methods.
func (s *Subscription) At() Cursor {
	s.source.lock()
	defer s.source.unlock()
	if s.state.Load() == live {
		return s.livePosition()
	}
	return s.seen
}

// livePosition returns the position of one that is live. The lock is held.
func (s *Subscription) livePosition() Cursor {
	if here := s.source.position(); here.Offset >= s.pos.Offset || here.Epoch != s.pos.Epoch {
		return here
	}
	return s.pos // it is ahead of those who are here
}

// note keeps the position for At. The lock is held, by whoever pumps.
func (s *Subscription) note() {
	if !s.gap { // otherwise the sink does not know yet what is missing before it
		s.seen = s.pos
	}
}

// wants tells whether m is to be delivered.
func (s *Subscription) wants(m *Message) bool {
	return m.At.Offset > s.pos.Offset && (s.except == "" || s.except != m.From)
}

// Resume says that the sink wants more. What waits is delivered before it returns, unless
// it must be read from a disk. It must not be called by the sink within its methods.
func (s *Subscription) Resume() {
	s.again.Store(true)
	if s.state.Load() == held && s.state.CompareAndSwap(held, pumping) {
		s.pump()
	}
}

// Close ends the subscription. When it has returned, the sink is not called any more: it
// waits for a call under way, and so must not be called by the sink within its methods,
// nor with locks that these take.
func (s *Subscription) Close() {
	s.stop(nil)
	s.source.lock()
	if s.state.Load() == ended {
		s.source.unlock()
		return
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.source.unlock()
	<-idle
}

// stop has the subscription end because of why, nil if its owner wants it so. Only the
// first call counts.
func (s *Subscription) stop(why error) {
	if !s.ending.CompareAndSwap(nil, &why) {
		return
	}
	s.source.lock()
	mine := s.leaveAudience()
	s.source.unlock()
	if mine || s.state.CompareAndSwap(held, pumping) || s.state.CompareAndSwap(queued, pumping) {
		s.finish()
	}
	// Otherwise somebody pumps, and sees it before he holds or goes live.
}

// leaveAudience makes a live subscription one that the caller pumps. The lock is held.
func (s *Subscription) leaveAudience() bool {
	if s.state.Load() != live {
		return false
	}
	s.pos = s.livePosition()
	s.source.audience().remove(s)
	s.state.Store(pumping)
	return true
}

// over tells whether it is to end. If so, whoever pumps finishes it.
func (s *Subscription) over() bool {
	if s.ending.Load() != nil {
		return true
	}
	if s.hub.closed.Load() {
		s.ending.CompareAndSwap(nil, &ErrClosed)
		return true
	}
	return false
}

// finish ends it. The caller is the one who pumps.
func (s *Subscription) finish() {
	if s.gap { // its position is behind the gap already
		s.tell()
	}
	if why := *s.ending.Load(); why != nil {
		s.sink.Notify(s, Notice{Kind: Ended, At: s.pos, Err: why})
	}
	s.cold = nil
	s.hub.left(s) // before Close returns
	s.source.lock()
	s.note()
	s.source.unhold(s)
	s.state.Store(ended)
	if s.idle != nil {
		close(s.idle)
	}
	s.source.unlock()
}
