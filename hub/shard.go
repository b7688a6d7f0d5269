package hub

import (
	"hash/maphash"
	"time"
)

func (h *Hub) shard(topic string) *shard {
	return &h.shards[maphash.String(h.seed, topic)&(shardCount-1)]
}

// find returns the topic, nil if it is not in memory.
func (sh *shard) find(name string) *topic {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.topics[name]
}

// claim returns the topic with its lock held. It makes it if needed, with everything that
// was settled behind it.
func (h *Hub) claim(name string) *topic {
	for {
		t := h.shard(name).find(name)
		if t == nil {
			t = h.makeTopic(name, nil)
		}
		t.mu.Lock()
		if !t.gone {
			t.used = time.Now().UnixMilli()
			return t
		}
		t.mu.Unlock()
	}
}

// makeTopic puts a topic into the hub, if it is not there. first is the message that it will
// receive, if there is one.
func (h *Hub) makeTopic(name string, first *Message) *topic {
	sh := h.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.topics[name]; t != nil {
		return t
	}
	t := &topic{hub: h, name: name, settings: h.rules.of(name), used: time.Now().UnixMilli()}
	switch {
	case first != nil:
		t.ring.floor = first.At.Offset - 1
	default:
		// Asked with the lock held: whoever retired the topic had it settled.
		t.ring.floor = h.engine.Settled()
	}
	if !h.durable {
		t.ring.floor = h.forgotten.Load()
		if m, ok := sh.metas[name]; ok {
			delete(sh.metas, name)
			h.memory.Add(-metaSize)
			t.ring.floor, t.last = m.floor, m.last
		}
	}
	t.ring.lost = t.ring.floor
	h.memory.Add(topicSize)
	sh.topics[name] = t
	return t
}

// eachTopic calls f for each topic in memory and for each that is remembered, whose t is
// nil. It returns the offset behind which all others have no messages.
func (h *Hub) eachTopic(f func(name string, t *topic, m meta)) (forgotten uint64) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.RLock()
		list := make([]*topic, 0, len(sh.topics))
		for _, t := range sh.topics {
			list = append(list, t)
		}
		for name, m := range sh.metas {
			f(name, nil, m)
		}
		sh.mu.RUnlock()
		for _, t := range list {
			f(t.name, t, meta{})
		}
	}
	return h.forgotten.Load()
}

// join takes note of a subscription. The lock is held.
func (t *topic) join(s *Subscription) {
	t.subs++
	if s.presence {
		t.watchers = append(t.watchers, s)
	}
}

// left takes note that a subscription has ended.
func (h *Hub) left(s *Subscription) {
	switch src := s.source.(type) {
	case *feed:
		h.feeds.exit(src)
	case *topic:
		src.leave(s)
		if s.as != "" {
			h.roster.leave(src.name, s.as)
		}
	}
}

// leave takes a subscription off the lists, and with the last one the encodings, which
// nobody needs now.
func (t *topic) leave(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subs--
	t.used = time.Now().UnixMilli()
	if s.presence {
		t.watchers = without(t.watchers, s)
	}
	if t.subs > 0 {
		return
	}
	for i := max(0, t.ring.n-warm); i < t.ring.n; i++ {
		t.ring.at(i).forget()
	}
}

// tellPresence tells the watchers of a topic of a change.
func (h *Hub) tellPresence(c *PresenceChange) {
	t := h.shard(c.Topic).find(c.Topic)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.watchers {
		if s.state.Load() != live {
			s.stale = true // and is told all when it is live
			continue
		}
		s.sink.Notify(s, Notice{Kind: PresenceChanged, Presence: c})
	}
}

// A node is the side of the hub that its engine sees.
type node Hub

func (n *node) Settings(topic string) *Settings { return n.rules.of(topic) }

func (n *node) Receive(m *Message) {
	h := (*Hub)(n)
	for {
		t := h.shard(m.Topic).find(m.Topic)
		if t == nil {
			t = h.makeTopic(m.Topic, m)
		}
		if t.receive(m) {
			return
		}
	}
}

func (n *node) Settle(list []*Message) { (*Hub)(n).feeds.settle(list) }

func (n *node) Present(from, topic string, joined, left []string) {
	n.roster.present(from, topic, joined, left)
}
