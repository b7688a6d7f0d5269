package hub

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

// Bounds of the sessions of a hub.
const (
	maxSessions      = 1 << 20 // in memory
	maxSessionTopics = 1000    // of each

	// How often progress is written. Positions of topics that are new to a session
	// do not wait that long, because without them it would begin anew.
	saveInterval = time.Second

	savedAtOnce = 10_000 // records, so that they do not take memory without end
)

// sessions are all sessions of a hub.
//
// With an engine that is not durable they are all in memory, and those that are closed
// expire when it is time. With a durable one only those that are open, or yet to be
// saved, are in memory: so another node may open a session when this one has
// closed it, and what expires is for the engine to remove. A session that is open is
// saved from time to time even if it does not advance, so that it does not look
// as if it had been left.
//
// Locks: mu before the one of a sessionState.
type sessions struct {
	engine  Engine
	durable bool
	ttl     time.Duration
	start   time.Time
	max     int // maxSessions, but in tests

	mu      sync.Mutex
	closed  bool
	known   map[string]*sessionState
	aging   agingList // closed ones if not durable, open ones if durable
	expired expiredIDs

	dirty  []*sessionState // to be saved
	saver  *time.Timer
	armed  bool          // the saver will run
	soon   bool          // at once
	saving chan struct{} // has one who saves: a record never comes after the one that follows it
}

func newSessions(e Engine, ttl time.Duration) *sessions {
	s := &sessions{
		engine:  e,
		durable: e.Durable(),
		ttl:     ttl,
		start:   time.Now(),
		max:     maxSessions,
		known:   make(map[string]*sessionState),
		saving:  make(chan struct{}, 1),
	}
	s.aging.due = s.age
	s.aging.after = ttl
	if s.durable {
		// Early enough to be known as open, and not more often than anything is saved.
		s.aging.after = max(ttl/2, saveInterval)
	}
	return s
}

// open gives the session of an ID to the caller, who holds it from now on. If another
// one held it, its taken is called before open returns. It may read and write the
// engine's disk. The error is ErrBadSession, ErrBusy, ErrClosed or one of the engine.
func (s *sessions) open(id string, taken func()) (*Session, error) {
	if !isSessionID(id) {
		return nil, ErrBadSession
	}
	h := &Session{all: s, taken: taken}
	for {
		st, found, err := s.find(id)
		switch {
		case err != nil:
			return nil, err
		case !found && s.durable:
			if err := s.load(st); err != nil {
				return nil, err
			}
		case st.ready != nil:
			<-st.ready
		}
		if old, ok := s.take(h, st); ok {
			if old != nil && old.taken != nil {
				old.taken()
			}
			return h, nil
		}
		// It was saved and dropped in between, or could not be read.
	}
}

// find returns the state of a session, a new one if there was none. Of those who look for
// it at the same time one makes it.
func (s *sessions) find(id string) (st *sessionState, found bool, err error) {
	now := time.Now()
	forgotten := s.forgotten(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	if known := s.known[id]; known != nil {
		return known, true, nil
	}
	if len(s.known) >= s.max && !s.expireOldest(now) {
		return nil, false, ErrBusy
	}
	st = &sessionState{id: strings.Clone(id)}
	if s.durable {
		st.ready = make(chan struct{})
	} else {
		st.lost = s.expired.take(id, now) || forgotten
	}
	s.known[st.id] = st
	return st, false, nil
}

// forgotten tells whether a session that is not there may have been there before the
// engine was started.
func (s *sessions) forgotten(now time.Time) bool {
	return now.Sub(s.start) < s.ttl && s.engine.Forgotten()
}

// load reads a state that find has made.
func (s *sessions) load(st *sessionState) error {
	rec, ok, err := s.engine.Session(st.id)
	now := time.Now()
	// While there was no hub nobody could come back, so that time does not count.
	seen := rec.Seen
	if seen.Before(s.start) {
		seen = s.start
	}
	switch {
	case err != nil:
	case ok && now.Sub(seen) < s.ttl:
		st.restore(rec)
	default:
		st.lost = ok || s.forgotten(now)
		// That it is there is written before it receives anything: if all else is lost
		// in a crash it will be told of a gap.
		err = s.engine.SaveSessions([]SessionRecord{st.record(now)})
	}
	if err != nil {
		s.mu.Lock()
		delete(s.known, st.id) // the next one tries again
		s.mu.Unlock()
	}
	close(st.ready)
	return err
}

// take makes h the holder of a session and returns the one before. It is not ok if the
// session is not in memory any more.
func (s *sessions) take(h *Session, st *sessionState) (old *Session, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[st.id] != st {
		return nil, false
	}
	if !s.durable {
		s.aging.remove(st)
	} else if !st.aging.isSet() {
		s.aging.add(st, time.Now())
	}
	h.state = st
	st.mu.Lock()
	defer st.mu.Unlock()
	old, st.holder = st.holder, h
	return old, true
}

// release is Session.Close.
func (s *sessions) release(h *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := h.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.holder != h || s.closed {
		return
	}
	st.holder = nil
	if !s.durable {
		s.aging.add(st, time.Now())
		return
	}
	s.aging.remove(st)
	s.list(st)
}

// age does what is due with the sessions that have waited for it.
func (s *sessions) age() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	now := time.Now()
	for st := s.aging.next(now); st != nil; st = s.aging.next(now) {
		if !s.durable {
			s.expire(st, now)
			continue
		}
		s.aging.add(st, now)
		st.mu.Lock()
		s.list(st)
		st.mu.Unlock()
	}
	s.aging.arm(now)
}

// expireOldest makes room by forgetting the session that was closed first. It tells
// whether there is one.
func (s *sessions) expireOldest(now time.Time) bool {
	if s.durable || s.aging.list.Len() == 0 {
		return false
	}
	s.expire(s.aging.list.Front().Value.(*sessionState), now)
	return true
}

func (s *sessions) expire(st *sessionState, now time.Time) {
	s.aging.remove(st)
	delete(s.known, st.id)
	s.expired.add(st.id, now)
}

// close saves what is to be saved. What happens to sessions from then on is not kept.
func (s *sessions) close() error {
	s.mu.Lock()
	s.closed = true
	s.aging.stop()
	if s.saver != nil {
		s.saver.Stop()
	}
	s.mu.Unlock()
	return s.save()
}

// An agingList is sessions in the order in which something is due with them, all after
// the same time, and one timer for the first of them.
type agingList struct {
	list  list.List // of *sessionState
	after time.Duration
	due   func()
	timer *time.Timer
	armed bool
}

// An agingPlace is the place of a session in an agingList.
type agingPlace struct {
	element *list.Element
	since   time.Time
}

func (p *agingPlace) isSet() bool { return p.element != nil }

// add puts a session last, also one that was there before.
func (l *agingList) add(st *sessionState, now time.Time) {
	l.remove(st)
	st.aging = agingPlace{l.list.PushBack(st), now}
	l.arm(now)
}

func (l *agingList) remove(st *sessionState) {
	if st.aging.isSet() {
		l.list.Remove(st.aging.element)
		st.aging = agingPlace{}
	}
}

// next returns the first session if it is due, or nil.
func (l *agingList) next(now time.Time) *sessionState {
	front := l.list.Front()
	if front == nil {
		l.armed = false
		return nil
	}
	st := front.Value.(*sessionState)
	if now.Sub(st.aging.since) < l.after {
		l.armed = false
		return nil
	}
	return st
}

// arm starts the timer if it does not run. If the session it runs for is gone meanwhile
// it is for nothing, once.
func (l *agingList) arm(now time.Time) {
	front := l.list.Front()
	if l.armed || front == nil {
		return
	}
	l.armed = true
	wait := l.after - now.Sub(front.Value.(*sessionState).aging.since)
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, l.due)
		return
	}
	l.timer.Reset(wait)
}

// stop is for good.
func (l *agingList) stop() {
	l.armed = true
	if l.timer != nil {
		l.timer.Stop()
	}
}
