package hub_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// A tape is a sink that writes down what comes, as "[1", "gap" and the like.
type tape struct {
	mu    sync.Mutex
	got   []string
	at    hub.Cursor // of the last message or notice
	room  int        // how many messages it takes before it holds; negative: any number
	busy  bool       // a call is under way: two at once are a mistake
	ended error
	sub   *hub.Subscription
	err   error
}

func newTape() *tape { return &tape{room: -1} }

func (r *tape) enter(s *hub.Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		r.err = fmt.Errorf("the sink is called twice at once")
	}
	r.busy, r.sub = true, s
}

func (r *tape) leave(what string, at hub.Cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
	r.got = append(r.got, what)
	if at.Offset < r.at.Offset && at.Epoch == r.at.Epoch {
		r.err = fmt.Errorf("%s at %d comes behind %d", what, at.Offset, r.at.Offset)
	}
	r.at = at
}

// brief is what a tape writes down of a message.
func brief(m *hub.Message) string {
	text, _, _ := strings.Cut(string(m.Payload), "\x00")
	return text
}

func (r *tape) Deliver(s *hub.Subscription, m *hub.Message) bool {
	r.enter(s)
	defer r.leave(brief(m), m.At)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room > 0 {
		r.room--
	}
	return r.room != 0
}

func (r *tape) Notify(s *hub.Subscription, n hub.Notice) {
	if n.Kind == hub.PresenceChanged {
		n.At = r.position()
	}
	r.enter(s)
	what := [...]string{"attached", "live", "gap", "presence", "ended"}[n.Kind]
	if n.Gap {
		what += "+gap"
	}
	r.mu.Lock()
	if n.Kind == hub.Ended {
		r.ended = n.Err
	}
	r.mu.Unlock()
	r.leave(what, n.At)
}

func (r *tape) position() hub.Cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

// give lets it take n more messages, any number if n is negative.
func (r *tape) give(n int) {
	r.mu.Lock()
	r.room = n
	sub := r.sub
	r.mu.Unlock()
	sub.Resume()
}

// list returns what came, and forgets it.
func (r *tape) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.got
	r.got = nil
	return list
}

// expect waits until what came is want.
func (r *tape) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range 20_000 {
		got = append(got, r.list()...)
		if len(got) >= len(want) {
			break
		}
		time.Sleep(time.Millisecond) // until what reads elsewhere has come
	}
	assert.Equal(t, got, want)
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.NoError(t, r.err)
}

// open makes a hub that ends with the test.
func open(t testing.TB, o *hub.Options) *hub.Hub {
	t.Helper()
	h, err := hub.New(o)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	return h
}

// say publishes texts to a topic and returns the position of the last.
func say(t testing.TB, h *hub.Hub, topic string, texts ...string) (at hub.Cursor) {
	t.Helper()
	for _, text := range texts {
		r, err := h.Publish(t.Context(), &hub.Message{Topic: topic, Payload: []byte(text)})
		assert.NoError(t, err)
		at = r.At
	}
	return at
}

// trimmed returns when a store has removed what is too much of what was published: it does so
// after the answer, and before it stores anything else.
func trimmed(t testing.TB, h *hub.Hub) {
	t.Helper()
	say(t, h, "elsewhere", "x")
}

// set publishes the state of a key.
func set(t testing.TB, h *hub.Hub, topic, key, text string) (at hub.Cursor) {
	t.Helper()
	r, err := h.Publish(t.Context(), &hub.Message{Topic: topic, Key: key, Payload: []byte(text)})
	assert.NoError(t, err)
	return r.At
}

// listen subscribes a tape.
func listen(t testing.TB, h *hub.Hub, filter string, r *tape, o *hub.SubscribeOptions) *hub.Subscription {
	t.Helper()
	s, err := h.Subscribe(filter, r, o)
	assert.NoError(t, err)
	return s
}
