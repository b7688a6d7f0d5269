package hub

import (
	"cmp"
	"context"
	"time"
)

// Bounds and defaults of a Query.
const (
	MaxLimit        = 1000
	DefaultLimit    = 100
	DefaultMaxReply = 1 << 20 // bytes
)

// A Query says which messages of a topic are asked for: those behind After, or the newest
// Last, or the oldest there are.
type Query struct {
	After Cursor
	Last  int // not used with After

	// Limit bounds how many there are, and MaxBytes their payloads; a single one may be
	// larger. Defaults: 100 and 1 MiB, at most 1000 and what the log may have.
	Limit    int
	MaxBytes int64
}

// A History is messages of a topic.
type History struct {
	Messages []*Message // oldest first
	At       Cursor     // go on behind it
	Gap      bool       // messages behind After are lost, but for what there is
	More     bool       // there are more behind At
}

// Read returns messages of a topic. It may wait for a disk, and for others that do.
//
// The error is a [*TopicError], ErrClosed, ctx's or what the store said.
func (h *Hub) Read(ctx context.Context, topic string, q Query) (History, error) {
	if err := CheckTopic(topic); err != nil {
		return History{}, err
	}
	if h.closed.Load() {
		return History{}, ErrClosed
	}
	q.Limit = min(cmp.Or(max(q.Limit, 0), DefaultLimit), MaxLimit)
	q.MaxBytes = cmp.Or(max(q.MaxBytes, 0), DefaultMaxReply)
	q.Last = min(max(q.Last, 0), MaxLimit)
	gap := false
	if !q.After.IsZero() {
		q.Last = 0
		if gap = q.After.Epoch != h.engine.Epoch() || q.After.Offset > h.engine.Newest(); gap {
			q.After = Cursor{}
		}
	}
	t := h.claim(topic)
	t.trim(time.Now().UnixMilli())
	out, ok := t.history(q)
	floor := t.ring.floor
	t.mu.Unlock()
	if !ok {
		var err error
		if out, err = h.readStored(ctx, t, q, floor); err != nil {
			return History{}, err
		}
	}
	out.Gap = out.Gap || gap
	return out, nil
}

// history reads from memory. ok is false if that is not enough. The lock is held.
func (t *topic) history(q Query) (out History, ok bool) {
	after := q.After.Offset
	switch {
	case q.Last > 0 && q.Last <= t.ring.n:
		after = t.before(t.ring.n - q.Last).Offset
		q.Limit = q.Last
	case !t.hub.durable:
		if q.Last > 0 {
			q.Limit = q.Last
		}
		if after < t.ring.floor {
			out.Gap = !q.After.IsZero()
			after = t.ring.floor
		}
	case q.Last > 0 || after < t.ring.floor:
		return History{}, false
	}
	out.Messages = t.ring.page(nil, after, q.Limit, q.MaxBytes)
	if q.Last > 0 {
		out.Messages = t.newest(q)
	}
	if out.At = t.position(); q.After.Offset > out.At.Offset {
		out.At = q.After // it is ahead of what came here
	}
	// The ring may hold what is older than last: what was read from the engine.
	if n := len(out.Messages); n > 0 && t.ring.after(out.Messages[n-1].At.Offset) < t.ring.n {
		out.At, out.More = out.Messages[n-1].At, true
	}
	return out, true
}

// newest returns the newest messages of the ring within the bounds of q.
func (t *topic) newest(q Query) []*Message {
	n, bytes := 0, int64(0)
	for n < min(q.Last, t.ring.n) {
		bytes += t.ring.at(t.ring.n - 1 - n).size()
		if n > 0 && bytes > q.MaxBytes {
			break
		}
		n++
	}
	list := make([]*Message, n)
	for i := range list {
		list[i] = t.ring.at(t.ring.n - n + i)
	}
	return list
}

// readStored reads from the engine. Everything up to floor is there.
func (h *Hub) readStored(ctx context.Context, t *topic, q Query, floor uint64) (History, error) {
	select {
	case h.reads <- struct{}{}:
		defer func() { <-h.reads }()
	case <-ctx.Done():
		return History{}, ctx.Err()
	}
	r := Range{After: q.After.Offset, AfterTime: q.After.Time, Limit: q.Limit, MaxBytes: q.MaxBytes}
	if q.Last > 0 {
		r = Range{Newest: true, Limit: q.Last, MaxBytes: q.MaxBytes}
	}
	p, err := h.engine.Read(ctx, t.name, r)
	if err != nil {
		return History{}, err
	}
	out := History{Messages: p.Messages, More: p.More && q.Last == 0, Gap: !q.After.IsZero() && p.Trimmed > q.After.Offset}
	switch n := len(p.Messages); {
	case n > 0:
		out.At = p.Messages[n-1].At
	default:
		out.At = Cursor{Epoch: h.engine.Epoch(), Offset: max(floor, q.After.Offset), Time: time.Now().UnixMilli()}
	}
	return out, nil
}

// Position returns where a topic, or a filter, is now: whoever subscribes or reads behind it
// gets everything that is published from now on. What is being published at the same time
// may be before or behind it.
func (h *Hub) Position(topic string) Cursor {
	if t := h.shard(topic).find(topic); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.position()
	}
	return Cursor{Epoch: h.engine.Epoch(), Offset: h.engine.Settled(), Time: time.Now().UnixMilli()}
}

// Presence returns who is present in a topic: how many there are, and up to limit of their
// names in order, from the first behind after.
func (h *Hub) Presence(topic, after string, limit int) PresencePage {
	return h.roster.page(topic, after, limit)
}

// OpenSession returns the session of an ID, which it makes if there is none. If another
// connection has it, taken is called for that one. It may wait for a disk.
//
// The error is ErrBadSession, ErrBusy, or what the store said.
func (h *Hub) OpenSession(id string, taken func()) (*Session, error) {
	return h.sessions.open(id, taken)
}
