package hubtest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// OpenStore opens the store in a directory: with what was there when a store in the
// same directory was closed. It makes the test fail if it cannot.
type OpenStore func(t testing.TB, dir string) hub.Store

// Store tests that open makes stores that do what [hub.Store] says. Several stores
// are open at the same time, in directories of their own.
func Store(t *testing.T, open OpenStore) {
	for _, c := range []struct {
		name string
		test func(*storeTest)
	}{
		{"a new store is empty", newStore},
		{"what was appended is read", roundTrip},
		{"pages of a topic", pages},
		{"topics whose names begin alike", alike},
		{"topics in order", logs},
		{"a batch out of order is refused whole", refused},
		{"the caller uses its batch again", lent},
		{"a new epoch", newEpoch},
		{"trimmed", trimmed},
		{"trimmed again and again", trimmedOften},
		{"forgotten", forgotten},
		{"remembered for its latest", rememberedForLatest},
		{"latest by key", latest},
		{"IDs", ids},
		{"sessions", sessions},
		{"sessions that expire", expired},
		{"the context ends", cancelled},
		{"closed", closed},
		{"the same as a model", sameAsModel},
		{"read while others append and trim", readWhileWriting},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := &storeTest{T: t, open: open, dir: t.TempDir()}
			st.s = open(t, st.dir)
			t.Cleanup(func() { st.s.Close() })
			c.test(st)
		})
	}
}

// A storeTest is one test of one store.
type storeTest struct {
	*testing.T

	open  OpenStore
	dir   string
	s     hub.Store
	epoch uint64 // the last one that restart gave
	last  uint64 // greatest offset that entry made
}

// restart gives the logs a new epoch.
func (t *storeTest) restart(epoch uint64) {
	t.Helper()
	t.epoch = epoch
	assert.NoError(t, t.s.Restart(epoch))
}

// aTime is when the messages of these tests begin to come, one per second.
const aTime = 1_790_000_000_000

func timeOf(offset uint64) int64 { return aTime + int64(offset)*1000 }

func whenOf(offset uint64) time.Time { return time.UnixMilli(timeOf(offset)) }

// entry makes the next message.
func (t *storeTest) entry(topic, payload string) hub.Entry {
	t.last++
	at := hub.Cursor{Epoch: t.epoch, Offset: t.last, Time: timeOf(t.last)}
	return hub.Entry{Message: &hub.Message{Topic: topic, Payload: []byte(payload), At: at}}
}

func (t *storeTest) append(batch ...hub.Entry) {
	t.Helper()
	assert.NoError(t, t.s.Append(batch))
}

// appendN appends n messages to a topic, each with 10 bytes of payload.
func (t *storeTest) appendN(topic string, n int) {
	t.Helper()
	batch := make([]hub.Entry, n)
	for i := range batch {
		batch[i] = t.entry(topic, fmt.Sprintf("payload %2d", i%100))
	}
	t.append(batch...)
}

// reopen closes the store and opens it again.
func (t *storeTest) reopen() {
	t.Helper()
	assert.NoError(t, t.s.Close())
	t.s = t.open(t, t.dir)
}

// both runs a check before and after the store is opened again.
func (t *storeTest) both(check func()) {
	t.Helper()
	check()
	t.reopen()
	check()
}

func (t *storeTest) read(topic string, r hub.Range) hub.Page {
	t.Helper()
	page, err := t.s.Read(context.Background(), topic, r)
	assert.NoError(t, err)
	return page
}

// all is a range with everything.
var all = hub.Range{Limit: 1 << 20, MaxBytes: 1 << 40}

func (t *storeTest) info(topic string) hub.LogInfo {
	t.Helper()
	info, err := t.s.Info(topic)
	assert.NoError(t, err)
	return info
}

func (t *storeTest) latest(topic string) []*hub.Message {
	t.Helper()
	list, err := t.s.Latest(context.Background(), topic)
	assert.NoError(t, err)
	return list
}

func offsets(list []*hub.Message) []uint64 {
	got := []uint64{}
	for _, m := range list {
		got = append(got, m.At.Offset)
	}
	return got
}

// same tells whether two messages are the same but for their encodings.
func same(a, b *hub.Message) bool {
	return a.Topic == b.Topic && a.Kind == b.Kind && string(a.Payload) == string(b.Payload) &&
		a.Key == b.Key && a.By == b.By && a.From == b.From && a.ID == b.ID && a.At == b.At
}

// sameList fails the test unless got is what was appended.
func (t *storeTest) sameList(got []*hub.Message, want ...hub.Entry) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(m *hub.Message, e hub.Entry) bool { return same(m, e.Message) }) {
		var wanted []*hub.Message
		for _, e := range want {
			wanted = append(wanted, e.Message)
		}
		t.Fatalf("got\n%swant\n%s", list(got), list(wanted))
	}
}

func list(messages []*hub.Message) (s string) {
	for _, m := range messages {
		s += fmt.Sprintf("%s %v %q key=%q by=%q from=%q id=%q at %+v\n", m.Topic, m.Kind, m.Payload, m.Key, m.By, m.From, m.ID, m.At)
	}
	return s
}

func newStore(t *storeTest) {
	t.both(func() {
		assert.Equal(t, t.s.State(), hub.StoreState{})
		assert.Equal(t, t.info("room"), hub.LogInfo{Topic: "room"})
		page := t.read("room", all)
		assert.True(t, len(page.Messages) == 0 && page.Trimmed == 0 && !page.More, "an empty page")
		assert.Equal(t, len(t.latest("room")), 0)
		logs, err := t.s.Logs(context.Background(), "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(logs), 0)
		ids, err := t.s.IDs(time.Time{})
		assert.NoError(t, err)
		assert.Equal(t, len(ids), 0)
		_, ok, err := t.s.Session("nobody-here")
		assert.NoError(t, err)
		assert.True(t, !ok, "no session")
		expired, err := t.s.ExpiredSessions(time.Now(), 10)
		assert.NoError(t, err)
		assert.Equal(t, len(expired), 0)
		info, err := t.s.Trim("room", hub.Settings{}, time.Now())
		assert.NoError(t, err)
		assert.Equal(t, info, hub.LogInfo{Topic: "room"})
		assert.NoError(t, t.s.Append(nil))
	})
}

func roundTrip(t *storeTest) {
	t.restart(7)
	plain, empty := t.entry("комната.1", "hello"), t.entry("комната.1", "")
	full := t.entry("комната.1", "\x00\xff\x00")
	full.Kind, full.Key, full.By, full.From, full.ID, full.Remember = hub.Binary, "k\x00ey", "анна", "conn 1", "id\xff", time.Minute
	json := t.entry("комната.1", `{"a":1}`)
	json.Kind = hub.JSON
	elsewhere := t.entry("other", string(make([]byte, 300_000)))
	elsewhere.At.Offset = 1 << 40 // offsets are not dense
	t.append(plain, empty)
	t.append(full, json, elsewhere)

	t.both(func() {
		t.sameList(t.read("комната.1", all).Messages, plain, empty, full, json)
		t.sameList(t.read("other", all).Messages, elsewhere)
		assert.Equal(t, t.info("комната.1"), hub.LogInfo{Topic: "комната.1", Last: 4, LastTime: timeOf(4), Messages: 4,
			Bytes: int64(len("hello") + 3 + len("k\x00ey"+"анна"+"conn 1"+"id\xff"+`{"a":1}`))})
		assert.Equal(t, t.info("other").Bytes, 300_000)
	})
	assert.Equal(t, t.s.State(), hub.StoreState{Epoch: 7, Last: 1 << 40})
}

func pages(t *storeTest) {
	for range 5 { // room has 1, 3, 5, 7, 9, each with 10 bytes
		t.appendN("room", 1)
		t.appendN("other", 1)
	}
	const plenty = 1 << 30
	t.both(func() {
		for _, c := range []struct {
			name string
			r    hub.Range
			want []uint64
			more bool
		}{
			{"all", hub.Range{Limit: 10, MaxBytes: plenty}, []uint64{1, 3, 5, 7, 9}, false},
			{"behind one", hub.Range{After: 3, Limit: 10, MaxBytes: plenty}, []uint64{5, 7, 9}, false},
			{"behind an offset of another topic", hub.Range{After: 4, Limit: 10, MaxBytes: plenty}, []uint64{5, 7, 9}, false},
			{"behind the last", hub.Range{After: 9, Limit: 10, MaxBytes: plenty}, []uint64{}, false},
			{"behind everything", hub.Range{After: 1<<64 - 1, Limit: 10, MaxBytes: plenty}, []uint64{}, false},
			{"as many as there are", hub.Range{Limit: 5, MaxBytes: plenty}, []uint64{1, 3, 5, 7, 9}, false},
			{"fewer than there are", hub.Range{Limit: 4, MaxBytes: plenty}, []uint64{1, 3, 5, 7}, true},
			{"one", hub.Range{After: 1, Limit: 1, MaxBytes: plenty}, []uint64{3}, true},
			{"bytes for two", hub.Range{Limit: 10, MaxBytes: 20}, []uint64{1, 3}, true},
			{"bytes for two and a half", hub.Range{Limit: 10, MaxBytes: 25}, []uint64{1, 3}, true},
			{"bytes for all", hub.Range{Limit: 10, MaxBytes: 50}, []uint64{1, 3, 5, 7, 9}, false},
			{"one may be larger", hub.Range{After: 5, Limit: 10, MaxBytes: 1}, []uint64{7}, true},
			{"the last may be larger", hub.Range{After: 7, Limit: 10, MaxBytes: 0}, []uint64{9}, false},
			{"newest", hub.Range{Newest: true, Limit: 2, MaxBytes: plenty}, []uint64{7, 9}, false},
			{"newest of fewer", hub.Range{Newest: true, Limit: 10, MaxBytes: plenty}, []uint64{1, 3, 5, 7, 9}, false},
			{"newest within bytes", hub.Range{Newest: true, Limit: 10, MaxBytes: 35}, []uint64{5, 7, 9}, false},
			{"newest may be larger", hub.Range{Newest: true, Limit: 10, MaxBytes: 1}, []uint64{9}, false},
		} {
			page := t.read("room", c.r)
			if !slices.Equal(offsets(page.Messages), c.want) || page.More != c.more || page.Trimmed != 0 {
				t.Errorf("%s: got %v, more %t, trimmed %d; want %v, %t, 0", c.name, offsets(page.Messages), page.More, page.Trimmed, c.want, c.more)
			}
		}
	})
}

func alike(t *storeTest) {
	names := []string{"a", "a-b", "a.b", "a.b.c", "ab", "a~", "aж", "ж"}
	want := map[string][]hub.Entry{}
	for range 3 {
		for _, name := range names {
			e := t.entry(name, "in "+name)
			e.Key, e.Latest = "k", true
			want[name] = append(want[name], e)
			t.append(e)
		}
	}
	t.both(func() {
		for _, name := range names {
			t.sameList(t.read(name, all).Messages, want[name]...)
			t.sameList(t.read(name, hub.Range{Newest: true, Limit: 100, MaxBytes: 1 << 20}).Messages, want[name]...)
			t.sameList(t.latest(name), want[name][2])
			assert.Equal(t, t.info(name).Messages, 3)
		}
	})
	_, err := t.s.Trim("a", hub.Settings{MaxMessages: -1}, whenOf(t.last))
	assert.NoError(t, err)
	t.both(func() {
		assert.Equal(t, len(t.read("a", all).Messages), 0)
		for _, name := range names[1:] {
			t.sameList(t.read(name, all).Messages, want[name]...)
		}
	})
}

func logs(t *storeTest) {
	names := []string{"a", "a.b", "b", "c", "ж"}
	for i, name := range []string{"c", "a", "ж", "b", "a.b"} {
		t.appendN(name, i+1)
	}
	t.both(func() {
		for _, c := range []struct {
			after string
			limit int
			want  []string
		}{
			{"", 10, names},
			{"", 2, names[:2]},
			{"a", 2, names[1:3]},
			{"a.a", 2, names[1:3]}, // behind a name that is no topic here
			{"c", 10, names[4:]},
			{"ж", 10, nil},
		} {
			got, err := t.s.Logs(context.Background(), c.after, c.limit)
			assert.NoError(t, err)
			var gotNames []string
			for _, info := range got {
				gotNames = append(gotNames, info.Topic)
				assert.Equal(t, info, t.info(info.Topic))
			}
			assert.Equal(t, gotNames, c.want)
		}
	})
}

func refused(t *storeTest) {
	t.appendN("room", 2)
	before := t.info("room")
	for _, bad := range [][]uint64{{2}, {3, 3}, {4, 3}, {3, 4, 1}, {0}} {
		var batch []hub.Entry
		for _, offset := range bad {
			at := hub.Cursor{Offset: offset, Time: timeOf(offset)}
			m := &hub.Message{Topic: "room", Key: "k", ID: "id", Payload: []byte("x"), At: at}
			batch = append(batch, hub.Entry{Message: m, Latest: true, Remember: time.Hour})
		}
		assert.True(t, t.s.Append(batch) != nil, "a batch out of order is refused")
	}
	t.both(func() {
		assert.Equal(t, offsets(t.read("room", all).Messages), []uint64{1, 2})
		assert.Equal(t, t.info("room"), before)
		assert.Equal(t, len(t.latest("room")), 0)
		ids, err := t.s.IDs(time.Time{})
		assert.NoError(t, err)
		assert.Equal(t, len(ids), 0)
	})
	assert.Equal(t, t.s.State().Last, 2)
	t.appendN("room", 1)
	assert.Equal(t, offsets(t.read("room", all).Messages), []uint64{1, 2, 3})
}

func lent(t *storeTest) {
	first, second := t.entry("room", "first"), t.entry("room", "second")
	batch := []hub.Entry{first}
	t.append(batch...)
	batch[0] = hub.Entry{}
	t.append(second)
	t.both(func() { t.sameList(t.read("room", all).Messages, first, second) })

	// What was read belongs to the caller.
	clear(t.read("room", all).Messages[0].Payload)
	t.sameList(t.read("room", all).Messages, first, second)
}

func newEpoch(t *storeTest) {
	t.restart(1 << 63)
	e := t.entry("room", "x")
	e.ID, e.Remember, e.Key, e.Latest = "id", time.Hour, "k", true
	t.append(e)
	t.restart(3)
	t.both(func() {
		// What is there is there, under its new name.
		assert.Equal(t, t.read("room", all).Messages[0].At, hub.Cursor{Epoch: 3, Offset: 1, Time: timeOf(1)})
		assert.Equal(t, t.latest("room")[0].At.Epoch, 3)
		ids, err := t.s.IDs(time.Time{})
		assert.NoError(t, err)
		assert.Equal(t, ids, []hub.StoredID{{Topic: "room", ID: "id", At: hub.Cursor{Epoch: 3, Offset: 1, Time: timeOf(1)}}})
	})
	assert.Equal(t, t.s.State(), hub.StoreState{Epoch: 3, Last: 1})
}

func cancelled(t *storeTest) {
	t.appendN("room", 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := t.s.Read(ctx, "room", all)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = t.s.Latest(ctx, "room")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = t.s.Logs(ctx, "", 1)
	assert.ErrorIs(t, err, context.Canceled)
}

func closed(t *storeTest) {
	t.appendN("room", 1)
	assert.NoError(t, t.s.Close())
	assert.NoError(t, t.s.Close())
	_, err := t.s.Read(context.Background(), "room", all)
	assert.True(t, err != nil, "a closed store reads nothing")
	assert.True(t, t.s.Append([]hub.Entry{t.entry("room", "x")}) != nil, "a closed store takes nothing")
	assert.True(t, t.s.SaveSessions([]hub.SessionRecord{{ID: "12345678"}}) != nil, "a closed store takes no session")
	assert.True(t, t.s.Restart(4) != nil, "a closed store has no new epoch")
	_, err = t.s.Trim("room", hub.Settings{}, time.Now())
	assert.True(t, err != nil, "a closed store is not trimmed")
	_, err = t.s.Info("room")
	assert.True(t, err != nil, "a closed store tells nothing")
	t.s = t.open(t, t.dir)
	assert.Equal(t, offsets(t.read("room", all).Messages), []uint64{1})
}
