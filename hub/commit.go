package hub

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of what waits to be stored, and of what is stored at once.
const (
	maxWaiting      = 64 << 20 // bytes
	maxBatch        = 4 << 20  // bytes
	maxBatchEntries = 8192
)

// How the committer looks for logs with messages that are too old: so many topics at a
// time, with such a pause.
const (
	sweepTopics = 256
	sweepPause  = 250 * time.Millisecond
	sweepRest   = time.Minute // when it has seen all

	sweepSessions = 1000 // that are removed at once
)

// pending is a message that waits to be stored.
type pending struct {
	Entry

	settings *Settings
	done     func(Receipt, error)
}

// A committer stores messages in groups: what comes while one group is on its way to the
// disk is the next one. So publishers share the price of an fsync, and none waits for a timer.
// What is stored goes on to the deliverers, each of which has its own topics: one topic with
// many receivers does not hold up the others.
type committer struct {
	local *local
	wake  chan struct{} // holds one if there may be something to do
	ended chan struct{} // closed when everything is delivered

	mu      sync.Mutex
	queue   []pending
	waiting int64 // bytes in queue, and reserved
	stopped bool

	deliverers []chan []pending
	delivering sync.WaitGroup
	sweepAt    string // the topic behind which the sweep goes on
}

func newCommitter(l *local, deliverers int) *committer {
	c := &committer{local: l, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	for range deliverers {
		in := make(chan []pending, 16)
		c.deliverers = append(c.deliverers, in)
		c.delivering.Go(func() { c.deliver(in) })
	}
	go c.run()
	return c
}

// add gives a message its offset and takes it, or returns false if too much waits. The
// messages of one topic come in order; what is stored has the order of the offsets.
func (c *committer) add(m *Message, s *Settings, done func(Receipt, error)) bool {
	c.mu.Lock()
	if c.waiting > maxWaiting {
		c.mu.Unlock()
		return false
	}
	c.waiting += m.size() + overhead
	m.At = c.local.next()
	c.queue = append(c.queue, pending{entryOf(m, s), s, done})
	c.mu.Unlock()
	c.signal()
	return true
}

// signal wakes the one who runs.
func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// stop returns when everything that was added is stored and delivered.
func (c *committer) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.signal()
	<-c.ended
}

func (c *committer) run() {
	defer close(c.ended)
	sweep := time.NewTimer(sweepPause)
	defer sweep.Stop()
	for {
		batch, stopped := c.take()
		switch {
		case len(batch) > 0:
			c.store(batch)
			c.signal() // there may be more
		case stopped:
			for _, in := range c.deliverers {
				close(in)
			}
			c.delivering.Wait()
			return
		}
		select {
		case <-sweep.C: // old messages go while many are published, too
			sweep.Reset(c.sweep())
		case <-c.wake:
		}
	}
}

// take returns what is to be stored next.
func (c *committer) take() (batch []pending, stopped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, bytes := 0, int64(0)
	for n < len(c.queue) && n < maxBatchEntries && bytes < maxBatch {
		bytes += c.queue[n].size() + overhead
		n++
	}
	batch = c.queue[:n:n]
	if n == len(c.queue) {
		c.queue = nil
	} else {
		c.queue = append([]pending(nil), c.queue[n:]...)
	}
	c.waiting -= bytes
	return batch, c.stopped
}

// store writes a batch and hands it on.
func (c *committer) store(batch []pending) {
	entries := make([]Entry, len(batch))
	for i := range batch {
		entries[i] = batch[i].Entry
	}
	if err := c.local.store.Append(entries); err != nil {
		err = fmt.Errorf("hub: not stored: %w", err)
		c.local.unstored.Store(true)
		for _, p := range batch {
			c.local.flight.end(p.At.Offset, nil)
			answer(p.done, Receipt{}, err)
		}
		return
	}
	c.local.stored.Store(batch[len(batch)-1].At.Offset)
	c.local.unstored.Store(false)
	parts := make([][]pending, len(c.deliverers))
	for _, p := range batch {
		i := maphash.String(c.local.seed, p.Topic) / stripes % uint64(len(parts))
		parts[i] = append(parts[i], p)
	}
	for i, part := range parts {
		if len(part) > 0 {
			c.deliverers[i] <- part
		}
	}
	c.trim(batch)
}

// deliver tells the hub, and the publishers, of what is stored.
func (c *committer) deliver(in chan []pending) {
	for part := range in {
		for _, p := range part {
			c.local.node.Receive(p.Message)
			c.local.flight.end(p.At.Offset, p.Message)
			answer(p.done, Receipt{At: p.At}, nil)
		}
	}
}

// trim shortens the logs that a batch made too long. They may be longer than their bounds by
// an eighth, so that this is not done for each message.
func (c *committer) trim(batch []pending) {
	seen := make(map[string]bool)
	for _, p := range batch {
		if seen[p.Topic] {
			continue
		}
		seen[p.Topic] = true
		info, err := c.local.store.Info(p.Topic)
		s := p.settings
		most := int64(max(s.MaxMessages, 0))
		if err == nil && (info.Messages > most+most/8 || s.MaxBytes >= 0 && info.Bytes > s.MaxBytes+s.MaxBytes/8) {
			_, _ = c.local.store.Trim(p.Topic, *s, time.Now()) // if it failed it is tried again
		}
	}
}

// sweep removes old messages of some topics, and returns when to go on.
func (c *committer) sweep() time.Duration {
	logs, err := c.local.store.Logs(context.Background(), c.sweepAt, sweepTopics)
	if err != nil || len(logs) == 0 {
		c.sweepAt = ""
		c.forgetSessions()
		return sweepRest
	}
	for _, info := range logs {
		_, _ = c.local.store.Trim(info.Topic, *c.local.node.Settings(info.Topic), time.Now())
		c.sweepAt = info.Topic
	}
	return sweepPause
}

// forgetSessions removes sessions that nobody needs to know any more.
func (c *committer) forgetSessions() {
	for {
		list, err := c.local.store.ExpiredSessions(time.Now().Add(-c.local.memory.Sessions), sweepSessions)
		if err != nil || len(list) == 0 {
			return
		}
		for i := range list {
			list[i].Forget = true
		}
		if c.local.store.SaveSessions(list) != nil {
			return
		}
	}
}
