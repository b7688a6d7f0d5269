package hub

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Defaults of Options.
const (
	DefaultSessionTTL = 10 * time.Minute
	DefaultMaxMemory  = 256 << 20 // bytes
)

// Options say how a hub behaves. The zero value, like nil, means the defaults.
type Options struct {
	// Engine puts messages in order and keeps them. The hub closes it. Default:
	// NewLocal(nil).
	Engine Engine

	// Rules give topics their settings: the first whose filter matches counts, and
	// Default if none does.
	Rules   []Rule
	Default Settings

	// SessionTTL is how long a session outlives its last connection. Default 10
	// minutes.
	SessionTTL time.Duration

	// MaxMemory is about how many bytes the logs in memory may have together, with
	// what they take beside their messages. Beyond, logs are shortened, first of
	// topics without subscribers; without a store that is a gap for who comes back.
	// Default 256 MiB.
	MaxMemory int64
}

// shardCount spreads the topics over that many locks. A lock is held for one look-up in a
// map, so it needs to be no more than a few times the number of processors; it is a power
// of two so that the hash is cut by a mask.
const shardCount = 64

// A Hub is the topics of one node: who listens, and what they have missed. All its methods
// may be called by any number of goroutines. Make one with [New], and Close it.
type Hub struct {
	engine    Engine
	durable   bool
	rules     *rules
	maxMemory int64

	seed      maphash.Seed
	shards    [shardCount]shard
	feeds     feeds
	roster    *roster
	sessions  *sessions
	cold      coldPool
	reads     chan struct{} // holds one for each Read that may go to the engine
	memory    atomic.Int64  // bytes of logs in memory
	forgotten atomic.Uint64 // topics that are not known have no messages behind it; without a store

	slowTopics slowSet
	closed     atomic.Bool
	stop       chan struct{}
	tending    sync.WaitGroup
}

// A shard holds the topics whose names hash to it.
type shard struct {
	mu     sync.RWMutex
	topics map[string]*topic
	metas  map[string]meta // of topics that have no messages any more; without a store
}

// A meta is what outlives a topic in memory.
type meta struct {
	floor uint64
	last  Cursor
}

// metaSize is what a meta counts in the bound of memory, in bytes.
const metaSize = 160

// topicSize is what a topic counts, in bytes, beside its messages.
const topicSize = 640

// New makes a hub.
func New(o *Options) (*Hub, error) {
	if o == nil {
		o = &Options{}
	}
	if o.SessionTTL < 0 || o.MaxMemory < 0 {
		return nil, errors.New("hub: SessionTTL or MaxMemory is negative; leave it zero for its default")
	}
	rules, err := newRules(o.Rules, o.Default)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		engine:    o.Engine,
		rules:     rules,
		maxMemory: cmp.Or(o.MaxMemory, DefaultMaxMemory),
		seed:      maphash.MakeSeed(),
		reads:     make(chan struct{}, coldReaders),
		stop:      make(chan struct{}),
	}
	if h.engine == nil {
		h.engine = NewLocal(nil)
	}
	h.durable = h.engine.Durable()
	h.feeds.hub = h
	h.cold.init()
	for i := range h.shards {
		h.shards[i].topics = make(map[string]*topic)
	}
	h.roster = newRoster(h.rules.of, h.engine, h.tellPresence)
	ttl := min(cmp.Or(o.SessionTTL, DefaultSessionTTL), math.MaxInt64-expiredFor)
	memory := Memory{IDs: h.rules.longestIdempotency(), Sessions: ttl + expiredFor}
	if err := h.engine.Start((*node)(h), memory); err != nil {
		return nil, err
	}
	h.sessions = newSessions(h.engine, ttl)
	h.tending.Go(h.tend)
	return h, nil
}

// Close ends all subscriptions with [ErrClosed], saves the sessions, and closes the engine
// when everything that was published is answered.
func (h *Hub) Close() error {
	if !h.closed.CompareAndSwap(false, true) {
		return nil
	}
	close(h.stop)
	h.cold.stop()
	h.endAll()
	h.cold.end()
	h.tending.Wait()
	h.roster.close()
	err := h.sessions.close()
	if e := h.engine.Close(); err == nil {
		err = e
	}
	return err
}

// endAll ends all subscriptions that somebody may have to be told to end: those who pump see
// for themselves that the hub is closed.
func (h *Hub) endAll() {
	var all []*Subscription
	h.eachTopic(func(_ string, t *topic, _ meta) {
		if t != nil {
			t.mu.Lock()
			all = t.here.appendAll(all, t.slow)
			t.mu.Unlock()
		}
	})
	h.feeds.mu.Lock()
	for _, fd := range h.feeds.by {
		all = fd.here.appendAll(all, fd.slow)
	}
	h.feeds.mu.Unlock()
	for _, s := range all {
		s.stop(ErrClosed)
	}
}

// Publish puts m into the log of its topic and gives it to all subscribers. It returns when
// m is as durable as the engine promises, or ctx is done; m may have been published then
// all the same. It must not be called by a Sink.
//
// The error is a [*TopicError], [ErrLongKey], [ErrTooManyKeys], [ErrBusy], [ErrClosed],
// ctx's, what the store said, or says that m has a Kind that is none.
func (h *Hub) Publish(ctx context.Context, m *Message) (Receipt, error) {
	type result struct {
		r   Receipt
		err error
	}
	if !h.durable {
		var now result
		told := make(chan struct{})
		h.PublishAsync(m, func(r Receipt, err error) { now = result{r, err}; close(told) })
		select {
		case <-told: // as always but for an ID that is being published by another
			return now.r, now.err
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}
	c := make(chan result, 1)
	h.PublishAsync(m, func(r Receipt, err error) { c <- result{r, err} })
	select {
	case got := <-c:
		return got.r, got.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

// PublishAsync does what Publish does and returns at once. done, if not nil, is called once
// with how it ended, by any goroutine, perhaps before PublishAsync returns; it must not
// block. Messages that one goroutine publishes to one topic keep their order.
//
// Without a store the subscribers have m, and done was called, when it returns, but for an
// ID that somebody else is just publishing.
func (h *Hub) PublishAsync(m *Message, done func(Receipt, error)) {
	s, err := h.admit(m)
	if err != nil {
		answer(done, Receipt{}, err)
		return
	}
	h.engine.Append(m, s, done)
}

// admit checks a message that is to be published.
func (h *Hub) admit(m *Message) (*Settings, error) {
	if h.closed.Load() {
		return nil, ErrClosed
	}
	if !fits(m.Key) || !fits(m.By) || !fits(m.From) || !fits(m.ID) {
		return nil, ErrLongKey
	}
	if m.Kind > Binary {
		return nil, errKind // or a store could not read it
	}
	t := h.shard(m.Topic).find(m.Topic)
	if t == nil {
		// Only a name that passed the check can have been found.
		if err := CheckTopic(m.Topic); err != nil {
			return nil, err
		}
		return h.rules.of(m.Topic), nil
	}
	if t.settings.Latest && m.Key != "" && len(m.Payload) > 0 && !t.hasRoom(m.Key) {
		return nil, ErrTooManyKeys
	}
	return t.settings, nil
}

var errKind = errors.New("hub: the kind of the message is none; it is Text, JSON or Binary")

// hasRoom tells whether there may be a message with a key. If the store must be asked, the answer
// is yes until that is done: nobody who publishes waits for it.
func (t *topic) hasRoom(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.complete() && !t.loading {
		t.loading = t.hub.cold.add(t.preload)
	}
	return len(t.latest) < t.settings.MaxKeys || t.latest[key] != nil
}

// fits tells whether s may be a key or name of a message.
func fits(s string) bool { return len(s) <= MaxKeyLen && (s == "" || utf8.ValidString(s)) }

// Subscribe has sink receive the messages of a topic, or of all topics that a filter with
// wildcards matches, as o says; nil means from now on. The sink is called before Subscribe
// returns, and perhaps with messages. It does not wait for a disk.
//
// The messages of a filter come in the order of all topics, and any of them gives a cursor
// for all.
//
// The error is a [*TopicError], [ErrNilSink], [ErrLongKey], or says that an option is not for
// wildcards. When the hub is closed there is none, but the sink is told that it has Ended.
func (h *Hub) Subscribe(filter string, sink Sink, o *SubscribeOptions) (*Subscription, error) {
	if o == nil {
		o = &SubscribeOptions{}
	}
	if sink == nil {
		return nil, ErrNilSink
	}
	if err := CheckFilter(filter); err != nil {
		return nil, err
	}
	if !fits(o.As) || !fits(o.Except) {
		return nil, ErrLongKey
	}
	s := &Subscription{hub: h, filter: filter, sink: sink, fan: o.Fan, except: o.Except, as: o.As,
		presence: o.Presence, stale: o.Presence}
	s.state.Store(pumping)
	if IsFilter(filter) {
		if o.Last > 0 || o.Presence || o.As != "" {
			return nil, errWildcard
		}
		fd := h.feeds.enter(filter)
		s.source = fd
		fd.lock()
		fd.begin(s, o)
		fd.unlock()
	} else {
		t := h.claim(filter)
		s.source = t
		t.begin(s, o)
		t.join(s)
		t.mu.Unlock()
	}
	if s.as != "" {
		h.roster.join(filter, s.as)
	}
	s.pump()
	return s, nil
}

// longestIdempotency is how long an ID is remembered at most.
func (r *rules) longestIdempotency() time.Duration {
	longest := r.other.Idempotency
	for i := range r.list {
		longest = max(longest, r.list[i].Settings.Idempotency)
	}
	return longest
}
