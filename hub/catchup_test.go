package hub_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// A slowDisk is a store whose Read waits until it is let go.
type slowDisk struct {
	hub.Store

	gate chan struct{}
}

func (d *slowDisk) Read(ctx context.Context, topic string, r hub.Range) (hub.Page, error) {
	select {
	case <-d.gate:
		return d.Store.Read(ctx, topic, r)
	case <-ctx.Done():
		return hub.Page{}, ctx.Err()
	}
}

// reopened runs a test on a hub with a store in which the messages 1 to n of a topic are, and
// none in memory. Nothing is read from it until gate is closed. at has their cursors.
func reopened(t *testing.T, n int, test func(t *testing.T, h *hub.Hub, at []hub.Cursor, gate chan struct{})) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		h, err := hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		at := []hub.Cursor{h.Position("room")}
		for i := range n {
			at = append(at, say(t, h, "room", fmt.Sprint(i+1)))
		}
		assert.NoError(t, h.Close())
		disk := &slowDisk{store.Reopen(), make(chan struct{})}
		h, err = hub.New(&hub.Options{Engine: hub.NewLocal(disk)})
		assert.NoError(t, err)
		defer h.Close()
		test(t, h, at, disk.gate)
		h.CheckInvariants(t)
	})
}

// Those who come back at once with different cursors find what the first of them had read, and
// what is put in front of the log in memory is in order.
func TestManyComeBackAtOnce(t *testing.T) {
	reopened(t, 12, func(t *testing.T, h *hub.Hub, at []hub.Cursor, gate chan struct{}) {
		var all []*tape
		for _, after := range []int{5, 5, 5, 5, 9} { // one more than there are readers
			r := newTape()
			all = append(all, r)
			listen(t, h, "room", r, &hub.SubscribeOptions{After: at[after]})
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		for i, r := range all {
			want := []string{"attached", "6", "7", "8", "9", "10", "11", "12", "live"}
			if i == 4 {
				want = append(want[:1:1], want[5:]...)
			}
			assert.Equal(t, r.list(), want)
		}
		h.CheckInvariants(t)
		assert.Equal(t, resume(t, h, "room", at[3]), []string{"attached", "4", "5", "6", "7", "8", "9", "10", "11", "12", "live"})
		assert.Equal(t, resume(t, h, "room", at[10]), []string{"attached", "11", "12", "live"})
	})
}

// Close does not wait for others that are read for.
func TestCloseWhileQueuedForTheDisk(t *testing.T) {
	reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, gate chan struct{}) {
		var subs []*hub.Subscription
		last := newTape()
		for range 4 {
			subs = append(subs, listen(t, h, "room", newTape(), &hub.SubscribeOptions{After: at[1]}))
		}
		subs = append(subs, listen(t, h, "room", last, &hub.SubscribeOptions{After: at[1]}))
		synctest.Wait()
		subs[4].Close() // or the test ends in a deadlock
		subs[4].Close()
		assert.Equal(t, subs[4].At(), at[1])
		close(gate)
		synctest.Wait()
		assert.Equal(t, last.list(), nil)
		for _, s := range subs {
			s.Close()
		}
	})
}

func TestHubClosesWhileTheDiskIsRead(t *testing.T) {
	reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, _ chan struct{}) {
		var all []*tape
		for range 6 {
			r := newTape()
			all = append(all, r)
			listen(t, h, "room", r, &hub.SubscribeOptions{After: at[1]})
		}
		synctest.Wait()
		assert.NoError(t, h.Close())
		for _, r := range all {
			assert.Equal(t, r.list(), []string{"ended"})
			assert.ErrorIs(t, r.ended, hub.ErrClosed)
			assert.Equal(t, r.at, at[1])
		}
	})
}

// A stuck sink waits in each Deliver until it is let go.
type stuck struct {
	tape

	busy chan *hub.Subscription
	next chan struct{}
}

func (k *stuck) Deliver(s *hub.Subscription, m *hub.Message) bool {
	k.busy <- s
	<-k.next
	return k.tape.Deliver(s, m)
}

// A position may be asked for at any time, and is not before its messages are delivered.
func TestPositionWhileCatchingUp(t *testing.T) {
	bubble(t, nil, func(t *testing.T, h *hub.Hub) {
		start := h.Position("room")
		one := say(t, h, "room", "1")
		two := say(t, h, "room", "2")
		k := &stuck{tape{room: -1}, make(chan *hub.Subscription), make(chan struct{})}
		go func() {
			if _, err := h.Subscribe("room", k, &hub.SubscribeOptions{After: start}); err != nil {
				t.Error(err)
			}
		}()
		s := <-k.busy
		assert.True(t, s.At().Offset < one.Offset, "a message counts that is not delivered")
		k.next <- struct{}{}
		<-k.busy
		assert.True(t, s.At().Offset < two.Offset, "a message counts that is not delivered")
		k.next <- struct{}{}
		synctest.Wait()
		assert.Equal(t, s.At().Offset, two.Offset)
	})
}

// A cursor may be ahead of what this node has received, and stays where it is.
func TestPositionAhead(t *testing.T) {
	store := hubtest.NewMemStore()
	bubble(t, &hub.Options{Engine: hub.NewLocal(store)}, func(t *testing.T, h *hub.Hub) {
		waits, release := store.HoldAppend()
		h.PublishAsync(&hub.Message{Topic: "room", Payload: []byte("1")}, nil)
		<-waits
		ahead := h.Position("room")
		ahead.Offset++
		for _, filter := range []string{"room", "*"} {
			r := newTape()
			s := listen(t, h, filter, r, &hub.SubscribeOptions{After: ahead})
			assert.Equal(t, r.list(), []string{"attached", "live"})
			assert.Equal(t, s.At().Offset, ahead.Offset)
			s.Close()
			assert.Equal(t, s.At().Offset, ahead.Offset)
		}
		page, err := h.Read(t.Context(), "room", hub.Query{After: ahead})
		assert.NoError(t, err)
		assert.Equal(t, page.At.Offset, ahead.Offset)
		r := newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: ahead})
		release()
		say(t, h, "room", "2")
		assert.Equal(t, r.list(), []string{"attached", "live", "2"})
	})
}

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

// A wildcard that catches up with much gets all of it, in order.
func TestWildcardCatchesUpWithMuch(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 10_000, MaxBytes: -1}, func(t *testing.T, h *hub.Hub) {
		start := h.Position(">")
		want := []string{"attached"}
		for i := range 9000 {
			h.PublishAsync(&hub.Message{Topic: fmt.Sprint("a.", i%3*i%7), Payload: fmt.Append(nil, i)}, nil)
			want = append(want, fmt.Sprint(i))
		}
		at := say(t, h, "a.0", "last")
		r := newTape()
		listen(t, h, "a.*", r, &hub.SubscribeOptions{After: start})
		r.expect(t, append(want, "last", "live")...)
		assert.Equal(t, r.at.Offset, at.Offset)
	})
}
