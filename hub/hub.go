package hub

import (
	"errors"
	"hash/maphash"
	"sync"
)

// A Message is one message of a topic. Its fields, and the bytes of Payload,
// must not be changed once it was given to [Hub.Publish]: every receiver holds
// the same Message, for as long as it likes.
type Message struct {
	Topic   string // where it is published, see [CheckTopic]
	Binary  bool   // Payload is bytes; otherwise it is UTF-8 text
	Payload []byte // the message itself, which the hub never looks at
}

// A Sink receives the messages of the topics it is subscribed to.
//
// Deliver is called from the goroutine of whoever publishes. The calls for one
// topic never overlap and come in the order in which the topic took the
// messages, the same for each sink; calls for different topics may overlap.
// Deliver must not block, because the topic waits for it, and it must not
// publish to, subscribe to or leave the same topic before it returns, because
// it would wait for itself. A Sink that wants to leave does so from another
// goroutine.
type Sink interface {
	Deliver(m *Message)
}

// ErrNilSink is what [Hub.Subscribe] answers when there is nobody to deliver to.
var ErrNilSink = errors.New("hub: the sink is nil; give a value whose Deliver takes the messages")

// shardCount spreads the topics over that many locks. A lock is held for one
// look-up in a map, so it needs to be no more than a few times the number of
// processors; it is a power of two so that the hash is cut by a mask.
const shardCount = 64

// A Hub holds the topics of one process. All its methods may be called by any
// number of goroutines. Make one with [New].
type Hub struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

// A shard holds the topics whose names hash to it.
type shard struct {
	mu     sync.RWMutex
	topics map[string]*topic
}

// New makes a hub without topics.
func New() *Hub {
	h := &Hub{seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].topics = make(map[string]*topic)
	}
	return h
}

// Subscribe has s receive every message that the topic takes from now on,
// until leave is called. A message published after Subscribe returned is
// delivered; one published at the same time may or may not be.
//
// When leave has returned, s is not called for this subscription any more. A
// leave waits for a delivery that is under way; calling it again does nothing,
// and it may be called from any goroutine except out of Deliver of the same
// topic. A sink that subscribes twice receives everything twice and leaves
// twice, with the two functions it was given.
//
// The error is a [*TopicError] for a name that is not one, or [ErrNilSink].
func (h *Hub) Subscribe(topic string, s Sink) (leave func(), err error) {
	if err := CheckTopic(topic); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, ErrNilSink
	}
	sh := h.shard(topic)
	t := sh.claim(topic)
	sub := t.join(s)
	return func() {
		if t.leave(sub) {
			sh.release(t)
		}
	}, nil
}

// Publish delivers m to every subscriber of m.Topic and returns when each of
// them was called. Without subscribers it does nothing. Messages of one topic
// are delivered one after the other; messages of different topics do not wait
// for each other.
//
// The error is a [*TopicError] if m.Topic is not the name of a topic.
func (h *Hub) Publish(m *Message) error {
	if t := h.shard(m.Topic).find(m.Topic); t != nil {
		t.deliver(m)
		return nil
	}
	// Only a name that passed the check can have been found above, so the
	// common way through does without it.
	return CheckTopic(m.Topic)
}

// Topics is the number of topics with at least one subscriber.
func (h *Hub) Topics() int {
	n := 0
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.RLock()
		n += len(sh.topics)
		sh.mu.RUnlock()
	}
	return n
}

// Subscribers is the number of subscriptions that the topic has, 0 for a topic
// that does not exist.
func (h *Hub) Subscribers(topic string) int {
	sh := h.shard(topic)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if t := sh.topics[topic]; t != nil {
		return t.claims
	}
	return 0
}

func (h *Hub) shard(topic string) *shard {
	return &h.shards[maphash.String(h.seed, topic)&(shardCount-1)]
}

// find returns the topic, nil if it does not exist.
func (sh *shard) find(name string) *topic {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.topics[name]
}

// claim returns the topic, which it makes if needed, and keeps it from being
// removed until release is called as often as claim was.
func (sh *shard) claim(name string) *topic {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[name]
	if t == nil {
		t = &topic{name: name}
		sh.topics[name] = t
	}
	t.claims++
	return t
}

// release gives one claim back and removes the topic with the last one.
func (sh *shard) release(t *topic) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t.claims--
	if t.claims == 0 {
		delete(sh.topics, t.name)
	}
}
