package hub_test

import (
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// A hub in which nothing was ever published has a position too: the zero Cursor would mean
// that whoever comes back with it gave none.
func TestPositionBeforeTheFirstMessage(t *testing.T) {
	h, err := hub.New(nil)
	assert.NoError(t, err)
	defer h.Close()
	for _, filter := range []string{"a", ">"} {
		s, err := h.Subscribe(filter, hub.NewReader(0), nil)
		assert.NoError(t, err)
		assert.True(t, !s.At().IsZero(), "a subscription has no position")
		assert.True(t, !h.Position(filter).IsZero(), "there is no position")
	}
	page, err := h.Read(t.Context(), "a", hub.Query{})
	assert.NoError(t, err)
	assert.True(t, !page.At.IsZero(), "a history has no position")
}
