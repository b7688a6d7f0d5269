package hub_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// numbered makes message n of one publisher.
func numbered(topic string, publisher, n int) *hub.Message {
	payload := binary.BigEndian.AppendUint32(nil, uint32(publisher))
	return &hub.Message{Topic: topic, Payload: binary.BigEndian.AppendUint32(payload, uint32(n))}
}

func number(m *hub.Message) (publisher, n int) {
	return int(binary.BigEndian.Uint32(m.Payload)), int(binary.BigEndian.Uint32(m.Payload[4:]))
}

// plain is a sink without a lock of its own: under the race detector it proves
// that the calls for one topic do not overlap.
type plain struct{ got []*hub.Message }

func (p *plain) Deliver(m *hub.Message) { p.got = append(p.got, m) }

func TestOrderIsTheSameForAllSinksOfATopic(t *testing.T) {
	const topics, sinks, publishers, messages = 3, 4, 4, 250
	h := hub.New()
	var rooms [topics][sinks]plain
	for i := range rooms {
		for k := range rooms[i] {
			subscribe(t, h, fmt.Sprint("room.", i), &rooms[i][k])
		}
	}

	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for n := range messages {
				for i := range topics {
					if err := h.Publish(numbered(fmt.Sprint("room.", i), p, n)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()

	for i := range rooms {
		first := rooms[i][0].got
		assert.Equal(t, len(first), publishers*messages)
		var next [publishers]int
		for _, m := range first {
			p, n := number(m)
			assert.Equal(t, n, next[p]) // of one publisher: in the order it published
			next[p]++
		}
		for k := range rooms[i] {
			assert.True(t, slices.Equal(rooms[i][k].got, first), "two sinks saw two orders")
		}
	}
}

// Leave is called again and again at the moment in which a delivery begins; it
// must never return before that delivery has.
func TestLeaveWaitsForTheDeliveryUnderWay(t *testing.T) {
	for range 200 {
		h := hub.New()
		inside := make(chan struct{})
		var delivered atomic.Bool
		leave := subscribe(t, h, "room", sinkFunc(func(*hub.Message) {
			close(inside)
			runtime.Gosched() // let leave go ahead, if it does not wait
			delivered.Store(true)
		}))

		var wg sync.WaitGroup
		wg.Go(func() { publish(t, h, "room", "one") })
		<-inside
		leave()
		assert.True(t, delivered.Load(), "leave returned while Deliver ran")
		wg.Wait()
		publish(t, h, "room", "two") // a second call would close inside again, and panic
		assert.Equal(t, h.Topics(), 0)
	}
}

// A sink that has enough asks another goroutine to take it out, as a
// connection does that is closed because its queue is full.
func TestSinkLeavesFromAnotherGoroutine(t *testing.T) {
	h := hub.New()
	var other recorder
	var wg sync.WaitGroup
	var leave func()
	calls := 0
	leave = subscribe(t, h, "room", sinkFunc(func(*hub.Message) {
		calls++
		wg.Go(leave)
	}))
	subscribe(t, h, "room", &other)

	publish(t, h, "room", "a")
	wg.Wait()
	publish(t, h, "room", "b")

	assert.Equal(t, calls, 1)
	assert.Equal(t, other.texts(), []string{"a", "b"})
}

func TestDeliverMayUseOtherTopics(t *testing.T) {
	h := hub.New()
	var log recorder
	subscribe(t, h, "log", &log)
	subscribe(t, h, "room", sinkFunc(func(m *hub.Message) { publish(t, h, "log", string(m.Payload)) }))

	publish(t, h, "room", "copied")
	assert.Equal(t, log.texts(), []string{"copied"})
}

// A topic that is stuck must not stop any other, whichever lock they share:
// with so many topics, several live in the shard of the one that is stuck.
func TestABlockedTopicStopsNoOther(t *testing.T) {
	h := hub.New()
	inside, goOn := make(chan struct{}), make(chan struct{})
	leaveStuck := subscribe(t, h, "stuck", sinkFunc(func(*hub.Message) { close(inside); <-goOn }))
	var wg sync.WaitGroup
	wg.Go(func() { publish(t, h, "stuck", "x") })
	<-inside
	// These wait for the stuck topic; they too must not stop the others.
	var late recorder
	wg.Go(func() { subscribe(t, h, "stuck", &late)() })
	wg.Go(leaveStuck)

	for i := range 1000 {
		var r recorder
		topic := fmt.Sprint("free.", i)
		leave := subscribe(t, h, topic, &r)
		publish(t, h, topic, "y")
		leave()
		assert.Equal(t, len(r.got), 1)
	}
	assert.True(t, h.Topics() >= 1, "the stuck topic is still there")

	close(goOn)
	wg.Wait()
	assert.Equal(t, h.Topics(), 0)
}

// guarded is a sink that knows when it must not be called any more.
type guarded struct {
	t    *testing.T
	left atomic.Bool
	n    int
}

func (g *guarded) Deliver(*hub.Message) {
	if g.left.Load() {
		g.t.Error("delivered after leave returned")
	}
	g.n++
}

func TestComingAndGoingWhileMessagesFlow(t *testing.T) {
	h := hub.New()
	var stays plain
	leaveStays := subscribe(t, h, "busy", &stays)
	const publishers, messages, visitors, visits = 2, 500, 4, 200

	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for n := range messages {
				h.Publish(numbered("busy", p, n))
				h.Publish(numbered("idle", p, n))
			}
		})
	}
	for range visitors {
		wg.Go(func() {
			for range visits {
				for _, topic := range []string{"busy", "idle"} {
					g := &guarded{t: t}
					leave, err := h.Subscribe(topic, g)
					if err != nil {
						t.Error(err)
						return
					}
					h.Publish(numbered(topic, publishers, 0))
					leave()
					g.left.Store(true)
					if g.n == 0 {
						t.Error("a message published after Subscribe was not delivered")
					}
				}
			}
		})
	}
	wg.Wait()

	assert.Equal(t, len(stays.got), publishers*messages+visitors*visits)
	assert.Equal(t, h.Topics(), 1)
	assert.Equal(t, h.Subscribers("busy"), 1)
	leaveStays()
	assert.Equal(t, h.Topics(), 0)
}

// Many goroutines race to leave the same subscription: one takes it out.
func TestLeaveTwiceAtOnce(t *testing.T) {
	h := hub.New()
	var ann recorder
	subscribe(t, h, "room", &ann)
	for range 100 {
		leave := subscribe(t, h, "room", &ann)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(leave)
		}
		wg.Wait()
		assert.Equal(t, h.Subscribers("room"), 1)
	}
}
