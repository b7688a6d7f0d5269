package topics

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/duplexhq/duplex/hub"
)

// A Cost is what one thing costs on the heap.
type Cost struct {
	Thing string
	Bytes float64
}

// sink takes everything.
type sink struct{}

func (*sink) Deliver(*hub.Subscription, *hub.Message) bool { return true }
func (*sink) Notify(*hub.Subscription, hub.Notice)         {}

// Memory measures what subscriptions and idle topics cost in the hub, without what a wire
// holds for a socket. It makes many of each, and pause lets time pass.
func Memory(ctx context.Context, dir string, many int, pause func(time.Duration)) ([]Cost, error) {
	const age = 2 * time.Second
	short := hub.Rule{Filter: "short.>", Settings: hub.Settings{MaxAge: age}}
	publish := func(h *hub.Hub, prefix string) error {
		for i := range many {
			h.PublishAsync(&hub.Message{Topic: fmt.Sprint(prefix, i), Payload: make([]byte, 100)}, nil)
		}
		_, err := h.Publish(ctx, &hub.Message{Topic: "last", Payload: []byte("x")})
		return err
	}
	publishAndWait := func(h *hub.Hub, wait time.Duration) error {
		err := publish(h, "short.")
		pause(wait) // until the hub has looked at all topics
		return err
	}
	cases := []struct {
		thing string
		keep  keeping
		make  func(h *hub.Hub) error
	}{
		{"a subscription, of one topic", keepings[0], func(h *hub.Hub) error { return subscribe(h, many, func(int) string { return "room" }) }},
		{"a topic with a subscription", keepings[0], func(h *hub.Hub) error {
			return subscribe(h, many, func(i int) string { return fmt.Sprint("room.", i) })
		}},
		{"a topic with one message of 100 bytes, in memory", keepings[0], func(h *hub.Hub) error { return publish(h, "room.") }},
		{"a topic whose messages are too old, in memory", keepings[0], func(h *hub.Hub) error { return publishAndWait(h, 12*time.Second) }},
		{"a topic with one message of 100 bytes, in a store, when idle for 30 s", keepings[3], func(h *hub.Hub) error { return publishAndWait(h, 42*time.Second) }},
	}
	var out []Cost
	for i, c := range cases {
		h, err := c.keep.hub(fmt.Sprint(dir, "/memory.", i), short)
		if err != nil {
			return nil, err
		}
		before := heap()
		if err := c.make(h); err != nil {
			return nil, err
		}
		out = append(out, Cost{c.thing, max(0, float64(heap()-before)/float64(many))})
		if err := h.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func subscribe(h *hub.Hub, many int, topic func(i int) string) error {
	for i := range many {
		if _, err := h.Subscribe(topic(i), &sink{}, nil); err != nil {
			return err
		}
	}
	return nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
