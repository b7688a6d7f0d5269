package event

import (
	"net/http"
	"runtime"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// A Driver is the way in which connections are waited for.
type Driver uint8

// The drivers.
const (
	// Auto is Epoll where it can be used, and Goroutines elsewhere.
	Auto Driver = iota

	// Goroutines gives each connection a goroutine.
	Goroutines

	// Epoll waits for all connections in a few loops. It needs Linux, and plain
	// TCP or Unix sockets: other connections are driven by goroutines.
	Epoll
)

// String returns "auto", "goroutines" or "epoll".
func (d Driver) String() string { return [...]string{"auto", "goroutines", "epoll"}[d] }

// A QueuePolicy says what becomes of a message when as much as [Options.MaxQueue]
// allows waits for the network already.
type QueuePolicy uint8

// The policies.
const (
	// QueueClose refuses the message with websocket.ErrQueueFull and closes the
	// connection with 1013: a peer that connects again can ask for what it
	// missed, and one that does not read holds no memory.
	QueueClose QueuePolicy = iota

	// QueueDropNewest refuses the message with websocket.ErrQueueFull.
	QueueDropNewest

	// QueueDropOldest drops messages that wait, the oldest first, until there is
	// room. What is on its way, and what was compressed with context takeover,
	// cannot be dropped; if that leaves no room, the message is refused.
	QueueDropOldest

	// QueueBlock makes the sender wait until there is room or the connection
	// ends. Do not hold locks then that other handlers need.
	QueueBlock
)

// DefaultCork is the default of [Options.Cork], in bytes.
const DefaultCork = 64 << 10

// Options say how a server accepts connections and how these behave. The zero value,
// like nil, means the defaults, which are safe.
type Options struct {
	// Driver is how connections are waited for. Default: Auto.
	Driver Driver

	// Loops is how many loops the epoll driver has. Default: GOMAXPROCS.
	Loops int

	// Accept, if not nil, is called for each request that a listener of the
	// server's own receives, before it is answered. It may look at the request,
	// set its Data, and refuse it with an error: a *websocket.HandshakeError has
	// the status to answer with, any other error becomes a 400. With ServeHTTP
	// and Upgrade the program has seen the request itself. Default: all are
	// accepted that are proper handshakes.
	Accept func(r *Request) error

	// The fields below mean what they mean in websocket.AcceptOptions.

	Subprotocols []string               // default: none
	Origins      []string               // default: same origin only
	Header       http.Header            // added to the answer that opens a connection
	Compression  *websocket.Compression // default: every offer is declined
	MaxMessage   int64                  // bytes; default 1 MiB; negative: no limit
	PingInterval time.Duration          // default 30 s; negative: no pings
	PongTimeout  time.Duration          // default 10 s
	CloseTimeout time.Duration          // default 5 s

	// WriteTimeout is how long the network may take nothing of what waits for it
	// before the connection is given up. Default 10 s; negative: no limit.
	WriteTimeout time.Duration

	// HandshakeTimeout is how long a client of one of the server's own listeners
	// may take for its request. Default 30 s; negative: no limit.
	HandshakeTimeout time.Duration

	// MaxQueue is how many bytes may wait for the network on one connection, and
	// QueuePolicy what happens to a message beyond. Each message counts 32 bytes
	// more than its frame. One message may wait however large it is. Default
	// 1 MiB, and QueueClose.
	MaxQueue    int
	QueuePolicy QueuePolicy

	// Cork is how many bytes that a connection's own handler sends are kept
	// together, at most, before they are written. Default 64 KiB.
	Cork int

	// Panicked is called when a function of the Handler panics. The connection
	// is closed with 1011. It is also called when Accept panics, with a nil c:
	// the request is answered with 500. Default: the panic goes to slog.Default.
	Panicked func(c *Conn, value any, stack []byte)
}

// ClientOptions say how a client connects and how its connections behave. The zero
// value, like nil, means the defaults.
type ClientOptions struct {
	// Dial is how connections are opened, and how they behave: its Registry and
	// Trace are not used. Default: what websocket.Dial does without options.
	Dial *websocket.DialOptions

	// The fields below mean what they mean in Options.

	Driver      Driver
	Loops       int
	QueuePolicy QueuePolicy
	Cork        int
	Panicked    func(c *Conn, value any, stack []byte)
}

// settings are the options of a server or client with the defaults filled in.
type settings struct {
	driver   Driver
	loops    int
	accept   func(r *Request) error
	panicked func(c *Conn, value any, stack []byte)

	subprotocols []string
	policy       handshake.Policy
	header       http.Header
	compression  *websocket.Compression

	maxMessage       int64
	maxQueue         int
	queuePolicy      QueuePolicy
	cork             int
	pingInterval     time.Duration // 0: off
	pongTimeout      time.Duration
	writeTimeout     time.Duration // 0: off
	closeTimeout     time.Duration
	handshakeTimeout time.Duration // 0: off
}

func (o *Options) settings() settings {
	return settings{
		driver:           o.Driver,
		loops:            o.Loops,
		accept:           o.Accept,
		panicked:         o.Panicked,
		subprotocols:     o.Subprotocols,
		policy:           handshake.Policy{Subprotocols: o.Subprotocols, Origins: o.Origins},
		header:           o.Header,
		compression:      o.Compression,
		maxMessage:       o.MaxMessage,
		maxQueue:         o.MaxQueue,
		queuePolicy:      o.QueuePolicy,
		cork:             o.Cork,
		pingInterval:     o.PingInterval,
		pongTimeout:      o.PongTimeout,
		writeTimeout:     o.WriteTimeout,
		closeTimeout:     o.CloseTimeout,
		handshakeTimeout: o.HandshakeTimeout,
	}.withDefaults()
}

func (o *ClientOptions) settings(d *websocket.DialOptions) settings {
	return settings{
		driver:       o.Driver,
		loops:        o.Loops,
		panicked:     o.Panicked,
		maxMessage:   d.MaxMessage,
		maxQueue:     d.MaxQueue,
		queuePolicy:  o.QueuePolicy,
		cork:         o.Cork,
		pingInterval: d.PingInterval,
		pongTimeout:  d.PongTimeout,
		writeTimeout: d.WriteTimeout,
		closeTimeout: d.CloseTimeout,
	}.withDefaults()
}

func (s settings) withDefaults() settings {
	if s.loops <= 0 {
		s.loops = runtime.GOMAXPROCS(0)
	}
	if s.maxMessage == 0 {
		s.maxMessage = websocket.DefaultMaxMessage
	}
	if s.maxQueue <= 0 {
		s.maxQueue = websocket.DefaultMaxQueue
	}
	if s.cork <= 0 {
		s.cork = DefaultCork
	}
	s.pingInterval = orDefault(s.pingInterval, websocket.DefaultPingInterval)
	s.writeTimeout = orDefault(s.writeTimeout, websocket.DefaultWriteTimeout)
	s.handshakeTimeout = orDefault(s.handshakeTimeout, websocket.DefaultHandshakeTimeout)
	if s.pongTimeout <= 0 {
		s.pongTimeout = websocket.DefaultPongTimeout
	}
	if s.closeTimeout <= 0 {
		s.closeTimeout = websocket.DefaultCloseTimeout
	}
	return s
}

// orDefault returns d, byDefault if it is zero and zero if it is negative.
func orDefault(d, byDefault time.Duration) time.Duration {
	if d == 0 {
		return byDefault
	}
	return max(d, 0)
}
