package hubtest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// OpenEngine makes an engine of what is in a directory, if it keeps anything there. The hub
// above it closes it. It makes the test fail if it cannot.
type OpenEngine func(t testing.TB, dir string) hub.Engine

// Engine tests what a hub promises with the engines that open makes: all that it promises if
// they are durable; otherwise a restart is a gap.
func Engine(t *testing.T, open OpenEngine) {
	for _, c := range []struct {
		name string
		test func(*engineTest)
	}{
		{"subscribers receive in order", inOrder},
		{"positions are behind one another", positions},
		{"a cursor continues", continued},
		{"a cursor continues while others publish", continuedWhilePublishing},
		{"what is trimmed is a gap", gapAfterTrim},
		{"a cursor of another log is a gap", foreignCursor},
		{"a position before the first message", beforeTheFirst},
		{"after a restart", restarted},
		{"IDs", retried},
		{"one ID published at once", retriedAtOnce},
		{"IDs after a restart", retriedAfterRestart},
		{"sessions", sessionResumed},
		{"the latest of each key", latestSnapshot},
		{"wildcards", wildcards},
		{"history", history},
		{"topics", topics},
		{"closed with messages under way", closedUnderWay},
	} {
		t.Run(c.name, func(t *testing.T) {
			et := &engineTest{T: t, open: open, dir: t.TempDir()}
			et.begin()
			t.Cleanup(func() { et.h.Close() })
			c.test(et)
		})
	}
}

// patience is how long these tests wait for what must come.
const patience = 30 * time.Second

// An engineTest is one test of a hub on an engine.
type engineTest struct {
	*testing.T

	open    OpenEngine
	dir     string
	h       *hub.Hub
	durable bool
}

func (t *engineTest) begin() {
	t.Helper()
	engine := t.open(t, t.dir)
	t.durable = engine.Durable()
	var err error
	t.h, err = hub.New(&hub.Options{
		Engine: engine,
		Rules: []hub.Rule{
			{Filter: "short.>", Settings: hub.Settings{MaxMessages: 10}},
			{Filter: "latest.>", Settings: hub.Settings{MaxMessages: 10, Latest: true}},
		},
		Default: hub.Settings{MaxMessages: 100_000, MaxBytes: -1, Idempotency: time.Hour},
	})
	assert.NoError(t, err)
}

// restart closes the hub and begins a new one.
func (t *engineTest) restart() {
	t.Helper()
	assert.NoError(t, t.h.Close())
	t.begin()
}

// both runs a check, and again after a restart if that loses nothing.
func (t *engineTest) both(check func()) {
	t.Helper()
	check()
	if t.durable {
		t.restart()
		check()
	}
}

func (t *engineTest) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (t *engineTest) publishMessage(m *hub.Message) hub.Receipt {
	t.Helper()
	r, err := t.h.Publish(t.context(), m)
	assert.NoError(t, err)
	return r
}

// publish publishes texts and returns their cursors.
func (t *engineTest) publish(topic string, texts ...string) (at []hub.Cursor) {
	t.Helper()
	for _, text := range texts {
		r := t.publishMessage(&hub.Message{Topic: topic, Payload: []byte(text)})
		assert.True(t, !r.Duplicate && !r.At.IsZero(), "a new message has a position of its own")
		at = append(at, r.At)
	}
	return at
}

// numbers returns "1", "2" and so on.
func numbers(from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

// A listener is a subscription and what it has received.
type listener struct {
	t      *engineTest
	reader *hub.Reader
	sub    *hub.Subscription
	items  []hub.Item
}

func (t *engineTest) subscribe(filter string, o hub.SubscribeOptions) *listener {
	t.Helper()
	l := &listener{t: t, reader: hub.NewReader(1 << 20)}
	var err error
	l.sub, err = t.h.Subscribe(filter, l.reader, &o)
	assert.NoError(t, err)
	return l
}

// next returns what comes next.
func (l *listener) next() hub.Item {
	l.t.Helper()
	if len(l.items) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		l.items, err = l.reader.Next(ctx)
		if err != nil {
			l.t.Fatal("nothing comes any more")
		}
	}
	it := l.items[0]
	l.items = l.items[1:]
	return it
}

// describe returns the text of a message, or the name of a notice.
func describe(it hub.Item) string {
	switch {
	case it.Message != nil:
		return string(it.Message.Payload)
	case it.Notice.Kind == hub.Attached && it.Notice.Gap:
		return "attached with a gap"
	}
	return [...]string{"attached", "live", "gap", "presence", "ended"}[it.Notice.Kind]
}

// want fails the test unless what comes next is this, and returns the last of it.
func (l *listener) want(items ...string) (last hub.Item) {
	l.t.Helper()
	for i, want := range items {
		last = l.next()
		if got := describe(last); got != want {
			l.t.Fatalf("item %d is %q, want %q of %q", i, got, want, items)
		}
	}
	return last
}

// resumed fails the test unless a cursor continues with these messages, and nothing is
// missing.
func (t *engineTest) resumed(filter string, after hub.Cursor, texts ...string) {
	t.Helper()
	l := t.subscribe(filter, hub.SubscribeOptions{After: after})
	l.want("attached")
	l.want(texts...)
	l.want("live")
	l.sub.Close()
}

func inOrder(t *engineTest) {
	var all []*listener
	for range 3 {
		all = append(all, t.subscribe("room", hub.SubscribeOptions{}))
	}
	other := t.subscribe("other", hub.SubscribeOptions{})
	at := t.publish("room", numbers(1, 50)...)
	t.publish("other", "elsewhere")
	for _, l := range all {
		l.want("attached", "live")
		for i, text := range numbers(1, 50) {
			assert.Equal(t, l.want(text).Message.At, at[i])
		}
	}
	other.want("attached", "live", "elsewhere")
}

func positions(t *engineTest) {
	var last hub.Cursor
	check := func() {
		for i, topic := range []string{"a", "b", "a", "c", "b"} {
			at := t.publish(topic, fmt.Sprint("text ", i))[0]
			assert.True(t, at.Offset > last.Offset || at.Epoch != last.Epoch, "offsets grow")
			assert.True(t, at.When().After(time.Now().Add(-time.Minute)), "a cursor has the time")
			last = at
			again, err := hub.ParseCursor(at.String())
			assert.NoError(t, err)
			assert.Equal(t, again, at)
		}
	}
	epoch := func() uint64 { return t.h.Position("a").Epoch }
	check()
	before := epoch()
	t.restart()
	assert.Equal(t, epoch() == before, t.durable)
	check()
}

func continued(t *engineTest) {
	at := t.publish("room", numbers(1, 20)...)
	t.both(func() {
		t.resumed("room", at[0], numbers(2, 20)...)
		t.resumed("room", at[18], "20")
		t.resumed("room", at[19])
	})
	l := t.subscribe("room", hub.SubscribeOptions{After: at[17]})
	l.want("attached", "19", "20", "live")
	t.publish("room", "21")
	l.want("21")

	l = t.subscribe("room", hub.SubscribeOptions{Last: 3})
	l.want("attached", "19", "20", "21", "live")
}

// continuedWhilePublishing has subscribers that come back again and again, each time with
// the cursor of what they had last.
func continuedWhilePublishing(t *engineTest) {
	const publishers, each = 4, 150
	begin := t.h.Position("room")
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for n := range each {
				m := &hub.Message{Topic: "room", Payload: fmt.Appendf(nil, "%d %d", p, n)}
				if _, err := t.h.Publish(t.context(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var got [3][]hub.Cursor
	for i := range got {
		all.Go(func() { got[i] = t.comeBackAgain(begin, publishers*each) })
	}
	all.Wait()
	assert.Equal(t, got[1], got[0])
	assert.Equal(t, got[2], got[0])
}

// comeBackAgain returns the cursors of n messages, of which each subscription receives a
// few.
func (t *engineTest) comeBackAgain(at hub.Cursor, n int) (got []hub.Cursor) {
	counts := map[string]int{} // of each publisher
	for len(got) < n {
		r := hub.NewReader(1000)
		sub, err := t.h.Subscribe("room", r, &hub.SubscribeOptions{After: at})
		if err != nil {
			t.Error(err)
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		for few := len(got) + 7; len(got) < min(few, n); {
			items, err := r.Next(ctx)
			if err != nil {
				t.Errorf("%d of %d have come, nothing does any more", len(got), n)
				break
			}
			for _, it := range items {
				if it.Message == nil {
					if it.Notice.Gap || it.Notice.Kind == hub.Gap {
						t.Error("a gap, and nothing was lost")
					}
					continue
				}
				at = it.Message.At
				got = append(got, at)
				var p string
				var seq int
				if _, err := fmt.Sscan(string(it.Message.Payload), &p, &seq); err != nil || seq != counts[p] {
					t.Errorf("%q comes, want %d of that publisher", it.Message.Payload, counts[p])
				}
				counts[p]++
			}
		}
		cancel()
		sub.Close()
		if t.Failed() {
			return nil
		}
	}
	return got
}

func gapAfterTrim(t *engineTest) {
	at := t.publish("short.x", numbers(1, 100)...)
	t.publish("elsewhere", "x") // by now a store has removed what is too much
	t.both(func() {
		l := t.subscribe("short.x", hub.SubscribeOptions{After: at[0]})
		l.want("attached with a gap")
		first := l.next()
		oldest, _ := strconv.Atoi(describe(first))
		assert.True(t, oldest > 80 && oldest <= 91, "the newest 10, or a few more, are there; the oldest is "+describe(first))
		l.want(append(numbers(oldest+1, 100), "live")...)
		l.sub.Close()
		t.resumed("short.x", first.Message.At, numbers(oldest+1, 100)...)
		t.resumed("short.x", at[98], "100")
	})
}

func foreignCursor(t *engineTest) {
	at := t.publish("room", "1", "2", "3")
	other, ahead := at[1], at[2]
	other.Epoch++
	ahead.Offset += 1000
	t.both(func() {
		for _, after := range []hub.Cursor{other, ahead} {
			for _, filter := range []string{"room", ">"} {
				l := t.subscribe(filter, hub.SubscribeOptions{After: after})
				l.want("attached with a gap", "1", "2", "3", "live")
				l.sub.Close()
			}
			h, err := t.h.Read(t.context(), "room", hub.Query{After: after})
			assert.NoError(t, err)
			assert.True(t, h.Gap && len(h.Messages) == 3, "history tells of the gap, and has what there is")
		}
	})
}

func beforeTheFirst(t *engineTest) {
	topic, filter := t.h.Position("room"), t.h.Position("room.*")
	if t.durable {
		t.restart()
	}
	t.publish("elsewhere", "x")
	t.publish("room", "1")
	t.publish("room.a", "2")
	t.both(func() {
		t.resumed("room", topic, "1")
		t.resumed("room.*", filter, "2")
	})
}

func restarted(t *engineTest) {
	at := t.publish("room", numbers(1, 5)...)
	l := t.subscribe("room", hub.SubscribeOptions{})
	l.want("attached", "live")
	t.restart()
	ended := l.want("ended").Notice
	assert.ErrorIs(t, ended.Err, hub.ErrClosed)
	if !t.durable {
		for _, after := range []hub.Cursor{at[2], ended.At} {
			l := t.subscribe("room", hub.SubscribeOptions{After: after})
			l.want("attached with a gap", "live")
		}
		return
	}
	t.resumed("room", at[2], "4", "5")
	t.resumed("room", ended.At)
	t.publish("room", "6")
	t.restart()
	t.resumed("room", at[3], "5", "6")
	t.resumed("room", ended.At, "6")
}
