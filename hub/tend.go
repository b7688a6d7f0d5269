package hub

import (
	"sync"
	"time"
)

// How the hub is tended: so often it looks at subscriptions that are held, and at a part of
// the topics.
const (
	tendInterval = 250 * time.Millisecond
	tendShards   = 2                // of shardCount, so that all are seen in 8 s
	idleCache    = 30 * time.Second // how long messages that an engine keeps stay in memory
)

// tend keeps order until the hub is closed.
func (h *Hub) tend() {
	tick := time.NewTicker(tendInterval)
	defer tick.Stop()
	for at := 0; ; {
		select {
		case <-h.stop:
			return
		case now := <-tick.C:
			for _, t := range h.slowTopics.take() {
				t.checkSlow()
			}
			for range tendShards {
				h.sweep(&h.shards[at], now.UnixMilli())
				at = (at + 1) % shardCount
			}
			if h.memory.Load() > h.maxMemory {
				h.shrink()
			}
		}
	}
}

// sweep removes what is too old from the topics of a shard, and topics that have nothing
// left.
func (h *Hub) sweep(sh *shard, now int64) {
	sh.mu.RLock()
	list := make([]*topic, 0, len(sh.topics))
	for _, t := range sh.topics {
		list = append(list, t)
	}
	sh.mu.RUnlock()
	for _, t := range list {
		t.mu.Lock()
		t.trim(now)
		idle := t.idle(now)
		t.mu.Unlock()
		if idle {
			h.retire(sh, t, now)
		}
	}
	h.forgetMetas(sh, now, false)
}

// idle tells whether the topic need not be in memory. The lock is held.
func (t *topic) idle(now int64) bool {
	if t.subs > 0 {
		return false
	}
	if t.hub.durable {
		return now-t.used >= idleCache.Milliseconds() && t.last.Offset <= t.hub.engine.Settled()
	}
	return t.ring.n == 0 && len(t.latest) == 0
}

// retire takes a topic out of the hub if it is still idle. Without a store its meta stays.
func (h *Hub) retire(sh *shard, t *topic, now int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone || !t.idle(now) {
		return
	}
	t.gone = true
	delete(sh.topics, t.name)
	freed := t.ring.bytes + int64(t.ring.n)*overhead
	for _, m := range t.latest {
		freed += m.size() + overhead
	}
	h.memory.Add(-freed - topicSize)
	if h.durable || t.ring.floor <= h.forgotten.Load() {
		return
	}
	if sh.metas == nil {
		sh.metas = make(map[string]meta)
	}
	sh.metas[t.name] = meta{t.ring.floor, t.last}
	h.memory.Add(metaSize)
}

// forgetMetas forgets topics that had their last message long ago, or all. Cursors from
// before their messages are gaps from then on, whatever the topic.
func (h *Hub) forgetMetas(sh *shard, now int64, all bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for name, m := range sh.metas {
		if !all && now-m.last.Time < h.rules.of(name).Metadata.Milliseconds() {
			continue
		}
		delete(sh.metas, name)
		h.memory.Add(-metaSize)
		for {
			known := h.forgotten.Load()
			if known >= m.floor || h.forgotten.CompareAndSwap(known, m.floor) {
				break
			}
		}
	}
}

// shrink makes the logs in memory smaller, until they are well within the bound: first
// those without subscribers go, then each loses its older half.
func (h *Hub) shrink() {
	enough := h.maxMemory - h.maxMemory/8
	for _, unheard := range []bool{true, false} {
		for i := range h.shards {
			if h.memory.Load() <= enough {
				return
			}
			h.shrinkShard(&h.shards[i], unheard)
		}
	}
}

func (h *Hub) shrinkShard(sh *shard, unheard bool) {
	now := time.Now().UnixMilli()
	sh.mu.RLock()
	list := make([]*topic, 0, len(sh.topics))
	for _, t := range sh.topics {
		list = append(list, t)
	}
	sh.mu.RUnlock()
	for _, t := range list {
		t.mu.Lock()
		keep := t.ring.n / 2
		switch {
		case unheard && t.subs == 0:
			keep = 0
		case unheard:
			keep = t.ring.n
		}
		h.memory.Add(-t.ring.trim(keep, -1, t.settings, now))
		if h.durable && unheard && t.subs == 0 {
			t.used = 0 // and the rest of it goes too
		}
		idle := t.idle(now)
		t.mu.Unlock()
		if idle {
			h.retire(sh, t, now)
		}
	}
	if unheard {
		h.forgetMetas(sh, now, h.memory.Load() > h.maxMemory)
	}
}

// A slowSet is the topics that have subscriptions which are held.
type slowSet struct {
	mu  sync.Mutex
	set map[*topic]struct{}
}

func (s *slowSet) add(t *topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = make(map[*topic]struct{})
	}
	s.set[t] = struct{}{}
}

// take returns the set, which is empty then. Topics that still have such subscriptions
// add themselves again.
func (s *slowSet) take() []*topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*topic, 0, len(s.set))
	for t := range s.set {
		list = append(list, t)
	}
	clear(s.set)
	return list
}

// checkSlow does with subscriptions that are too far behind what the settings say.
func (t *topic) checkSlow() {
	if t.settings.Slow == SlowConflate {
		return
	}
	t.mu.Lock()
	if len(t.slow) > 0 {
		t.hub.slowTopics.add(t)
	}
	var late, wake []*Subscription
	slowest := t.slowest()
	for s := range t.slow {
		// Its position is that of whoever pumps: look at it as that one.
		if !s.state.CompareAndSwap(held, pumping) {
			continue
		}
		switch {
		case !s.lagging || s.pos.Offset >= slowest.Offset:
		case t.settings.Slow == SlowDropOldest:
			s.drop = true
		default:
			late = append(late, s)
			continue
		}
		s.state.Store(held)
		// Who came meanwhile found that somebody pumps, and left it to him.
		if (s.again.Swap(false) || s.over()) && s.state.CompareAndSwap(held, pumping) {
			wake = append(wake, s)
		}
	}
	t.mu.Unlock()
	for _, s := range late {
		s.ending.CompareAndSwap(nil, &ErrSlow)
		s.pump() // which finishes it
	}
	for _, s := range wake {
		s.pump()
	}
}

// slowest returns the position before which a subscription is too far behind. The lock is held.
func (t *topic) slowest() Cursor {
	behind := int64(0)
	for i := t.ring.n - 1; i >= 0; i-- {
		if behind += t.ring.at(i).size(); behind > t.settings.MaxLag {
			return t.ring.at(i).At
		}
	}
	return Cursor{Epoch: t.hub.engine.Epoch(), Offset: t.ring.floor, Time: t.last.Time}
}

// skip has s, which is too far behind, go on where it is not. The lock is held.
func (t *topic) skip(s *Subscription) {
	s.drop = false
	to := t.slowest()
	switch {
	case to.Offset <= max(s.pos.Offset, s.snap):
	case t.settings.Latest:
		t.miss(s, to.Offset)
	default:
		s.pos, s.gap = to, true
	}
}
