package hub_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// bubble runs a test whose time is simulated, on a hub that ends with it.
func bubble(t *testing.T, o *hub.Options, test func(t *testing.T, h *hub.Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(o)
		assert.NoError(t, err)
		defer h.Close()
		test(t, h)
	})
}

// resume returns what a subscription gets that comes back with a cursor.
func resume(t *testing.T, h *hub.Hub, filter string, at hub.Cursor) []string {
	t.Helper()
	r := newTape()
	s := listen(t, h, filter, r, &hub.SubscribeOptions{After: at})
	synctest.Wait()
	s.Close()
	return r.list()
}

func TestOldMessagesGo(t *testing.T) {
	bubble(t, &hub.Options{Default: hub.Settings{MaxAge: time.Hour}}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("room")
		one := say(t, h, "room", "1")
		time.Sleep(30 * time.Minute)
		two := say(t, h, "room", "2")
		assert.Equal(t, resume(t, h, "room", start), []string{"attached", "1", "2", "live"})
		time.Sleep(30*time.Minute - time.Millisecond)
		assert.Equal(t, resume(t, h, "room", start), []string{"attached", "1", "2", "live"})
		time.Sleep(time.Millisecond)
		assert.Equal(t, resume(t, h, "room", start), []string{"attached+gap", "2", "live"})
		assert.Equal(t, resume(t, h, "room", one), []string{"attached", "2", "live"})
		time.Sleep(30 * time.Minute)
		assert.Equal(t, resume(t, h, "room", one), []string{"attached+gap", "live"})
		assert.Equal(t, resume(t, h, "room", two), []string{"attached", "live"})
	})
}

// A cursor into a topic without messages is good while the topic is remembered, and a gap
// when that is forgotten.
func TestTopicsAreRememberedBeyondTheirMessages(t *testing.T) {
	o := &hub.Options{Default: hub.Settings{MaxAge: time.Hour, Metadata: 24 * time.Hour}}
	bubble(t, o, func(t *testing.T, h *hub.Hub) {
		never := h.Position("never")
		one := say(t, h, "room", "1")
		two := say(t, h, "room", "2")
		other := say(t, h, "other", "x")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, resume(t, h, "room", two), []string{"attached", "live"})
		assert.Equal(t, resume(t, h, "room", one), []string{"attached+gap", "live"})
		assert.Equal(t, resume(t, h, "never", never), []string{"attached", "live"})
		assert.Equal(t, resume(t, h, "*", other), []string{"attached", "live"})
		assert.Equal(t, resume(t, h, "*", one), []string{"attached+gap", "live"})

		time.Sleep(25 * time.Hour)
		assert.Equal(t, resume(t, h, "room", other), []string{"attached", "live"})
		assert.Equal(t, resume(t, h, "room", one), []string{"attached+gap", "live"})
		assert.Equal(t, resume(t, h, "never", never), []string{"attached+gap", "live"}) // nobody knows any more
		say(t, h, "room", "3")
		assert.Equal(t, resume(t, h, "room", other), []string{"attached", "3", "live"})
	})
}

func TestMemoryIsBounded(t *testing.T) {
	const most = 1 << 20
	bubble(t, &hub.Options{MaxMemory: most}, func(t *testing.T, h *hub.Hub) {
		r := newTape()
		listen(t, h, "heard", r, nil)
		start := h.Position("heard")
		payload := make([]byte, 1000)
		publish := func(topic string) {
			_, err := h.Publish(t.Context(), &hub.Message{Topic: topic, Payload: payload})
			assert.NoError(t, err)
		}
		for range 100 {
			publish("heard")
		}
		for i := range 2000 {
			publish(fmt.Sprint("flood.", i))
		}
		time.Sleep(time.Second)
		list, err := h.Topics(t.Context(), "", "", 10_000)
		assert.NoError(t, err)
		var bytes, heard int64
		for _, info := range list {
			bytes += info.Bytes
			if info.Topic == "heard" {
				heard = info.Bytes
			}
		}
		assert.True(t, bytes <= most, fmt.Sprint("the logs have ", bytes, " bytes"))
		assert.Equal(t, heard, 100_000) // those without subscribers went first
		for range 2000 {
			publish("heard")
		}
		time.Sleep(time.Second)
		assert.Equal(t, resume(t, h, "heard", start)[0], "attached+gap")
	})
}

// With a store memory is only a cache: what goes from it is read again.
func TestStoredTopicsLeaveMemory(t *testing.T) {
	store := hubtest.NewMemStore()
	bubble(t, &hub.Options{Engine: hub.NewLocal(store)}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("room")
		say(t, h, "room", "1", "2", "3")
		time.Sleep(time.Minute)
		assert.Equal(t, resume(t, h, "room", start), []string{"attached", "1", "2", "3", "live"})
		time.Sleep(time.Minute)
		r := newTape()
		s := listen(t, h, "room", r, &hub.SubscribeOptions{Last: 2})
		synctest.Wait()
		say(t, h, "room", "4")
		assert.Equal(t, r.list(), []string{"attached", "2", "3", "live", "4"})
		s.Close()
	})
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		h, err := hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		one := say(t, h, "room", "1")
		_, err = h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "x", Payload: []byte("2")})
		assert.NoError(t, err)
		three := say(t, h, "room", "3")
		assert.NoError(t, h.Close())

		store = store.Reopen()
		h, err = hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		assert.Equal(t, resume(t, h, "room", one), []string{"attached", "2", "3", "live"})
		assert.Equal(t, resume(t, h, "*", one), []string{"attached", "2", "3", "live"})
		again, err := h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "x", Payload: []byte("2")})
		assert.NoError(t, err)
		assert.Equal(t, again.Duplicate, true)
		four := say(t, h, "room", "4")
		assert.True(t, four.Offset > three.Offset && four.Epoch == three.Epoch, "offsets do not go on")
		assert.NoError(t, h.Close())

		// What was acknowledged is gone: everybody is told, and the rest is there.
		store = store.Tear(one.Offset)
		h, err = hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		defer h.Close()
		assert.Equal(t, resume(t, h, "room", one), []string{"attached+gap", "1", "live"})
		r := newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{Last: 1})
		synctest.Wait()
		assert.Equal(t, r.at.Epoch, h.Position("room").Epoch)
		assert.Equal(t, resume(t, h, "room", r.at), []string{"attached", "live"})
	})
}

func TestSessionsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		h, err := hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		defer h.Close()
		s, err := h.OpenSession("12345678", nil)
		assert.NoError(t, err)
		at := say(t, h, "room", "1")
		s.Advance("room", at)
		s.Close()
		time.Sleep(hub.DefaultSessionTTL - time.Second)
		s, err = h.OpenSession("12345678", nil)
		assert.NoError(t, err)
		c, known, lost := s.Resume("room")
		assert.Equal(t, c, at)
		assert.True(t, known && !lost, "the session is not known any more")
		s.Close()
		time.Sleep(24 * time.Hour)
		s, err = h.OpenSession("12345678", nil)
		assert.NoError(t, err)
		_, known, lost = s.Resume("room")
		assert.True(t, !known && lost, "that the session has expired is not told")
		s.Close()
		time.Sleep(25 * time.Hour)
		_, ok, err := store.Session("12345678")
		assert.NoError(t, err)
		assert.True(t, !ok, "an old session is still stored")
	})
}

// A busyDisk takes its time to append, and more comes meanwhile.
type busyDisk struct {
	*hubtest.MemStore

	meanwhile func()
}

func (d *busyDisk) Append(batch []hub.Entry) error {
	time.Sleep(20 * time.Millisecond)
	d.meanwhile()
	return d.MemStore.Append(batch)
}

// Old messages go even if the store has something to write all the time.
func TestOldMessagesGoWhileManyArePublished(t *testing.T) {
	store := &busyDisk{MemStore: hubtest.NewMemStore()}
	o := &hub.Options{Engine: hub.NewLocal(store), Default: hub.Settings{MaxAge: time.Second}}
	bubble(t, o, func(t *testing.T, h *hub.Hub) {
		end := time.Now().Add(3 * time.Minute)
		store.meanwhile = func() {
			if time.Now().Before(end) {
				h.PublishAsync(&hub.Message{Topic: "busy", Payload: []byte("x")}, nil)
			}
		}
		say(t, h, "old", "1")
		time.Sleep(2 * time.Minute)
		info, err := store.Info("old")
		assert.NoError(t, err)
		assert.Equal(t, info.Messages, 0)
		time.Sleep(2 * time.Minute)
	})
}

// After a restart IDs are remembered for as long as their topics say, not for as long as the
// longest.
func TestIDsAreForgottenAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := hub.Options{
			Rules:   []hub.Rule{{Filter: "long", Settings: hub.Settings{Idempotency: time.Hour}}},
			Default: hub.Settings{Idempotency: time.Minute},
		}
		store := hubtest.NewMemStore()
		publish := func(h *hub.Hub, topic string) bool {
			r, err := h.Publish(t.Context(), &hub.Message{Topic: topic, ID: "x", Payload: []byte("1")})
			assert.NoError(t, err)
			return r.Duplicate
		}
		o.Engine = hub.NewLocal(store)
		h, err := hub.New(&o)
		assert.NoError(t, err)
		assert.True(t, !publish(h, "long") && !publish(h, "short"), "a new ID is a duplicate")
		time.Sleep(time.Second)
		assert.NoError(t, h.Close())
		o.Engine = hub.NewLocal(store.Reopen())
		h, err = hub.New(&o)
		assert.NoError(t, err)
		defer h.Close()
		assert.True(t, publish(h, "long") && publish(h, "short"), "an ID is forgotten")
		time.Sleep(time.Minute)
		assert.True(t, publish(h, "long"), "an ID is forgotten")
		assert.True(t, !publish(h, "short"), "an ID is remembered for too long")
	})
}

func TestFailedStoreIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		h, err := hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		defer h.Close()
		r := newTape()
		listen(t, h, "room", r, nil)
		listen(t, h, ">", r, nil)
		broken := fmt.Errorf("the disk is full")
		store.FailAppend(broken)
		_, err = h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "x", Payload: []byte("1")})
		assert.ErrorIs(t, err, broken)
		assert.Equal(t, err.Error(), "hub: not stored: the disk is full")
		again, err := h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "x", Payload: []byte("1")})
		assert.NoError(t, err)
		assert.Equal(t, again.Duplicate, false)
		synctest.Wait()
		assert.Equal(t, r.list(), []string{"attached", "live", "attached", "live", "1", "1"})
	})
}

// A position that was told while nothing could be stored is no position of others after a
// restart.
func TestPositionsAreNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		h, err := hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		say(t, h, "room", "1")
		broken := errors.New("the disk is full")
		for range 3 {
			store.FailAppend(broken)
			_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", Payload: []byte("lost")})
			assert.ErrorIs(t, err, broken)
		}
		at := h.Position("room")
		assert.NoError(t, h.Close())

		h, err = hub.New(&hub.Options{Engine: hub.NewLocal(store.Reopen())})
		assert.NoError(t, err)
		defer h.Close()
		say(t, h, "room", "2", "3", "4", "5", "6")
		assert.Equal(t, resume(t, h, "room", at), []string{"attached", "2", "3", "4", "5", "6", "live"})
	})
}

func TestPresence(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *hub.Hub) {
		watcher := newTape()
		listen(t, h, "room", watcher, &hub.SubscribeOptions{Presence: true, As: "ann"})
		bob := listen(t, h, "room", newTape(), &hub.SubscribeOptions{As: "bob"})
		time.Sleep(time.Minute)
		page := h.Presence("room", "", 10)
		assert.Equal(t, page.Count, 2)
		assert.Equal(t, page.Names, []string{"ann", "bob"})
		bob.Close()
		time.Sleep(time.Minute)
		assert.Equal(t, h.Presence("room", "", 10).Count, 1)
		got := watcher.list()
		assert.Equal(t, got[:3], []string{"attached", "live", "presence"})
		assert.True(t, len(got) >= 5, "changes of presence were not told")
	})
}
