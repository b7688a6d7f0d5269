package hub_test

import (
	"sync"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// recorder is a sink that keeps what it gets.
type recorder struct {
	mu  sync.Mutex
	got []*hub.Message
}

func (r *recorder) Deliver(m *hub.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
}

func (r *recorder) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := []string{}
	for _, m := range r.got {
		texts = append(texts, string(m.Payload))
	}
	return texts
}

// sinkFunc is a sink made of a function.
type sinkFunc func(m *hub.Message)

func (f sinkFunc) Deliver(m *hub.Message) { f(m) }

func subscribe(t testing.TB, h *hub.Hub, topic string, s hub.Sink) (leave func()) {
	t.Helper()
	leave, err := h.Subscribe(topic, s)
	assert.NoError(t, err)
	return leave
}

func publish(t testing.TB, h *hub.Hub, topic, text string) {
	t.Helper()
	assert.NoError(t, h.Publish(&hub.Message{Topic: topic, Payload: []byte(text)}))
}

func TestPublishReachesTheSubscribersOfTheTopicOnly(t *testing.T) {
	h := hub.New()
	var ann, bob, cid recorder
	subscribe(t, h, "room.1", &ann)
	subscribe(t, h, "room.1", &bob)
	subscribe(t, h, "room.2", &cid)

	publish(t, h, "room.1", "to one")
	publish(t, h, "room.2", "to two")
	publish(t, h, "room", "to nobody")

	assert.Equal(t, ann.texts(), []string{"to one"})
	assert.Equal(t, bob.texts(), []string{"to one"})
	assert.Equal(t, cid.texts(), []string{"to two"})
}

func TestReceiversShareOneMessage(t *testing.T) {
	h := hub.New()
	var ann, bob recorder
	subscribe(t, h, "room", &ann)
	subscribe(t, h, "room", &bob)

	m := &hub.Message{Topic: "room", Binary: true, Payload: []byte{0, 1}}
	assert.NoError(t, h.Publish(m))

	assert.True(t, ann.got[0] == m, "the first receiver got a copy of the message")
	assert.True(t, bob.got[0] == m, "the second receiver got a copy of the message")
}

func TestLeaveEndsDelivery(t *testing.T) {
	h := hub.New()
	var ann, bob recorder
	leave := subscribe(t, h, "room", &ann)
	subscribe(t, h, "room", &bob)

	publish(t, h, "room", "both")
	leave()
	publish(t, h, "room", "one")

	assert.Equal(t, ann.texts(), []string{"both"})
	assert.Equal(t, bob.texts(), []string{"both", "one"})
}

func TestLeaveTwiceTakesNobodyElseAway(t *testing.T) {
	h := hub.New()
	var ann, bob recorder
	leave := subscribe(t, h, "room", &ann)
	leave()
	leaveBob := subscribe(t, h, "room", &bob)
	leave()
	publish(t, h, "room", "still here")

	assert.Equal(t, bob.texts(), []string{"still here"})
	assert.Equal(t, h.Subscribers("room"), 1)
	leaveBob()
	leaveBob()
	assert.Equal(t, h.Subscribers("room"), 0)
	assert.Equal(t, h.Topics(), 0)
}

// Each sink leaves in turn, so that the free place is filled from the end, is
// the end, and is the only one.
func TestLeaveInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		h := hub.New()
		var sinks [3]recorder
		var leaves [3]func()
		for i := range sinks {
			leaves[i] = subscribe(t, h, "room", &sinks[i])
		}
		var left [3]bool
		for _, i := range order {
			leaves[i]()
			left[i] = true
			publish(t, h, "room", "x")
			for k := range sinks {
				want := 1
				if left[k] {
					want = 0
				}
				assert.Equal(t, len(sinks[k].got), want)
				sinks[k].got = nil
			}
		}
		assert.Equal(t, h.Topics(), 0)
	}
}

func TestSameSinkTwiceReceivesTwice(t *testing.T) {
	h := hub.New()
	var ann recorder
	leave := subscribe(t, h, "room", &ann)
	subscribe(t, h, "room", &ann)

	publish(t, h, "room", "a")
	assert.Equal(t, ann.texts(), []string{"a", "a"})

	leave()
	publish(t, h, "room", "b")
	assert.Equal(t, ann.texts(), []string{"a", "a", "b"})
}

func TestIdleTopicsAreRemoved(t *testing.T) {
	h := hub.New()
	publish(t, h, "nobody.listens", "x")
	assert.Equal(t, h.Topics(), 0)

	var ann, bob recorder
	leaveAnn := subscribe(t, h, "room.1", &ann)
	leaveBob := subscribe(t, h, "room.1", &bob)
	leaveTwo := subscribe(t, h, "room.2", &bob)
	assert.Equal(t, h.Topics(), 2)
	assert.Equal(t, h.Subscribers("room.1"), 2)

	leaveAnn()
	assert.Equal(t, h.Topics(), 2)
	assert.Equal(t, h.Subscribers("room.1"), 1)
	leaveBob()
	assert.Equal(t, h.Topics(), 1)
	assert.Equal(t, h.Subscribers("room.1"), 0)
	leaveTwo()
	assert.Equal(t, h.Topics(), 0)
}

func TestTopicComesBackAfterItWasRemoved(t *testing.T) {
	h := hub.New()
	var ann, bob recorder
	subscribe(t, h, "room", &ann)()
	subscribe(t, h, "room", &bob)
	publish(t, h, "room", "again")

	assert.Equal(t, ann.texts(), []string{})
	assert.Equal(t, bob.texts(), []string{"again"})
}

func TestMisuseIsAnError(t *testing.T) {
	h := hub.New()
	var ann recorder

	leave, err := h.Subscribe("a b", &ann)
	assert.Contains(t, err.Error(), "' ' at byte 1 is not allowed")
	assert.True(t, leave == nil, "a failed Subscribe returned a function")

	_, err = h.Subscribe("room", nil)
	assert.ErrorIs(t, err, hub.ErrNilSink)

	err = h.Publish(&hub.Message{Topic: "a..b"})
	assert.Contains(t, err.Error(), "the token at byte 2 is empty")
	assert.Equal(t, h.Topics(), 0)
}

func TestPanicInASinkLeavesTheTopicUsable(t *testing.T) {
	h := hub.New()
	var ann recorder
	leave := subscribe(t, h, "room", sinkFunc(func(*hub.Message) { panic("broken sink") }))

	func() {
		defer func() { assert.Equal(t, recover(), any("broken sink")) }()
		publish(t, h, "room", "lost")
	}()

	leave()
	subscribe(t, h, "room", &ann)
	publish(t, h, "room", "fine")
	assert.Equal(t, ann.texts(), []string{"fine"})
}
