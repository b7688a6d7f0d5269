package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// A slowDisk is a store whose Read waits until it is let go. With append set, Append does too
// when the messages are on the disk, and so does Read, when it has read.
type slowDisk struct {
	hub.Store

	gate   chan struct{}
	append chan struct{}
}

func (d *slowDisk) Append(batch []hub.Entry) error {
	err := d.Store.Append(batch)
	if d.append != nil {
		<-d.append
	}
	return err
}

func (d *slowDisk) Read(ctx context.Context, topic string, r hub.Range) (hub.Page, error) {
	var page hub.Page
	var err error
	if d.append != nil {
		page, err = d.Store.Read(ctx, topic, r)
	}
	select {
	case <-d.gate:
		if d.append != nil {
			return page, err
		}
		return d.Store.Read(ctx, topic, r)
	case <-ctx.Done():
		return hub.Page{}, ctx.Err()
	}
}

// reopened runs a test on a hub with a store in which the messages 1 to n of a topic are, and
// none in memory. Nothing is read from it until disk.gate is closed. at has their cursors.
func reopened(t *testing.T, n int, test func(t *testing.T, h *hub.Hub, at []hub.Cursor, disk *slowDisk)) {
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
		disk := &slowDisk{Store: store.Reopen(), gate: make(chan struct{})}
		h, err = hub.New(&hub.Options{Engine: hub.NewLocal(disk), Default: hub.Settings{MaxAge: time.Hour}})
		assert.NoError(t, err)
		defer h.Close()
		test(t, h, at, disk)
		h.CheckInvariants(t)
	})
}

// Those who come back at once with different cursors find what the first of them had read, and
// what is put in front of the log in memory is in order.
func TestManyComeBackAtOnce(t *testing.T) {
	reopened(t, 12, func(t *testing.T, h *hub.Hub, at []hub.Cursor, disk *slowDisk) {
		var all []*tape
		for _, after := range []int{5, 5, 5, 5, 9} { // one more than there are readers
			r := newTape()
			all = append(all, r)
			listen(t, h, "room", r, &hub.SubscribeOptions{After: at[after]})
		}
		synctest.Wait()
		close(disk.gate)
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
	reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, disk *slowDisk) {
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
		close(disk.gate)
		synctest.Wait()
		assert.Equal(t, last.list(), nil)
		for _, s := range subs {
			s.Close()
		}
	})
}

func TestHubClosesWhileTheDiskIsRead(t *testing.T) {
	reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, _ *slowDisk) {
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

// What is on the disk may not have been received by those who are live: nobody else has it
// before.
func TestStoredButNotReceived(t *testing.T) {
	for _, c := range []struct {
		name, filter string
		o            func(at []hub.Cursor) *hub.SubscribeOptions
	}{
		{"behind a cursor", "room", func(at []hub.Cursor) *hub.SubscribeOptions { return &hub.SubscribeOptions{After: at[1]} }},
		{"with wildcards", "*", func(at []hub.Cursor) *hub.SubscribeOptions { return &hub.SubscribeOptions{After: at[1]} }},
		{"the newest", "room", func([]hub.Cursor) *hub.SubscribeOptions { return &hub.SubscribeOptions{Last: 2} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, disk *slowDisk) {
				disk.append = make(chan struct{})
				close(disk.gate)
				r := newTape()
				h.PublishAsync(&hub.Message{Topic: "room", Payload: []byte("4")}, nil)
				synctest.Wait()
				listen(t, h, c.filter, r, c.o(at))
				synctest.Wait()
				list := r.list()
				assert.Equal(t, list[len(list)-2:], []string{"3", "live"})
				close(disk.append)
				synctest.Wait()
				assert.Equal(t, r.list(), []string{"4"})
			})
		})
	}
}

// What was read is not put in front of a log that begins later by then.
func TestMemoryIsTrimmedWhileTheDiskIsRead(t *testing.T) {
	reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, disk *slowDisk) {
		disk.append = make(chan struct{})
		close(disk.append)
		r := newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: at[1]})
		synctest.Wait() // it has read 2 and 3
		say(t, h, "room", "4")
		time.Sleep(90 * time.Minute)
		say(t, h, "room", "5")
		close(disk.gate)
		synctest.Wait()
		assert.Equal(t, r.list(), []string{"attached", "2", "3", "gap", "5", "live"})
	})
}

// A full sink waits in its first Deliver until it is let go, and wants no more then.
type full struct {
	tape

	busy chan *hub.Subscription
	next chan struct{}
}

func (k *full) Deliver(s *hub.Subscription, m *hub.Message) bool {
	if k.busy != nil {
		k.busy <- s
		<-k.next
		k.busy = nil
		k.tape.Deliver(s, m)
		return false
	}
	return k.tape.Deliver(s, m)
}

// What is called while the sink says that it wants no more is not overlooked.
func TestResumeAndCloseWhileDelivering(t *testing.T) {
	for _, c := range []struct {
		name string
		live bool
		call func(s *hub.Subscription)
		want []string
	}{
		{"resumed", false, (*hub.Subscription).Resume, []string{"attached", "1", "2", "live"}},
		{"closed", false, (*hub.Subscription).Close, []string{"attached", "1"}},
		{"resumed while live", true, (*hub.Subscription).Resume, []string{"attached", "live", "1", "2"}},
		{"closed while live", true, (*hub.Subscription).Close, []string{"attached", "live", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, h *hub.Hub) {
				start, begin := h.Position("room"), time.Now()
				k := &full{tape{room: -1}, make(chan *hub.Subscription), make(chan struct{})}
				publish := func() { say(t, h, "room", "1", "2") }
				if c.live {
					listen(t, h, "room", &k.tape, nil).Close()
					k.list()
					_, err := h.Subscribe("room", k, nil)
					assert.NoError(t, err)
					go publish()
				} else {
					publish()
					go func() {
						if _, err := h.Subscribe("room", k, &hub.SubscribeOptions{After: start}); err != nil {
							t.Error(err)
						}
					}()
				}
				s := <-k.busy
				called := make(chan struct{})
				go func() {
					c.call(s)
					close(called)
				}()
				if !c.live {
					synctest.Wait()
				} else if c.name == "resumed while live" {
					<-called
				}
				close(k.next)
				<-called
				synctest.Wait()
				assert.Equal(t, k.list(), c.want)
				assert.Equal(t, time.Since(begin), 0) // not only when those who are late are looked for
			})
		})
	}
}

// Who comes with a cursor of another life when the hub is closed is told of the gap all the same:
// he would not be told later.
func TestGapIsToldBeforeTheEnd(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		at := say(t, h, "room", "1")
		at.Epoch++
		assert.NoError(t, h.Close())
		r := newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: at})
		r.expect(t, "attached+gap", "ended")
		assert.Equal(t, r.at.Epoch, at.Epoch-1)
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

// A wildcard that catches up with much gets all of it, in order.
func TestWildcardCatchesUpWithMuch(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 10_000, MaxBytes: -1}, func(t *testing.T, h *hub.Hub) {
		start := h.Position(">")
		want := []string{"attached"}
		for i := range 9000 {
			h.PublishAsync(&hub.Message{Topic: fmt.Sprint("a.", i%3*i%7), Payload: fmt.Append(nil, i)}, nil)
			want = append(want, fmt.Sprint(i))
		}
		for _, topic := range []string{"a.1", "a.1", "a.2", "a.1", "a.1", "a.2", "a.1"} {
			say(t, h, topic, "big\x00"+strings.Repeat("x", 100<<10))
			want = append(want, "big")
		}
		at := say(t, h, "a.0", "last")
		r := newTape()
		listen(t, h, "a.*", r, &hub.SubscribeOptions{After: start})
		r.expect(t, append(want, "last", "live")...)
		assert.Equal(t, r.at.Offset, at.Offset)
	})
}
