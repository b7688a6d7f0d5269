package topics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/store/pebble"
)

// A Volume is how much history there is to be read.
type Volume struct {
	Topics int
	Each   int // messages of each topic, and of one read
	Reads  int
}

// A HistoryRead is how long it took to read the history of one topic.
type HistoryRead struct {
	From     string // where it was
	P50, P99 time.Duration
}

// A Disturbance is how long one publisher waits while others read.
type Disturbance struct {
	Readers  int
	P50, P99 time.Duration
	Reads    float64 // per second, meanwhile
}

// History fills a store with messages of many topics, and reads those of one topic again and
// again: from memory, from the store, and from the store when it was just
// opened. Then it publishes while others read what is not in memory.
func History(ctx context.Context, dir string, v Volume) (list []HistoryRead, disturbed []Disturbance, err error) {
	dir += "/history"
	open := func() (*hub.Hub, error) {
		store, err := pebble.Open(dir, &pebble.Options{})
		if err != nil {
			return nil, err
		}
		return hub.New(&hub.Options{Engine: hub.NewLocal(store), Default: hub.Settings{MaxBytes: -1}})
	}
	h, err := open()
	if err != nil {
		return nil, nil, err
	}
	if err := v.fill(ctx, h); err != nil {
		return nil, nil, err
	}
	for range v.Each { // as those of before may have left memory
		if _, err := h.Publish(ctx, &hub.Message{Topic: historyTopic(0), Payload: make([]byte, payloadSize)}); err != nil {
			return nil, nil, err
		}
	}
	warm, err := v.read(ctx, h, 1, hub.Query{Last: v.Each})
	if err != nil {
		return nil, nil, err
	}
	if err := h.Close(); err != nil {
		return nil, nil, err
	}
	if h, err = open(); err != nil {
		return nil, nil, err
	}
	defer h.Close()
	cold, err := v.read(ctx, h, v.Topics, hub.Query{Limit: v.Each})
	if err != nil {
		return nil, nil, err
	}
	again, err := v.read(ctx, h, min(64, v.Topics), hub.Query{Limit: v.Each})
	if err != nil {
		return nil, nil, err
	}
	list = []HistoryRead{
		{"memory: the newest of a topic with traffic", median(warm), quantile(warm, 0.99)},
		{"the store, read before", median(again), quantile(again, 0.99)},
		{"the store, after a restart, any topic", median(cold), quantile(cold, 0.99)},
	}
	for _, readers := range []int{0, 1, 8} {
		d, err := v.disturb(ctx, h, readers)
		if err != nil {
			return nil, nil, err
		}
		disturbed = append(disturbed, d)
	}
	return list, disturbed, nil
}

func historyTopic(i int) string { return fmt.Sprint("history.", i) }

// fill publishes the messages, those of a topic apart from each other.
func (v Volume) fill(ctx context.Context, h *hub.Hub) error {
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	window := make(chan struct{}, 4096)
	for range v.Each {
		for i := range v.Topics {
			window <- struct{}{}
			all.Add(1)
			h.PublishAsync(&hub.Message{Topic: historyTopic(i), Payload: make([]byte, payloadSize)}, func(_ hub.Receipt, err error) {
				if err != nil {
					failed.Store(&err)
				}
				<-window
				all.Done()
			})
		}
		if ctx.Err() != nil {
			break
		}
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	return ctx.Err()
}

// read reads the history of one of the first topics, many times.
func (v Volume) read(ctx context.Context, h *hub.Hub, topics int, q hub.Query) ([]time.Duration, error) {
	took := make([]time.Duration, 0, v.Reads)
	for range v.Reads {
		topic := historyTopic(rand.IntN(topics))
		began := time.Now()
		got, err := h.Read(ctx, topic, q)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		if len(got.Messages) < v.Each {
			return nil, fmt.Errorf("%s has %d messages instead of %d", topic, len(got.Messages), v.Each)
		}
	}
	return took, nil
}

// disturb publishes for a second while others read.
func (v Volume) disturb(ctx context.Context, h *hub.Hub, readers int) (Disturbance, error) {
	reading, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	var reads atomic.Int64
	for range readers {
		all.Go(func() {
			for reading.Err() == nil {
				if _, err := h.Read(reading, historyTopic(rand.IntN(v.Topics)), hub.Query{Limit: v.Each}); err == nil {
					reads.Add(1)
				}
			}
		})
	}
	var took []time.Duration
	var failed error
	start := time.Now()
	for time.Since(start) < time.Second && failed == nil {
		began := time.Now()
		_, failed = h.Publish(ctx, &hub.Message{Topic: "quiet", Payload: make([]byte, payloadSize)})
		took = append(took, time.Since(began))
	}
	perSecond := float64(reads.Load()) / time.Since(start).Seconds()
	stop()
	all.Wait()
	return Disturbance{readers, median(took), quantile(took, 0.99), perSecond}, failed
}
