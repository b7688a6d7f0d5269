package hub

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A topic is the part of a topic that is in memory: its audience and the newest messages.
// Without a store there is no other part.
type topic struct {
	hub      *Hub
	name     string
	settings *Settings

	mu   sync.Mutex // held while a message is delivered: this is the order
	gone bool       // it is not in the hub any more; changed with the shard's lock held too
	ring ring
	last Cursor // the newest message that was received
	used int64  // when it last had a message or a subscription, Unix milliseconds

	// latest holds the newest message of each key, if the settings say so. With a
	// store they must be read first; until then it has what came meanwhile.
	latest  map[string]*Message
	loaded  bool
	loading bool // for those who publish

	here     audience
	watchers []*Subscription // of presence
	slow     map[*Subscription]struct{}
	subs     int // all subscriptions
}

func (t *topic) lock()               { t.mu.Lock() }
func (t *topic) unlock()             { t.mu.Unlock() }
func (t *topic) audience() *audience { return &t.here }

// position is that of those who are live: behind all that was received, and before all
// that will be.
func (t *topic) position() Cursor {
	if settled := t.hub.engine.Settled(); settled > t.last.Offset || t.last.IsZero() {
		return Cursor{Epoch: t.hub.engine.Epoch(), Offset: settled, Time: time.Now().UnixMilli()}
	}
	return t.last
}

func (t *topic) hold(s *Subscription) {
	if t.slow == nil {
		t.slow = make(map[*Subscription]struct{})
	}
	t.slow[s] = struct{}{}
	t.hub.slowTopics.add(t)
}

func (t *topic) unhold(s *Subscription) {
	delete(t.slow, s)
	if len(t.slow) == 0 {
		t.slow = nil
	}
}

// receive puts m into the log and gives it to the audience. It returns false if the topic
// is gone.
func (t *topic) receive(m *Message) bool {
	t.mu.Lock()
	if t.gone {
		t.mu.Unlock()
		return false
	}
	t.last = m.At
	t.used = m.At.Time
	t.keep(m)
	wake := deliver(t, m)
	t.mu.Unlock()
	for _, s := range wake {
		s.pump()
	}
	return true
}

// keep puts m into the log.
func (t *topic) keep(m *Message) {
	if t.settings.Latest && m.Key != "" {
		if t.latest == nil {
			t.latest = make(map[string]*Message)
		}
		old := t.latest[m.Key]
		if old != nil {
			t.hub.memory.Add(-old.size() - overhead)
		}
		t.latest[m.Key] = m // without payload too, until what the store has is loaded
		t.hub.memory.Add(m.size() + overhead)
		if len(m.Payload) == 0 && t.complete() {
			delete(t.latest, m.Key)
			t.hub.memory.Add(-m.size() - overhead)
		}
	}
	t.ring.push(m)
	t.hub.memory.Add(m.size() + overhead)
	t.trim(m.At.Time)
}

// trim removes from memory what is too much or too old.
func (t *topic) trim(now int64) {
	maxBytes := t.settings.MaxBytes
	if t.hub.durable {
		// A subscription that is further behind is too slow anyway.
		bound := t.settings.MaxLag + pageBytes
		if maxBytes < 0 || maxBytes > bound {
			maxBytes = bound
		}
	}
	t.hub.memory.Add(-t.ring.trim(max(t.settings.MaxMessages, 0), maxBytes, t.settings, now))
}

// begin finds out where s begins. The lock is held.
func (t *topic) begin(s *Subscription, o *SubscribeOptions) {
	t.trim(time.Now().UnixMilli())
	s.pos = t.position()
	switch {
	case !o.After.IsZero():
		s.pos = o.After
		t.hub.checkEpoch(s)
	case o.Last > 0 && (o.Last <= t.ring.n || !t.hub.durable):
		if n := min(o.Last, t.ring.n); n > 0 {
			s.pos = t.before(t.ring.n - n)
		}
	case o.Last > 0:
		s.last = o.Last
	case o.Latest && t.settings.Latest:
		s.snap = s.pos.Offset
		s.pos.Offset = 0
	}
}

// before returns the position before message i of the ring.
func (t *topic) before(i int) Cursor {
	if i > 0 {
		return t.ring.at(i - 1).At
	}
	return Cursor{Epoch: t.hub.engine.Epoch(), Offset: t.ring.floor, Time: t.ring.at(0).At.Time}
}

func (t *topic) page(s *Subscription, dst []*Message) (list []*Message, cold bool) {
	switch {
	case len(s.cold) > 0:
		n := min(len(s.cold), pageMessages)
		dst = append(dst, s.cold[:n]...)
		s.cold = s.cold[n:]
		return dst, false
	case s.last > 0:
		return nil, true
	case s.drop:
		if t.skip(s); s.gap {
			return nil, false
		}
	case s.snap > 0:
		if !t.complete() {
			return nil, true
		}
		if s.cold = t.snapshot(s); len(s.cold) > 0 {
			return nil, false
		}
		s.pos.Offset = max(s.pos.Offset, s.snap)
		s.snap = 0
	case s.lagging && t.settings.Slow == SlowConflate && s.pos.Offset >= min(t.ring.floor, t.ring.lost):
		s.cold = t.conflate(s)
		return nil, false
	}
	if s.pos.Offset < t.ring.floor {
		if t.hub.durable {
			return nil, true
		}
		t.miss(s, t.ring.floor)
		return nil, false
	}
	return t.ring.page(dst, s.pos.Offset, pageMessages, pageBytes), false
}

// complete tells whether latest has all that it should have.
func (t *topic) complete() bool { return t.loaded || !t.hub.durable || !t.settings.Latest }

// miss notes that the messages of s up to an offset are lost, except the latest of each
// key.
func (t *topic) miss(s *Subscription, upTo uint64) {
	s.gap = true
	if t.settings.Latest {
		s.snap = upTo
		return
	}
	s.pos = Cursor{Epoch: t.hub.engine.Epoch(), Offset: upTo, Time: s.pos.Time}
}

// snapshot returns the latest of the keys that are behind the position of s and not behind
// s.snap.
func (t *topic) snapshot(s *Subscription) []*Message {
	list := make([]*Message, 0, len(t.latest))
	for _, m := range t.latest {
		if m.At.Offset > s.pos.Offset && m.At.Offset <= s.snap && len(m.Payload) > 0 {
			list = append(list, m)
		}
	}
	sortMessages(list)
	return list
}

// conflate returns what is behind the position of s, of each key only the latest. That is known
// if nothing was lost behind it.
func (t *topic) conflate(s *Subscription) []*Message {
	of := make(map[string]*Message)
	if s.pos.Offset < t.ring.floor {
		for key, m := range t.latest {
			if m.At.Offset > s.pos.Offset {
				of[key] = m
			}
		}
	}
	for i := t.ring.after(s.pos.Offset); i < t.ring.n; i++ {
		of[t.ring.at(i).Key] = t.ring.at(i)
	}
	list := slices.Collect(maps.Values(of))
	sortMessages(list)
	return list
}

// sortMessages puts messages in order.
func sortMessages(list []*Message) {
	slices.SortFunc(list, func(a, b *Message) int { return cmp.Compare(a.At.Offset, b.At.Offset) })
}

// read reads from the engine what page could not, for the one who pumps s.
func (t *topic) read(ctx context.Context, s *Subscription) error {
	if !t.ready() {
		return t.load(ctx) // that may be all that was wanted
	}
	if s.snap > 0 {
		return nil // it was, and another has loaded them
	}
	floor := t.floor() // what is behind it may not be stored when we read
	r := Range{After: s.pos.Offset, AfterTime: s.pos.Time, Limit: coldMessages, MaxBytes: pageBytes}
	if s.last > 0 {
		r = Range{Newest: true, Limit: s.last, MaxBytes: t.settings.MaxBytes}
		if r.MaxBytes < 0 {
			r.MaxBytes = DefaultMaxBytes
		}
	}
	p, err := t.hub.engine.Read(ctx, t.name, r)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.last > 0 {
		t.beginLast(s, p, floor)
		return nil
	}
	t.continueWith(s, p, floor)
	return nil
}

func (t *topic) floor() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ring.floor
}

// ready tells whether latest need not be loaded.
func (t *topic) ready() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.complete()
}

// beginLast has s begin with the newest messages, which were read; those up to floor are
// all there. The lock is held.
func (t *topic) beginLast(s *Subscription, p Page, floor uint64) {
	n := s.last
	s.last = 0
	if n <= t.ring.n { // more came meanwhile
		s.pos = t.before(t.ring.n - n)
		return
	}
	s.pos.Epoch = t.hub.engine.Epoch()
	s.pos.Offset = floor
	older := upTo(p.Messages, floor)
	older = older[max(0, len(older)-(n-t.ring.n)):]
	if len(older) > 0 {
		s.pos.Offset = older[0].At.Offset - 1
		s.pos.Time = older[0].At.Time
		s.cold = older
	}
}

// continueWith has s go on with messages that were read behind its position; those up to
// floor are all there. The lock is held.
func (t *topic) continueWith(s *Subscription, p Page, floor uint64) {
	if s.pos.Offset >= t.ring.floor {
		return // another has put it in front of the ring meanwhile
	}
	if p.Trimmed > s.pos.Offset {
		t.miss(s, p.Trimmed)
		if s.snap > 0 {
			return
		}
	}
	s.cold = upTo(p.Messages, floor)
	if p.More && len(s.cold) == len(p.Messages) {
		return
	}
	// That is all between s and the ring, as the ring was.
	switch {
	case floor == t.ring.floor && t.extend(s.cold, s.pos.Offset):
		s.cold = nil
	case len(s.cold) == 0:
		s.pos = Cursor{Epoch: t.hub.engine.Epoch(), Offset: max(s.pos.Offset, floor), Time: s.pos.Time}
	}
}

// extend puts messages that were read, all of the topic from an offset on, in front of the
// ring, so that others who come from there find them; it returns false if that is too much.
func (t *topic) extend(older []*Message, floor uint64) bool {
	bytes := int64(0)
	for _, m := range older {
		bytes += m.size()
	}
	if t.ring.n+len(older) > max(t.settings.MaxMessages, 0) || t.ring.bytes+bytes > t.settings.MaxLag {
		return false
	}
	t.ring.extend(older, floor)
	t.hub.memory.Add(bytes + int64(len(older))*overhead)
	return true
}

// preload is load for those who publish. If it fails, the next of them tries again.
func (t *topic) preload(ctx context.Context) {
	if t.load(ctx) != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.loading = false
	}
}

// load reads the latest message of each key.
func (t *topic) load(ctx context.Context) error {
	list, err := t.hub.engine.Latest(ctx, t.name)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.loaded || t.gone {
		return nil
	}
	t.loaded = true
	for _, m := range list {
		if _, newer := t.latest[m.Key]; !newer {
			if t.latest == nil {
				t.latest = make(map[string]*Message)
			}
			t.latest[m.Key] = m
			t.hub.memory.Add(m.size() + overhead)
		}
	}
	for key, m := range t.latest {
		if len(m.Payload) == 0 {
			delete(t.latest, key)
			t.hub.memory.Add(-m.size() - overhead)
		}
	}
	return nil
}

// upTo returns those of list that are not behind an offset.
func upTo(list []*Message, offset uint64) []*Message {
	i, _ := slices.BinarySearchFunc(list, offset+1, func(m *Message, o uint64) int { return cmp.Compare(m.At.Offset, o) })
	return list[:i]
}
