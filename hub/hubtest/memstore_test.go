package hubtest_test

import (
	"errors"
	"sync"
	"testing"

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
