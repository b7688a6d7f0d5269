package hub

import (
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// An ID that is published again after it has expired is known while that is under way, whatever
// becomes of its place of then.
func TestIDThatIsPublishedAgain(t *testing.T) {
	var ids idTable
	ids.init()
	ids.remember("room", "again", Cursor{Offset: 1}, time.Now().Add(time.Hour))
	for k := range ids.known {
		ids.known[k].expires = 0 // as if an hour had passed
	}
	m := &Message{Topic: "room", ID: "again"}
	s := Settings{}.withDefaults()
	settle, known := ids.claim(m, &s, nil)
	assert.True(t, !known, "it has expired")
	ids.remember("room", "other", Cursor{Offset: 2}, time.Now().Add(time.Hour))
	var second Receipt
	_, known = ids.claim(m, &s, func(r Receipt, _ error) { second = r })
	assert.True(t, known, "it is published a second time")
	settle(Receipt{At: Cursor{Offset: 3}}, nil)
	assert.Equal(t, second, Receipt{At: Cursor{Offset: 3}, Duplicate: true})
}
