package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	topics "github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// goClient returns a Go client of the server, or of a cable that leads to it.
func goClient(t testing.TB, url string) *topics.Client {
	t.Helper()
	c := topics.New(url, nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(t, c.Close(ctx))
	})
	return c
}

// within bounds what a test waits for.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// follow subscribes, and returns when nothing passes the subscription by.
func follow(t testing.TB, c *topics.Client, filter string, o *topics.SubscribeOptions) *topics.Subscription {
	t.Helper()
	sub, err := c.Subscribe(filter, o)
	assert.NoError(t, err)
	assert.NoError(t, sub.Ready(within(t)))
	return sub
}

// next returns the next event.
func next(t testing.TB, sub *topics.Subscription) topics.Event {
	t.Helper()
	ev, err := sub.Next(within(t))
	assert.NoError(t, err)
	return ev
}

// wholeHistory returns all messages of a topic.
func wholeHistory(t testing.TB, c *topics.Client, topic string) (list []topics.Message) {
	t.Helper()
	for q := (topics.Query{Limit: 1000}); ; {
		h, err := c.History(within(t), topic, q)
		assert.NoError(t, err)
		list = append(list, h.Messages...)
		if q.After = h.At; !h.More {
			return list
		}
	}
}

// All kinds of messages come as they were, over each form, with cursors that are the
// same everywhere.
func TestGoClient(t *testing.T) {
	t.Parallel()
	s := serveDuplex(t, freeAddress(t))
	c := goClient(t, s.url)
	all := follow(t, c, "orders.>", nil)
	one := follow(t, c, "orders.42", nil)
	raw := dial(t, s.ws("/t/orders.42"))
	for _, m := range []topics.Message{
		{Data: []byte("é<\u2028\x00")}, {Kind: topics.JSON, Data: []byte(`{"a":[1e400,"<"]}`), Key: "k"},
		{Kind: topics.Binary, Data: []byte{0, 255}}, {},
	} {
		r, err := c.Publish(within(t), "orders.42", m)
		assert.NoError(t, err)
		for _, sub := range []*topics.Subscription{all, one} {
			ev := next(t, sub)
			assert.Equal(t, ev.Topic, "orders.42")
			assert.Equal(t, []any{ev.Kind, string(ev.Data), ev.Key, ev.At}, []any{m.Kind, string(m.Data), m.Key, r.At})
			assert.True(t, time.Since(ev.Time).Abs() < time.Hour, "the time is about now")
			assert.Equal(t, sub.At(), r.At)
		}
	}
	raw.write(websocket.Text, "from a page")
	assert.Equal(t, string(next(t, one).Data), "from a page")
	assert.Equal(t, string(next(t, all).Data), "from a page")

	history := wholeHistory(t, c, "orders.42")
	assert.Equal(t, len(history), 5)
	again := follow(t, goClient(t, s.url), "orders.42", &topics.SubscribeOptions{After: history[2].At})
	assert.Equal(t, again.At(), history[2].At)
	for _, m := range history[3:] {
		ev := next(t, again)
		assert.Equal(t, ev.Message, m)
	}
	newest := follow(t, goClient(t, s.url), "orders.42", &topics.SubscribeOptions{Last: 2})
	for _, m := range history[3:] {
		assert.Equal(t, next(t, newest).Message, m)
	}
	_, err := c.Publish(within(t), "orders.*", topics.Message{})
	assert.Equal(t, asError(err).Code, topics.CodeBadTopic)
	_, err = c.Publish(within(t), "orders.42", topics.Message{Kind: topics.Binary, Data: make([]byte, 1<<20+1)})
	assert.True(t, errors.Is(err, topics.ErrTooLarge) || asError(err).Code == topics.CodeTooLarge, fmt.Sprint(err))
	// The largest message there may be comes through, however it grows in JSON.
	raw.write(websocket.Text, strings.Repeat("\x01", 1<<20))
	assert.Equal(t, string(next(t, one).Data), strings.Repeat("\x01", 1<<20))
}

func asError(err error) *topics.Error {
	if e, ok := err.(*topics.Error); ok {
		return e
	}
	return &topics.Error{Code: topics.Code(fmt.Sprint("no Error: ", err))}
}

// An ID that is used twice is one message; a message of one's own does not come with
// NoSelf.
func TestGoClientPublishesOnce(t *testing.T) {
	s := serveDuplex(t, freeAddress(t))
	c := goClient(t, s.url)
	deaf := follow(t, c, "x", &topics.SubscribeOptions{NoSelf: true})
	first, err := c.Publish(within(t), "x", topics.Message{ID: "1", Data: []byte("a")})
	assert.NoError(t, err)
	second, err := goClient(t, s.url).Publish(within(t), "x", topics.Message{ID: "1", Data: []byte("b")})
	assert.NoError(t, err)
	assert.Equal(t, second, topics.Receipt{At: first.At, Duplicate: true})
	_, err = goClient(t, s.url).Publish(within(t), "x", topics.Message{Data: []byte("c")})
	assert.NoError(t, err)
	assert.Equal(t, string(next(t, deaf).Data), "c")
	assert.Equal(t, len(wholeHistory(t, c, "x")), 2)
}

func TestGoClientIsPresent(t *testing.T) {
	s := serveDuplex(t, freeAddress(t), "--topic", "> presence=10ms grace=none")
	ann, bob := goClient(t, s.url), goClient(t, s.url)
	sub := follow(t, ann, "room", &topics.SubscribeOptions{Presence: true, As: "ann"})
	seen := map[string]bool{}
	see := func(name string, there bool) {
		t.Helper()
		for seen[name] != there {
			ev := next(t, sub)
			assert.Equal(t, ev.Type, topics.PresenceEvent)
			for _, names := range [][]string{ev.Presence.Here, ev.Presence.Join} {
				for _, n := range names {
					seen[n] = true
				}
			}
			for _, n := range ev.Presence.Leave {
				seen[n] = false
			}
		}
	}
	see("ann", true)
	other := follow(t, bob, "room", &topics.SubscribeOptions{As: "bob"})
	see("bob", true)
	who, err := ann.Who(within(t), "room", "", 1)
	assert.NoError(t, err)
	assert.Equal(t, who, topics.Members{Count: 2, Names: []string{"ann"}, More: true})
	who, err = ann.Who(within(t), "room", "ann", 0)
	assert.NoError(t, err)
	assert.Equal(t, who, topics.Members{Count: 2, Names: []string{"bob"}})
	other.Close()
	see("bob", false)
}

// An exchange is publishers and a subscriber that share a topic while the world around
// them falls apart.
type exchange struct {
	t          testing.TB
	url        string
	each       int // messages of each publisher
	publishers int
	at         int    // how many messages are received between two disasters
	disaster   func() // is called in the middle
	disasters  int
}

// run returns what the subscriber received.
func (x *exchange) run() (received []topics.Message) {
	x.t.Helper()
	sub := follow(x.t, goClient(x.t, x.url), "x", nil)
	var publishing sync.WaitGroup
	defer publishing.Wait()
	for p := range x.publishers {
		c := goClient(x.t, x.url)
		publishing.Go(func() {
			for i := range x.each {
				_, err := c.Publish(within(x.t), "x", topics.Message{Data: fmt.Appendf(nil, "%d %d", p, i)})
				if err != nil {
					x.t.Error(err)
					return
				}
			}
		})
	}
	for n := 1; n <= x.publishers*x.each; n++ {
		ev := next(x.t, sub)
		assert.Equal(x.t, ev.Type, topics.MessageEvent)
		received = append(received, ev.Message)
		if n%x.at == 0 && n/x.at <= x.disasters {
			x.disaster()
		}
	}
	return received
}

// check holds what was received against what is stored: the same messages in the same
// order, each one once, and those of one publisher in theirs.
func (x *exchange) check(received, stored []topics.Message) {
	x.t.Helper()
	assert.Equal(x.t, texts(received), texts(stored))
	assert.Equal(x.t, len(stored), x.publishers*x.each)
	nexts := make([]int, x.publishers)
	for _, m := range stored {
		var p, i int
		_, err := fmt.Sscan(string(m.Data), &p, &i)
		assert.NoError(x.t, err)
		assert.Equal(x.t, i, nexts[p])
		nexts[p]++
	}
}

func texts(list []topics.Message) (texts []string) {
	for _, m := range list {
		texts = append(texts, m.At+" "+string(m.Data))
	}
	return texts
}

// A network that breaks again and again costs nothing but time.
func TestGoClientOverABadNetwork(t *testing.T) {
	t.Parallel()
	s := serveDuplex(t, freeAddress(t))
	c := newCable(t, s)
	for _, tt := range []struct {
		name     string
		disaster func()
	}{
		{"cut", func() { c.cut(); c.mend() }},
		{"answers are lost", func() { // what is sent now is stored, and nobody is told
			c.mute()
			other := goClient(t, s.url)
			before := len(wholeHistory(t, other, "x"))
			waitUntilOr(func() bool { return len(wholeHistory(t, other, "x")) > before }, time.Second)
			c.cut()
			c.mend()
		}},
	} {
		x := &exchange{t: t, url: c.url(), each: 120, publishers: 3, at: 80, disaster: tt.disaster, disasters: 3}
		t.Run(tt.name, func(t *testing.T) {
			x.t = t
			direct := goClient(t, s.url)
			before := len(wholeHistory(t, direct, "x"))
			received := x.run()
			x.check(received, wholeHistory(t, direct, "x")[before:])
		})
	}
}

// waitUntilOr is waitUntil with less patience, where both outcomes are fine.
func waitUntilOr(condition func() bool, d time.Duration) {
	deadline := time.Now().Add(d)
	for !condition() && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
}

// A server that is killed in the middle and started again has what it said that it has,
// and once.
func TestGoClientOutlivesKill(t *testing.T) {
	t.Parallel()
	address, data := freeAddress(t), t.TempDir()
	s := serveDuplex(t, address, "--data", data)
	x := &exchange{t: t, url: "ws://" + address, each: 150, publishers: 3, at: 100, disasters: 3}
	x.disaster = func() {
		s.signal(syscall.SIGKILL)
		s = serveDuplex(t, address, "--data", data)
	}
	received := x.run()
	x.check(received, wholeHistory(t, goClient(t, x.url), "x"))
}

// A server without a store tells of what its restart has lost.
func TestGoClientIsToldOfAGap(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	s := serveDuplex(t, address)
	c := goClient(t, "ws://"+address)
	sub := follow(t, c, "x", nil)
	r, err := c.Publish(within(t), "x", topics.Message{Data: []byte("before")})
	assert.NoError(t, err)
	assert.Equal(t, string(next(t, sub).Data), "before")
	s.signal(syscall.SIGKILL)
	s = serveDuplex(t, address)
	gap := next(t, sub)
	assert.Equal(t, gap.Type, topics.GapEvent)
	assert.True(t, gap.At != r.At, "the gap has a position of its own")
	_, err = c.Publish(within(t), "x", topics.Message{Data: []byte("after")})
	assert.NoError(t, err)
	assert.Equal(t, string(next(t, sub).Data), "after")
	h, err := c.History(within(t), "x", topics.Query{After: r.At})
	assert.NoError(t, err)
	assert.True(t, h.Gap, "history says so too")
	s.signal(syscall.SIGTERM)
}

// A subscription whose messages nobody takes holds up nobody, and has all of them in
// the end.
func TestGoClientWithAStuckSubscription(t *testing.T) {
	t.Parallel()
	const n = 3000
	s := serveDuplex(t, freeAddress(t), "--topic", "> messages=100000 bytes=100MiB")
	c := goClient(t, s.url)
	stuck := follow(t, c, "x", &topics.SubscribeOptions{MaxQueue: 50_000})
	other := follow(t, c, "y", nil)
	publisher := goClient(t, s.url)
	var want []string
	for i := range n {
		text := fmt.Sprintf("%d %s", i, strings.Repeat("x", 2000))
		want = append(want, text)
		_, err := publisher.Publish(within(t), "x", topics.Message{Data: []byte(text)})
		assert.NoError(t, err)
	}
	// Its own requests are answered, and its other subscription goes on.
	_, err := c.Publish(within(t), "y", topics.Message{Data: []byte("hello")})
	assert.NoError(t, err)
	assert.Equal(t, string(next(t, other).Data), "hello")
	var got []string
	for range n {
		got = append(got, string(next(t, stuck).Data))
	}
	assert.True(t, slices.Equal(got, want), "all messages come, in order")
}
