package websocket

import (
	"context"
	"net"
	"sync"
	"time"
)

// past is a deadline that interrupts blocked I/O at once.
var past = time.Unix(1, 0)

// A watch lets a context interrupt reads, or writes, by moving their deadline
// into the past.
//
// Registering with a context costs two allocations, so the registration stays
// until another context is used: a loop that reads with one context pays once.
type watch struct {
	conn   net.Conn
	writes bool // watch writes, not reads

	mu    sync.Mutex
	armed time.Time       // deadline set by arm
	done  <-chan struct{} // of the context watched, nil if none
	fired bool
	stop  func() bool
}

// use makes ctx the one that interrupts. If an earlier context did so, its
// deadline is taken back. Calls must not overlap.
func (w *watch) use(ctx context.Context) {
	done := ctx.Done()
	if done == w.done {
		return
	}
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	w.mu.Lock()
	w.done = done
	if w.fired {
		w.fired, w.armed = false, time.Time{}
		w.set(w.armed)
	}
	w.mu.Unlock()
	if done != nil {
		w.stop = context.AfterFunc(ctx, func() { w.fire(done) })
	}
}

// fire interrupts, unless another context took over in the meantime.
func (w *watch) fire(done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == done {
		w.fired = true
		w.set(past)
	}
}

// arm makes I/O that begins now fail after timeout, or up to a quarter later: a
// deadline that is far enough away is left alone, which saves moving a timer for
// each frame.
func (w *watch) arm(timeout time.Duration) {
	now := time.Now()
	if w.armed.Sub(now) >= timeout {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.fired {
		w.armed = now.Add(timeout + timeout/4)
		w.set(w.armed)
	}
}

func (w *watch) set(t time.Time) {
	if w.writes {
		_ = w.conn.SetWriteDeadline(t)
	} else {
		_ = w.conn.SetReadDeadline(t)
	}
}
