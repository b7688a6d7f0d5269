package websocket

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/duplexhq/duplex/websocket/proto"
)

// A MessageType tells text from binary.
type MessageType uint8

// The types of messages (RFC 6455 §5.6).
const (
	Text   MessageType = 1 // UTF-8
	Binary MessageType = 2 // any bytes
)

// String returns "text" or "binary".
func (t MessageType) String() string {
	switch t {
	case Text:
		return "text"
	case Binary:
		return "binary"
	default:
		return "unknown"
	}
}

// A Message is one message with its type.
type Message struct {
	Type MessageType
	Data []byte
}

// A Conn is one end of a WebSocket connection, made by [Accept] or [Dial].
//
// One goroutine at a time may read (Read, Reader, Messages, CloseRead); a second
// one gets ErrConcurrentRead. All other methods may be called from any number of
// goroutines at any time. Every Conn must be closed, by Close, CloseNow or a
// reading method that returned a *CloseError; until then it holds its transport.
type Conn struct {
	conn        net.Conn
	raw         syscall.RawConn // of conn, nil if using it is not the same as using conn
	subprotocol *string         // nil for none
	settings    *settings       // shared

	// The machine's receiving half belongs to whoever reads, its sending half
	// to whoever holds mu.
	machine proto.Machine

	reading  readSide
	activity atomic.Uint32 // counts entries to and exits from waiting reads: odd while one waits
	noted    atomic.Uint32 // heard and starved, since the keepalive looked

	mu       sync.Mutex
	out      outbox
	silence  silence              // keepalive's notes
	masks    bool                 // this end is a client; never changes
	isOpen   bool                 // the opening handshake is done
	readBusy bool                 // a goroutine reads
	dropping bool                 // it is Close, which drops messages until the end
	ended    bool                 // the connection is over; the transport may still say goodbye
	told     bool                 // that it ended: Trace, Registry
	readFree chan struct{}        // closed when nobody reads, made when asked for
	done     chan struct{}        // closed when ended, made when asked for
	afterEnd map[*func()]struct{} // what to run when ended
	pings    *pings               // nil until one is sent
	alive    *time.Timer          // keepalive, nil if off
}

// newConn returns a Conn over a transport. early are the bytes that came behind the
// peer's half of the opening handshake; the Conn keeps the slice. z is the compression
// agreed on, nil for none. When the handshake is done, call opened.
func newConn(conn net.Conn, role proto.Role, s settings, subprotocol string, z *proto.Deflate, early []byte) *Conn {
	c := &Conn{conn: conn, settings: s.share()}
	if subprotocol != "" {
		c.subprotocol = &subprotocol
	}
	config := proto.Config{Role: role, MaxMessage: s.maxMessage, Deflate: z}
	if role == proto.Client {
		c.masks = true
		var seed [32]byte
		_, _ = rand.Read(seed[:]) // never fails
		config.MaskKeys = mathrand.NewChaCha8(seed)
	}
	c.machine.Init(config)
	if c.raw = rawConn(conn); c.raw != nil {
		c.reading.ready, c.out.ready = c.reading.readReady, c.out.writeReady
	}
	c.out.watch.way = writes
	c.out.flusher = c.flushSummoned
	if len(early) > 0 {
		c.machine.Receive(early)
	}
	return c
}

// opened begins the life of a connection whose opening handshake is done.
func (c *Conn) opened() {
	c.mu.Lock()
	c.isOpen = true
	if d := c.settings.pingInterval; d > 0 && !c.ended {
		c.alive = time.AfterFunc(d, c.keepalive)
	}
	c.mu.Unlock()
	if t := c.settings.trace; t != nil && t.Opened != nil {
		t.Opened(c)
	}
}

// Subprotocol returns the subprotocol agreed on, "" for none.
func (c *Conn) Subprotocol() string {
	if c.subprotocol == nil {
		return ""
	}
	return *c.subprotocol
}

// LocalAddr returns the address of this end of the transport.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the address of the other end of the transport.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Queued returns how many bytes, frame headers included, wait for the network to
// take them. It is more than 0 only if Post was called or the network is slow.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.size()
}

// closedError returns what Read and Write say once the connection ended, or while
// it is closing. mu must be held.
func (c *Conn) closedError() error {
	if c.ended {
		return c.machine.Ending()
	}
	return errClosing
}

// fail gives the connection up because of cause and returns how it ended. The
// transport is dropped: what waited to be written is lost. If the connection is
// ending already, fail only makes that quick.
func (c *Conn) fail(cause, local error) error {
	c.mu.Lock()
	state := c.machine.State()
	mine := state == proto.Open || state == proto.Closing
	if mine {
		c.machine.Abandon(cause)
		if state == proto.Open {
			c.machine.Ending().Local = local
		}
	}
	c.mu.Unlock()
	c.drop()
	if mine {
		c.end()
	} else {
		<-c.doneChan() // the reader sees to it, and waits for nothing but the transport
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine.Ending()
}

// interrupted returns the error of an operation whose context is done: how the
// connection ended if it did, for that may be why, and ctx's error otherwise. mu
// must not be held.
func (c *Conn) interrupted(ctx context.Context, operation string) error {
	err := interrupted(operation, ctx.Err())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return c.machine.Ending()
	}
	return err
}

// end marks the connection as over, once: whoever waits is told.
func (c *Conn) end() {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	if c.alive != nil {
		c.alive.Stop()
	}
	// A context that lives on must not hold the connection. Whoever reads or
	// flushes now sees to it at the end of that.
	if !c.readBusy {
		c.reading.watch.drop(c.conn)
	}
	if !c.out.flushing {
		c.out.watch.drop(c.conn)
	}
	after, err, wasOpen := c.afterEnd, c.machine.Ending(), c.isOpen
	c.afterEnd = nil
	c.mu.Unlock()

	if t := c.settings.trace; wasOpen && t != nil && t.Closed != nil {
		t.Closed(c, err)
	}
	c.settings.registry.remove(c)
	for f := range after {
		go (*f)()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = true
	if c.done != nil {
		close(c.done)
	}
}

// drop closes the transport at once. Beneath TLS, of which a proxy may add a second
// layer, it closes the socket itself: the goodbye of tls.Conn.Close could wait for
// seconds.
func (c *Conn) drop() {
	conn := c.conn
	for t, ok := conn.(*tls.Conn); ok; t, ok = conn.(*tls.Conn) {
		conn = t.NetConn()
	}
	_ = conn.Close()
}

// doneChan returns a channel that is closed when the connection is over and
// everybody who asked for it was told.
func (c *Conn) doneChan() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.told {
			close(c.done)
		}
	}
	return c.done
}
