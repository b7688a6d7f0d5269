package event

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A Conn is one connection of a [Server] or a [Client]. All methods may be called from
// any number of goroutines at any time, within the functions of the Handler too.
type Conn struct {
	engine *engine
	home   home

	// The machine's receiving half belongs to whoever drives the connection, its
	// sending half to whoever holds mu.
	machine proto.Machine

	// What follows belongs to whoever drives the connection.

	in   *buffer // pieces of the message under way, nil if there are none
	rest *buffer // what was received and waits to be parsed, of the request too; nil if nothing

	heard   atomic.Uint32 // tick at which something was last received or handled
	busy    atomic.Bool   // a function of the handler is running
	blocked atomic.Bool   // the network takes nothing at the moment; changed with mu held

	full atomic.Bool // the handler has sent so much that the network must be asked

	stopped atomic.Bool // Pause was called, and Resume was not

	// writeTick is the tick at which a write that waits for the network began, 0 if
	// there is none.
	writeTick atomic.Uint32

	data atomic.Pointer[any] // nil for nil

	mu          sync.Mutex
	subprotocol string
	out         *outbox               // what waits for the network, nil if nothing
	cork        *cork                 // where the handler's sends go, nil while it is not running
	broken      *websocket.CloseError // what the transport said when a write failed
	pinged      uint32                // tick of the keepalive's ping that was not answered, 0 if none
	stalled     uint32                // tick since which the network takes nothing, if blocked
	endBy       uint32                // tick by which the connection must have ended, 0 if none
	phase       phase
	action      proto.Transport // what is to happen to the transport, once ended
	writing     bool            // somebody is writing, and will go on with what waits
	awaited     bool            // somebody waits for the network to take bytes again
	dirty       bool            // somebody was told that something waits
	corkless    bool            // its handler takes its time, and gets no cork
	doomed      bool            // it is over: whoever drives it is to drop the transport

	shard uint8 // which of the flushers
	member
	spot // where the epoll driver keeps it
}

// A phase is a part of the life of a Conn.
type phase uint8

const (
	opening   phase = iota // the opening handshake is under way
	open                   // from the end of that handshake to the end of the closing one
	ended                  // OnClose was or is being called; the transport may still say goodbye
	forgotten              // the transport is closed
)

// home is who drives a connection.
type home interface {
	// write writes b, or as much of it as the network takes.
	write(c *Conn, b []byte) (n int, err error)

	// writeAll writes segments, or as much of them as the network takes.
	writeAll(c *Conn, segs []segment) (n int, err error)

	// mayWait tells that write waits until the network has taken everything.
	mayWait() bool

	// schedule sees to it that Conn.flushDirty is called soon.
	schedule(c *Conn)

	// await sees to it that Conn.writable is called when the network takes
	// bytes again. Conn.mu is held.
	await(c *Conn)

	// interrupt makes whoever drives the connection look at doomed. Conn.mu is held.
	interrupt(c *Conn)

	// proceed makes whoever drives the connection look at stopped.
	proceed(c *Conn)

	// members is the list that the connection stands in.
	members() *members

	localAddr(c *Conn) net.Addr
	remoteAddr(c *Conn) net.Addr
}

// init makes c ready, as far as its driver is not concerned.
func (c *Conn) init(e *engine, h home, t *websocket.Transport, data any) {
	c.engine, c.home = e, h
	c.SetData(data)
	c.shard = uint8(e.opened.Add(1))
	c.heard.Store(e.now.Load())
	if t != nil {
		c.agree(t.Subprotocol, t.Deflate)
	}
}

// agree takes what the opening handshake settled.
func (c *Conn) agree(subprotocol string, deflate *proto.Deflate) {
	c.subprotocol = subprotocol
	c.machine.Init(proto.Config{
		Role:       c.engine.role,
		MaxMessage: c.engine.settings.maxMessage,
		MaskKeys:   c.engine.maskKeys(),
		Deflate:    deflate,
	})
}

// Data returns what belongs to the connection: what Upgrade or Dial was given, what
// Options.Accept put into the request, or what SetData set. It is nil otherwise.
func (c *Conn) Data() any {
	if p := c.data.Load(); p != nil {
		return *p
	}
	return nil
}

// SetData keeps v with the connection.
func (c *Conn) SetData(v any) {
	if v == nil {
		c.data.Store(nil)
		return
	}
	boxed := v // on the heap only if there is something to keep
	c.data.Store(&boxed)
}

// Queued returns how many bytes, frame headers included, wait for the network.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	if c.out != nil {
		n = c.out.size
	}
	if c.cork != nil {
		n += len(c.cork.b)
	}
	return n
}

// Subprotocol returns the subprotocol agreed on, "" for none.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// Extensions returns the extensions agreed on, in the form of the header
// Sec-WebSocket-Extensions, "" if there are none.
func (c *Conn) Extensions() string {
	p, ok := c.machine.Deflate()
	if !ok {
		return ""
	}
	return string(handshake.AppendExtension(nil, p.Extension()))
}

// LocalAddr returns the address of this end of the transport. It may be nil once the
// connection has ended.
func (c *Conn) LocalAddr() net.Addr { return c.home.localAddr(c) }

// RemoteAddr returns the address of the other end of the transport. It may be nil once the
// connection has ended.
func (c *Conn) RemoteAddr() net.Addr { return c.home.remoteAddr(c) }

// Causes that stand in a CloseError, and errors of the methods of Conn.
var (
	errNoPong       = errors.New("websocket: peer is silent: no answer to a ping")
	errNoClose      = errors.New("websocket: no close frame within the close timeout")
	errWriteTimeout = errors.New("websocket: write timeout: the peer does not read")
	errNotOpen      = errors.New("websocket: the opening handshake is not done")
	errClosing      = fmt.Errorf("websocket: connection is closing: %w", net.ErrClosed)
	errShutdown     = errors.New("websocket: server is shutting down")
)

// closedError returns what the sending methods say of a connection that takes nothing
// more. mu must be held.
func (c *Conn) closedError() error {
	switch {
	case c.phase == opening:
		return errNotOpen
	case c.phase >= ended:
		return c.machine.Ending()
	case c.broken != nil:
		return c.broken
	default:
		return errClosing
	}
}
