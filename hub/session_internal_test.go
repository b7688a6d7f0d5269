package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A sessionDisk is an engine that only knows sessions. A nil map is none that is durable.
type sessionDisk struct {
	Engine
	mu        sync.Mutex
	records   map[string]SessionRecord
	saves     []time.Duration // when, since began
	began     time.Time
	forgotten bool
	fail      error
	reads     int
	reading   func() // called while a session is read
	saving    func() // and while some are saved
}

func newSessionDisk() *sessionDisk {
	return &sessionDisk{records: make(map[string]SessionRecord), began: time.Now()}
}

// failWith makes all that follows fail, or nothing.
func (d *sessionDisk) failWith(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = err
}

// saved returns when there was something saved since it was last called.
func (d *sessionDisk) saved() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.saves
	d.saves = nil
	return list
}

// crash returns what is on the disk now.
func (d *sessionDisk) crash() map[string]SessionRecord {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.records)
}

// cursor is how far a session has come on the disk.
func (d *sessionDisk) cursor(id, topic string) Cursor {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.records[id].Cursors[topic]
}

func (d *sessionDisk) Durable() bool   { return d.records != nil }
func (d *sessionDisk) Forgotten() bool { return d.forgotten }

func (d *sessionDisk) SaveSessions(list []SessionRecord) error {
	if d.saving != nil {
		d.saving()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.saves = append(d.saves, time.Since(d.began))
	if d.fail != nil {
		return d.fail
	}
	for _, rec := range list {
		d.records[rec.ID] = rec
	}
	return nil
}

func (d *sessionDisk) Session(id string) (SessionRecord, bool, error) {
	if d.reading != nil {
		d.reading()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	rec, ok := d.records[id]
	rec.Cursors = maps.Clone(rec.Cursors)
	return rec, ok, d.fail
}

const testTTL = 10 * time.Minute

func openSession(t testing.TB, s *sessions, id string) *Session {
	t.Helper()
	h, err := s.open(id, nil)
	assert.NoError(t, err)
	return h
}

// resumed is what Resume returns, as one word.
func resumed(s *Session, topic string) string {
	c, known, lost := s.Resume(topic)
	switch {
	case known:
		return fmt.Sprint(c.Epoch, "/", c.Offset)
	case lost:
		return "lost"
	}
	return "new"
}

func at(epoch, offset uint64) Cursor { return Cursor{Epoch: epoch, Offset: offset} }

func TestSessionIDs(t *testing.T) {
	s := newSessions(&sessionDisk{}, testTTL)
	for _, id := range []string{
		"12345678", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "a_b.c~d-E", strings.Repeat("x", 64),
	} {
		_, err := s.open(id, nil)
		assert.NoError(t, err)
	}
	for _, id := range []string{
		"", "1234567", strings.Repeat("x", 65), "with space", "слово-из-букв", "12345678\x00", "12345678/", "1234567\xff",
	} {
		_, err := s.open(id, nil)
		assert.Equal(t, err, ErrBadSession)
	}
}

func TestSessionAdvance(t *testing.T) {
	for _, c := range []struct {
		name  string
		calls []Cursor
		want  string
	}{
		{"nothing yet", nil, "new"},
		{"first", []Cursor{at(1, 5)}, "1/5"},
		{"forward", []Cursor{at(1, 5), at(1, 7)}, "1/7"},
		{"not back", []Cursor{at(1, 5), at(1, 4)}, "1/5"},
		{"another epoch, though its offset is less", []Cursor{at(2, 5), at(1, 3)}, "1/3"},
		{"no position", []Cursor{at(1, 5), {}}, "1/5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openSession(t, newSessions(&sessionDisk{}, testTTL), "session-1")
			for _, cursor := range c.calls {
				s.Advance("room", cursor)
			}
			assert.Equal(t, resumed(s, "room"), c.want)
			assert.Equal(t, resumed(s, "hall"), "new")
		})
	}
}

func TestSessionAdvanceAllocatesNothing(t *testing.T) {
	s := openSession(t, newSessions(&sessionDisk{}, testTTL), "session-1")
	for i := range 100 {
		s.Advance(fmt.Sprint("room.", i), at(1, 1))
	}
	n := uint64(1)
	assert.Equal(t, testing.AllocsPerRun(10, func() { n++; s.Advance("room.50", at(1, n)) }), 0)
}

// A client that listens to more than its session remembers is told that.
func TestSessionOfTooManyTopics(t *testing.T) {
	s := openSession(t, newSessions(&sessionDisk{}, testTTL), "session-1")
	for i := range maxSessionTopics + 1 {
		s.Advance(fmt.Sprint("room.", i), at(1, 1))
	}
	assert.Equal(t, resumed(s, "room.0"), "1/1")
	assert.Equal(t, resumed(s, fmt.Sprint("room.", maxSessionTopics-1)), "1/1")
	assert.Equal(t, resumed(s, fmt.Sprint("room.", maxSessionTopics)), "lost")
}

func TestSessionTakenOver(t *testing.T) {
	s := newSessions(&sessionDisk{}, testTTL)
	told := 0
	var second *Session
	first, err := s.open("session-1", func() {
		told++
		// It is called outside of all locks.
		s.close()
	})
	assert.NoError(t, err)
	first.Advance("room", at(1, 5))
	second = openSession(t, s, "session-1")
	assert.Equal(t, told, 1)
	assert.Equal(t, resumed(second, "room"), "1/5")

	first.Advance("room", at(1, 6))
	first.Advance("hall", at(1, 6))
	assert.Equal(t, resumed(second, "room"), "1/5")
	assert.Equal(t, resumed(second, "hall"), "new")
	first.Close()
	second.Advance("room", at(1, 7)) // is still the holder
	assert.Equal(t, resumed(second, "room"), "1/7")
}

func TestSessionClosedIsNotTakenOver(t *testing.T) {
	s := newSessions(&sessionDisk{}, testTTL)
	first, err := s.open("session-1", func() { t.Error("told of a session that it has closed") })
	assert.NoError(t, err)
	first.Close()
	first.Advance("room", at(1, 1))
	assert.Equal(t, resumed(openSession(t, s, "session-1"), "room"), "new")
}

func TestSessionExpires(t *testing.T) {
	for name, disk := range map[string]func() *sessionDisk{
		"memory": func() *sessionDisk { return &sessionDisk{} }, "disk": newSessionDisk,
	} {
		for _, c := range []struct {
			name string
			away time.Duration
			want string
		}{
			{"just in time", testTTL - 1, "1/5"},
			{"too late", testTTL, "lost"},
			{"much too late", 23 * time.Hour, "lost"},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSessions(disk(), testTTL)
					h := openSession(t, s, "session-1")
					h.Advance("room", at(1, 5))
					time.Sleep(24 * time.Hour) // open ones do not expire
					h.Close()
					// With a disk the time counts from when that was written.
					if s.durable {
						time.Sleep(saveInterval)
					}
					time.Sleep(c.away)
					synctest.Wait()

					h = openSession(t, s, "session-1")
					assert.Equal(t, resumed(h, "room"), c.want)
					h.Advance("room", at(1, 9))
					assert.Equal(t, resumed(h, "room"), "1/9")
					assert.NoError(t, s.close())
				})
			})
		}
	}
}

func TestSessionReopenedDoesNotExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(&sessionDisk{}, testTTL)
		defer s.close()
		openSession(t, s, "session-0").Close() // its timer runs
		h := openSession(t, s, "session-1")
		h.Advance("room", at(1, 5))
		for range 5 {
			h.Close()
			time.Sleep(testTTL * 2 / 3)
			h = openSession(t, s, "session-1")
		}
		time.Sleep(2 * testTTL)
		synctest.Wait()
		assert.Equal(t, resumed(openSession(t, s, "session-1"), "room"), "1/5")
		assert.Equal(t, len(s.known), 1)
	})
}

// That a session has expired is not remembered for ever, nor for each of too many.
func TestSessionExpiredLongAgo(t *testing.T) {
	var e expiredIDs
	now := time.Unix(0, 0)
	e.add("old", now)
	assert.True(t, !e.take("never", now), "it was never there")
	assert.True(t, e.take("old", now.Add(expiredFor-1)), "it was there")
	assert.True(t, !e.take("old", now), "it was taken")

	e.add("old", now)
	e.add("other", now.Add(expiredFor))
	assert.Equal(t, len(e.when), 1)
	assert.Equal(t, len(e.queue), 1)
	for i := range maxExpired {
		e.add(fmt.Sprint(i), now.Add(expiredFor))
	}
	assert.Equal(t, len(e.when), maxExpired)
	assert.Equal(t, len(e.queue), maxExpired)
	assert.True(t, !e.take("other", now.Add(expiredFor)), "the oldest made room")

	// What was taken and came again has a place in the queue twice.
	assert.True(t, e.take("0", now), "it was there")
	e.add("0", now.Add(expiredFor+1))
	e.add("next", now.Add(expiredFor+1))
	assert.True(t, e.take("0", now), "its old place in the queue does not count")
}

func TestSessionAfterARestartWithoutADisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(&sessionDisk{forgotten: true}, testTTL)
		h := openSession(t, s, "session-1")
		assert.Equal(t, resumed(h, "room"), "lost")
		h.Advance("room", at(1, 1))
		assert.Equal(t, resumed(h, "room"), "1/1")
		assert.Equal(t, resumed(h, "hall"), "lost")
		time.Sleep(testTTL)
		// Each that was there before would have expired.
		assert.Equal(t, resumed(openSession(t, s, "session-2"), "room"), "new")
	})
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(&sessionDisk{}, testTTL)
	s.max = 2
	first := openSession(t, s, "session-1")
	first.Advance("room", at(1, 1))
	openSession(t, s, "session-2")
	_, err := s.open("session-3", nil)
	assert.Equal(t, err, ErrBusy)
	openSession(t, s, "session-2") // is there

	// One that is closed makes room, and is told of that.
	first.Close()
	third := openSession(t, s, "session-3")
	assert.Equal(t, resumed(third, "room"), "new")
	third.Close()
	assert.Equal(t, resumed(openSession(t, s, "session-1"), "room"), "lost")
	s.close()
}

func TestSessionsClosed(t *testing.T) {
	s := newSessions(newSessionDisk(), testTTL)
	h := openSession(t, s, "session-1")
	assert.NoError(t, s.close())
	_, err := s.open("session-1", nil)
	assert.Equal(t, err, ErrClosed)
	h.Advance("room", at(1, 1))
	h.Close()
	assert.NoError(t, s.close())
}

// Many clients come, take over, advance and go while all is being saved.
func TestSessionsAtOnce(t *testing.T) {
	for name, d := range map[string]*sessionDisk{"memory": {}, "disk": newSessionDisk()} {
		t.Run(name, func(t *testing.T) {
			s := newSessions(d, testTTL)
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 300 {
						h, err := s.open(fmt.Sprint("session-", i%3), func() {})
						if err != nil {
							t.Error(err)
							return
						}
						before, _, _ := h.Resume("room")
						h.Advance("room", at(1, uint64(4*i+g+1)))
						h.Advance(fmt.Sprint("room.", i), at(1, 1))
						if after, _, _ := h.Resume("room"); after.Offset < before.Offset {
							t.Error("a session went back")
						}
						if i%2 == 0 {
							h.Close()
						}
						if g == 0 && d.Durable() {
							s.save()
						}
					}
				})
			}
			wg.Wait()
			for i := range 3 {
				h := openSession(t, s, fmt.Sprint("session-", i))
				c, known, _ := h.Resume("room")
				assert.True(t, known && c.Offset > 4*200, "it has not advanced")
			}
			assert.NoError(t, s.close())
			if d.Durable() {
				ids := slices.Sorted(maps.Keys(d.records))
				assert.Equal(t, ids, []string{"session-0", "session-1", "session-2"})
			}
		})
	}
}

func BenchmarkSessionAdvance(b *testing.B) {
	s := newSessions(newSessionDisk(), testTTL)
	defer s.close()
	h := openSession(b, s, "session-1")
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		h.Advance("room", at(1, n))
	}
}
