package topics

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/store/pebble"
)

// payloadSize is the length of the messages, in bytes.
const payloadSize = 200

// A keeping is a way to keep messages.
type keeping struct {
	name string
	open func(dir string) (hub.Store, error)
}

// keepings are in memory and with the store, the safest last.
var keepings = []keeping{
	{"memory", func(string) (hub.Store, error) { return nil, nil }},
	{"store, sync off", stored(pebble.SyncOff)},
	{"store, sync interval", stored(pebble.SyncInterval)},
	{"store, sync always", stored(pebble.SyncAlways)},
}

func stored(mode pebble.SyncMode) func(dir string) (hub.Store, error) {
	return func(dir string) (hub.Store, error) { return pebble.Open(dir, &pebble.Options{Sync: mode}) }
}

// open makes the hub.
func (k keeping) hub(dir string, rules ...hub.Rule) (*hub.Hub, error) {
	store, err := k.open(dir)
	if err != nil {
		return nil, err
	}
	return hub.New(&hub.Options{Engine: hub.NewLocal(store), Rules: rules})
}

// A Published is how fast publishers were.
type Published struct {
	Keeping    string
	Publishers int
	PerSecond  float64       // messages of all publishers, the median of the rounds
	Wait       time.Duration // of one publisher for one message, at the median
	Ratio      float64       // PerSecond to that in memory, round by round
}

// Publish has publishers, each with a topic of its own, publish one message after the other
// for a while, each way to keep them in turn, for some rounds.
func Publish(ctx context.Context, dir string, publishers []int, turn time.Duration, rounds int) ([]Published, error) {
	var hubs []*hub.Hub
	defer func() {
		for _, h := range hubs {
			_ = h.Close()
		}
	}()
	for i, k := range keepings {
		h, err := k.hub(fmt.Sprint(dir, "/publish.", i))
		if err != nil {
			return nil, err
		}
		hubs = append(hubs, h)
	}
	var out []Published
	for _, n := range publishers {
		rates := make([][]float64, len(hubs))
		waits := make([][]time.Duration, len(hubs))
		for round := range rounds {
			for i := range hubs {
				if round%2 == 1 {
					i = len(hubs) - 1 - i
				}
				rate, wait, err := publishFor(ctx, hubs[i], n, turn)
				if err != nil {
					return nil, err
				}
				rates[i], waits[i] = append(rates[i], rate), append(waits[i], wait)
			}
		}
		for i, k := range keepings {
			ratios := make([]float64, rounds)
			for r := range ratios {
				ratios[r] = rates[i][r] / rates[0][r]
			}
			out = append(out, Published{k.name, n, median(rates[i]), median(waits[i]), median(ratios)})
		}
	}
	return out, nil
}

// publishFor has n publishers publish for a while, each at least once. Of every eight messages
// it takes the time of the first.
func publishFor(ctx context.Context, h *hub.Hub, n int, turn time.Duration) (perSecond float64, wait time.Duration, err error) {
	var count atomic.Int64
	var failed atomic.Pointer[error]
	var mu sync.Mutex
	var waits []time.Duration
	var all sync.WaitGroup
	start := time.Now()
	for i := range n {
		all.Go(func() {
			topic := fmt.Sprint("publish.", i)
			payload := make([]byte, payloadSize)
			var mine []time.Duration
			for first := true; first || time.Since(start) < turn && failed.Load() == nil; first = false {
				began := time.Now()
				if _, err := h.Publish(ctx, &hub.Message{Topic: topic, Payload: payload}); err != nil {
					failed.Store(&err)
					return
				}
				if k := count.Add(1); k%8 == 1 {
					mine = append(mine, time.Since(began))
				}
			}
			mu.Lock()
			waits = append(waits, mine...)
			mu.Unlock()
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return 0, 0, *e
	}
	return float64(count.Load()) / time.Since(start).Seconds(), median(waits), nil
}

// median returns the middle of list, which it sorts; 0 of nothing.
func median[T int64 | float64 | time.Duration](list []T) T { return quantile(list, 0.5) }

// quantile returns the value that a part of list is not above, which it sorts.
func quantile[T int64 | float64 | time.Duration](list []T, part float64) T {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, int(part*float64(len(list))))]
}
