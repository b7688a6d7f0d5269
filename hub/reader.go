package hub

import (
	"context"
	"sync"
)

// An Item is what a Reader has received: a message, or a notice.
type Item struct {
	Message *Message // nil for a notice
	Notice  Notice
}

// A Reader is a [Sink] for programs that rather ask than be called. It keeps what they have
// not asked for yet, up to a bound, beyond which the hub holds the subscription. A Reader
// serves one subscription, and its Next one goroutine.
type Reader struct {
	limit int64

	mu    sync.Mutex
	sub   *Subscription
	items []Item
	bytes int64
	held  bool
	ready chan struct{} // holds one if items may have come
}

// NewReader returns a Reader that keeps messages of up to limit bytes together, or one that
// is larger. What they take beside their payload counts. 0 means 64 KiB.
func NewReader(limit int64) *Reader {
	if limit <= 0 {
		limit = 64 << 10
	}
	return &Reader{limit: limit, ready: make(chan struct{}, 1)}
}

// Deliver is for the hub.
func (r *Reader) Deliver(s *Subscription, m *Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sub = s
	r.bytes += m.size() + overhead
	r.add(Item{Message: m})
	r.held = r.bytes >= r.limit
	return !r.held
}

// Notify is for the hub.
func (r *Reader) Notify(s *Subscription, n Notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sub = s
	if n.Kind == PresenceChanged {
		// Changes may come while nothing is asked for. They are not bounded by the hub.
		for i := range r.items {
			if c := r.items[i].Notice.Presence; c != nil {
				r.items = append(r.items[:i], r.items[i+1:]...)
				n.Presence = s.hub.roster.full(s.filter)
				break
			}
		}
	}
	r.add(Item{Notice: n})
}

// add appends an item. mu is held.
func (r *Reader) add(it Item) {
	r.items = append(r.items, it)
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Next returns what was received, at least one Item, as soon as there is something, and has
// the hub go on. The slice belongs to the caller. The error is ctx's. After a notice that is
// Ended, Next waits for ever.
func (r *Reader) Next(ctx context.Context) ([]Item, error) {
	for {
		r.mu.Lock()
		items, sub, held := r.items, r.sub, r.held
		r.items, r.bytes, r.held = nil, 0, false
		r.mu.Unlock()
		if held {
			sub.Resume()
		}
		if len(items) > 0 {
			return items, nil
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
