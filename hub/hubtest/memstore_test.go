package hubtest_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// openMem returns a function that opens MemStores, which remembers their
// directories.
func openMem() hubtest.OpenStore {
	var mu sync.Mutex
	stores := map[string]*hubtest.MemStore{}
	return func(_ testing.TB, dir string) hub.Store {
		mu.Lock()
		defer mu.Unlock()
		if s := stores[dir]; s != nil {
			stores[dir] = s.Reopen()
		} else {
			stores[dir] = hubtest.NewMemStore()
		}
		return stores[dir]
	}
}

func TestMemStore(t *testing.T) {
	hubtest.Store(t, openMem())
}

func entry(topic string, offset uint64) hub.Entry {
	return hub.Entry{Message: &hub.Message{Topic: topic, Payload: []byte("x"), At: hub.Cursor{Offset: offset}}}
}

func TestMemStoreFails(t *testing.T) {
	s := hubtest.NewMemStore()
	full := errors.New("no space left")
	s.FailAppend(full)
	assert.ErrorIs(t, s.Append([]hub.Entry{entry("room", 1)}), full)
	info, _ := s.Info("room")
	assert.Equal(t, info.Last, 0)
	assert.NoError(t, s.Append([]hub.Entry{entry("room", 1)}))
	info, _ = s.Info("room")
	assert.Equal(t, info.Last, 1)
}

func TestMemStoreHolds(t *testing.T) {
	s := hubtest.NewMemStore()
	waits, release := s.HoldAppend()
	done := make(chan error)
	go func() { done <- s.Append([]hub.Entry{entry("room", 1)}) }()
	<-waits
	info, _ := s.Info("room")
	assert.Equal(t, info.Last, 0)
	release()
	assert.NoError(t, <-done)
	assert.NoError(t, s.Append([]hub.Entry{entry("room", 2)}))
	info, _ = s.Info("room")
	assert.Equal(t, info.Last, 2)
}

func TestMemStoreTorn(t *testing.T) {
	s := hubtest.NewMemStore()
	assert.NoError(t, s.Append([]hub.Entry{entry("room", 1), entry("room", 2), entry("other", 3)}))
	s = s.Tear(1)
	assert.Equal(t, s.State(), hub.StoreState{Last: 1, Torn: true})
	info, err := s.Info("room")
	assert.NoError(t, err)
	assert.Equal(t, info, hub.LogInfo{Topic: "room", Last: 1, Messages: 1, Bytes: 1})
	assert.Equal(t, s.Reopen().State().Torn, true)
	s = s.Reopen()
	assert.NoError(t, s.Restart(4))
	assert.Equal(t, s.Reopen().State(), hub.StoreState{Epoch: 4, Last: 1})
}

// A topic that is forgotten was there once: a cursor from before is a gap, for the topic as for
// those who follow many.
func TestForgottenTopicIsAGap(t *testing.T) {
	s := hubtest.NewMemStore()
	at := hub.Cursor{Epoch: 7, Offset: 1, Time: 1}
	assert.NoError(t, s.Restart(7))
	assert.NoError(t, s.Append([]hub.Entry{entry("stays", 1), entry("goes", 2), entry("stays", 3)}))
	_, err := s.Trim("goes", hub.Settings{MaxMessages: -1}, time.UnixMilli(0).Add(1000*time.Hour))
	assert.NoError(t, err)
	h, err := hub.New(&hub.Options{Engine: hub.NewLocal(s.Reopen()), Default: hub.Settings{MaxAge: -1, Metadata: 1 << 62}})
	assert.NoError(t, err)
	defer h.Close()
	for _, c := range []struct {
		filter string
		after  uint64
		gap    bool
	}{{"goes", 1, true}, {">", 1, true}, {"*", 1, true}, {"goes", 2, false}, {">", 2, false}, {"stays", 1, false}, {"never", 1, true}} {
		at.Offset = c.after
		r := hub.NewReader(0)
		sub, err := h.Subscribe(c.filter, r, &hub.SubscribeOptions{After: at})
		assert.NoError(t, err)
		items, err := r.Next(t.Context())
		assert.NoError(t, err)
		if got := items[0].Notice.Gap; got != c.gap {
			t.Errorf("%s behind %d: gap %t", c.filter, c.after, got)
		}
		sub.Close()
	}
}
