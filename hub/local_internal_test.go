package hub

import (
	"errors"
	"runtime"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// Whoever publishes again when a message is answered does not hold up the end.
func TestAppendWithinDoneWhileClosing(t *testing.T) {
	l, _ := NewLocal(nil).(*local)
	h, err := New(&Options{Engine: l})
	assert.NoError(t, err)
	closed := make(chan error)
	var second error
	l.Append(&Message{Topic: "room"}, h.rules.of("room"), func(Receipt, error) {
		go func() { closed <- h.Close() }()
		for l.closing.TryRLock() { // until Close waits for us
			l.closing.RUnlock()
			runtime.Gosched()
		}
		l.Append(&Message{Topic: "room"}, h.rules.of("room"), func(_ Receipt, err error) { second = err })
	})
	assert.NoError(t, <-closed)
	assert.True(t, errors.Is(second, ErrClosed), "it was published after the end")
}

// A count is a sink that counts.
type count int

func (c *count) Deliver(*Subscription, *Message) bool {
	*c++
	return true
}

func (*count) Notify(*Subscription, Notice) {}

// What is settled while the first wildcard subscription comes may be from before it.
func TestSettledBeforeTheFirstWildcard(t *testing.T) {
	h, err := New(nil)
	assert.NoError(t, err)
	old, next := &Message{Topic: "room"}, &Message{Topic: "room"}
	h.PublishAsync(old, nil)
	var c count
	_, err = h.Subscribe(">", &c, nil)
	assert.NoError(t, err)
	(*node)(h).Settle([]*Message{old})
	assert.Equal(t, c, 0)
	h.PublishAsync(next, nil)
	assert.Equal(t, c, 1)
	assert.NoError(t, h.Close())
}
