package hub_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// What is not the latest of a key, or goes from the log with it, is not left out in silence.
func TestConflatedOrTold(t *testing.T) {
	type message struct{ key, text string }
	big := func(s string) string { return s + strings.Repeat("\x00", 100<<10) }
	for _, c := range []struct {
		name     string
		s        hub.Settings
		messages []message
		want     []string
	}{
		{"all are there", hub.Settings{MaxMessages: 4},
			[]message{{"a", "1"}, {"b", "2"}, {"a", "3"}, {"", "4"}}, []string{"2", "3", "4"}},
		{"a key went with the log", hub.Settings{MaxMessages: 2},
			[]message{{"a", "1"}, {"b", "2"}, {"c", "3"}}, []string{"gap", "2", "3"}},
		{"each key is kept", hub.Settings{MaxMessages: 2, Latest: true},
			[]message{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}, []string{"1", "2", "3", "4"}},
		{"a removal went", hub.Settings{MaxMessages: 2, Latest: true},
			[]message{{"a", "1"}, {"a", ""}, {"c", "3"}, {"d", "4"}}, []string{"gap", "3", "4"}},
		{"one without a key went", hub.Settings{MaxMessages: 2, Latest: true},
			[]message{{"", "1"}, {"b", "2"}, {"c", "3"}}, []string{"gap", "2", "3"}},
		{"no log", hub.Settings{MaxMessages: -1, Latest: true},
			[]message{{"a", "1"}, {"b", "2"}, {"a", "3"}}, []string{"2", "3"}},
		{"out of memory", hub.Settings{MaxLag: 1, MaxBytes: 1 << 30},
			[]message{{"a", big("1")}, {"b", big("2")}, {"c", big("3")}, {"c", big("4")}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Slow = hub.SlowConflate
			both(t, c.s, func(t *testing.T, h *hub.Hub) {
				r := newTape()
				r.room = 1
				listen(t, h, "room", r, nil)
				say(t, h, "room", "0")
				for _, m := range c.messages {
					set(t, h, "room", m.key, m.text)
				}
				r.expect(t, "attached", "live", "0")
				trimmed(t, h)
				r.give(-1)
				if c.want == nil {
					c.want = []string{"1", "2", "4"}
					if strings.HasSuffix(t.Name(), "store") {
						c.want = []string{"1", "2", "3", "4"} // read from there
					}
				}
				r.expect(t, c.want...)
				say(t, h, "room", "now")
				r.expect(t, "now")
			})
		})
	}
}

// More keys than are taken at once come in order, and before what is new.
func TestManyKeys(t *testing.T) {
	both(t, hub.Settings{Latest: true, MaxMessages: 1}, func(t *testing.T, h *hub.Hub) {
		want := []string{"attached"}
		for i := range 200 {
			set(t, h, "room", fmt.Sprint("key ", i), fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
		}
		r := newTape()
		r.room = 90
		s := listen(t, h, "room", r, &hub.SubscribeOptions{Latest: true})
		r.expect(t, want[:91]...)
		at := s.At()
		set(t, h, "room", "key 3", "again")
		r.give(-1)
		rest := append(slices.Clone(want[91:]), "again", "live")
		r.expect(t, rest...)
		r = newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: at})
		r.expect(t, append([]string{"attached+gap"}, rest...)...)
	})
}

// A slowIndex is a store whose Latest waits until it is let go.
type slowIndex struct {
	hub.Store

	gate chan struct{}
}

func (d *slowIndex) Latest(ctx context.Context, topic string) ([]*hub.Message, error) {
	<-d.gate
	return d.Store.Latest(ctx, topic)
}

// reopenedKeys runs a test on a hub with a store that has the keys a, b and c of a topic, which
// may have no more. Latest waits until gate is closed.
func reopenedKeys(t *testing.T, test func(t *testing.T, h *hub.Hub, gate chan struct{})) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		o := hub.Options{Engine: hub.NewLocal(store), Default: hub.Settings{Latest: true, MaxKeys: 3, MaxMessages: 2}}
		h, err := hub.New(&o)
		assert.NoError(t, err)
		say(t, h, "room", "without a key")
		for _, key := range []string{"a", "b", "c"} {
			set(t, h, "room", key, key)
		}
		assert.NoError(t, h.Close())
		gate := make(chan struct{})
		o.Engine = hub.NewLocal(&slowIndex{store.Reopen(), gate})
		h, err = hub.New(&o)
		assert.NoError(t, err)
		defer h.Close()
		test(t, h, gate)
		h.CheckInvariants(t)
	})
}

func TestManyAskForTheKeysAtOnce(t *testing.T) {
	reopenedKeys(t, func(t *testing.T, h *hub.Hub, gate chan struct{}) {
		var all []*tape
		for range 6 { // more than there are readers
			r := newTape()
			all = append(all, r)
			listen(t, h, "room", r, &hub.SubscribeOptions{Latest: true})
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		for _, r := range all {
			assert.Equal(t, r.list(), []string{"attached", "a", "b", "c", "live"})
		}
	})
}

// The keys that are stored count as soon as the store was asked for them.
func TestStoredKeysCount(t *testing.T) {
	reopenedKeys(t, func(t *testing.T, h *hub.Hub, gate chan struct{}) {
		set(t, h, "room", "a", "a2")
		set(t, h, "room", "b", "b2") // which has the store asked
		set(t, h, "room", "b", "b3")
		time.Sleep(time.Minute) // and the topic leaves memory meanwhile
		close(gate)
		synctest.Wait()
		h.CheckInvariants(t)

		set(t, h, "room", "a", "a3")
		set(t, h, "room", "b", "b4")
		synctest.Wait()
		_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", Key: "d", Payload: []byte("d")})
		assert.ErrorIs(t, err, hub.ErrTooManyKeys)
		set(t, h, "room", "c", "")
		set(t, h, "room", "d", "d")
		h.CheckInvariants(t)
	})
}
