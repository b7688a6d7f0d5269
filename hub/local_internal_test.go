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
