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

// A model is a hub and what is expected of it, which it keeps in the simplest way: all that was
// ever published.
type model struct {
	*testing.T

	h       *hub.Hub
	store   *hubtest.MemStore // nil: in memory
	o       hub.Options
	settled uint64 // greatest offset of a message
	logs    map[string][]*hub.Message
	latest  map[string]map[string]string // of each topic: key, text
	readers [4]*follower
	count   int
}

// A follower is a client that comes back with its cursor again and again.
type follower struct {
	m      *model
	filter string
	sub    *hub.Subscription // nil: it is away
	at     hub.Cursor        // everything before it was received, or told to be lost
	any    bool              // the next message may be any
	loose  uint64            // up to here messages may be missing: a gap was of many topics, or behind it come the latest of each key
	room   int               // how many messages it takes; negative: any number
}

var modelTopics = []string{"t.a", "t.b"}

func (f *follower) Deliver(_ *hub.Subscription, msg *hub.Message) bool {
	if msg.At.Offset <= f.at.Offset && msg.At.Epoch == f.at.Epoch && !f.any {
		f.m.Errorf("%s: %q at %d comes behind %d", f.filter, msg.Payload, msg.At.Offset, f.at.Offset)
	}
	if missed := f.m.between(f.filter, max(f.at.Offset, f.loose), msg.At.Offset); len(missed) > 0 && !f.any {
		f.m.Errorf("%s: %q at %d comes behind %d; %q is missing, without a gap", f.filter, msg.Payload, msg.At.Offset, f.at.Offset, missed[0].Payload)
	}
	f.at = msg.At
	f.any = false
	if f.room > 0 {
		f.room--
	}
	return f.room != 0
}

func (f *follower) Notify(_ *hub.Subscription, n hub.Notice) {
	switch {
	case n.Kind == hub.Gap || n.Gap:
		if !f.any && !f.m.mayGap(f) {
			f.m.Errorf("%s: a gap behind %d, though nothing is lost", f.filter, f.at.Offset)
		}
		if n.At.Epoch != f.at.Epoch || n.At.Offset > f.at.Offset {
			f.at = n.At
		}
		if f.any, f.loose = true, 0; f.m.o.Default.Latest || hub.IsFilter(f.filter) {
			f.loose = f.m.settled
		}
	case n.Kind == hub.Attached && f.any:
		f.at = n.At // from now on, or with the newest
	}
	if n.Kind == hub.Ended {
		f.at, f.sub = n.At, nil
	}
}

// between returns what was published behind an offset and before another.
func (m *model) between(filter string, after, before uint64) (list []*hub.Message) {
	for topic, log := range m.logs {
		if !hub.Match(filter, topic) {
			continue
		}
		for _, msg := range log {
			if msg.At.Offset > after && msg.At.Offset < before {
				list = append(list, msg)
			}
		}
	}
	return list
}

// mayGap tells whether something behind the position of f may be lost.
func (m *model) mayGap(f *follower) bool {
	if f.at.Epoch != m.h.Position("t.a").Epoch || m.o.MaxMemory > 0 && m.store == nil || m.o.Default.Slow == hub.SlowDropOldest {
		return true
	}
	for topic, log := range m.logs {
		if !hub.Match(f.filter, topic) {
			continue
		}
		for i, msg := range log {
			kept := len(log)-i <= m.o.Default.MaxMessages && time.Since(msg.At.When()) < m.o.Default.MaxAge
			if msg.At.Offset > f.at.Offset && !kept {
				return true
			}
		}
	}
	return false
}

func (m *model) open() {
	m.o.Engine = nil
	if m.store != nil {
		m.o.Engine = hub.NewLocal(m.store)
	}
	var err error
	m.h, err = hub.New(&m.o)
	assert.NoError(m, err)
}

func (m *model) publish(topic, key string, removed bool) {
	m.count++
	msg := &hub.Message{Topic: topic, Key: key, Payload: fmt.Append(nil, m.count)}
	if removed {
		msg.Payload = nil
	}
	_, err := m.h.Publish(m.Context(), msg)
	if err != nil {
		return
	}
	if msg.At.Offset <= m.settled {
		m.Errorf("the offset %d is given again", msg.At.Offset)
	}
	m.settled = msg.At.Offset
	m.logs[topic] = append(m.logs[topic], msg)
	if m.latest[topic] == nil {
		m.latest[topic] = map[string]string{}
	}
	if m.latest[topic][key] = string(msg.Payload); removed || key == "" {
		delete(m.latest[topic], key)
	}
}

// restart closes the hub. In memory everything is lost by that.
func (m *model) restart() {
	assert.NoError(m, m.h.Close())
	if m.store != nil {
		m.store = m.store.Reopen()
	} else {
		m.logs, m.latest, m.settled = map[string][]*hub.Message{}, map[string]map[string]string{}, 0
	}
	m.open()
}

func (f *follower) come(o *hub.SubscribeOptions) {
	f.leave()
	if !o.After.IsZero() {
		f.any, f.loose = false, 0
	} else {
		f.any = true
	}
	sub, err := f.m.h.Subscribe(f.filter, f, o)
	assert.NoError(f.m, err)
	synctest.Wait()
	f.sub = sub
	if o.After.IsZero() && o.Last == 0 {
		f.any, f.loose = false, 0 // it is there
	}
}

func (f *follower) leave() {
	if f.sub == nil {
		return
	}
	f.sub.Close()
	if !f.any {
		at := f.sub.At()
		if missed := f.m.between(f.filter, max(f.at.Offset, f.loose), at.Offset+1); len(missed) > 0 && at.Epoch == f.at.Epoch {
			f.m.Errorf("%s: it is at %d and has not received %q", f.filter, at.Offset, missed[0].Payload)
		}
		f.at = at
	}
	f.sub = nil
}

// step does one thing.
func (m *model) step(op, arg byte) {
	f := m.readers[arg%4]
	topic := modelTopics[arg%2]
	switch op % 10 {
	case 0:
		m.publish(topic, "", false)
	case 1:
		for range arg%16 + 1 {
			m.publish(topic, fmt.Sprint("key ", arg/2%3), arg%16 == 15)
		}
	case 2:
		f.leave() // which may move its cursor
		f.room = int(arg/4%5) - 1
		f.come(&hub.SubscribeOptions{After: f.at})
	case 3:
		f.room = int(arg/4%4) + 1
	case 4:
		if f.room = int(arg/4%6) - 1; f.room == 0 {
			f.room = 1
		}
		if f.sub != nil {
			f.sub.Resume()
		}
	case 5:
		f.leave()
	case 6:
		time.Sleep([]time.Duration{time.Millisecond, 300 * time.Millisecond, 10 * time.Second, 45 * time.Second, 5 * time.Minute, 25 * time.Minute}[arg%6])
	case 7:
		m.restart()
	case 8:
		if f.filter != "t.*" {
			f.come(&hub.SubscribeOptions{Last: int(arg/4%8) + 1})
		}
	case 9:
		if m.store == nil {
			return
		}
		m.store.FailAppend(errors.New("the disk is full"))
		m.publish(topic, "", false)
		if f.sub == nil && f.at.Offset >= m.settled {
			f.at = m.h.Position(f.filter) // a client would have it from somebody who was live
		}
	}
}

// end has everybody receive what is left, and looks at the logs.
func (m *model) end() {
	for _, f := range m.readers {
		f.room = -1
		if f.sub == nil {
			f.come(&hub.SubscribeOptions{After: f.at})
		}
		f.sub.Resume()
	}
	synctest.Wait()
	for _, topic := range modelTopics {
		m.publish(topic, "", false)
	}
	synctest.Wait()
	for _, f := range m.readers {
		if missed := m.between(f.filter, f.at.Offset, 1<<63); len(missed) > 0 && m.o.Default.MaxMessages > 0 {
			m.Errorf("%s: it is at %d, and %q has not come", f.filter, f.at.Offset, missed[0].Payload)
		}
	}
	for _, topic := range modelTopics {
		m.checkLog(topic)
		m.checkLatest(topic)
	}
	m.h.CheckInvariants(m)
	for _, f := range m.readers {
		f.leave()
	}
	m.h.CheckInvariants(m)
	assert.NoError(m, m.h.Close())
}

// checkLog compares what may be read of a log.
func (m *model) checkLog(topic string) {
	page, err := m.h.Read(m.Context(), topic, hub.Query{Limit: hub.MaxLimit})
	assert.NoError(m, err)
	log := m.logs[topic]
	for i, msg := range page.Messages {
		if want := log[len(log)-len(page.Messages)+i]; string(want.Payload) != string(msg.Payload) {
			m.Errorf("%s: message %d of the history is %q, want %q", topic, i, msg.Payload, want.Payload)
		}
	}
	if m.o.MaxMemory > 0 && m.store == nil {
		return
	}
	kept := 0
	for i, msg := range log {
		if len(log)-i <= m.o.Default.MaxMessages && time.Since(msg.At.When()) < m.o.Default.MaxAge {
			kept++
		}
	}
	if n := len(page.Messages); n < kept || n > kept && m.store == nil {
		m.Errorf("%s: the history has %d messages, want %d", topic, n, kept)
	}
}

func (m *model) checkLatest(topic string) {
	if !m.o.Default.Latest {
		return
	}
	r := newTape()
	s, err := m.h.Subscribe(topic, r, &hub.SubscribeOptions{Latest: true})
	assert.NoError(m, err)
	synctest.Wait()
	s.Close()
	got := r.list()
	if len(got) != len(m.latest[topic])+2 {
		m.Errorf("%s: the latest are %q, want %q", topic, got, m.latest[topic])
	}
}

// FuzzHub drives a hub and four clients, and compares what they receive with all that was
// published: each message comes once and in order, or a gap does, and only where something
// can be lost.
func FuzzHub(f *testing.F) {
	for config := range byte(64) {
		f.Add(config, []byte("\x02\x00\x02\x01\x02\x02\x00\x00\x01\x13\x05\x00\x01\x1c\x06\x03\x02\x00\x07\x00\x02\x02\x09\x00\x07\x00\x04\x01\x08\x08"))
	}
	f.Fuzz(func(t *testing.T, config byte, ops []byte) {
		synctest.Test(t, func(t *testing.T) {
			m := &model{T: t, logs: map[string][]*hub.Message{}, latest: map[string]map[string]string{}}
			m.o.Default = hub.Settings{
				MaxMessages: []int{1, 4, 50, -1}[config>>1&3], MaxAge: 20 * time.Minute, MaxBytes: -1,
				MaxLag: 1 << 20, Latest: config>>5&1 != 0,
			}
			if config&1 != 0 {
				m.store = hubtest.NewMemStore()
			}
			if config>>3&1 != 0 {
				m.o.MaxMemory = 4 << 10
			}
			if config>>4&1 != 0 {
				m.o.Default.Slow, m.o.Default.MaxLag = hub.SlowDropOldest, 8
			}
			m.open()
			for i, filter := range []string{"t.a", "t.b", "t.*", "t.a"} {
				m.readers[i] = &follower{m: m, filter: filter, at: m.h.Position(filter), room: -1}
			}
			for i := 0; i+1 < len(ops) && i < 120; i += 2 {
				m.step(ops[i], ops[i+1])
				synctest.Wait()
				m.h.CheckInvariants(t)
			}
			m.end()
		})
	})
}
