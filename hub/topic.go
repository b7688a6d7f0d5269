package hub

import "sync"

// A topic is a list of subscriptions and the lock that puts its messages in
// order. Its claims are counted under the lock of its shard, not under mu: so
// a topic can be found, made and removed while it delivers.
type topic struct {
	name   string
	claims int // subscriptions that are in the list, about to enter it or just out of it

	mu   sync.Mutex // held while a message is delivered: this is the order
	subs []*subscription
}

// A subscription is one sink in the list of one topic.
type subscription struct {
	sink  Sink
	index int // its place in topic.subs, or left
}

// left is the index of a subscription that is no longer in the list.
const left = -1

func (t *topic) join(s Sink) *subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	sub := &subscription{sink: s, index: len(t.subs)}
	t.subs = append(t.subs, sub)
	return sub
}

// leave takes sub out of the list and tells whether it was still in it. The
// last subscription takes the free place, so leaving costs the same however
// many stay.
func (t *topic) leave(sub *subscription) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sub.index == left {
		return false
	}
	end := len(t.subs) - 1
	last := t.subs[end]
	t.subs[sub.index], last.index = last, sub.index
	t.subs[end] = nil
	t.subs = t.subs[:end]
	sub.index = left
	sub.sink = nil // whoever keeps the leave function does not keep the sink alive
	return true
}

// deliver calls every sink. The lock is given back also when one of them
// panics: the panic belongs to the publisher, the topic goes on.
func (t *topic) deliver(m *Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sub := range t.subs {
		sub.sink.Deliver(m)
	}
}
