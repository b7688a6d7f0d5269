package websocket

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// A Registry keeps the open connections of a server, which http.Server forgets
// once they are WebSockets. Name one in AcceptOptions, range over All to reach
// everybody, and hand Shutdown to whatever ends the server:
//
//	var open websocket.Registry
//	srv.RegisterOnShutdown(func() { open.Shutdown(ctx) })
//
// The zero value is ready. All methods may be called concurrently.
type Registry struct {
	mu      sync.Mutex
	conns   map[*Conn]struct{}
	opening int           // handshakes under way
	closed  bool          // Shutdown was called
	empty   chan struct{} // closed when nothing is left after that
}

// errShutdown is the answer to a connection that comes too late.
var errShutdown = errors.New("websocket: server is shutting down")

// Len returns how many connections are open.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// All returns an iterator over the connections open at the time of the call, in
// no order. The loop may take its time: no lock is held in it.
func (r *Registry) All() iter.Seq[*Conn] {
	r.mu.Lock()
	all := make([]*Conn, 0, len(r.conns))
	for c := range r.conns {
		all = append(all, c)
	}
	r.mu.Unlock()
	return func(yield func(*Conn) bool) {
		for _, c := range all {
			if !yield(c) {
				return
			}
		}
	}
}

// Shutdown closes every connection with 1001 and the reason "server is shutting
// down", and waits until each has answered or ctx is done; what is left then is
// dropped, and Shutdown returns ctx's error. From its call on, Accept and Dial
// refuse connections for this registry; Accept answers 503. A handshake that is
// under way at that time is finished, and its connection closed like the others.
func (r *Registry) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	if r.empty == nil {
		r.closed, r.empty = true, make(chan struct{})
		r.checkEmpty()
	}
	r.mu.Unlock()
	for c := range r.All() {
		go goAway(c)
	}
	select {
	case <-r.empty:
		return nil
	case <-ctx.Done():
		for c := range r.All() {
			_ = c.CloseNow()
		}
		return ctx.Err()
	}
}

func goAway(c *Conn) { _ = c.Close(StatusGoingAway, "server is shutting down") }

// isShut tells that Shutdown was called. The registry may be nil.
func (r *Registry) isShut() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// enter announces a connection whose handshake begins. Without an error it must be
// followed by settle. The registry may be nil.
func (r *Registry) enter() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errShutdown
	}
	r.opening++
	return nil
}

// settle registers c, whose handshake is done; nil if it failed.
func (r *Registry) settle(c *Conn) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening--
	if c != nil {
		if r.conns == nil {
			r.conns = make(map[*Conn]struct{})
		}
		r.conns[c] = struct{}{}
		if r.closed {
			go goAway(c)
		}
	}
	r.checkEmpty()
}

// remove takes c out.
func (r *Registry) remove(c *Conn) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	r.checkEmpty()
}

// checkEmpty tells those who wait for the end that it has come. mu must be held.
func (r *Registry) checkEmpty() {
	if !r.closed || r.opening > 0 || len(r.conns) > 0 {
		return
	}
	select {
	case <-r.empty:
	default:
		close(r.empty)
	}
}
