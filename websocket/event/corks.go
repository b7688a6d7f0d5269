package event

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A cork holds what is sent on one connection while the messages of one read are
// handled. Whoever drives connections has one and lends it to one after the other.
type cork struct {
	b []byte

	// What follows is for a cork that somebody looks after.

	watched bool
	turn    atomic.Uint64        // odd while it is lent
	conn    atomic.Pointer[Conn] // to whom
	seen    uint64               // turn at the last look
}

// newCork returns a cork for bytes up to limit, with room for the frame that goes
// beyond.
func newCork(limit int) *cork {
	return &cork{b: make([]byte, 0, limit+copyLimit+frame.MaxHeaderLen)}
}

// Times of those who look whether the functions of the handler return.
const (
	stallTime = 10 * time.Millisecond // a function may take this long, up to twice
	idleLooks = 100                   // how often they look in vain before they stop
)

// corks are those that the goroutines of connections use. What a function that takes its
// time has sent must not wait for its end, nor what others send meanwhile: so somebody
// looks at all corks while they are in use, and takes those back that are lent for long.
// In the epoll driver that is the monitor's task.
type corks struct {
	quiet chan struct{} // closed when there is nothing to look after any more
	awake atomic.Bool
	mu    sync.Mutex
	all   []weak.Pointer[cork] // the collector takes desks out of their pool
}

// add returns a new cork, which is looked after.
func (w *corks) add(limit int) *cork {
	k := newCork(limit)
	k.watched = true
	w.mu.Lock()
	w.all = append(w.all, weak.Make(k))
	w.mu.Unlock()
	return k
}

// lend takes note that k is lent to c.
func (w *corks) lend(k *cork, c *Conn) {
	k.conn.Store(c)
	k.turn.Add(1)
	if !w.awake.Load() && w.awake.CompareAndSwap(false, true) {
		go w.run()
	}
}

// back takes note that k came back.
func (k *cork) back() {
	k.turn.Add(1)
	k.conn.Store(nil)
}

// run looks after the corks until they have not been in use for a while.
func (w *corks) run() {
	ticker := time.NewTicker(stallTime)
	defer ticker.Stop()
	for idle := 0; ; {
		select {
		case <-ticker.C:
		case <-w.quiet:
			return
		}
		if w.look() {
			idle = 0
			continue
		}
		if idle++; idle < idleLooks {
			continue
		}
		w.awake.Store(false)
		if !w.look() || !w.awake.CompareAndSwap(false, true) {
			return
		}
		idle = 0
	}
}

// look takes the corks back that are still lent as they were when it looked last. It
// tells whether one was lent since.
func (w *corks) look() (stirring bool) {
	var stalled []*Conn
	w.mu.Lock()
	w.all = slices.DeleteFunc(w.all, func(p weak.Pointer[cork]) bool {
		k := p.Value()
		if k == nil {
			return true
		}
		turn := k.turn.Load()
		if turn != k.seen {
			k.seen, stirring = turn, true
		} else if c := k.conn.Load(); turn%2 == 1 && c != nil {
			stalled = append(stalled, c)
		}
		return false
	})
	w.mu.Unlock()
	for _, c := range stalled {
		c.takeCork()
	}
	return stirring
}
