package hub

import (
	"context"
	"errors"
	"sync"
	"time"
)

// feedMessages is how many messages a wildcard subscription that catches up collects at
// once.
const feedMessages = 1024

// feeds is what wildcard subscriptions read from: the messages of all topics in one order.
// One lock guards all of them, as they are few.
type feeds struct {
	hub *Hub

	mu   sync.Mutex
	by   map[string]*feed
	tree trie[*feed]
	pos  Cursor // everything up to here was given to the feeds
	subs int
	wake []*Subscription // scratch of settle, for the one who calls it
}

// A feed is one filter.
type feed struct {
	*feeds

	filter string
	here   audience
	slow   map[*Subscription]struct{}
	subs   int
}

// enter returns the feed of a filter with one more subscription.
func (f *feeds) enter(filter string) *feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs == 0 {
		f.hub.engine.Follow(true)
		f.pos = Cursor{Epoch: f.hub.engine.Epoch(), Offset: f.hub.engine.Settled(), Time: time.Now().UnixMilli()}
	}
	f.subs++
	fd := f.by[filter]
	if fd == nil {
		fd = &feed{feeds: f, filter: filter}
		if f.by == nil {
			f.by = make(map[string]*feed)
		}
		f.by[filter] = fd
		f.tree.add(filter, fd)
	}
	fd.subs++
	return fd
}

// exit gives one enter back.
func (f *feeds) exit(fd *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fd.subs--
	if fd.subs == 0 {
		delete(f.by, fd.filter)
		f.tree.remove(fd.filter, fd)
	}
	f.subs--
	if f.subs == 0 {
		f.hub.engine.Follow(false)
	}
}

// settle gives messages to the feeds, in order. Calls do not overlap.
func (f *feeds) settle(list []*Message) {
	f.mu.Lock()
	for _, m := range list {
		if m.At.Offset <= f.pos.Offset {
			continue // from before the first subscription
		}
		f.pos = m.At
		f.tree.match(m.Topic, func(fd *feed) { f.wake = append(f.wake, deliver(fd, m)...) })
	}
	f.mu.Unlock()
	for _, s := range f.wake {
		s.pump()
	}
	clear(f.wake)
	f.wake = f.wake[:0]
}

func (fd *feed) lock()               { fd.mu.Lock() }
func (fd *feed) unlock()             { fd.mu.Unlock() }
func (fd *feed) audience() *audience { return &fd.here }
func (fd *feed) position() Cursor    { return fd.pos }

// hold only takes note for Close: what a held subscription of many topics misses is found when
// it goes on.
func (fd *feed) hold(s *Subscription) {
	if fd.slow == nil {
		fd.slow = make(map[*Subscription]struct{})
	}
	fd.slow[s] = struct{}{}
}

func (fd *feed) unhold(s *Subscription) { delete(fd.slow, s) }

// begin finds out where s begins. The lock is held.
func (fd *feed) begin(s *Subscription, o *SubscribeOptions) {
	s.pos = fd.pos
	if !o.After.IsZero() {
		s.pos = o.After
		fd.hub.checkEpoch(s)
	}
}

// page has everything collected by read, as it takes too long for the lock, unless there
// is nothing new.
func (fd *feed) page(s *Subscription, dst []*Message) (list []*Message, cold bool) {
	if len(s.cold) > 0 {
		n := min(len(s.cold), pageMessages)
		dst = append(dst, s.cold[:n]...)
		s.cold = s.cold[n:]
		return dst, false
	}
	return nil, s.pos.Offset < fd.pos.Offset
}

// read collects what is behind the position of s, up to that of the feeds.
func (fd *feed) read(ctx context.Context, s *Subscription) error {
	fd.mu.Lock()
	end := fd.pos
	fd.mu.Unlock()
	c := collection{after: s.pos, end: end.Offset, knownAfter: s.knownAfter}
	var err error
	if fd.hub.durable {
		err = fd.collectStored(ctx, &c)
	} else {
		fd.collectKept(&c)
	}
	if err != nil {
		return err
	}
	if c.lost > 0 && c.known != s.known {
		s.gap = true
	}
	s.known, s.knownAfter = c.lost, c.after.Offset
	s.cold = c.take()
	if len(s.cold) == 0 {
		fd.mu.Lock()
		s.pos = end
		fd.mu.Unlock()
	}
	return nil
}

// collectKept collects from the topics in memory.
func (fd *feed) collectKept(c *collection) {
	forgotten := fd.hub.eachTopic(func(name string, t *topic, m meta) {
		if !Match(fd.filter, name) {
			return
		}
		if t == nil {
			c.missing(m.floor)
			return
		}
		t.mu.Lock()
		c.missing(t.ring.floor)
		for i := t.ring.after(c.after.Offset); i < t.ring.n && t.ring.at(i).At.Offset <= c.end; i++ {
			c.messages = append(c.messages, t.ring.at(i))
		}
		t.mu.Unlock()
		if len(c.messages) > 4*feedMessages {
			c.shrink()
		}
	})
	c.missing(forgotten)
}

// collectStored collects from the engine.
func (fd *feed) collectStored(ctx context.Context, c *collection) error {
	for after := ""; ; {
		logs, err := fd.hub.engine.Logs(ctx, after, 256)
		if err != nil {
			return err
		}
		if len(logs) == 0 {
			// Topics that are forgotten: told of any name that has no log, as a filter.
			forgotten, err := fd.hub.engine.Info(fd.filter)
			c.missing(forgotten.Trimmed)
			return err
		}
		for _, info := range logs {
			after = info.Topic
			switch {
			case !Match(fd.filter, info.Topic):
				continue
			case info.Last <= c.after.Offset:
				c.missing(info.Trimmed)
				continue
			}
			p, err := fd.hub.engine.Read(ctx, info.Topic, Range{After: c.after.Offset, AfterTime: c.after.Time, Limit: feedMessages, MaxBytes: pageBytes})
			if err != nil {
				return err
			}
			c.missing(p.Trimmed)
			c.messages = append(c.messages, p.Messages...)
			if p.More && len(p.Messages) > 0 {
				// What follows in this topic may be before what others have.
				c.end = min(c.end, p.Messages[len(p.Messages)-1].At.Offset)
			}
			if len(c.messages) > 4*feedMessages {
				c.shrink()
			}
		}
	}
}

// A collection is messages of many topics behind an offset and not behind end.
type collection struct {
	after    Cursor
	end      uint64
	messages []*Message

	// What is lost behind after, and behind knownAfter: the sums of the offsets up to which
	// topics have lost something. These only grow, so while a sum is what it was, no topic has
	// lost more. The greatest offset would not do: others may lose what is before it.
	lost, known uint64
	knownAfter  uint64
}

// missing notes that a topic has lost messages up to an offset.
func (c *collection) missing(upTo uint64) {
	if upTo > c.after.Offset {
		c.lost += upTo
	}
	if upTo > c.knownAfter {
		c.known += upTo
	}
}

// shrink leaves the first messages, and lets the collection end with them.
func (c *collection) shrink() {
	sortMessages(c.messages)
	c.messages = upTo(c.messages, c.end)
	if len(c.messages) > feedMessages {
		clear(c.messages[feedMessages:])
		c.messages = c.messages[:feedMessages]
		c.end = c.messages[feedMessages-1].At.Offset
	}
}

// take returns the first messages in order.
func (c *collection) take() []*Message {
	c.shrink()
	return c.messages
}

// errWildcard is what is wrong with options that need a topic.
var errWildcard = errors.New("hub: this is not for filters with wildcards; give the name of a topic")
