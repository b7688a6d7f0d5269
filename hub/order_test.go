package hub_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// A witness follows topics through many subscriptions, and sees that the messages of each
// come in order and that none is missing without a gap.
type witness struct {
	t      *testing.T
	h      *hub.Hub
	filter string
	gaps   bool // are allowed
	hold   uint32

	mu    sync.Mutex
	calls atomic.Int32 // sinks under way, which must be one at most
	next  map[string]uint64
	gap   bool // told since the last message of each topic
	seen  int
	at    hub.Cursor
	rnd   *rand.Rand
}

func (w *witness) Deliver(_ *hub.Subscription, m *hub.Message) bool {
	if w.calls.Add(1) != 1 {
		w.t.Error("the sink is called twice at once")
	}
	defer w.calls.Add(-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	n := binary.BigEndian.Uint64(m.Payload)
	want, known := w.next[m.Topic]
	switch {
	case known && n < want:
		w.t.Errorf("%s: message %d came when %d was next", m.Topic, n, want)
	case known && n > want && !w.gap:
		w.t.Errorf("%s: message %d came when %d was next, without a gap", m.Topic, n, want)
	}
	w.next[m.Topic] = n + 1
	if w.filter == m.Topic {
		w.gap = false
	}
	w.at = m.At
	w.seen++
	return w.rnd.Uint32N(w.hold) != 0
}

func (w *witness) Notify(_ *hub.Subscription, n hub.Notice) {
	if w.calls.Add(1) != 1 {
		w.t.Error("the sink is called twice at once")
	}
	defer w.calls.Add(-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = n.At
	if n.Kind == hub.Gap || n.Gap {
		w.gap = true
		if !w.gaps {
			w.t.Errorf("%s: a gap, though nothing is lost", w.filter)
		}
	}
}

// run subscribes again and again from where it was, until done is closed and nothing is
// left.
func (w *witness) run(done chan struct{}, fan hub.Fan) {
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		w.mu.Lock()
		at := w.at
		rounds := w.rnd.IntN(40)
		w.mu.Unlock()
		s, err := w.h.Subscribe(w.filter, w, &hub.SubscribeOptions{After: at, Fan: fan})
		if err != nil {
			w.t.Error(err)
			return
		}
		for i := 0; i < rounds || last && s.At().Offset < w.h.Position(w.filter).Offset; i++ {
			s.Resume()
			runtime.Gosched()
		}
		s.Close()
		w.mu.Lock()
		w.at = s.At()
		w.mu.Unlock()
	}
}

// fan is a Fan of witnesses.
type fan struct{}

func (fan) DeliverAll(subs []*hub.Subscription, m *hub.Message, held []*hub.Subscription) []*hub.Subscription {
	for _, s := range subs {
		if !s.Sink().Deliver(s, m) {
			held = append(held, s)
		}
	}
	return held
}

func TestNothingIsLostInSilence(t *testing.T) {
	for _, c := range []struct {
		name   string
		stored bool
		s      hub.Settings
		gaps   bool
	}{
		{"memory", false, hub.Settings{MaxMessages: 1 << 20, MaxLag: 1 << 40, MaxBytes: -1}, false},
		{"memory, short logs", false, hub.Settings{MaxMessages: 50, Slow: hub.SlowDropOldest, MaxLag: 200}, true},
		{"store", true, hub.Settings{MaxMessages: 1 << 20, MaxLag: 1 << 40, MaxBytes: -1}, false},
		{"store, small memory", true, hub.Settings{MaxMessages: 1 << 20, MaxLag: 1, Slow: hub.SlowDropOldest, MaxBytes: -1}, true},
		{"store, short logs", true, hub.Settings{MaxMessages: 50}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &hub.Options{Default: c.s}
			if c.stored {
				o.Engine = hub.NewLocal(hubtest.NewMemStore())
			}
			testLoss(t, open(t, o), c.gaps)
		})
	}
}

func testLoss(t *testing.T, h *hub.Hub, gaps bool) {
	const topics, messages = 3, 300
	var publishers, listeners sync.WaitGroup
	done := make(chan struct{})
	var all []*witness
	for i := range 10 {
		w := &witness{t: t, h: h, gaps: gaps, hold: []uint32{5, 100, 1 << 30}[i%3], filter: "room.*",
			next: map[string]uint64{}, rnd: rand.New(rand.NewPCG(1, uint64(i)))}
		if i < 7 {
			w.filter = fmt.Sprint("room.", i%topics)
		}
		w.at = h.Position(w.filter)
		for i := range topics {
			w.next[fmt.Sprint("room.", i)] = 0
		}
		all = append(all, w)
		var f hub.Fan
		if i%2 == 0 {
			f = fan{}
		}
		listeners.Go(func() { w.run(done, f) })
	}
	for i := range topics {
		publishers.Go(func() {
			var acks sync.WaitGroup
			for n := range uint64(messages) {
				acks.Add(1)
				m := &hub.Message{Topic: fmt.Sprint("room.", i), Payload: binary.BigEndian.AppendUint64(nil, n)}
				h.PublishAsync(m, func(_ hub.Receipt, err error) {
					if err != nil {
						t.Error(err)
					}
					acks.Done()
				})
				if n%64 == 0 {
					acks.Wait() // as publishers do that have a window
				}
			}
			acks.Wait()
		})
	}
	publishers.Wait()
	close(done)
	listeners.Wait()
	for _, w := range all {
		if gaps {
			continue
		}
		for i := range topics {
			name := fmt.Sprint("room.", i)
			if w.filter == name || w.filter == "room.*" {
				assert.Equal(t, w.next[name], messages)
			}
		}
	}
}
