package hub_test

import (
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// nothing is a sink that does nothing, so that the hub's own work is measured.
type nothing struct{}

func (*nothing) Deliver(*hub.Message) {}

// audience makes a hub with n subscribers of "room".
func audience(t testing.TB, n int) *hub.Hub {
	t.Helper()
	h := hub.New()
	for range n {
		subscribe(t, h, "room", &nothing{})
	}
	return h
}

func TestPublishAllocatesNothing(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		h := audience(t, n)
		m := &hub.Message{Topic: "room", Payload: []byte("hello")}
		assert.Equal(t, testing.AllocsPerRun(10, func() { h.Publish(m) }), 0)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint("sinks=", n), func(b *testing.B) {
			h := audience(b, n)
			m := &hub.Message{Topic: "room", Payload: []byte("hello")}
			b.ReportAllocs()
			for b.Loop() {
				h.Publish(m)
			}
		})
	}
}

func BenchmarkPublishToManyTopicsAtOnce(b *testing.B) {
	h := hub.New()
	var topics []string
	for i := range 256 {
		topics = append(topics, fmt.Sprint("room.", i))
		subscribe(b, h, topics[i], &nothing{})
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		m := &hub.Message{Payload: []byte("hello")}
		for i := 0; pb.Next(); i++ {
			m.Topic = topics[i%len(topics)]
			h.Publish(m)
		}
	})
}

func BenchmarkSubscribeAndLeave(b *testing.B) {
	h := audience(b, 1000)
	s := &nothing{}
	b.ReportAllocs()
	for b.Loop() {
		leave, _ := h.Subscribe("room", s)
		leave()
	}
}

func BenchmarkCheckTopic(b *testing.B) {
	for _, topic := range []string{"orders.eu-west.42", "комната.1"} {
		b.Run(topic, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hub.CheckTopic(topic)
			}
		})
	}
}
