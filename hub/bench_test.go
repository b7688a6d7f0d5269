package hub_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// nothing is a sink that does nothing, so that the hub's own work is measured.
type nothing struct{ n int }

func (n *nothing) Deliver(*hub.Subscription, *hub.Message) bool {
	n.n++
	return true
}

func (*nothing) Notify(*hub.Subscription, hub.Notice) {}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint("sinks=", n), func(b *testing.B) {
			h := open(b, nil)
			for range n {
				_, err := h.Subscribe("room", &nothing{}, nil)
				assert.NoError(b, err)
			}
			payload := []byte("hello")
			b.ReportAllocs()
			for b.Loop() {
				h.PublishAsync(&hub.Message{Topic: "room", Payload: payload}, nil)
			}
		})
	}
}

// Each publisher has its topic, and waits for each message.
func BenchmarkPublishers(b *testing.B) {
	for _, publishers := range []int{1, 64, 512} {
		b.Run(fmt.Sprint("publishers=", publishers), func(b *testing.B) {
			h := open(b, nil)
			publishAll(b, h, publishers)
		})
	}
}

// publishAll has publishers publish b.N messages together, each to its topic.
func publishAll(b *testing.B, h *hub.Hub, publishers int) {
	b.Helper()
	payload := make([]byte, 200)
	var wg sync.WaitGroup
	next := make(chan struct{}, b.N)
	for range b.N {
		next <- struct{}{}
	}
	close(next)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range publishers {
		topic := fmt.Sprint("topic.", i)
		wg.Go(func() {
			for range next {
				if _, err := h.Publish(context.Background(), &hub.Message{Topic: topic, Payload: payload}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSubscribe(b *testing.B) {
	h := open(b, nil)
	say(b, h, "room", "1", "2", "3")
	b.ReportAllocs()
	for b.Loop() {
		s, err := h.Subscribe("room", &nothing{}, &hub.SubscribeOptions{Last: 3})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// 10,000 subscribers that come back behind the same cursor, with 100 messages to catch up.
func BenchmarkResume(b *testing.B) {
	h := open(b, nil)
	at := h.Position("room")
	for range 100 {
		say(b, h, "room", "message")
	}
	const clients = 10_000
	for b.Loop() {
		subs := make([]*hub.Subscription, 0, clients)
		for range clients {
			s, err := h.Subscribe("room", &nothing{}, &hub.SubscribeOptions{After: at})
			if err != nil {
				b.Fatal(err)
			}
			subs = append(subs, s)
		}
		b.StopTimer()
		for _, s := range subs {
			s.Close()
		}
		b.StartTimer()
	}
	b.ReportMetric(clients*100*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// What it costs in memory to have something: bytes of the heap for each.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	for _, c := range []struct {
		name string
		make func(b *testing.B, h *hub.Hub)
	}{
		{"subscriptions of one topic", func(b *testing.B, h *hub.Hub) {
			sink := &nothing{}
			for range n {
				_, err := h.Subscribe("room", sink, nil)
				assert.NoError(b, err)
			}
		}},
		{"topics with a subscription", func(b *testing.B, h *hub.Hub) {
			sink := &nothing{}
			for i := range n {
				_, err := h.Subscribe(fmt.Sprint("topic.", i), sink, nil)
				assert.NoError(b, err)
			}
		}},
		{"topics with a message of 100 bytes", func(b *testing.B, h *hub.Hub) {
			for i := range n {
				h.PublishAsync(&hub.Message{Topic: fmt.Sprint("topic.", i), Payload: make([]byte, 100)}, nil)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				h, err := hub.New(nil)
				assert.NoError(b, err)
				before := heap()
				c.make(b, h)
				b.ReportMetric(float64(heap()-before)/n, "B/each")
				assert.NoError(b, h.Close())
				runtime.KeepAlive(h)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkTopics asks for a page of 100 of 100,000 topics, from the beginning or the middle.
func BenchmarkTopics(b *testing.B) {
	h := open(b, nil)
	for i := range 100_000 {
		h.PublishAsync(&hub.Message{Topic: fmt.Sprintf("room.%06d", i), Payload: []byte("hello")}, nil)
	}
	for _, after := range []string{"", "room.050000"} {
		b.Run("after="+after, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := h.Topics(b.Context(), "", after, 100)
				assert.NoError(b, err)
				assert.Equal(b, len(list), 100)
			}
		})
	}
}
