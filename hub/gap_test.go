package hub_test

import (
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// What is lost while a wildcard subscription is behind a gap is told again: it had been told of
// one topic only.
func TestWildcardGapBehindAGap(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 2}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("a.>")
		say(t, h, "a.1", "1")
		say(t, h, "a.2", "2", "3")
		say(t, h, "a.3", "4")
		say(t, h, "a.1", "5", "6", "7") // 5 is the last that it lost
		say(t, h, "b", "-")
		r := newTape()
		r.room = 1
		listen(t, h, "a.>", r, &hub.SubscribeOptions{After: start})
		r.expect(t, "attached+gap", "2")
		say(t, h, "a.2", "8", "9") // and 3 is lost, before 5
		say(t, h, "b", "-")
		r.give(-1)
		r.expect(t, "gap", "4", "6", "7", "8", "9", "live")
	})
}

// A wildcard subscription that takes one message at a time is told once of what was lost once.
func TestWildcardGapIsToldOnce(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 2}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("a.>")
		say(t, h, "a.1", "1")
		say(t, h, "a.2", "2", "3")
		say(t, h, "a.1", "5", "6", "7")
		say(t, h, "b", "-")
		r := newTape()
		r.room = 1
		listen(t, h, "a.>", r, &hub.SubscribeOptions{After: start})
		r.expect(t, "attached+gap", "2")
		for _, want := range []string{"3", "6"} {
			r.give(1)
			r.expect(t, want)
		}
		r.give(-1)
		r.expect(t, "7", "live")
	})

	// Also when it has all that one of the topics has.
	both(t, hub.Settings{MaxMessages: 1}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("a.>")
		say(t, h, "a.1", "1", "2")
		say(t, h, "a.2", "3", "4")
		say(t, h, "b", "-")
		r := newTape()
		r.room = 1
		listen(t, h, "a.>", r, &hub.SubscribeOptions{After: start})
		r.expect(t, "attached+gap", "2")
		r.give(-1)
		r.expect(t, "4", "live")
	})
}

// A slow subscription that leaves out the oldest gets the latest of their keys, as after each gap.
func TestLatestAfterTheOldestWereDropped(t *testing.T) {
	s := hub.Settings{Latest: true, Slow: hub.SlowDropOldest, MaxLag: 1000}
	bothInBubbles(t, s, func(t *testing.T, h *hub.Hub) {
		long := func(s string) string { return s + strings.Repeat("\x00", 400-len(s)) }
		r := newTape()
		r.room = 1
		listen(t, h, "prices", r, nil)
		say(t, h, "prices", "0")
		r.expect(t, "attached", "live", "0")
		set(t, h, "prices", "a", "a1")
		set(t, h, "prices", "b", "b1")
		set(t, h, "prices", "a", "a2")
		for _, v := range []string{"c1", "c2", "c3", "c4"} {
			set(t, h, "prices", "c", long(v))
		}
		time.Sleep(time.Second) // some rounds of those who look for slow ones
		r.give(-1)
		r.expect(t, "gap", "b1", "a2", "c3", "c4")
	})
}

// A wildcard subscription is told of what was lost in topics that have no messages any more, also
// when they are not remembered.
func TestWildcardGapOfTopicsThatAreGone(t *testing.T) {
	bothInBubbles(t, hub.Settings{MaxAge: time.Minute, Metadata: 2 * time.Hour}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("a.*")
		say(t, h, "b", "-")
		between := say(t, h, "a.1", "1")
		last := say(t, h, "a.1", "2")
		for range 2 {
			time.Sleep(90 * time.Minute) // its messages are gone, and then it is
			assert.Equal(t, resume(t, h, "a.*", start), []string{"attached+gap", "live"})
			assert.Equal(t, resume(t, h, "a.*", between), []string{"attached+gap", "live"})
			assert.Equal(t, resume(t, h, "a.*", last), []string{"attached", "live"})
		}
	})
}

// History behind a cursor that no message has had yet begins anew, with a gap.
func TestHistoryBehindWhatThereIs(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		at := say(t, h, "room", "1")
		at.Offset += 5
		got, err := h.Read(t.Context(), "room", hub.Query{After: at})
		assert.NoError(t, err)
		assert.True(t, got.Gap && len(got.Messages) == 1, "the cursor is taken for a good one")
	})
}
