package hub

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestSessionContinuesAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		h := openSession(t, s, "session-1")
		h.Advance("room", at(1, 5))
		h.Advance("hall", at(1, 6))
		assert.NoError(t, s.close())

		time.Sleep(8 * time.Hour) // is not the client's fault
		s = newSessions(d, testTTL)
		time.Sleep(testTTL - 1)
		h = openSession(t, s, "session-1")
		assert.Equal(t, resumed(h, "room"), "1/5")
		assert.Equal(t, resumed(h, "hall"), "1/6")
		assert.Equal(t, resumed(h, "yard"), "new")
		assert.Equal(t, resumed(openSession(t, s, "session-2"), "room"), "new")
		assert.NoError(t, s.close())
	})
}

// A crash costs a second of progress, but never a topic, and never the knowledge that
// there was a session.
func TestSessionAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		h := openSession(t, s, "session-1")
		openSession(t, s, "session-2")
		h.Advance("room", at(1, 5))
		synctest.Wait()
		h.Advance("room", at(1, 6))
		h.Advance("room", at(1, 7))
		h.Advance("hall", at(1, 8))
		synctest.Wait()
		h.Advance("hall", at(1, 9))
		crashed := d.crash()
		s.close()

		d.records = crashed
		s = newSessions(d, testTTL)
		h = openSession(t, s, "session-1")
		assert.Equal(t, resumed(h, "room"), "1/7")
		assert.Equal(t, resumed(h, "hall"), "1/8")
		assert.Equal(t, resumed(openSession(t, s, "session-2"), "room"), "lost")
		s.close()
	})
}

// That something was lost is known for the other topics after one more restart, too.
func TestSessionStaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		d.forgotten = true
		s := newSessions(d, testTTL)
		openSession(t, s, "session-1").Advance("room", at(1, 5))
		assert.NoError(t, s.close())
		d.forgotten = false
		s = newSessions(d, testTTL)
		h := openSession(t, s, "session-1")
		assert.Equal(t, resumed(h, "room"), "1/5")
		assert.Equal(t, resumed(h, "hall"), "lost")
		assert.Equal(t, resumed(h, ""), "lost")
		assert.NoError(t, s.close())
	})
}

func TestSessionsAreSavedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		a, b := openSession(t, s, "session-a"), openSession(t, s, "session-b")
		a.Advance("room", at(1, 1))
		b.Advance("room", at(1, 1))
		time.Sleep(saveInterval / 2)
		synctest.Wait()
		// One for each that is new, at once, and one for what is new in them, or two if the
		// first was quicker than the second of them.
		saved := d.saved()
		assert.True(t, len(saved) == 3 || len(saved) == 4, fmt.Sprint("they are saved ", saved))
		assert.Equal(t, saved[len(saved)-1], 0)

		for i := range 150 {
			a.Advance("room", at(1, uint64(10+i)))
			b.Advance("room", at(1, uint64(10+i)))
			time.Sleep(7 * time.Millisecond)
		}
		synctest.Wait()
		assert.Equal(t, d.saved(), []time.Duration{1500 * time.Millisecond})
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, d.saved(), []time.Duration{2501 * time.Millisecond})
		assert.Equal(t, d.cursor("session-a", "room"), at(1, 159))
		assert.NoError(t, s.close())
		assert.Equal(t, len(d.saved()), 0)
	})
}

// What is open looks open on the disk, even if nothing happens.
func TestSessionThatIsOpenIsSavedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		h := openSession(t, s, "session-1")
		time.Sleep(time.Hour)
		synctest.Wait()
		every := testTTL/2 + saveInterval
		assert.Equal(t, len(d.saved()), 1+int(time.Hour/every))
		assert.True(t, time.Since(d.crash()["session-1"].Seen) <= every, "it looks closed")

		h.Close()
		time.Sleep(saveInterval)
		synctest.Wait()
		assert.Equal(t, len(d.saved()), 1)
		time.Sleep(time.Hour)
		assert.Equal(t, len(d.saved()), 0)
		assert.Equal(t, len(s.known), 0)
	})
}

func TestSessionIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		defer s.close()
		d.records["session-1"] = SessionRecord{ID: "session-1", Seen: time.Now(), Cursors: map[string]Cursor{"room": at(1, 5)}}
		d.reading = func() { time.Sleep(time.Second) }
		var wg sync.WaitGroup
		var mu sync.Mutex
		told := 0
		for range 10 {
			wg.Go(func() {
				h, err := s.open("session-1", func() { mu.Lock(); told++; mu.Unlock() })
				assert.NoError(t, err)
				assert.Equal(t, resumed(h, "room"), "1/5")
			})
		}
		wg.Wait()
		assert.Equal(t, d.reads, 1)
		assert.Equal(t, told, 9)
	})
}

// While a disk is slow a session may be opened, advance and be closed again: what is being
// saved is not the last word.
func TestSessionGoesOnWhileItIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		h := openSession(t, s, "session-1")
		h.Advance("room", at(1, 1))
		synctest.Wait()
		d.saving = func() { time.Sleep(time.Second) }
		h.Close()
		time.Sleep(saveInterval + time.Second/2) // it is being saved
		h = openSession(t, s, "session-1")
		h.Advance("room", at(1, 2))
		h.Close()
		time.Sleep(time.Second) // now it was, as it had been
		assert.Equal(t, d.cursor("session-1", "room"), at(1, 1))
		h = openSession(t, s, "session-1")
		assert.Equal(t, resumed(h, "room"), "1/2")
		h.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, d.cursor("session-1", "room"), at(1, 2))
		assert.Equal(t, len(s.known), 0)
		assert.NoError(t, s.close())
	})
}

func TestSessionsWhenTheDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newSessionDisk()
		s := newSessions(d, testTTL)
		h := openSession(t, s, "session-1")
		h.Advance("room", at(1, 1))
		synctest.Wait()

		full := errors.New("disk full")
		d.failWith(full)
		_, err := s.open("session-2", nil)
		assert.ErrorIs(t, err, full)
		h.Advance("room", at(1, 2))
		h.Close()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		h = openSession(t, s, "session-1") // is in memory
		assert.Equal(t, resumed(h, "room"), "1/2")
		h.Close()
		synctest.Wait()
		assert.Equal(t, d.cursor("session-1", "room"), at(1, 1))

		d.failWith(nil)
		time.Sleep(saveInterval)
		synctest.Wait()
		assert.Equal(t, d.cursor("session-1", "room"), at(1, 2))
		openSession(t, s, "session-2").Advance("room", at(1, 3))
		synctest.Wait()
		openSession(t, s, "session-2").Advance("room", at(1, 4))
		d.failWith(full)
		assert.ErrorIs(t, s.close(), full)
	})
}
