package wire_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

const window = 64 << 10

func position(i int) hub.Cursor { return hub.Cursor{Epoch: 7, Offset: uint64(i), Time: 1} }

// fill sends messages of n bytes until the window is full, with the pings that are due,
// and returns these.
func fill(f *wire.Flow, n int) (pings []string, messages int) {
	for !f.Full(window) {
		messages++
		f.Sent(1, n)
		if f.Due(window) {
			pings = append(pings, string(f.AppendPing(nil, position(messages))))
		}
	}
	return pings, messages
}

func TestFlowHoldsAtTheWindow(t *testing.T) {
	for _, n := range []int{0, 1, 100, 1000, window / 4, window, 10 * window} {
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			var f wire.Flow
			assert.True(t, !f.Due(window) && !f.Full(window) && !f.Unpinged(), "pings a socket that was sent nothing")
			pings, messages := fill(&f, n)
			assert.True(t, (messages-1)*(n+48) < window, "more messages than the window allows")
			assert.True(t, len(pings) >= 1 && len(pings) <= 5, fmt.Sprint(len(pings), " pings"))
			assert.Equal(t, pings[len(pings)-1], position(messages).String())
			assert.True(t, !f.Unpinged() && !f.Due(window), "full, and no ping that would end it is on its way")
			for i, p := range pings {
				at, ok := f.Pong([]byte(p))
				assert.True(t, ok, "not taken")
				assert.Equal(t, at.String(), p)
				assert.Equal(t, f.Unanswered(), len(pings)-i-1)
				assert.True(t, !f.Full(window), "still full")
			}
		})
	}
}

// A peer that is sent little answers no pings, for it gets none.
func TestFlowBelowAQuarterIsSilent(t *testing.T) {
	var f wire.Flow
	f.Sent(1, window/4-49)
	assert.True(t, !f.Due(window), "a ping too early")
	f.Sent(1, 0)
	assert.True(t, f.Due(window), "no ping")
}

func TestPongOfTheLatestPingCountsForAll(t *testing.T) {
	var f wire.Flow
	pings, _ := fill(&f, 100)
	_, ok := f.Pong([]byte(pings[len(pings)-1]))
	assert.True(t, ok && f.Unanswered() == 0 && !f.Full(window), "the others are still awaited")
	for _, p := range pings {
		_, ok := f.Pong([]byte(p))
		assert.True(t, !ok, "a ping was answered twice")
	}
}

func TestInventedPongsChangeNothing(t *testing.T) {
	var f wire.Flow
	pings, messages := fill(&f, 100)
	for _, p := range []string{
		"", "x", position(0).String(), position(messages + 1).String(), position(messages - 1).String(),
		pings[0] + "0", " " + pings[0], pings[0][:len(pings[0])-1], string(make([]byte, 125)),
	} {
		_, ok := f.Pong([]byte(p))
		assert.True(t, !ok, fmt.Sprintf("%q was taken", p))
	}
	assert.True(t, f.Full(window), "the window is open")
	assert.Equal(t, f.Unanswered(), len(pings))
	f.Drop()
	_, ok := f.Pong([]byte(pings[0]))
	assert.True(t, !ok && f.Unanswered() == 0, "a socket that has ended goes on")
}

func TestFlowAllocatesNothing(t *testing.T) {
	var f wire.Flow
	i := 0
	var ping [hub.MaxCursorLen]byte
	n := testing.AllocsPerRun(1000, func() {
		f.Sent(1, 1000)
		if i++; f.Due(window) {
			_, ok := f.Pong(f.AppendPing(ping[:0], position(i)))
			assert.True(t, ok, "not taken")
		}
	})
	assert.Equal(t, n, 0)
}

type pinged func()

func (f pinged) PingNow() { f() }

func TestPingerCallsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g wire.Pinger
		start := time.Now()
		var after []time.Duration
		for range 3 {
			g.Add(pinged(func() { after = append(after, time.Since(start)) }))
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, after, []time.Duration{wire.PingDelay, wire.PingDelay, wire.PingDelay})

		after, start = nil, time.Now()
		var again pinged
		again = func() {
			if after = append(after, time.Since(start)); len(after) < 3 {
				g.Add(again) // while it runs
			}
		}
		g.Add(again)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, after, []time.Duration{wire.PingDelay, 2 * wire.PingDelay, 3 * wire.PingDelay})
	})
}

// A socket counts how often it was paused and resumed.
type socket struct{ paused, resumed int }

func (s *socket) Pause()  { s.paused++ }
func (s *socket) Resume() { s.resumed++ }

func TestUnstoredPauses(t *testing.T) {
	for _, c := range []struct {
		name        string
		size        int
		most, least int // messages at which it is paused and resumed
	}{
		{"many", 0, wire.MaxUnstored, wire.MaxUnstored / 2},
		{"large ones", wire.MaxUnstoredBytes / 4, 4, 2},
		{"one that is larger than all", 2 * wire.MaxUnstoredBytes, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var u wire.Unstored
			for round := 1; round <= 3; round++ {
				var s socket
				for range c.most {
					assert.Equal(t, s, socket{})
					u.Enter(&s, c.size)
				}
				assert.Equal(t, s, socket{paused: 1})
				u.Enter(&s, c.size) // what was on its way
				u.Leave(&s, c.size)
				for range c.most - c.least {
					assert.Equal(t, s, socket{paused: 1})
					u.Leave(&s, c.size)
				}
				assert.Equal(t, s, socket{1, 1})
				for range c.least {
					u.Leave(&s, c.size)
				}
				assert.Equal(t, s, socket{1, 1})
			}
		})
	}
}
