package hubtest

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// A killCheck looks at what is there after a process was killed.
type killCheck struct {
	*killTest

	h    *hub.Hub
	logs map[string][]*hub.Message // what is there, by topic
}

// idOf returns the ID that a payload begins with.
func idOf(m *hub.Message) string { return strings.TrimRight(string(m.Payload), ".") }

// read reads all logs, and checks each message and their order.
func (c *killCheck) read() {
	seen := map[uint64]string{}
	for _, topic := range c.topics() {
		next := map[string]int{}
		last := uint64(0)
		for _, m := range c.log(topic) {
			id := idOf(m)
			assert.Equal(c, string(m.Payload), string(killPayload(id)))
			assert.Equal(c, seen[m.At.Offset], "")
			seen[m.At.Offset] = id
			assert.True(c, m.At.Offset > last, "the offsets of a topic grow")
			last = m.At.Offset
			cut := strings.LastIndexByte(id, '-')
			n, err := strconv.Atoi(id[cut+1:])
			assert.NoError(c, err)
			assert.True(c, n >= next[id[:cut]], "a publisher's messages are there once, in its order: "+id)
			next[id[:cut]] = n + 1
			c.logs[topic] = append(c.logs[topic], m)
		}
	}
}

func (c *killCheck) topics() (names []string) {
	list, err := c.h.Topics(context.Background(), "", "", 10*killTopics)
	assert.NoError(c, err)
	for _, info := range list {
		names = append(names, info.Topic)
	}
	return names
}

// log returns all that is there of a topic.
func (c *killCheck) log(topic string) (all []*hub.Message) {
	var q hub.Query
	q.Limit = hub.MaxLimit
	for {
		page, err := c.h.Read(context.Background(), topic, q)
		assert.NoError(c, err)
		assert.True(c, !page.Gap, "nothing is trimmed while it is read")
		all = append(all, page.Messages...)
		if !page.More {
			return all
		}
		q.After = page.At
	}
}

// allThere checks that each message that was said to be stored is there, where it was said
// to be. A short topic may have lost its oldest.
func (c *killCheck) allThere() {
	there := map[string]hub.Cursor{}
	for _, log := range c.logs {
		for _, m := range log {
			there[idOf(m)] = m.At
		}
	}
	for id, a := range c.acked {
		at, ok := there[id]
		switch {
		case ok && at != a.at:
			c.Errorf("%s is at %v, its publisher was told %v", id, at, a.at)
		case !ok && !c.trimmed(a):
			c.Errorf("%s of %s was said to be stored at %v and is not there", id, a.topic, a.at)
		}
	}
}

// trimmed tells whether it is right that a message is not there.
func (c *killCheck) trimmed(a ack) bool {
	log := c.logs[a.topic]
	return strings.HasPrefix(a.topic, "short.") && len(log) >= 30 && a.at.Offset < log[0].At.Offset
}

// continued checks that cursors of all rounds continue with all that is behind them, and
// that what is missing in a short topic is told.
func (c *killCheck) continued() {
	for range 200 {
		a := c.anAck()
		log := c.logs[a.topic]
		i, _ := slices.BinarySearchFunc(log, a.at.Offset+1, func(m *hub.Message, offset uint64) int {
			return cmp.Compare(m.At.Offset, offset)
		})
		l := c.subscribe(a.topic, a.at)
		gap := false
		for it := l.next(); it.Message != nil || it.Notice.Kind != hub.Live; it = l.next() {
			if it.Message == nil {
				if it.Notice.Gap || it.Notice.Kind == hub.Gap {
					gap = true
					assert.True(c, strings.HasPrefix(a.topic, "short."), "a gap, and nothing is lost")
				}
				continue
			}
			for ; gap && i < len(log) && log[i].At != it.Message.At; i++ {
			}
			gap = false
			if i == len(log) || log[i].At != it.Message.At {
				c.Fatalf("%v of %s does not continue with what is there", a.at, a.topic)
			}
			i++
		}
		assert.Equal(c, i, len(log))
		l.sub.Close()
	}
}

// anAck returns one of all those that were told.
func (c *killCheck) anAck() ack {
	all := slices.Sorted(maps.Keys(c.acked))
	return c.acked[all[rand.IntN(len(all))]]
}

func (c *killCheck) subscribe(topic string, after hub.Cursor) *listener {
	t := &engineTest{T: c.T, h: c.h}
	return t.subscribe(topic, hub.SubscribeOptions{After: after})
}

// allGaps checks that each cursor of another epoch is said to be a gap.
func (c *killCheck) allGaps() {
	for range 200 {
		a := c.anAck()
		for _, filter := range []string{a.topic, ">"} {
			l := c.subscribe(filter, a.at)
			if !l.next().Notice.Gap {
				c.Errorf("something may be lost, and %v of %s is no gap", a.at, a.topic)
			}
			l.sub.Close()
		}
	}
}

// retry publishes what was not answered once more.
func (c *killCheck) retry() {
	there := map[string]hub.Cursor{}
	for _, log := range c.logs {
		for _, m := range log {
			there[idOf(m)] = m.At
		}
	}
	for id, topic := range c.tried {
		r, err := c.h.Publish(context.Background(), &hub.Message{Topic: topic, ID: id, Payload: killPayload(id)})
		assert.NoError(c, err)
		if at, ok := there[id]; ok && (!r.Duplicate || r.At != at) {
			c.Errorf("%s is at %v; trying again was answered with %+v", id, at, r)
		}
		if log := c.logs[topic]; !r.Duplicate && len(log) > 0 && r.At.Offset <= log[len(log)-1].At.Offset {
			c.Errorf("%s got the offset %d, which is not behind all others", id, r.At.Offset)
		}
		c.acked[id] = ack{topic, id, r.At}
	}
	for _, topic := range c.topics() {
		seen := map[string]bool{}
		for _, m := range c.log(topic) {
			assert.True(c, !seen[idOf(m)], idOf(m)+" is there once")
			seen[idOf(m)] = true
		}
	}
}
