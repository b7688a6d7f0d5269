package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// Defaults of a Target, used where a field is zero.
const (
	DefaultConcurrency = 64
	DefaultMaxQueue    = 16 << 20 // bytes
	DefaultMaxMessage  = 64 << 20 // bytes
	DefaultTimeout     = 5 * time.Second
)

// A Target is a server and how to connect to it. It must not be changed while it is
// in use.
type Target struct {
	// URL is where to connect, as for websocket.Dial.
	URL string

	// Dial says how: header, subprotocols, TLS, compression. It is copied. What
	// is zero has the defaults of websocket.Dial, but for the keepalive, which is
	// off, MaxMessage, which is 64 MiB, and MaxQueue, which is that below.
	// Registry and Trace are not used.
	Dial *websocket.DialOptions

	// Sources are local addresses to connect from, taken in turn. One address has
	// about 28,000 ports for each port of the server, so more connections than
	// that need more addresses. Default: the choice of the system.
	Sources []netip.Addr

	// Driver is how connections are waited for, in how many Loops. Default: Auto,
	// in GOMAXPROCS loops.
	Driver event.Driver
	Loops  int

	// Concurrency is how many handshakes are in progress at the same time.
	// Default 64.
	Concurrency int

	// MaxQueue is how many bytes may wait for the network on one connection. A
	// server that lets more pile up has lost the connection. Default 16 MiB.
	MaxQueue int

	// Timeout is how long nothing may arrive while something is awaited, and how
	// long a handshake may take. Default 5 s.
	Timeout time.Duration

	// Processes are those of the server, for its processor time and memory.
	// Linux only. Default: these are not measured.
	Processes Processes

	// Handshakes, if not nil, is increased for each handshake that succeeds, to
	// show progress.
	Handshakes *atomic.Int64
}

// withDefaults returns a copy of t with the defaults filled in, or says what is
// wrong.
func (t *Target) withDefaults() (*Target, error) {
	c := *t
	c.Timeout = orDefault(c.Timeout, DefaultTimeout)
	c.Concurrency = orDefault(c.Concurrency, DefaultConcurrency)
	c.MaxQueue = orDefault(c.MaxQueue, DefaultMaxQueue)
	c.Loops = orDefault(c.Loops, runtime.GOMAXPROCS(0))
	if c.Handshakes == nil {
		c.Handshakes = new(atomic.Int64)
	}
	return &c, c.Processes.Check()
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// dialOptions returns how to dial. Where reset is set, a connection that is closed
// at once is reset, so that its port is free again.
func (t *Target) dialOptions(reset bool) *websocket.DialOptions {
	var o websocket.DialOptions
	if t.Dial != nil {
		o = *t.Dial
	}
	o.Registry, o.Trace = nil, nil
	if o.PingInterval == 0 {
		o.PingInterval = -1
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = t.MaxQueue
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = t.Timeout
	}
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = t.Timeout
	}
	if o.DialContext == nil {
		o.DialContext = t.dialer(reset)
	}
	return &o
}

// dialer returns a DialContext that takes the sources in turn.
func (t *Target) dialer(reset bool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	var turn atomic.Uint64
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{KeepAlive: -1}
		if n := uint64(len(t.Sources)); n > 0 {
			source := t.Sources[turn.Add(1)%n]
			d.LocalAddr = &net.TCPAddr{IP: source.AsSlice(), Zone: source.Zone()}
			d.Control = bindLate
		}
		c, err := d.DialContext(ctx, network, addr)
		if tcp, ok := c.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		return c, err
	}
}

// lanes returns how many lanes connections are spread over: one for each loop, and
// more where each connection has a goroutine, so that these wait less for each
// other.
func (t *Target) lanes(o *websocket.DialOptions) int {
	const more = 8
	u, err := url.Parse(t.URL)
	plain := err == nil && (u.Scheme == "ws" || u.Scheme == "http") && (t.Dial == nil || t.Dial.DialContext == nil)
	if o.TLSConfig == nil && plain && t.Driver != event.Goroutines && runtime.GOOS == "linux" {
		return t.Loops
	}
	return t.Loops * more
}

// A RefusedError says that a handshake failed. Response is what the server said, nil
// if it said nothing; its body need not be closed.
type RefusedError struct {
	Opened   int // how many handshakes had succeeded before
	Response *http.Response
	Err      error
}

// Error returns the reason, and what to do about it if that is known.
func (e *RefusedError) Error() string {
	if hint := e.Hint(); hint != "" {
		return fmt.Sprintf("%v: %s", e.Err, hint)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// windowsNoBuffers is WSAENOBUFS, which package syscall does not name.
const windowsNoBuffers = syscall.Errno(10055)

// Hint returns what to do about it, "" if that is not known.
func (e *RefusedError) Hint() string {
	switch {
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL), errors.Is(e.Err, windowsNoBuffers):
		return fmt.Sprintf("no port is left after %d connections: connect from more source addresses", e.Opened)
	case errors.Is(e.Err, syscall.EMFILE):
		return fmt.Sprintf("this program may open no more files after %d connections: raise the limit (ulimit -n)", e.Opened)
	default:
		return ""
	}
}
