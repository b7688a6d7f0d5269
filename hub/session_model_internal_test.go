package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A sessionTruth is what a client of a session has received of a topic.
type sessionTruth struct {
	now   uint64
	saved uint64          // what a crash cannot take back
	young []sessionMoment // what it can
}

type sessionMoment struct {
	offset uint64
	when   time.Time
}

// A sessionFuzz is a hub's sessions and the truth about them.
type sessionFuzz struct {
	t       *testing.T
	disk    *sessionDisk
	all     *sessions
	holders map[string]*Session
	truth   map[string]*sessionTruth // by session and topic
	offset  uint64
}

const fuzzStep = 300 * time.Millisecond

// open opens a session, taking it over from the last holder, and compares all its topics.
func (f *sessionFuzz) open(id string, topics []string) {
	h := openSession(f.t, f.all, id)
	f.holders[id] = h
	for _, topic := range topics {
		c, known, lost := h.Resume(topic)
		truth := f.truth[id+topic]
		if truth == nil {
			assert.True(f.t, !known, "a position out of nowhere")
			continue
		}
		// The promise: nothing that was not received is left out in silence.
		assert.True(f.t, known || lost, "the session has forgotten a topic without a word")
		if known {
			assert.True(f.t, truth.saved <= c.Offset && c.Offset <= truth.now,
				fmt.Sprint("it is at ", c.Offset, ", not between ", truth.saved, " and ", truth.now))
			truth.now, truth.young = c.Offset, nil // it receives the rest again
		}
	}
}

func (f *sessionFuzz) advance(id, topic string) {
	h := f.holders[id]
	if h == nil {
		return
	}
	f.offset++
	h.Advance(topic, at(1, f.offset))
	truth := f.truth[id+topic]
	if truth == nil {
		truth = &sessionTruth{saved: f.offset} // the first is saved at once
		f.truth[id+topic] = truth
	}
	truth.now = f.offset
	truth.young = append(truth.young, sessionMoment{f.offset, time.Now()})
}

// step lets time pass. What is older than the interval of saving is on the disk.
func (f *sessionFuzz) step() {
	time.Sleep(fuzzStep)
	synctest.Wait()
	for _, truth := range f.truth {
		for len(truth.young) > 0 && time.Since(truth.young[0].when) > saveInterval {
			truth.saved, truth.young = truth.young[0].offset, truth.young[1:]
		}
	}
}

// restart ends the hub in order, or kills it, and begins anew with what is on the disk.
func (f *sessionFuzz) restart(kill bool) {
	synctest.Wait()
	records := f.disk.crash()
	assert.NoError(f.t, f.all.close())
	if kill {
		f.disk.records = records
	}
	for _, truth := range f.truth {
		if n := len(truth.young); n > 0 && !kill {
			truth.saved = truth.young[n-1].offset
		}
		truth.young = nil
	}
	f.all = newSessions(f.disk, 10*fuzzStep)
	clear(f.holders)
}

// Each byte is something that happens; however, a session never forgets in silence.
func FuzzSessions(f *testing.F) {
	f.Add([]byte("\x00\x01\x05\x05\x05\x05\x05\x01\x04\x00"))
	f.Add([]byte("\x00\x01\x02\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x00\x06\x00"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 300 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			d := newSessionDisk()
			f := &sessionFuzz{t: t, disk: d, all: newSessions(d, 10*fuzzStep),
				holders: map[string]*Session{}, truth: map[string]*sessionTruth{}}
			topics := []string{"room", "hall"}
			for _, op := range ops {
				id := fmt.Sprint("session-", op>>3&1)
				switch op % 8 {
				case 0, 7:
					f.open(id, topics)
				case 1, 2:
					f.advance(id, topics[op>>4&1])
				case 3:
					if h := f.holders[id]; h != nil {
						h.Close()
						delete(f.holders, id)
					}
				case 4:
					f.restart(true)
				case 6:
					f.restart(false)
				default:
					f.step()
				}
			}
			f.restart(false)
			assert.NoError(t, f.all.close())
		})
	})
}
