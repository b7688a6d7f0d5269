package hub_test

import (
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// A cursor from behind a copy is a gap also when there are as many messages again, if the hub is
// told that its store was put back. What the copy has is there, and its next life has one epoch.
func TestRestoredFromACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := func(s hub.Store) *hub.Hub {
			h, err := hub.New(&hub.Options{Engine: hub.NewLocal(s)})
			assert.NoError(t, err)
			return h
		}
		store := hubtest.NewMemStore() // which is the copy: it has what came before
		h := begin(store)
		kept := say(t, h, "room", "1")
		lost := kept // as if "2" and "3" had come, and the session "one-of-them" got them
		lost.Offset += 2
		assert.NoError(t, h.Close())

		h = begin(hub.Restored(store.Reopen()))
		session, err := h.OpenSession("one-of-them", nil)
		assert.NoError(t, err)
		_, _, forgotten := session.Resume("room")
		assert.True(t, forgotten, "a session that the copy does not know is not told of a gap")
		session.Close()
		last := say(t, h, "room", "b", "c", "d")
		assert.True(t, last.Offset > lost.Offset && last.Epoch != lost.Epoch, "there are more messages, of a new epoch")
		for _, at := range []hub.Cursor{kept, lost} {
			assert.Equal(t, resume(t, h, "room", at), []string{"attached+gap", "1", "b", "c", "d", "live"})
			assert.Equal(t, resume(t, h, "*", at), []string{"attached+gap", "1", "b", "c", "d", "live"})
		}
		assert.NoError(t, h.Close())

		h = begin(store.Reopen())
		defer h.Close()
		assert.Equal(t, resume(t, h, "room", last), []string{"attached", "live"})
	})
}
