package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// publish claims an ID and settles it, and tells whether it was known.
func (t *idTable) publish(id string, keep time.Duration) (known bool) {
	settle, known := t.claim(&Message{Topic: "room", ID: id}, &Settings{Idempotency: keep}, nil)
	if !known {
		settle(Receipt{At: Cursor{Epoch: 1, Offset: 1}}, nil)
	}
	return known
}

func TestTheOldestIDIsForgotten(t *testing.T) {
	var ids idTable
	ids.init()
	ids.max = 3
	for i := range 4 {
		assert.True(t, !ids.publish(fmt.Sprint(i), time.Hour), "a new ID is known")
	}
	for i := 1; i < 4; i++ {
		assert.True(t, ids.publish(fmt.Sprint(i), time.Hour), "a new ID is forgotten")
	}
	assert.True(t, !ids.publish("0", time.Hour), "the oldest is still known")
	assert.Equal(t, len(ids.known), 3)
	assert.Equal(t, len(ids.order), 3)
}

// An ID that is published anew does not go with what it was.
func TestExpiredIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids idTable
		ids.init()
		ids.publish("a", time.Minute)
		ids.publish("b", time.Minute)
		time.Sleep(time.Minute)
		assert.True(t, !ids.publish("a", time.Hour), "an ID is known for too long")
		assert.True(t, ids.publish("a", time.Hour), "an ID is forgotten with what it was before")
		time.Sleep(time.Hour)
		ids.publish("c", time.Hour)
		assert.Equal(t, len(ids.known), 1)
		assert.Equal(t, len(ids.order), 1)
	})
}

// Who tries again meanwhile is told how it ends for the first.
func TestRetriesShareTheError(t *testing.T) {
	var ids idTable
	ids.init()
	m := &Message{Topic: "room", ID: "x"}
	settle, _ := ids.claim(m, &Settings{Idempotency: time.Hour}, nil)
	var got []error
	for range 2 {
		_, known := ids.claim(m, &Settings{}, func(_ Receipt, err error) { got = append(got, err) })
		assert.True(t, known, "it is published twice at once")
	}
	_, _ = ids.claim(m, &Settings{}, nil) // who does not want to know
	settle(Receipt{}, ErrBusy)
	assert.Equal(t, got, []error{ErrBusy, ErrBusy})
	assert.True(t, !ids.publish("x", time.Hour), "it counts though it failed")
}
