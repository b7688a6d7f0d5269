package hubtest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func withID(topic, id, text string) *hub.Message {
	return &hub.Message{Topic: topic, ID: id, Payload: []byte(text)}
}

func retried(t *engineTest) {
	l := t.subscribe("room", hub.SubscribeOptions{})
	l.want("attached", "live")
	first := t.publishMessage(withID("room", "id", "once"))
	for range 3 {
		again := t.publishMessage(withID("room", "id", "once"))
		assert.Equal(t, again, hub.Receipt{At: first.At, Duplicate: true})
	}
	elsewhere := t.publishMessage(withID("other", "id", "other"))
	assert.True(t, !elsewhere.Duplicate, "the same ID in another topic is another")
	t.publish("room", "end")
	l.want("once", "end")
}

// retriedAtOnce has many publish the same: one of them does, the others are told.
func retriedAtOnce(t *engineTest) {
	const many = 16
	for i := range 20 {
		receipts := make(chan hub.Receipt, many)
		var all sync.WaitGroup
		for range many {
			all.Go(func() {
				r, err := t.h.Publish(t.context(), withID("room", fmt.Sprint("id ", i), fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
				}
				receipts <- r
			})
		}
		all.Wait()
		close(receipts)
		fresh := 0
		first := <-receipts
		for r := range receipts {
			assert.Equal(t, r.At, first.At)
			if !r.Duplicate {
				fresh++
			}
		}
		if !first.Duplicate {
			fresh++
		}
		assert.Equal(t, fresh, 1)
	}
	h, err := t.h.Read(t.context(), "room", hub.Query{})
	assert.NoError(t, err)
	assert.Equal(t, len(h.Messages), 20)
}

func retriedAfterRestart(t *engineTest) {
	first := t.publishMessage(withID("room", "id", "once"))
	short := t.publishMessage(withID("short.x", "id", "once"))
	for range 100 { // its message is gone, the ID is not
		t.publish("short.x", "more")
	}
	for range 2 {
		t.restart()
		again := t.publishMessage(withID("room", "id", "once"))
		assert.Equal(t, again.Duplicate, t.durable)
		if t.durable {
			assert.Equal(t, again.At, first.At)
			assert.Equal(t, t.publishMessage(withID("short.x", "id", "once")), hub.Receipt{At: short.At, Duplicate: true})
			t.resumed("room", first.At)
		}
	}
}

func sessionResumed(t *engineTest) {
	at := t.publish("room", numbers(1, 5)...)
	s, err := t.h.OpenSession("session-1", nil)
	assert.NoError(t, err)
	_, known, _ := s.Resume("room")
	assert.True(t, !known, "a session that was never there knows nothing")
	s.Advance("room", at[0])
	s.Advance("room", at[2])
	s.Advance("room", at[1]) // is older
	s.Close()
	s, err = t.h.OpenSession("session-1", nil)
	assert.NoError(t, err)
	c, known, lost := s.Resume("room")
	assert.True(t, known && !lost && c == at[2], "a session goes on where it was")
	s.Close()

	for range 2 {
		t.restart()
		s, err = t.h.OpenSession("session-1", nil)
		assert.NoError(t, err)
		c, known, lost = s.Resume("room")
		if !t.durable {
			assert.True(t, !known && lost, "a session that may have been there is lost")
			return
		}
		assert.True(t, known && !lost && c == at[2], "a session survives the restart")
		t.resumed("room", c, "4", "5")
		s.Close()
	}

	// Who takes it over continues, and the other one has no say any more.
	taken := make(chan struct{})
	s, err = t.h.OpenSession("session-1", func() { close(taken) })
	assert.NoError(t, err)
	next, err := t.h.OpenSession("session-1", nil)
	assert.NoError(t, err)
	<-taken
	s.Advance("room", at[4])
	c, _, _ = next.Resume("room")
	assert.Equal(t, c, at[2])
	next.Close()
}

func keyed(topic, key, text string) *hub.Message {
	return &hub.Message{Topic: topic, Key: key, Payload: []byte(text)}
}

func latestSnapshot(t *engineTest) {
	const topic = "latest.prices"
	for _, m := range []*hub.Message{
		keyed(topic, "a", "a1"), keyed(topic, "b", "b1"), keyed(topic, "gone", "x"),
		keyed(topic, "a", "a2"), keyed(topic, "gone", ""),
	} {
		t.publishMessage(m)
	}
	for range 50 { // out of the log, and still the latest
		t.publishMessage(keyed(topic, "c", "c"))
	}
	end := t.h.Position(topic)
	t.both(func() {
		l := t.subscribe(topic, hub.SubscribeOptions{Latest: true})
		l.want("attached", "b1", "a2", "c", "live")
		l.sub.Close()
		t.resumed(topic, end)
	})
	l := t.subscribe(topic, hub.SubscribeOptions{Latest: true})
	l.want("attached", "b1", "a2", "c", "live")
	t.publishMessage(keyed(topic, "b", "b2"))
	l.want("b2")
}

func wildcards(t *engineTest) {
	var at []hub.Cursor
	live := t.subscribe("w.*", hub.SubscribeOptions{})
	live.want("attached", "live")
	for i, text := range numbers(1, 30) {
		at = append(at, t.publish(fmt.Sprint("w.", i%4), text)...)
		t.publish("w", "not this")
		t.publish("w.1.2", "nor this")
	}
	live.want(numbers(1, 30)...)
	t.both(func() {
		t.resumed("w.*", at[0], numbers(2, 30)...)
		t.resumed("w.*", at[28], "30")
		t.resumed("w.*", at[29])
		t.resumed("w.1", at[27], "30") // a cursor is good for each topic
	})
	l := t.subscribe("w.*", hub.SubscribeOptions{After: at[25]})
	l.want("attached", "27", "28", "29", "30", "live")
	more := t.publish("w.new", "31")[0]
	assert.Equal(t, l.want("31").Message.At, more)
	l.sub.Close()
	t.both(func() {
		t.resumed("w.new", at[29], "31")
		t.resumed("w.*", at[28], "30", "31")
		t.resumed("w.*", more)
	})
}

func history(t *engineTest) {
	at := t.publish("room", numbers(1, 250)...)
	empty := t.h.Position("nobody")
	t.both(func() {
		for _, c := range []struct {
			name     string
			q        hub.Query
			from, to int
			more     bool
		}{
			{"the oldest", hub.Query{}, 1, 100, true},
			{"a few of the oldest", hub.Query{Limit: 7}, 1, 7, true},
			{"all", hub.Query{Limit: 1000}, 1, 250, false},
			{"behind one", hub.Query{After: at[199], Limit: 1000}, 201, 250, false},
			{"a few behind one", hub.Query{After: at[199], Limit: 10}, 201, 210, true},
			{"behind the last", hub.Query{After: at[249]}, 251, 250, false},
			{"the newest", hub.Query{Last: 10}, 241, 250, false},
			{"more of the newest than there are", hub.Query{Last: 1000}, 1, 250, false},
		} {
			h, err := t.h.Read(t.context(), "room", c.q)
			assert.NoError(t, err)
			var texts []string
			for _, m := range h.Messages {
				texts = append(texts, string(m.Payload))
			}
			if fmt.Sprint(texts) != fmt.Sprint(numbers(c.from, c.to)) || h.More != c.more || h.Gap {
				t.Errorf("%s: got %v, more %t, gap %t", c.name, texts, h.More, h.Gap)
			}
			if h.At.Offset != at[c.to-1].Offset {
				t.Errorf("%s: goes on behind %v, want %v", c.name, h.At, at[c.to-1])
			}
		}
		h, err := t.h.Read(t.context(), "nobody", hub.Query{After: empty})
		assert.NoError(t, err)
		assert.True(t, len(h.Messages) == 0 && !h.Gap && !h.More, "a topic that never was has no history")
	})
}

func topics(t *engineTest) {
	for i, topic := range []string{"b.1", "a", "b.2", "c"} {
		t.publish(topic, numbers(1, i+1)...)
	}
	t.both(func() {
		got, err := t.h.Topics(t.context(), "", "", 10)
		assert.NoError(t, err)
		var texts []string
		for _, info := range got {
			texts = append(texts, fmt.Sprint(info.Topic, " ", info.Messages))
		}
		assert.Equal(t, texts, []string{"a 2", "b.1 1", "b.2 3", "c 4"})
		got, err = t.h.Topics(t.context(), "b.*", "b.1", 10)
		assert.NoError(t, err)
		assert.True(t, len(got) == 1 && got[0].Topic == "b.2", "those of a filter, behind one")
	})
}

// closedUnderWay closes a hub that is just publishing: whoever published is told how it
// ended, and what was promised is there.
func closedUnderWay(t *engineTest) {
	const publishers = 4
	var all sync.WaitGroup
	var stored [publishers]atomic.Int64
	began := make(chan struct{}, publishers)
	for p := range publishers {
		all.Go(func() {
			for n := int64(1); ; n++ {
				done := make(chan error, 2)
				m := &hub.Message{Topic: fmt.Sprint("room.", p), Payload: fmt.Append(nil, n)}
				t.h.PublishAsync(m, func(_ hub.Receipt, err error) { done <- err })
				if err := <-done; err != nil {
					return
				}
				if stored[p].Store(n); n == 20 {
					began <- struct{}{}
				}
			}
		})
	}
	for range publishers {
		<-began
	}
	before := t.h
	assert.NoError(t, before.Close())
	all.Wait()
	t.begin()
	if !t.durable {
		return
	}
	for p := range publishers {
		n := int(stored[p].Load())
		h, err := t.h.Read(t.context(), fmt.Sprint("room.", p), hub.Query{Last: 1})
		assert.NoError(t, err)
		assert.Equal(t, string(h.Messages[0].Payload), fmt.Sprint(n))
	}
}
