package hub

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A SessionRecord is what is kept of a session.
type SessionRecord struct {
	ID   string
	Seen time.Time // when it last had a connection

	// Cursors say how far it has received, by topic. Without any, the session is
	// remembered for having been there: what it had received is not known. So it
	// is for the topics that are not among them if there is one for "", which is no
	// topic.
	Cursors map[string]Cursor

	Forget bool // it is to be removed
}

// A Session remembers how far a client has received, in each topic, while it is gone
// for a while. The client names it, and whoever opens it with [Hub.OpenSession]
// holds it until the next one does. Its methods may be called at the same time.
type Session struct {
	all   *sessions
	state *sessionState
	taken func() // told when another one holds it
}

// Resume tells how to go on with a topic, or a filter. If known is set, everything up
// to c was received: continue behind it. Otherwise, if lost is set, the session may
// have received messages of the topic, but how far is not known any more: tell
// its client of a gap. From then on it is as with a topic that is new: call
// [Session.Advance] with where the subscription begins.
func (s *Session) Resume(topic string) (c Cursor, known, lost bool) {
	st := s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if i, found := st.find(topic); found {
		return st.positions[i].at, true, false
	}
	return Cursor{}, false, st.lost
}

// Advance says that the client has received everything of topic up to c. A cursor that
// is not ahead of the one before, in its epoch, changes nothing but the time of one and
// the same position, if that is an earlier one; nor does a call
// after another one has opened the session, or after Close. It does not wait for
// the disk: after a crash a session may be a second behind.
//
// Call it when a subscription begins, too, so that its client misses nothing when it
// is gone before it has received anything.
func (s *Session) Advance(topic string, c Cursor) {
	if c.IsZero() {
		return
	}
	st := s.state
	st.mu.Lock()
	if st.holder != s {
		st.mu.Unlock()
		return
	}
	moved, first := st.advance(topic, c)
	listed := st.dirty
	st.dirty = listed || moved && s.all.durable
	dirty := st.dirty
	st.mu.Unlock()
	if dirty && (first || !listed) {
		s.all.mark(st, listed, first)
	}
}

// Close says that the client is gone. The session can be opened again for
// Options.SessionTTL. If another one has opened it already, Close does nothing.
func (s *Session) Close() { s.all.release(s) }

// A sessionState is a session, whoever holds it.
type sessionState struct {
	id    string
	ready chan struct{} // closed when it was read; nil if there is nothing to read

	mu        sync.Mutex
	holder    *Session          // nil while it has no connection
	positions []sessionPosition // in order of topics; most sessions have one
	lost      bool              // it may have had positions that are not there any more
	dirty     bool              // it is to be saved; only if the engine is durable

	aging agingPlace // under the lock of sessions
}

// A sessionPosition is how far a session has received.
type sessionPosition struct {
	topic string
	at    Cursor
}

// find returns where topic is among the positions, or would be.
func (st *sessionState) find(topic string) (int, bool) {
	return slices.BinarySearchFunc(st.positions, topic, func(p sessionPosition, topic string) int {
		return cmp.Compare(p.topic, topic)
	})
}

// advance tells whether it has moved the position, and if it is the first of its topic.
func (st *sessionState) advance(topic string, c Cursor) (moved, first bool) {
	i, found := st.find(topic)
	switch {
	case found:
		was := st.positions[i].at
		moved = c.Epoch != was.Epoch || c.Offset > was.Offset || c.Offset == was.Offset && c.Time < was.Time
		if moved {
			st.positions[i].at = c
		}
		return moved, false
	case len(st.positions) >= maxSessionTopics:
		// Not to know how far it has received is to be told, as if it were lost.
		moved = !st.lost
		st.lost = true
		return moved, false
	}
	// The name may be a part of something larger, such as the head of a request.
	p := sessionPosition{strings.Clone(topic), c}
	st.positions = slices.Insert(st.positions, i, p)
	return true, true
}

// record returns what is to be kept, and marks the session as saved.
func (st *sessionState) record(now time.Time) SessionRecord {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.dirty = false
	rec := SessionRecord{ID: st.id, Seen: now}
	if len(st.positions) == 0 {
		return rec
	}
	rec.Cursors = make(map[string]Cursor, len(st.positions)+1)
	for _, p := range st.positions {
		rec.Cursors[p.topic] = p.at
	}
	if st.lost {
		rec.Cursors[""] = st.positions[0].at // any, but none that is zero
	}
	return rec
}

// restore is the reverse of record.
func (st *sessionState) restore(rec SessionRecord) {
	_, marked := rec.Cursors[""]
	st.lost = marked || len(rec.Cursors) == 0
	for topic, c := range rec.Cursors {
		if topic != "" {
			st.positions = append(st.positions, sessionPosition{topic, c})
		}
	}
	slices.SortFunc(st.positions, func(a, b sessionPosition) int { return cmp.Compare(a.topic, b.topic) })
}

// isSessionID tells whether a client may name a session so: 8 bytes are as few as can
// be random enough, 64 have room for a UUID and a hash.
func isSessionID(id string) bool {
	for i := range len(id) {
		if r := rune(id[i]); !isPlain(r) && r != '.' {
			return false
		}
	}
	return 8 <= len(id) && len(id) <= 64
}
