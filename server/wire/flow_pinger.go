package wire

import (
	"sync"
	"time"
)

// PingDelay is how long after a message the ping follows, at most, by which a session
// learns that it has arrived.
const PingDelay = 100 * time.Millisecond

// A Pinger calls those who were added, once each, [PingDelay] after the first of
// them. It has one timer for all, and none while there is nobody. The zero Pinger is
// ready; Add may be called concurrently.
type Pinger struct {
	mu    sync.Mutex
	due   []Pingable
	spare []Pingable // memory for the next list
}

// Pingable is who can be added to a Pinger.
type Pingable interface {
	// PingNow is called in a goroutine of the Pinger. It must not block.
	PingNow()
}

// Add has p called.
func (g *Pinger) Add(p Pingable) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.due) == 0 {
		time.AfterFunc(PingDelay, g.run)
	}
	g.due = append(g.due, p)
}

// run calls those who were added so far.
func (g *Pinger) run() {
	g.mu.Lock()
	due := g.due
	g.due, g.spare = g.spare, nil
	g.mu.Unlock()
	for _, p := range due {
		p.PingNow()
	}
	clear(due)
	g.mu.Lock()
	if g.spare == nil {
		g.spare = due[:0]
	}
	g.mu.Unlock()
}
