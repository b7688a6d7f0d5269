package hub

import (
	"hash/maphash"
	"sync"
	"time"
)

// maxIDs is how many IDs of messages are remembered at most. Beyond, the oldest is
// forgotten before its time.
const maxIDs = 1 << 20

// An idKey is a topic and an ID, as two hashes of 64 bits with secret seeds: nobody finds
// two IDs of one key, and each takes the same little memory.
type idKey [2]uint64

// An idEntry is what is known of an ID.
type idEntry struct {
	at      Cursor
	expires int64                  // Unix milliseconds
	pending bool                   // it is being published: at is not known
	waiting []func(Receipt, error) // those who tried again meanwhile
}

// An idTable remembers the IDs of messages.
type idTable struct {
	seeds [2]maphash.Seed

	mu    sync.Mutex
	known map[idKey]*idEntry
	order []idKey // in which they came; a key may stand here twice
	max   int
}

func (t *idTable) init() {
	t.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	t.known = make(map[idKey]*idEntry)
	t.max = maxIDs
}

func (t *idTable) key(topic, id string) (k idKey) {
	for i := range k {
		var h maphash.Hash
		h.SetSeed(t.seeds[i])
		_, _ = h.WriteString(topic)
		_ = h.WriteByte(0) // which no topic contains
		_, _ = h.WriteString(id)
		k[i] = h.Sum64()
	}
	return k
}

// claim tells whether m is known already, and then sees to it that done is answered.
// Otherwise it is now being published by the caller, who must call the function that
// claim returns, once.
func (t *idTable) claim(m *Message, s *Settings, done func(Receipt, error)) (settle func(Receipt, error), known bool) {
	k, now := t.key(m.Topic, m.ID), time.Now().UnixMilli()
	t.mu.Lock()
	e := t.known[k]
	switch {
	case e != nil && e.pending:
		if done != nil {
			e.waiting = append(e.waiting, done)
		}
		t.mu.Unlock()
		return nil, true
	case e != nil && e.expires > now:
		r := Receipt{At: e.at, Duplicate: true}
		t.mu.Unlock()
		answer(done, r, nil)
		return nil, true
	}
	e = &idEntry{pending: true}
	t.known[k] = e
	t.mu.Unlock()
	return func(r Receipt, err error) {
		t.settle(k, e, r, err, now+s.Idempotency.Milliseconds())
		answer(done, r, err)
	}, false
}

// settle takes how a publication ended, and tells those who wait.
func (t *idTable) settle(k idKey, e *idEntry, r Receipt, err error, expires int64) {
	t.mu.Lock()
	waiting := e.waiting
	e.waiting, e.pending = nil, false
	if err != nil {
		delete(t.known, k)
	} else {
		e.at, e.expires = r.At, expires
		t.keep(k)
	}
	t.mu.Unlock()
	r.Duplicate = err == nil
	for _, done := range waiting {
		done(r, err)
	}
}

// remember takes an ID that was published earlier.
func (t *idTable) remember(topic, id string, at Cursor, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.key(topic, id)
	t.known[k] = &idEntry{at: at, expires: expires.UnixMilli()}
	t.keep(k)
}

// keep puts k last in order and forgets what is old, or too much. mu is held.
func (t *idTable) keep(k idKey) {
	t.order = append(t.order, k)
	now := time.Now().UnixMilli()
	for len(t.order) > 0 {
		oldest := t.order[0]
		e := t.known[oldest]
		if e != nil && !e.pending && e.expires > now && len(t.known) <= t.max {
			return
		}
		if e != nil && !e.pending {
			delete(t.known, oldest)
		}
		t.order = t.order[1:]
	}
}
