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
	mu     sync.Mutex
	conns  map[*Conn]struct{}
	closed bool
}

// errShutdown is the answer to a handshake that comes too late.
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
// refuse connections for this registry; Accept answers 503.
func (r *Registry) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()

	var wg sync.WaitGroup
	for c := range r.All() {
		wg.Go(func() { _ = c.Close(StatusGoingAway, "server is shutting down") })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for c := range r.All() {
			_ = c.CloseNow()
		}
		<-done
		return ctx.Err()
	}
}

// add registers c, unless the registry is shutting down.
func (r *Registry) add(c *Conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errShutdown
	}
	if r.conns == nil {
		r.conns = make(map[*Conn]struct{})
	}
	r.conns[c] = struct{}{}
	return nil
}

func (r *Registry) remove(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// refuses tells that the registry, which may be nil, is shutting down.
func (r *Registry) refuses() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
