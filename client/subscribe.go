package client

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// SubscribeOptions say what a subscription brings. The zero value, like nil, means
// the defaults.
type SubscribeOptions struct {
	// After is the cursor to go on behind, as Subscription.At returned it or a
	// message had it. Default: begin with what is new.
	After string

	// Last begins with the newest messages there are, so many of them, at most
	// 1000. Only without After, and not for a filter with wildcards.
	Last int

	// Presence brings events that say who is present. Not for a filter with
	// wildcards.
	Presence bool

	// As is the name to be counted as present under. At most 128 bytes; not for a
	// filter with wildcards. Default: not to be counted.
	As string

	// NoSelf leaves out what this Client publishes.
	NoSelf bool

	// MaxQueue is how many bytes of events may wait for the application. Beyond
	// that the Client stops reading for a moment, and if that does not help takes
	// leave of the subscription until half of them are taken. Default 1 MiB.
	MaxQueue int
}

// patience is how long all of a connection waits for the application to take events
// of one subscription. It helps where that is nearly as fast as the server, and is
// short enough for those who wait for an answer meanwhile.
const patience = 250 * time.Millisecond

// A phase is where a subscription stands.
type phase uint8

const (
	detached phase = iota // the server does not know of it
	asked                 // it was asked for; what comes is for an earlier one
	attached              // its messages come
	paused                // the application is busy; what comes is dropped, and fetched later
	over                  // for good
)

// A Subscription brings the messages of a topic, or of all topics that a filter
// matches. One goroutine at a time may call Next and Messages; the other methods may
// be called by any number.
type Subscription struct {
	c      *Client
	filter string
	o      SubscribeOptions
	number uint64        // in the order of their making
	news   chan struct{} // there are events, or it is over
	room   chan struct{} // events were taken
	ready  chan struct{} // closed when the server has confirmed it, or it is over

	// All below belongs to Client.mu.
	phase    phase
	position string // go on behind it
	fails    int    // how often in a row the server gave it up
	timer    *time.Timer
	queue    []Event
	queued   int    // bytes in queue
	at       string // behind the last event that was taken
	err      error  // with over
}

// Subscribe begins a subscription to a topic, or to a filter, in which * stands for
// any token and a final > for one or more of them. It does not wait for the server:
// Subscription.Ready does. o may be nil. A Client has one subscription for a filter;
// [ErrSubscribed] says that there is one, [ErrClosed] that the Client is closed.
func (c *Client) Subscribe(filter string, o *SubscribeOptions) (*Subscription, error) {
	s := &Subscription{
		c: c, filter: filter,
		news: make(chan struct{}, 1), room: make(chan struct{}, 1), ready: make(chan struct{}),
	}
	if o != nil {
		s.o = *o
	}
	s.o.MaxQueue = cmp.Or(s.o.MaxQueue, DefaultMaxQueue)
	s.position, s.at = s.o.After, s.o.After
	if filter == "" {
		return nil, errors.New("client: the topic has no name")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refused(); err != nil {
		return nil, err
	}
	if c.subs[filter] != nil {
		return nil, ErrSubscribed
	}
	c.lastSub++
	s.number = c.lastSub
	c.subs[filter] = s
	if c.link != nil {
		s.ask()
	}
	c.start()
	return s, nil
}

// sortedSubs returns the subscriptions in the order of their making. The caller holds
// mu.
func (c *Client) sortedSubs() []*Subscription {
	list := make([]*Subscription, 0, len(c.subs))
	for _, s := range c.subs {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *Subscription) int { return cmp.Compare(a.number, b.number) })
	return list
}

// ask asks the server for what is behind the position. The caller holds mu.
func (s *Subscription) ask() {
	s.phase = asked
	r := &request{Sub: s.filter, After: s.position, Presence: s.o.Presence, As: s.o.As}
	if s.position == "" {
		r.Last = s.o.Last
	}
	if s.o.NoSelf {
		r.Self = new(bool)
	}
	k := &call{wants: subscribedFrame, single: true, done: s.answered}
	if err := s.c.enqueue(r, k); err != nil {
		s.c.drop(s, err)
	}
}

// answered takes the answer to ask.
func (s *Subscription) answered(f *frame, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	var refused *Error
	switch {
	case s.phase != asked:
		return
	case errors.As(err, &refused) && refused.Retry:
		s.askLater()
	case errors.As(err, &refused):
		c.drop(s, err)
	case err == nil:
		s.attached(f)
	}
}

// attached begins to take messages. The caller holds mu.
func (s *Subscription) attached(f *frame) {
	s.phase = attached
	if f.gap || s.position == "" {
		// Without a gap the position stays: there is none better before the
		// first message.
		s.position = f.at
	}
	if s.at == "" {
		s.at = f.at
	}
	if f.gap {
		s.push(Event{Type: GapEvent, Message: Message{Topic: s.filter, At: f.at}})
	}
	s.confirm()
}

// confirm ends the waiting of Ready. The caller holds mu.
func (s *Subscription) confirm() {
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// askLater asks again after a time. The caller holds mu.
func (s *Subscription) askLater() {
	s.phase = detached
	s.timer = time.AfterFunc(jitter(s.fails), func() {
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		if s.phase == detached && s.c.link != nil {
			s.ask()
		}
	})
	s.fails++
}

// detach takes the connection away. The caller holds mu.
func (s *Subscription) detach() {
	if s.phase == asked || s.phase == attached {
		s.phase = detached
	}
}

// push adds an event to the queue. The caller holds mu.
func (s *Subscription) push(ev Event) {
	s.queue = append(s.queue, ev)
	s.queued += ev.size()
	if ev.At != "" {
		s.position = ev.At
	}
	signal(s.news)
}

// end makes it the end. The caller holds mu.
func (s *Subscription) end(err error) {
	if s.phase == over {
		return
	}
	s.phase, s.err = over, err
	if s.timer != nil {
		s.timer.Stop()
	}
	s.confirm()
	signal(s.news)
	signal(s.room)
}

// drop forgets a subscription because of err. The caller holds mu.
func (c *Client) drop(s *Subscription, err error) {
	if c.subs[s.filter] == s {
		delete(c.subs, s.filter)
	}
	s.end(err)
}

// ended does what the server says when it gives a subscription up.
func (c *Client) ended(f *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[f.filter]
	switch {
	case s == nil || s.phase == asked || s.phase == detached:
		// It means an earlier one.
	case !f.problem.Retry:
		c.drop(s, f.problem)
	case s.phase == attached:
		if f.at != "" {
			s.position = f.at
		}
		s.askLater()
	}
}

// deliver hands an event to its subscription. If too many wait there, it waits for
// the application, and reads nothing meanwhile, so that the server holds the rest
// back. After a time it lets the subscription go, for others wait too.
func (l *link) deliver(f *frame, ev Event) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[f.filter]
	if s == nil || s.phase != attached {
		return
	}
	if s.full(&ev) {
		l.awaitRoom(s, &ev)
	}
	switch {
	case s.phase != attached: // meanwhile
	case s.full(&ev):
		s.pause()
	default:
		s.fails = 0
		s.push(ev)
	}
}

// awaitRoom waits until there is room for an event, but not for long. The caller holds
// mu, and does not hold it meanwhile.
func (l *link) awaitRoom(s *Subscription, ev *Event) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for expired := false; !expired && s.phase == attached && s.full(ev); {
		l.c.mu.Unlock()
		select {
		case <-s.room:
		case <-timer.C:
			expired = true
		case <-l.ctx.Done():
			expired = true
		}
		l.c.mu.Lock()
	}
}

// full tells whether an event must wait. One that is larger than the queue may be
// alone in it. The caller holds mu.
func (s *Subscription) full(ev *Event) bool {
	return s.queued > 0 && s.queued+ev.size() > s.o.MaxQueue
}

// pause lets the subscription go until the application has taken half of what waits.
// One that is counted as present goes on at the server, and what comes is dropped: its
// name must not come and go. The caller holds mu.
func (s *Subscription) pause() {
	s.phase = paused
	if s.o.As == "" {
		s.leave()
	}
}

// leave tells the server that it is over. The caller holds mu.
func (s *Subscription) leave() {
	if s.c.link != nil {
		// An answer is of no use: afterwards the server has none in any case.
		_ = s.c.enqueue(&request{Unsub: s.filter}, &call{single: true})
	}
}

// signal says that something has changed, to one who waits or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
