package hub

import (
	"slices"
	"time"
)

// mark sees to it that a session is saved: at once if first is set. listed tells that
// it is in the list already.
func (s *sessions) mark(st *sessionState, listed, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !listed {
		s.dirty = append(s.dirty, st)
	}
	s.arm(first)
}

// list is mark for a session whose lock is held.
func (s *sessions) list(st *sessionState) {
	if !st.dirty {
		st.dirty = true
		s.dirty = append(s.dirty, st)
	}
	s.arm(false)
}

// arm starts the one timer for all that is to be saved.
func (s *sessions) arm(soon bool) {
	if s.closed || s.armed && (s.soon || !soon) {
		return
	}
	s.armed, s.soon = true, soon
	wait := saveInterval
	if soon {
		wait = 0
	}
	if s.saver == nil {
		s.saver = time.AfterFunc(wait, func() {
			_ = s.save() // what failed is tried again
		})
		return
	}
	s.saver.Reset(wait)
}

// save writes the sessions that are to be saved. Those that it could not write stay so.
func (s *sessions) save() error {
	s.saving <- struct{}{}
	defer func() { <-s.saving }()
	s.mu.Lock()
	list := s.dirty
	s.dirty, s.armed = nil, false
	s.mu.Unlock()

	var failed error
	for part := range slices.Chunk(list, savedAtOnce) {
		now := time.Now()
		records := make([]SessionRecord, len(part))
		for i, st := range part {
			records[i] = st.record(now)
		}
		err := s.engine.SaveSessions(records)
		s.saved(part, now, err)
		if err != nil {
			failed = err
		}
	}
	return failed
}

// saved notes what became of sessions that were to be saved.
func (s *sessions) saved(list []*sessionState, now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range list {
		st.mu.Lock()
		switch {
		case err != nil:
			s.list(st)
		case st.holder != nil:
			s.aging.add(st, now)
		case !st.dirty:
			delete(s.known, st.id) // the engine has it
		}
		st.mu.Unlock()
	}
}
