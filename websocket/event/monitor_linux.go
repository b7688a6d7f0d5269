//go:build !386

package event

import (
	"sync/atomic"
	"time"
)

// A monitor looks whether the functions of the handler return, so that one that takes its
// time stalls none of the other connections of its loop: then another goroutine goes on
// with the loop, and the one in which the function runs comes back to it when it is done,
// with that one connection.
//
// It ticks while the loops have something to do, and for a second after that.
type monitor struct {
	loops  *loops
	asleep atomic.Bool
	bell   chan struct{}
	seen   []uint64 // the turns of the loops when it looked last
}

const bellsAtOne = 1

func (m *monitor) start(ls *loops) {
	m.loops, m.bell, m.seen = ls, make(chan struct{}, bellsAtOne), make([]uint64, len(ls.all))
	done := make(chan struct{})
	go func() {
		ls.running.Wait()
		close(done)
	}()
	go m.run(ls.all, done)
}

// stir is called with each turn of a loop.
func (m *monitor) stir() {
	if m.asleep.Load() && m.asleep.CompareAndSwap(true, false) {
		m.bell <- struct{}{}
	}
}

// run looks after all until done is closed.
func (m *monitor) run(all []*loop, done <-chan struct{}) {
	ticker := time.NewTicker(stallTime)
	defer ticker.Stop()
	for idle := 0; ; {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		if m.look(all) {
			idle = 0
			continue
		}
		if idle++; idle < idleLooks {
			continue
		}
		ticker.Stop()
		m.asleep.Store(true)
		if m.look(all) && m.asleep.CompareAndSwap(true, false) {
			ticker.Reset(stallTime)
			continue
		}
		select {
		case <-m.bell:
		case <-done:
			return
		}
		idle = 0
		ticker.Reset(stallTime)
	}
}

// look tells whether there was a turn since it looked last, and deposes the workers of
// loops that are still in the same one.
func (m *monitor) look(all []*loop) (stirring bool) {
	for i, l := range all {
		turn := l.turn.Load()
		if turn == m.seen[i] && turn%2 == 1 && l.turn.CompareAndSwap(turn, turn+1) {
			l.depose()
			turn++
		}
		if turn != m.seen[i] {
			m.seen[i], stirring = turn, true
		}
	}
	return stirring
}

// depose has another worker go on with the loop. The worker that had it finds out when
// the function returns.
func (l *loop) depose() {
	c := l.current
	c.detached = true
	c.mu.Lock()
	c.corkless = true // the functions that are called before it comes back get none
	c.mu.Unlock()
	c.takeCork()
	go l.run(l.loops.engine.newWorker())
}
