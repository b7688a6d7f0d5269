package hub_test

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestOptionsThatAreNone(t *testing.T) {
	for _, o := range []hub.Options{{SessionTTL: -1}, {MaxMemory: -1}} {
		_, err := hub.New(&o)
		assert.True(t, err != nil, "it is taken")
		assert.Contains(t, err.Error(), "is negative; leave it zero for its default")
	}
}

// Sessions that live shorter than they are saved keep nobody from anything.
func TestSessionsThatHardlyLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(&hub.Options{SessionTTL: 1, Engine: hub.NewLocal(hubtest.NewMemStore())})
		assert.NoError(t, err)
		defer h.Close()
		for range 3 {
			s, err := h.OpenSession("12345678", nil)
			assert.NoError(t, err)
			time.Sleep(2 * time.Second)
			s.Advance("room", say(t, h, "room", "1"))
		}
	})
}

// A message that no store could read back is not taken.
func TestKindThatIsNone(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", Kind: hub.Binary + 1})
		assert.True(t, err != nil, "it is taken")
		assert.Contains(t, err.Error(), "it is Text, JSON or Binary")
	})
}

// The greatest numbers there are mean that there is no bound.
func TestBoundsThatAreNone(t *testing.T) {
	all := hub.Settings{MaxMessages: math.MaxInt, MaxBytes: math.MaxInt64, MaxAge: math.MaxInt64, MaxLag: math.MaxInt64,
		Metadata: math.MaxInt64, Idempotency: math.MaxInt64, MaxKeys: math.MaxInt, Latest: true}
	synctest.Test(t, func(t *testing.T) {
		store := &trimless{Store: hubtest.NewMemStore()}
		h, err := hub.New(&hub.Options{SessionTTL: math.MaxInt64, Default: all, Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		defer h.Close()
		start := h.Position("room")
		s, err := h.OpenSession("12345678", nil)
		assert.NoError(t, err)
		s.Advance("room", start)
		s.Close()
		say(t, h, "room", "1", "2")
		synctest.Wait()
		assert.Equal(t, store.trims.Load(), 0)
		time.Sleep(time.Hour) // the hub looks for what is old
		_, err = h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "once", Payload: []byte("3")})
		assert.NoError(t, err)
		time.Sleep(time.Hour)
		r, err := h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "once"})
		assert.True(t, err == nil && r.Duplicate, "it was published before")
		assert.Equal(t, resume(t, h, "room", start), []string{"attached", "1", "2", "3", "live"})
		s, err = h.OpenSession("12345678", nil)
		assert.NoError(t, err)
		at, known, _ := s.Resume("room")
		assert.True(t, known && at == start, "the session is forgotten")
	})
}

// A trimless store counts how often it is asked to remove something.
type trimless struct {
	hub.Store

	trims atomic.Int32
}

func (s *trimless) Trim(topic string, keep hub.Settings, now time.Time) (hub.LogInfo, error) {
	s.trims.Add(1)
	return s.Store.Trim(topic, keep, now)
}
