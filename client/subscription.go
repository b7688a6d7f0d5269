package client

import (
	"context"
	"iter"
)

// Filter returns what was subscribed to.
func (s *Subscription) Filter() string { return s.filter }

// At returns the position behind the last event that was taken: keep it where the
// next process finds it and give it to SubscribeOptions.After. Before the first one it is
// where the subscription began, "" if the server has not said that yet.
func (s *Subscription) At() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.at
}

// Ready waits until the server has confirmed the subscription for the first time: what
// is published from then on does not pass it by. The error is that of Next.
func (s *Subscription) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return s.c.interrupted(ctx)
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.err
}

// Next returns the next event, and waits for it. It ends with ctx's error, after
// which it can be called again; with [ErrClosed] after Close, of the Subscription or
// the Client; or with the *Error that says why the server ended the subscription for
// good.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		ev, ok, err := s.next()
		if ok || err != nil {
			return ev, err
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return Event{}, s.c.interrupted(ctx)
		}
	}
}

// next returns an event if there is one.
func (s *Subscription) next() (ev Event, ok bool, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(s.queue) == 0 {
		return Event{}, false, s.err
	}
	ev = s.queue[0]
	s.queue[0] = Event{} // its bytes are the application's now
	s.queue = s.queue[1:]
	s.queued -= ev.size()
	if ev.At != "" {
		s.at = ev.At
	}
	signal(s.room)
	if s.phase == paused && s.queued <= s.o.MaxQueue/2 {
		s.phase = detached
		if c.link != nil {
			s.ask()
		}
	}
	return ev, true, nil
}

// Messages returns an iterator over the events to come, gaps among them. After
// Close it ends, after anything else that ends Next its last pair holds the error.
// Leaving the loop leaves the subscription as it is.
func (s *Subscription) Messages(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := s.Next(ctx)
			if err == ErrClosed { //nolint:errorlint // an error that wraps it says why
				return
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the subscription. Events that wait are dropped.
func (s *Subscription) Close() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.phase == over {
		return
	}
	if s.phase != detached {
		s.leave()
	}
	s.queue, s.queued = nil, 0
	c.drop(s, ErrClosed)
}
