package hubtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// unbounded keeps everything.
var unbounded = hub.Settings{MaxMessages: 1 << 30, MaxBytes: -1, MaxAge: -1}

func (t *storeTest) trim(topic string, keep hub.Settings, now time.Time) hub.LogInfo {
	t.Helper()
	info, err := t.s.Trim(topic, keep, now)
	assert.NoError(t, err)
	assert.Equal(t, info, t.info(topic))
	return info
}

// whole fails the test unless the log of a topic is its newest messages, and
// everything that is told of it fits. Its offsets are 1, 2, 3 and so on.
func (t *storeTest) whole(topic string, last uint64) (left int64) {
	t.Helper()
	page, info := t.read(topic, all), t.info(topic)
	var want hub.LogInfo
	want.Topic, want.Last, want.LastTime, want.Trimmed = topic, last, timeOf(last), last
	for _, m := range slices.Backward(page.Messages) {
		assert.Equal(t, m.At.Offset, want.Trimmed)
		want.Trimmed--
		want.Messages++
		want.Bytes += sizeOf(m)
	}
	assert.Equal(t, info, want)
	assert.Equal(t, page.Trimmed, want.Trimmed)
	return want.Messages
}

func trimmed(t *storeTest) {
	const n = 100 // of 10 bytes, one a second
	for i, c := range []struct {
		name        string
		keep        func(*hub.Settings)
		least, most int64
	}{
		{"count", func(s *hub.Settings) { s.MaxMessages = 40 }, 40, 45},
		{"few", func(s *hub.Settings) { s.MaxMessages = 1 }, 1, 1},
		{"none", func(s *hub.Settings) { s.MaxMessages = -1 }, 0, 0},
		{"bytes", func(s *hub.Settings) { s.MaxBytes = 400 }, 40, 45},
		{"fewer bytes than one has", func(s *hub.Settings) { s.MaxBytes = 9 }, 0, 0},
		{"age", func(s *hub.Settings) { s.MaxAge = 40 * time.Second }, 41, 46},
		{"the strictest", func(s *hub.Settings) { s.MaxMessages, s.MaxBytes, s.MaxAge = 80, 200, time.Minute }, 20, 22},
		{"everything", func(*hub.Settings) {}, n, n},
		{"defaults", func(s *hub.Settings) { *s = hub.Settings{} }, n, n},
	} {
		dir := t.TempDir()
		st := &storeTest{T: t.T, open: t.open, dir: dir, s: t.open(t, dir)}
		st.appendN("room", n)
		keep := unbounded
		c.keep(&keep)
		info := st.trim("room", keep, whenOf(n))
		if info.Messages < c.least || info.Messages > c.most {
			t.Errorf("%s: %d are left, want %d to %d", c.name, info.Messages, c.least, c.most)
		}
		st.both(func() { assert.Equal(t, st.whole("room", n), info.Messages) })
		if i%2 == 0 { // and it goes on
			st.appendN("room", 1)
			assert.Equal(t, st.whole("room", n+1), info.Messages+1)
		}
		assert.NoError(t, st.s.Close())
	}
}

func trimmedOften(t *storeTest) {
	keep := unbounded
	keep.MaxMessages, keep.MaxBytes = 64, 2000
	for i := range 200 {
		t.appendN("room", 1+i%40)
		info := t.trim("room", keep, whenOf(t.last))
		assert.True(t, info.Messages <= 64+8, "no more than an eighth above the bound")
		assert.Equal(t, t.whole("room", t.last), info.Messages)
		if i%67 == 0 {
			t.reopen()
		}
	}
	keep.MaxAge = time.Minute
	t.trim("room", keep, whenOf(t.last).Add(time.Hour))
	t.both(func() { assert.Equal(t, t.whole("room", t.last), 0) })
}

func forgotten(t *storeTest) {
	t.appendN("old", 3)
	t.appendN("older", 1)
	t.appendN("full", 1)
	keep := unbounded
	keep.MaxMessages, keep.Metadata = -1, time.Hour
	for _, topic := range []string{"old", "older"} {
		info := t.trim(topic, keep, whenOf(4).Add(time.Minute))
		assert.True(t, info.Messages == 0 && info.Last != 0, "the LogInfo outlives the messages")
	}
	t.both(func() {
		assert.Equal(t, t.info("old"), hub.LogInfo{Topic: "old", Last: 3, LastTime: timeOf(3), Trimmed: 3})
	})

	// What was forgotten is told of each topic without a log, and of new ones: a
	// cursor from before may have missed something.
	later := whenOf(4).Add(2 * time.Hour)
	assert.Equal(t, t.trim("older", keep, later), hub.LogInfo{Topic: "older", Trimmed: 4})
	assert.Equal(t, t.trim("old", keep, later), hub.LogInfo{Topic: "old", Trimmed: 4})
	keep.MaxMessages = 10
	assert.Equal(t, t.trim("full", keep, later).Messages, 1)
	t.both(func() {
		assert.Equal(t, t.info("never"), hub.LogInfo{Topic: "never", Trimmed: 4})
		assert.Equal(t, t.read("old", all).Trimmed, 4)
		assert.Equal(t, t.info("full").Trimmed, 0)
		logs, err := t.s.Logs(context.Background(), "", 10)
		assert.NoError(t, err)
		assert.Equal(t, logs, []hub.LogInfo{t.info("full")})
	})
	t.appendN("old", 1)
	t.both(func() {
		assert.Equal(t, t.info("old"), hub.LogInfo{Topic: "old", Last: 6, LastTime: timeOf(6), Trimmed: 4, Messages: 1, Bytes: 10})
	})
}

func rememberedForLatest(t *storeTest) {
	e := t.entry("room", "x")
	e.Key, e.Latest = "k", true
	t.append(e)
	keep := hub.Settings{MaxMessages: -1, Metadata: time.Minute, Latest: true}
	later := whenOf(1).Add(time.Hour)
	assert.Equal(t, t.trim("room", keep, later).Last, 1)
	t.sameList(t.latest("room"), e)

	// Without keys there is nothing to remember it for.
	gone := t.entry("room", "")
	gone.Key, gone.Latest = "k", true
	t.append(gone)
	assert.Equal(t, t.trim("room", keep, later).Last, 0)

	// Nor if the topic keeps them no more.
	e = t.entry("room", "x")
	e.Key, e.Latest = "k", true
	t.append(e)
	keep.Latest = false
	assert.Equal(t, t.trim("room", keep, later).Last, 0)
	t.both(func() { assert.Equal(t, len(t.latest("room")), 0) })
}

func latest(t *storeTest) {
	keyed := func(key, payload string) hub.Entry {
		e := t.entry("prices", payload)
		e.Key, e.Latest = key, true
		return e
	}
	a1, b1, c1 := keyed("a", "1"), keyed("b", "1"), keyed("c", "1")
	t.append(a1, b1, c1)
	b2, a2, a3 := keyed("b", "2"), keyed("a", "2"), keyed("a", "3")
	t.append(b2, a2)
	t.append(a3)
	not := t.entry("prices", "no state")
	not.Key = "d"
	odd := keyed("a\x00\xff", "odd")
	gone := keyed("c", "")
	t.append(not, odd, gone)
	t.both(func() {
		t.sameList(t.latest("prices"), b2, a3, odd)
		assert.Equal(t, len(t.latest("price")), 0)
		t.sameList(t.read("prices", all).Messages, a1, b1, c1, b2, a2, a3, not, odd, gone)
	})

	keep := unbounded
	keep.MaxMessages, keep.Latest = 1, true
	t.trim("prices", keep, whenOf(t.last))
	t.both(func() { t.sameList(t.latest("prices"), b2, a3, odd) })

	var many []hub.Entry
	for i := range 2000 {
		many = append(many, keyed(fmt.Sprint("key ", (i*7919)%1000), fmt.Sprint(i)))
	}
	t.append(many...)
	t.both(func() { t.sameList(t.latest("prices"), append([]hub.Entry{b2, a3, odd}, many[1000:]...)...) })
}

func ids(t *storeTest) {
	var want []hub.StoredID
	for i := range 100 {
		e := t.entry(fmt.Sprint("room.", i%3), "x")
		if i%2 == 0 {
			e.ID, e.Remember = fmt.Sprint("id ", i), time.Duration(1+i%5)*time.Hour
			want = append(want, hub.StoredID{Topic: e.Topic, ID: e.ID, At: e.At})
		}
		t.append(e)
	}
	get := func(since time.Time) []hub.StoredID {
		got, err := t.s.IDs(since)
		assert.NoError(t, err)
		return got
	}
	t.both(func() {
		assert.Equal(t, get(time.UnixMilli(0)), want)
		assert.Equal(t, get(whenOf(1)), want)
		assert.Equal(t, get(whenOf(51)), want[25:]) // id 50 has offset 51
		assert.Equal(t, get(whenOf(52)), want[26:])
		assert.Equal(t, len(get(whenOf(101))), 0)
	})

	// Two and a half hours later those with 1 and 2 hours may be gone, no others.
	late := t.entry("room.1", "late")
	late.At.Time = whenOf(100).Add(150 * time.Minute).UnixMilli()
	late.ID, late.Remember = "late", time.Minute
	t.append(late)
	t.both(func() {
		got := get(time.UnixMilli(0))
		for i, id := range want {
			if remember := 1 + (2*i)%5; remember > 2 && !slices.Contains(got, id) {
				t.Fatalf("%v is forgotten too early", id)
			}
		}
		assert.Equal(t, got[len(got)-1].ID, "late")
	})
}
