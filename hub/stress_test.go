package hub_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// A wary sink fails the test if it is called when it should not be.
type wary struct {
	t     *testing.T
	calls atomic.Int32 // under way
	over  atomic.Bool  // it has ended
	hold  int32        // wants no more after every so many messages
	n     atomic.Int32
}

func (w *wary) enter() {
	if w.calls.Add(1) != 1 || w.over.Load() {
		w.t.Error("the sink is called twice at once, or after its end")
	}
}

func (w *wary) Deliver(*hub.Subscription, *hub.Message) bool {
	w.enter()
	defer w.calls.Add(-1)
	return w.n.Add(1)%w.hold != 0
}

func (w *wary) Notify(_ *hub.Subscription, n hub.Notice) {
	w.enter()
	defer w.calls.Add(-1)
	if n.Kind == hub.Ended {
		w.over.Store(true)
	}
}

// Subscriptions come, go on and end in all ways at once, while messages come and the hub is
// closed in the middle of it.
func TestAllEndAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		store bool
		s     hub.Settings
	}{
		{"memory", false, hub.Settings{}},
		{"memory, drop", false, hub.Settings{MaxMessages: 20, MaxLag: 20, Slow: hub.SlowDropOldest}},
		{"memory, conflate", false, hub.Settings{MaxMessages: 5, Latest: true, Slow: hub.SlowConflate}},
		{"store", true, hub.Settings{}},
		{"store, conflate", true, hub.Settings{MaxMessages: 5, Latest: true, Slow: hub.SlowConflate}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &hub.Options{Default: c.s, MaxMemory: 64 << 10}
			if c.store {
				o.Engine = hub.NewLocal(hubtest.NewMemStore())
			}
			h := open(t, o)
			endAllAtOnce(t, h)
			assert.NoError(t, h.Close())
			h.CheckInvariants(t)
		})
	}
}

func endAllAtOnce(t *testing.T, h *hub.Hub) {
	var all sync.WaitGroup
	var published atomic.Int32
	for p := range 2 {
		all.Go(func() {
			for i := range 600 {
				m := &hub.Message{Topic: fmt.Sprint("t.", (p+i)%3), Key: fmt.Sprint(i % 7), Payload: []byte("payload")}
				h.PublishAsync(m, nil)
				if published.Add(1) == 1000 {
					all.Go(func() { assert.NoError(t, h.Close()) })
				}
			}
		})
	}
	start := h.Position("t.*")
	for i := range 12 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(2, uint64(i)))
			for range 40 {
				w := &wary{t: t, hold: 1 + rnd.Int32N(9)}
				so := &hub.SubscribeOptions{Latest: rnd.IntN(2) == 0}
				if rnd.IntN(2) == 0 {
					so.After = start
				}
				filter := []string{"t.0", "t.1", "t.2", "t.*"}[rnd.IntN(4)]
				s, err := h.Subscribe(filter, w, so)
				if err != nil {
					t.Error(err)
					return
				}
				for range rnd.IntN(20) {
					s.Resume()
					_ = s.At()
				}
				if rnd.IntN(2) == 0 {
					all.Go(s.Resume)
				}
				s.Close()
				w.over.Store(true)
			}
		})
	}
	all.Wait()
}

// A thousand subscriptions that close at once, held or live, and are all gone then.
func TestManyCloseAtOnce(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		var all sync.WaitGroup
		for i := range 1000 {
			w := &wary{t: t, hold: 1 + int32(i%2)}
			s, err := h.Subscribe("room", w, &hub.SubscribeOptions{As: fmt.Sprint(i)})
			assert.NoError(t, err)
			all.Go(func() {
				s.Close()
				w.over.Store(true)
			})
			if i%10 == 0 {
				h.PublishAsync(&hub.Message{Topic: "room", Payload: []byte("x")}, nil)
			}
		}
		all.Wait()
		list, err := h.Topics(t.Context(), "", "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(list), 1)
		assert.Equal(t, list[0].Subscribers, 0)
		h.CheckInvariants(t)
	})
}
