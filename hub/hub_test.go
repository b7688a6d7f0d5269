package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// both runs a test on a hub in memory and on one with a store. The settings are those of
// all topics.
func both(t *testing.T, s hub.Settings, test func(t *testing.T, h *hub.Hub)) {
	t.Run("memory", func(t *testing.T) { test(t, open(t, &hub.Options{Default: s})) })
	t.Run("store", func(t *testing.T) {
		test(t, open(t, &hub.Options{Default: s, Engine: hub.NewLocal(hubtest.NewMemStore())}))
	})
}

// bothInBubbles does it with simulated time.
func bothInBubbles(t *testing.T, s hub.Settings, test func(t *testing.T, h *hub.Hub)) {
	t.Run("memory", func(t *testing.T) { bubble(t, &hub.Options{Default: s}, test) })
	t.Run("store", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, open(t, &hub.Options{Default: s, Engine: hub.NewLocal(hubtest.NewMemStore())}))
		})
	})
}

func TestPublishReachesSubscribersInOrder(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		a, b, other := newTape(), newTape(), newTape()
		listen(t, h, "room", a, nil)
		listen(t, h, "room", b, nil)
		listen(t, h, "other", other, nil)
		say(t, h, "room", "1", "2", "3")
		for _, r := range []*tape{a, b} {
			r.expect(t, "attached", "live", "1", "2", "3")
		}
		other.expect(t, "attached", "live")
	})
}

func TestSubscribeBeginsWhereItIsAsked(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("room")
		one := say(t, h, "room", "1")
		say(t, h, "room", "2", "3")
		for _, c := range []struct {
			name string
			o    hub.SubscribeOptions
			want []string
		}{
			{"now", hub.SubscribeOptions{}, nil},
			{"behind the first", hub.SubscribeOptions{After: one}, []string{"2", "3"}},
			{"behind a position before all", hub.SubscribeOptions{After: start}, []string{"1", "2", "3"}},
			{"the newest", hub.SubscribeOptions{Last: 2}, []string{"2", "3"}},
			{"more than there are", hub.SubscribeOptions{Last: 20}, []string{"1", "2", "3"}},
			{"After counts, not Last", hub.SubscribeOptions{After: one, Last: 3}, []string{"2", "3"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := newTape()
				s := listen(t, h, "room", r, &c.o)
				r.expect(t, append(append([]string{"attached"}, c.want...), "live")...)
				s.Close()
			})
		}
	})
}

func TestPositionsAreGoodForResuming(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		r := newTape()
		s := listen(t, h, "room", r, nil)
		say(t, h, "room", "1", "2")
		r.expect(t, "attached", "live", "1", "2")
		at := s.At()
		s.Close()
		assert.Equal(t, s.At(), at)
		say(t, h, "room", "3")
		r = newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: at})
		r.expect(t, "attached", "3", "live")
	})
}

func TestNothingComesAfterClose(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		r := newTape()
		s := listen(t, h, "room", r, nil)
		say(t, h, "room", "1")
		r.expect(t, "attached", "live", "1")
		s.Close()
		s.Close()
		s.Resume()
		say(t, h, "room", "2")
		r.expect(t)
	})
}

func TestTrimmedIsAGap(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 2}, func(t *testing.T, h *hub.Hub) {
		one := say(t, h, "room", "1")
		two := say(t, h, "room", "2")
		say(t, h, "room", "3", "4")
		trimmed(t, h)
		r := newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: two})
		r.expect(t, "attached", "3", "4", "live")
		r = newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: one})
		r.expect(t, "attached+gap", "3", "4", "live")
	})
}

func TestCursorOfAnotherLife(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		at := say(t, h, "room", "1")
		for _, c := range []struct {
			name string
			at   hub.Cursor
		}{
			{"another epoch", hub.Cursor{Epoch: at.Epoch + 1, Offset: at.Offset, Time: at.Time}},
			{"from the future", hub.Cursor{Epoch: at.Epoch, Offset: at.Offset + 1000, Time: at.Time}},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := newTape()
				s := listen(t, h, "room", r, &hub.SubscribeOptions{After: c.at})
				r.expect(t, "attached+gap", "1", "live")
				s.Close()
			})
		}
	})
}

func TestHeldSubscriptionGoesOnInTheLog(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		slow, quick := newTape(), newTape()
		slow.room = 2
		listen(t, h, "room", slow, nil)
		listen(t, h, "room", quick, nil)
		say(t, h, "room", "1", "2", "3", "4", "5")
		quick.expect(t, "attached", "live", "1", "2", "3", "4", "5")
		slow.expect(t, "attached", "live", "1", "2")
		slow.give(1)
		slow.expect(t, "3")
		slow.give(-1)
		slow.expect(t, "4", "5")
		say(t, h, "room", "6")
		slow.expect(t, "6")
	})
}

func TestSlowPolicies(t *testing.T) {
	for _, c := range []struct {
		policy hub.SlowPolicy
		want   []string // when it can take more, of the messages b to e of 400 bytes
	}{
		{hub.SlowDisconnect, nil},
		{hub.SlowDropOldest, []string{"gap", "d", "e"}},
		{hub.SlowConflate, []string{"e"}},
	} {
		t.Run(c.policy.String(), func(t *testing.T) {
			bothInBubbles(t, hub.Settings{Slow: c.policy, MaxLag: 1000}, func(t *testing.T, h *hub.Hub) {
				long := func(s string) string { return s + strings.Repeat("\x00", 400-len(s)) }
				r := newTape()
				r.room = 1
				listen(t, h, "room", r, nil)
				say(t, h, "room", "a", long("b"), long("c"), long("d"), long("e"))
				r.expect(t, "attached", "live", "a")
				if c.policy == hub.SlowDisconnect {
					r.expect(t, "ended")
					assert.ErrorIs(t, r.ended, hub.ErrSlow)
					again := newTape()
					listen(t, h, "room", again, &hub.SubscribeOptions{After: r.at})
					again.expect(t, "attached", "b", "c", "d", "e", "live")
					return
				}
				time.Sleep(time.Second) // some rounds of those who look for slow ones
				r.give(-1)
				r.expect(t, c.want...)
				say(t, h, "room", "f")
				r.expect(t, "f")
			})
		})
	}
}

func TestLatestOfEachKey(t *testing.T) {
	both(t, hub.Settings{Latest: true, MaxMessages: 2, MaxKeys: 3}, func(t *testing.T, h *hub.Hub) {
		first := set(t, h, "prices", "a", "a1")
		set(t, h, "prices", "b", "b1")
		set(t, h, "prices", "a", "a2")
		set(t, h, "prices", "c", "c1")
		set(t, h, "prices", "c", "c2")

		r := newTape()
		listen(t, h, "prices", r, &hub.SubscribeOptions{Latest: true})
		r.expect(t, "attached", "b1", "a2", "c2", "live")
		r = newTape()
		listen(t, h, "prices", r, &hub.SubscribeOptions{After: first})
		r.expect(t, "attached+gap", "b1", "a2", "c1", "c2", "live")
		r = newTape()
		listen(t, h, "prices", r, nil)
		r.expect(t, "attached", "live")

		_, err := h.Publish(t.Context(), &hub.Message{Topic: "prices", Key: "d", Payload: []byte("d1")})
		assert.ErrorIs(t, err, hub.ErrTooManyKeys)
		set(t, h, "prices", "b", "") // removes it
		set(t, h, "prices", "d", "d1")
		r = newTape()
		listen(t, h, "prices", r, &hub.SubscribeOptions{Latest: true})
		r.expect(t, "attached", "a2", "c2", "d1", "live")
	})
}

func TestIDsMakeRetriesHarmless(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		r := newTape()
		listen(t, h, "room", r, nil)
		m := func(topic, id string) *hub.Message {
			return &hub.Message{Topic: topic, ID: id, Payload: []byte(id)}
		}
		first, err := h.Publish(t.Context(), m("room", "x"))
		assert.NoError(t, err)
		again, err := h.Publish(t.Context(), m("room", "x"))
		assert.NoError(t, err)
		assert.Equal(t, again, hub.Receipt{At: first.At, Duplicate: true})
		other, err := h.Publish(t.Context(), m("other", "x"))
		assert.NoError(t, err)
		assert.True(t, !other.Duplicate, "an ID of another topic counts")
		r.expect(t, "attached", "live", "x")

		// All at once: one is published, the others are told where.
		results := make(chan hub.Receipt, 20)
		for range cap(results) {
			go func() {
				r, err := h.Publish(context.Background(), m("room", "y"))
				if err != nil {
					t.Error(err)
				}
				results <- r
			}()
		}
		fresh, at := 0, hub.Cursor{}
		for range cap(results) {
			r := <-results
			if !r.Duplicate {
				fresh++
			}
			if at.IsZero() {
				at = r.At
			}
			assert.Equal(t, r.At, at)
		}
		assert.Equal(t, fresh, 1)
		r.expect(t, "y")
	})
}

func TestOwnMessagesAreLeftOut(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		me, you := newTape(), newTape()
		start := h.Position("room")
		listen(t, h, "room", me, &hub.SubscribeOptions{Except: "me"})
		listen(t, h, "room", you, &hub.SubscribeOptions{Except: "you"})
		for i, from := range []string{"me", "you", ""} {
			_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", From: from, Payload: fmt.Append(nil, i)})
			assert.NoError(t, err)
		}
		me.expect(t, "attached", "live", "1", "2")
		you.expect(t, "attached", "live", "0", "2")
		again := newTape()
		listen(t, h, "room", again, &hub.SubscribeOptions{Except: "me", After: start})
		again.expect(t, "attached", "1", "2", "live")
	})
}

func TestWildcards(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		star, rest := newTape(), newTape()
		listen(t, h, "orders.*", star, nil)
		listen(t, h, "orders.>", rest, nil)
		start := h.Position("orders.*")
		say(t, h, "orders.1", "1")
		at := say(t, h, "orders.2", "2")
		say(t, h, "orders.2.items", "3")
		say(t, h, "people.1", "4")
		say(t, h, "orders.3", "5")
		star.expect(t, "attached", "live", "1", "2", "5")
		rest.expect(t, "attached", "live", "1", "2", "3", "5")
		for _, c := range []struct {
			after hub.Cursor
			want  []string
		}{
			{start, []string{"1", "2", "3", "5"}},
			{at, []string{"3", "5"}},
		} {
			r := newTape()
			listen(t, h, "orders.>", r, &hub.SubscribeOptions{After: c.after})
			r.expect(t, append(append([]string{"attached"}, c.want...), "live")...)
		}
		assert.Equal(t, subscribeError(h, "orders.*", &hub.SubscribeOptions{Last: 3}), "hub: this is not for filters with wildcards; give the name of a topic")
	})
}

func subscribeError(h *hub.Hub, filter string, o *hub.SubscribeOptions) string {
	if _, err := h.Subscribe(filter, newTape(), o); err != nil {
		return err.Error()
	}
	return ""
}

func TestWildcardGap(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 1}, func(t *testing.T, h *hub.Hub) {
		start := h.Position("a.>")
		say(t, h, "a.1", "1")
		two := say(t, h, "a.2", "2")
		say(t, h, "b", "3", "4")
		r := newTape()
		listen(t, h, "a.>", r, &hub.SubscribeOptions{After: start})
		r.expect(t, "attached", "1", "2", "live")
		say(t, h, "a.1", "5")
		r.expect(t, "5")
		trimmed(t, h)
		r = newTape()
		listen(t, h, "a.>", r, &hub.SubscribeOptions{After: start})
		r.expect(t, "attached+gap", "2", "5", "live")
		r = newTape()
		listen(t, h, "a.>", r, &hub.SubscribeOptions{After: two})
		r.expect(t, "attached", "5", "live")
	})
}

func TestHistory(t *testing.T) {
	both(t, hub.Settings{MaxMessages: 4}, func(t *testing.T, h *hub.Hub) {
		one := say(t, h, "room", "1")
		say(t, h, "room", "2", "3")
		four := say(t, h, "room", "4")
		for _, c := range []struct {
			name      string
			q         hub.Query
			want      string
			gap, more bool
		}{
			{"all", hub.Query{}, "1 2 3 4", false, false},
			{"the newest", hub.Query{Last: 2}, "3 4", false, false},
			{"a page", hub.Query{Limit: 3}, "1 2 3", false, true},
			{"the next", hub.Query{After: one, Limit: 2}, "2 3", false, true},
			{"nothing new", hub.Query{After: four}, "", false, false},
			{"few bytes", hub.Query{MaxBytes: 2}, "1 2", false, true},
			{"the newest of few bytes", hub.Query{Last: 3, MaxBytes: 2}, "3 4", false, false},
			{"another life", hub.Query{After: hub.Cursor{Epoch: 1, Offset: 2, Time: 3}}, "1 2 3 4", true, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, err := h.Read(t.Context(), "room", c.q)
				assert.NoError(t, err)
				assert.Equal(t, texts(got.Messages), c.want)
				assert.Equal(t, got.Gap, c.gap)
				assert.Equal(t, got.More, c.more)
				next, err := h.Read(t.Context(), "room", hub.Query{After: got.At})
				assert.NoError(t, err)
				assert.Equal(t, next.Gap, false)
				assert.Equal(t, len(next.Messages) > 0, c.more)
			})
		}
		say(t, h, "room", "5", "6")
		trimmed(t, h)
		got, err := h.Read(t.Context(), "room", hub.Query{After: one})
		assert.NoError(t, err)
		assert.Equal(t, got.Gap, true)
		assert.Equal(t, texts(got.Messages), "3 4 5 6")
	})
}

func texts(list []*hub.Message) string {
	var all []string
	for _, m := range list {
		all = append(all, string(m.Payload))
	}
	return strings.Join(all, " ")
}

func TestTopics(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		say(t, h, "a.1", "x", "yy")
		say(t, h, "a.2", "z")
		say(t, h, "b", "z")
		listen(t, h, "a.3", newTape(), nil)
		list, err := h.Topics(t.Context(), "a.*", "", 10)
		assert.NoError(t, err)
		var got []string
		for _, info := range list {
			got = append(got, fmt.Sprint(info.Topic, " ", info.Messages, " ", info.Bytes, " ", info.Subscribers))
		}
		assert.Equal(t, got, []string{"a.1 2 3 0", "a.2 1 1 0", "a.3 0 0 1"})
		list, err = h.Topics(t.Context(), "", "a.2", 1)
		assert.NoError(t, err)
		assert.Equal(t, list[0].Topic, "a.3")
		assert.Equal(t, len(list), 1)
	})
}

func TestMistakes(t *testing.T) {
	h := open(t, nil)
	var topic *hub.TopicError
	_, err := h.Publish(t.Context(), &hub.Message{Topic: "a..b"})
	assert.True(t, errors.As(err, &topic), "no TopicError")
	_, err = h.Publish(t.Context(), &hub.Message{Topic: "a.*"})
	assert.True(t, errors.As(err, &topic), "no TopicError")
	_, err = h.Publish(t.Context(), &hub.Message{Topic: "a", Key: strings.Repeat("k", 129)})
	assert.ErrorIs(t, err, hub.ErrLongKey)
	_, err = h.Publish(t.Context(), &hub.Message{Topic: "a", By: "\xff"})
	assert.ErrorIs(t, err, hub.ErrLongKey)
	_, err = h.Subscribe("a", nil, nil)
	assert.ErrorIs(t, err, hub.ErrNilSink)
	_, err = h.Subscribe("a.>.b", newTape(), nil)
	assert.True(t, errors.As(err, &topic), "no TopicError")
	_, err = h.Read(t.Context(), "a.*", hub.Query{})
	assert.True(t, errors.As(err, &topic), "no TopicError")
}

func TestCloseEndsSubscriptions(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		one, held, all := newTape(), newTape(), newTape()
		held.room = 1
		listen(t, h, "room", one, nil)
		listen(t, h, "room", held, nil)
		listen(t, h, ">", all, nil)
		say(t, h, "room", "1", "2")
		one.expect(t, "attached", "live", "1", "2")
		held.expect(t, "attached", "live", "1")
		all.expect(t, "attached", "live", "1", "2")
		assert.NoError(t, h.Close())
		for _, r := range []*tape{one, held, all} {
			r.expect(t, "ended")
			assert.ErrorIs(t, r.ended, hub.ErrClosed)
		}
		_, err := h.Publish(t.Context(), &hub.Message{Topic: "room"})
		assert.ErrorIs(t, err, hub.ErrClosed)
		late := newTape()
		listen(t, h, "room", late, nil)
		late.expect(t, "ended")
	})
}
