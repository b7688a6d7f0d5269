package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// stall is how long the server of a test stops once.
const stall = 200 * time.Millisecond

// stalling stops once, at message n.
func stalling(n int) spoiler {
	return func(i int, m websocket.Message) []websocket.Message {
		if i == n {
			time.Sleep(stall) // the stall itself: what is asserted is that it took as long, or longer
		}
		return []websocket.Message{m}
	}
}

// TestOpenLoopShowsAStall holds the point of a fixed rate: every message that was due
// while the server stood still has waited, and counts. A closed loop sends one.
func TestOpenLoopShowsAStall(t *testing.T) {
	s := open(t, serve(t, stalling(50).handle()), 4)
	r, err := s.Echo(t.Context(), &Echo{Rate: 1000, Duration: 400 * time.Millisecond})
	assert.NoError(t, err)
	assert.Equal(t, r.Problems, nil)
	assert.Equal(t, r.Sent+r.Unsent, 400)
	assert.Equal(t, r.Late.TotalCount(), r.Sent)
	assert.True(t, r.Latency.Max() >= int64(stall)*99/100, fmt.Sprint(time.Duration(r.Latency.Max())))
	// Those due in the first half of the stall have waited for its other half.
	assert.True(t, r.Unsent > 0 || slow(r) >= 100, fmt.Sprint(slow(r), " messages"))

	closed := open(t, serve(t, stalling(50).handle()), 1)
	r, err = closed.Echo(t.Context(), &Echo{Each: 100})
	assert.NoError(t, err)
	assert.True(t, r.Latency.Max() >= int64(stall)*99/100, "not even the one message shows it")
}

// slow returns how many messages took half of the stall or more.
func slow(r *Result) (n int64) {
	for _, b := range r.Latency.Distribution() {
		if b.From >= int64(stall/2)*99/100 {
			n += b.Count
		}
	}
	return n
}

// TestRateThatCannotBeKept says so instead of sending less in silence.
func TestRateThatCannotBeKept(t *testing.T) {
	s := open(t, serve(t, echoing), 2)
	r, err := s.Echo(t.Context(), &Echo{Rate: 1e9, Duration: 10 * time.Millisecond})
	assert.NoError(t, err)
	assert.Equal(t, r.Sent+r.Unsent, 1e7)
	assert.True(t, r.Unsent > 0, "no machine does that")
	assert.Equal(t, r.Messages, r.Sent)
}

// TestPatienceEnds has a server that answers, and goes on answering long after the end:
// what is not back after ten timeouts is lost.
func TestPatienceEnds(t *testing.T) {
	s := openTarget(t, &Target{Timeout: 60 * time.Millisecond, URL: serve(t, answering(func(m websocket.Message) []websocket.Message {
		time.Sleep(20 * time.Millisecond) // for each of 100 messages
		return []websocket.Message{m}
	}))}, 1)
	r, err := s.Echo(t.Context(), &Echo{Rate: 1000, Duration: 100 * time.Millisecond})
	assert.ErrorIs(t, err, ErrNoConnections)
	assert.True(t, count(r.Problems, Lost) > 0, fmt.Sprint(r.Problems))
	assert.Equal(t, r.Messages+count(r.Problems, Lost), r.Sent)
}

// TestRateWithABrokenConnection leaves out its places in the schedule.
func TestRateWithABrokenConnection(t *testing.T) {
	s := open(t, serve(t, echoing), 2)
	s.conns[0].event.CloseNow()
	for s.Len() == 2 {
		time.Sleep(time.Millisecond)
	}
	r, err := s.Echo(t.Context(), &Echo{Rate: 1000, Duration: 20 * time.Millisecond})
	assert.NoError(t, err)
	assert.Equal(t, r.Sent+r.Unsent, 20)
	assert.Equal(t, r.Messages, r.Sent)
	assert.Equal(t, count(r.Problems, Closed), 1)
}
