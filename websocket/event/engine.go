package event

import (
	"context"
	"crypto/rand"
	"iter"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// An engine is what a Server and a Client have in common: connections, those who drive
// them, and a clock.
type engine struct {
	handler  Handler
	settings settings
	role     proto.Role
	server   *Server       // that this is the engine of, nil if it is a client's
	period   time.Duration // of the clock
	now      atomic.Uint32 // ticks of the clock
	opened   atomic.Uint32 // connections so far

	streams  members // those driven by goroutines
	flushers flushers
	corks    corks
	desks    sync.Pool // of *desk
	loops    *loops    // nil if there is no epoll driver

	mu      sync.Mutex
	open    int           // connections whose end was not told
	lives   int           // connections whose transport is not closed
	ticking bool          // the clock runs
	closed  bool          // Shutdown was called
	empty   chan struct{} // closed when open is 0 after that
	quiet   chan struct{} // closed when lives is 0 after that
}

// start makes e ready.
func (e *engine) start(h Handler, s settings, role proto.Role) {
	e.handler, e.settings, e.role = h, s, role
	e.period = s.period()
	e.now.Store(1) // 0 means never
	e.quiet = make(chan struct{})
	e.corks.quiet = e.quiet
	if s.driver != Goroutines {
		e.loops = newLoops(e)
	}
}

// enter announces a connection. Without an error it must be followed by release and
// leave.
func (e *engine) enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errShutdown
	}
	e.open++
	e.lives++
	if !e.ticking {
		e.ticking = true
		go e.run()
	}
	return nil
}

// release is called when the end of a connection was told.
func (e *engine) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open--; e.open == 0 && e.closed {
		close(e.empty)
	}
}

// leave is called when the transport of a connection was closed.
func (e *engine) leave() {
	e.mu.Lock()
	e.lives--
	e.checkQuiet()
	e.mu.Unlock()
}

// checkQuiet ends what runs in the background if nothing is left, nor will come. mu must be
// held.
func (e *engine) checkQuiet() {
	if e.closed && e.lives == 0 {
		close(e.quiet)
		e.loops.wake()
	}
}

func (e *engine) isQuiet() bool {
	select {
	case <-e.quiet:
		return true
	default:
		return false
	}
}

// adopt begins the life of a connection over t, to which data belongs.
func (e *engine) adopt(t *websocket.Transport, data any) (*Conn, error) {
	if err := e.enter(); err != nil {
		_ = t.Conn.Close()
		return nil, err
	}
	if c, err := e.loops.adopt(t, data); c != nil || err != nil {
		if err != nil {
			e.release()
			e.leave()
		}
		return c, err
	}
	return e.startStream(t, data), nil
}

// maskKeys returns the source of masking keys for a new connection: unpredictable, nil
// for a server.
func (e *engine) maskKeys() mathrand.Source {
	if e.role == proto.Server {
		return nil
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	return mathrand.NewChaCha8(seed)
}

// conns appends all connections to into.
func (e *engine) conns(into []*Conn) []*Conn {
	return e.loops.conns(e.streams.all(into))
}

// all returns an iterator over the connections that are open.
func (e *engine) all() iter.Seq[*Conn] {
	list := slices.DeleteFunc(e.conns(nil), func(c *Conn) bool { return !c.isOpen() })
	return slices.Values(list)
}

func (c *Conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase == open
}

// refuse has further connections refused.
func (e *engine) refuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed, e.empty = true, make(chan struct{})
	if e.open == 0 {
		close(e.empty)
	}
	e.checkQuiet()
}

// firstLook returns the tick at which to look at a new connection first.
func (e *engine) firstLook() uint32 {
	due := uint32(never)
	if t := e.ticks(e.settings.pingInterval); t > 0 {
		due = e.now.Load() + t
	}
	return due
}

// shutdown closes all connections with 1001 and waits for their ends, until ctx is done:
// then it drops what is left. Connections that come later are refused.
func (e *engine) shutdown(ctx context.Context) error {
	e.refuse()
	for _, c := range e.conns(nil) {
		c.goAway()
	}
	var err error
	select {
	case <-e.empty:
	case <-ctx.Done():
		err = ctx.Err()
		for _, c := range e.conns(nil) {
			c.CloseNow()
		}
	}
	e.loops.stop()
	return err
}

// goAway closes a connection because of a shutdown. One whose opening handshake is under
// way is dropped.
func (c *Conn) goAway() {
	c.mu.Lock()
	if c.phase == opening {
		c.giveUp(errShutdown, nil)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	_ = c.Close(websocket.StatusGoingAway, "server is shutting down")
}

// lists keeps the memory for lists of connections.
var lists = sync.Pool{New: func() any { return new([]*Conn) }}

// newList returns an empty list, and freeList takes it back.
func newList() *[]*Conn {
	return lists.Get().(*[]*Conn) //nolint:forcetypeassert // the pool holds nothing else
}

func freeList(list *[]*Conn) {
	clear(*list)
	*list = (*list)[:0]
	lists.Put(list)
}
