package wstest

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// A Listener accepts connections that are dialled in memory with its
// DialContext. It is a net.Listener, so http.Server.Serve takes it; DialContext
// fits the field of the same name in websocket.DialOptions, http.Transport and
// others. All methods may be called from several goroutines at once.
type Listener struct {
	addr    Addr
	mu      sync.Mutex
	changed *sync.Cond
	waiting []*PipeConn // dialled, not yet accepted
	closed  bool
}

// Listen returns a new Listener. Close it when it is no longer needed.
func Listen() *Listener {
	// The host is localhost because a client must not send requests for that
	// host through a proxy it finds in the environment.
	l := &Listener{addr: newAddr("localhost", nextPort())}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Accept waits for the next connection and returns its server's end, a
// *PipeConn. After Close it fails with net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.closed {
			return nil, l.failed("accept", net.ErrClosed)
		}
		if len(l.waiting) > 0 {
			c := l.waiting[0]
			l.waiting = l.waiting[1:]
			return c, nil
		}
		l.changed.Wait()
	}
}

// Close ends Accept and DialContext. Connections that were dialled and not
// accepted are reset; accepted ones stay as they are. A second Close fails with
// net.ErrClosed.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.failed("close", net.ErrClosed)
	}
	l.closed = true
	for _, c := range l.waiting {
		_ = c.Reset()
	}
	l.waiting = nil
	l.changed.Broadcast()
	return nil
}

// Addr returns an Addr of the form localhost:port. Nothing listens there but l.
func (l *Listener) Addr() net.Addr { return l.addr }

// DialContext connects to the listener, whatever network and address are asked
// for, and returns the client's end, a *PipeConn. Like a TCP connection in the
// backlog of a busy server it is open before Accept returns it, so DialContext
// never waits; ctx counts only if it has ended already. After Close it fails
// with syscall.ECONNREFUSED.
func (l *Listener) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, l.failed("dial", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, l.failed("dial", syscall.ECONNREFUSED)
	}
	server, client := newPipe(pipeSize, l.addr, newAddr("client", nextPort()))
	l.waiting = append(l.waiting, server)
	l.changed.Broadcast()
	return client, nil
}

func (l *Listener) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: err}
}
