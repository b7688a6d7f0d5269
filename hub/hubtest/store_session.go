package hubtest

import (
	"fmt"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func (t *storeTest) session(id string) (hub.SessionRecord, bool) {
	t.Helper()
	rec, ok, err := t.s.Session(id)
	assert.NoError(t, err)
	return rec, ok
}

// sameSession fails the test unless two records say the same.
func (t *storeTest) sameSession(got, want hub.SessionRecord) {
	t.Helper()
	assert.True(t, got.Seen.Equal(want.Seen), fmt.Sprintf("seen %v, want %v", got.Seen, want.Seen))
	assert.Equal(t, len(got.Cursors), len(want.Cursors))
	for topic, at := range want.Cursors {
		assert.Equal(t, got.Cursors[topic], at)
	}
	assert.Equal(t, got.ID, want.ID)
	assert.Equal(t, got.Forget, false)
}

func sessions(t *storeTest) {
	ann := hub.SessionRecord{ID: "ann-12345", Seen: whenOf(1), Cursors: map[string]hub.Cursor{
		"room.1": {Epoch: 1 << 63, Offset: 5, Time: aTime},
		"orders.*.>": {
			Epoch: 2, Offset: 1 << 40, Time: aTime + 1,
		},
	}}
	bob := hub.SessionRecord{ID: "bob-12345", Seen: whenOf(2)}
	longer := hub.SessionRecord{ID: "ann-123456", Seen: whenOf(3), Cursors: map[string]hub.Cursor{"a": {Offset: 1}}}
	assert.NoError(t, t.s.SaveSessions([]hub.SessionRecord{ann, bob, longer}))
	t.both(func() {
		for _, want := range []hub.SessionRecord{ann, bob, longer} {
			got, ok := t.session(want.ID)
			assert.True(t, ok, want.ID+" is there")
			t.sameSession(got, want)
		}
		_, ok := t.session("ann-1234")
		assert.True(t, !ok, "a session that was never saved")
	})

	// What is given is lent, what is returned belongs to the caller.
	got, _ := t.session("ann-12345")
	clear(got.Cursors)
	got, _ = t.session("ann-12345")
	t.sameSession(got, ann)

	ann.Seen, ann.Cursors = whenOf(9), map[string]hub.Cursor{"room.1": {Offset: 6}}
	bob.Forget = true
	never := hub.SessionRecord{ID: "never-was-here", Forget: true}
	assert.NoError(t, t.s.SaveSessions([]hub.SessionRecord{ann, bob, never}))
	t.both(func() {
		got, _ := t.session("ann-12345")
		t.sameSession(got, ann)
		_, ok := t.session("bob-12345")
		assert.True(t, !ok, "a session that was removed")
	})
}

func expired(t *storeTest) {
	var list []hub.SessionRecord
	for i := range 10 {
		list = append(list, hub.SessionRecord{ID: fmt.Sprint("session-", i), Seen: whenOf(uint64(10 - i))})
	}
	assert.NoError(t, t.s.SaveSessions(list))
	list[9].Seen = whenOf(20) // has come again
	list[8].Forget = true
	assert.NoError(t, t.s.SaveSessions(list[8:]))
	expired := func(before time.Time, limit int) (ids []string) {
		got, err := t.s.ExpiredSessions(before, limit)
		assert.NoError(t, err)
		for _, rec := range got {
			ids = append(ids, rec.ID)
		}
		return ids
	}
	t.both(func() {
		assert.Equal(t, len(expired(whenOf(3), 10)), 0) // session-8 and -9 were
		assert.Equal(t, expired(whenOf(5), 10), []string{"session-7", "session-6"})
		assert.Equal(t, expired(whenOf(100), 3), []string{"session-7", "session-6", "session-5"})
		assert.Equal(t, len(expired(whenOf(100), 100)), 9)
	})
}
