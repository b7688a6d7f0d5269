package client

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A call is a request that is not answered yet.
type call struct {
	id    uint64
	frame []byte
	bytes int       // of a message to be stored, 0 for other requests
	wants frameKind // the kind of the answer
	sent  bool      // over the link there is
	fails int       // how often the server said: not now
	timer *time.Timer

	// single tells that it means this connection and is not sent again over
	// the next one. again tells that it is to be asked again when the server says
	// that it may go well later.
	single, again bool

	// done is called once, without the lock: by the goroutine that reads, before
	// it reads on, or by whoever ended it. It may be nil.
	done func(f *frame, err error)
}

func (k *call) finish(f *frame, err error) {
	if k.timer != nil {
		k.timer.Stop()
	}
	if k.done != nil {
		k.done(f, err)
	}
}

// enqueue gives a request its ID and puts it behind the others. The caller holds
// mu.
func (c *Client) enqueue(r *request, k *call) error {
	c.lastID++
	r.ID, k.id = c.lastID, c.lastID
	if k.bytes > 0 && r.Idem == "" {
		r.Idem = c.messageID(k.id)
	}
	var err error
	if k.frame, err = r.encode(); err != nil {
		return err
	}
	k.wants = cmp.Or(k.wants, okFrame)
	c.pending[k.id] = k
	c.waiting += k.bytes
	if c.link != nil {
		c.outgoing = append(c.outgoing, k)
		c.link.signal()
	}
	return nil
}

// request makes a request and returns its answer.
func (c *Client) request(ctx context.Context, r *request, k *call) (*frame, error) {
	type answer struct {
		f   *frame
		err error
	}
	answers := make(chan answer, 1)
	k.done = func(f *frame, err error) { answers <- answer{f, err} }
	c.mu.Lock()
	err := c.room(k)
	if err == nil {
		err = c.enqueue(r, k)
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	c.start()
	select {
	case a := <-answers:
		return a.f, a.err
	case <-ctx.Done():
		c.abandon(k)
		return nil, c.interrupted(ctx)
	}
}

// take removes a call from those that wait and reports whether it was there. The
// caller holds mu.
func (c *Client) take(id uint64) (*call, bool) {
	k, ok := c.pending[id]
	if !ok {
		return nil, false
	}
	delete(c.pending, id)
	c.waiting -= k.bytes
	if c.waiting == 0 && c.stored != nil && k.bytes > 0 {
		close(c.stored)
	}
	return k, true
}

// takePending removes all calls and returns them in order. The caller holds mu.
func (c *Client) takePending() (calls []*call) {
	for _, k := range c.ordered() {
		c.take(k.id)
		calls = append(calls, k)
	}
	c.outgoing = nil
	return calls
}

// ordered returns the calls in the order of their making. The caller holds mu.
func (c *Client) ordered() []*call {
	calls := make([]*call, 0, len(c.pending))
	for _, k := range c.pending {
		calls = append(calls, k)
	}
	slices.SortFunc(calls, func(a, b *call) int { return cmp.Compare(a.id, b.id) })
	return calls
}

// abandon forgets a call whose caller waits no longer.
func (c *Client) abandon(k *call) {
	c.mu.Lock()
	c.take(k.id)
	c.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
}

// answer ends the call that a frame answers, or has it asked again later.
func (c *Client) answer(f *frame) error {
	c.mu.Lock()
	k, ok := c.pending[f.id]
	switch {
	case f.kind == errFrame && f.id == 0:
		c.mu.Unlock()
		return c.unread(f.problem)
	case !ok || !k.sent:
		c.mu.Unlock()
		return nil // nobody waits for it any longer
	case f.kind == errFrame && f.problem.Retry && k.again:
		c.repeat(k)
		c.mu.Unlock()
		return nil
	case f.kind != errFrame && f.kind != k.wants:
		c.mu.Unlock()
		return junkError("the answer is not one to this request")
	}
	c.take(f.id)
	c.mu.Unlock()
	if f.kind == errFrame {
		k.finish(nil, f.problem)
	} else {
		k.finish(f, nil)
	}
	return nil
}

// unread takes an error that the server tells without saying of which request: it
// could not read it. If that was for its size, we know which one it is.
func (c *Client) unread(problem *Error) error {
	if problem.Code != CodeTooLarge {
		return problem
	}
	c.mu.Lock()
	k := c.takeLargest()
	c.mu.Unlock()
	if k == nil {
		return problem
	}
	k.finish(nil, problem)
	return nil
}

// takeLargest removes the largest message that was sent and not answered, and returns
// it, or nil. Sent again, it would be refused again. The caller holds mu.
func (c *Client) takeLargest() (largest *call) {
	for _, k := range c.ordered() {
		if k.sent && k.bytes > 0 && (largest == nil || len(k.frame) > len(largest.frame)) {
			largest = k
		}
	}
	if largest != nil {
		c.take(largest.id)
	}
	return largest
}

// repeat sends a call again after a time. The caller holds mu.
func (c *Client) repeat(k *call) {
	k.sent = false
	l := c.link
	k.timer = time.AfterFunc(jitter(k.fails), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, ok := c.pending[k.id]
		if ok && l != nil && c.link == l && !k.sent { // the next link sends all there are
			c.outgoing = append(c.outgoing, k)
			l.signal()
		}
	})
	k.fails++
}
