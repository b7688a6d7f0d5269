package websocket

import (
	"context"
	"net"
	"sync"
	"time"
)

// past is a deadline that interrupts blocked I/O at once.
var past = time.Unix(1, 0)

// A direction tells whether a watch is for reads or writes.
type direction bool

const (
	reads  direction = false
	writes direction = true
)

// A watch lets a context interrupt the reads, or the writes, of a transport by
// moving their deadline into the past.
//
// Registering with a context costs two allocations, so a registration stays until
// another context is used or the connection ends: a loop with one context pays once.
type watch struct {
	mu    sync.Mutex
	done  <-chan struct{} // of the context watched, nil if none
	stop  func() bool
	fired bool
	armed bool // a write is under way; reads are always interrupted, the next one if there is none
	way   direction
}

// use makes ctx the one that interrupts; done is its Done channel, nil if it never
// does. If an earlier context did, its deadline is taken back. Calls of use and drop
// must not overlap.
func (w *watch) use(ctx context.Context, done <-chan struct{}, conn net.Conn) {
	if done != w.done {
		w.change(ctx, done, conn)
	}
}

// drop makes no context interrupt any more.
func (w *watch) drop(conn net.Conn) { w.use(context.Background(), nil, conn) }

func (w *watch) change(ctx context.Context, done <-chan struct{}, conn net.Conn) {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	w.mu.Lock()
	w.done = done
	if w.fired {
		w.fired = false
		w.set(conn, time.Time{})
	}
	w.mu.Unlock()
	if done != nil {
		w.stop = context.AfterFunc(ctx, func() { w.fire(conn, done) })
	}
}

// fire interrupts, unless another context took over in the meantime.
func (w *watch) fire(conn net.Conn, done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == done {
		w.fired = true
		if w.armed || w.way == reads {
			w.set(conn, past)
		}
	}
}

// arm lets the context interrupt from now on, and sets the deadline of what comes to
// t if that is not zero.
func (w *watch) arm(conn net.Conn, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
	switch {
	case w.fired:
		w.set(conn, past)
	case !t.IsZero():
		w.set(conn, t)
	}
}

// disarm takes the deadline back and lets the context interrupt no more.
func (w *watch) disarm(conn net.Conn) {
	w.mu.Lock()
	w.armed = false
	w.set(conn, time.Time{})
	w.mu.Unlock()
}

func (w *watch) set(conn net.Conn, t time.Time) {
	if w.way == writes {
		_ = conn.SetWriteDeadline(t)
	} else {
		_ = conn.SetReadDeadline(t)
	}
}
