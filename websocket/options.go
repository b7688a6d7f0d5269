package websocket

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Defaults of the options, used where a field is zero.
const (
	DefaultMaxMessage       = 1 << 20 // bytes
	DefaultMaxQueue         = 1 << 20 // bytes
	DefaultPingInterval     = 30 * time.Second
	DefaultPongTimeout      = 10 * time.Second
	DefaultWriteTimeout     = 10 * time.Second
	DefaultCloseTimeout     = 5 * time.Second
	DefaultHandshakeTimeout = 30 * time.Second
)

// AcceptOptions says how a server accepts a connection and how the connection
// behaves. The zero value, like nil, means the defaults, which are safe. A value
// may be shared by many calls and must not be changed while one is in progress.
type AcceptOptions struct {
	// Subprotocols the server speaks, best first. The first one that the
	// client offers is chosen; none is chosen if they have none in common
	// (RFC 6455 §4.2.2), which makes a browser that offered some give up.
	// Default: none.
	Subprotocols []string

	// Origins lists the web pages, besides those of the same origin, that
	// may connect: patterns such as "https://example.com",
	// "https://*.example.com" or "http://localhost:*". "*" lets every page
	// in, "null" those without an origin of their own. Programs that are not
	// browsers send no Origin and are not held to this (RFC 6455 §10.2).
	// Default: same origin only.
	Origins []string

	// Header is added to the answer that opens the connection.
	Header http.Header

	// Compression, if not nil, lets messages be compressed if the client
	// offers that. Default: every offer is declined.
	Compression *Compression

	// MaxMessage is the largest message to receive, in bytes, after
	// inflating; a larger one ends the connection with 1009. Default 1 MiB;
	// negative: no limit.
	MaxMessage int64

	// MaxQueue is how many bytes Post may keep waiting for the network.
	// Default 1 MiB.
	MaxQueue int

	// PingInterval is how often to look whether the peer was heard of: one
	// that was silent for a whole interval is sent a ping. Default 30 s;
	// negative: no pings.
	PingInterval time.Duration

	// PongTimeout is how long after such a ping the peer may stay silent
	// before the connection is given up. It counts while the application
	// reads. Default 10 s.
	PongTimeout time.Duration

	// WriteTimeout is how long the network may take to accept 64 KiB, or a
	// frame if it is smaller, before the connection is given up. Default
	// 10 s; negative: no limit.
	WriteTimeout time.Duration

	// CloseTimeout is how long Close waits for the peer's close frame.
	// Default 5 s.
	CloseTimeout time.Duration

	// Registry, if not nil, keeps the connection until it ends.
	Registry *Registry

	// Trace, if not nil, is told what happens.
	Trace *Trace
}

// DialOptions says how a client connects and how the connection behaves. The
// zero value, like nil, means the defaults. A value may be shared by many calls
// and must not be changed while one is in progress.
type DialOptions struct {
	// Subprotocols to offer, best first (RFC 6455 §4.1). Default: none.
	Subprotocols []string

	// Header is added to the request, for example an Origin or an
	// Authorization. Headers of the handshake itself are refused.
	Header http.Header

	// Host replaces the Host header, whose default is that of the URL.
	Host string

	// Jar holds cookies: those it has for the URL are sent, those of the
	// answer are stored. Default: no cookies.
	Jar http.CookieJar

	// TLSConfig is used for wss and https URLs. Default: that of crypto/tls.
	TLSConfig *tls.Config

	// Proxy returns the proxy for a request, nil for none: an http, https,
	// socks5 or socks5h URL, with user and password if it wants them.
	// Default: http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)

	// DialContext opens the transport, to the server or to the proxy; the
	// network is "tcp". Default: that of net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// MaxRedirects is how many redirects to follow. Default: none.
	MaxRedirects int

	// HandshakeTimeout bounds Dial beside its context. Default 30 s;
	// negative: only the context.
	HandshakeTimeout time.Duration

	// Compression, if not nil, is offered to the server. Default: no
	// compression.
	Compression *Compression

	// The fields below mean what they mean in AcceptOptions.

	MaxMessage   int64         // default 1 MiB; negative: no limit
	MaxQueue     int           // default 1 MiB
	PingInterval time.Duration // default 30 s; negative: no pings
	PongTimeout  time.Duration // default 10 s
	WriteTimeout time.Duration // default 10 s; negative: no limit
	CloseTimeout time.Duration // default 5 s
	Registry     *Registry
	Trace        *Trace
}

// settings are the options of a Conn with the defaults filled in. Connections
// accepted with the same AcceptOptions have equal settings.
type settings struct {
	maxMessage   int64
	maxQueue     int
	pingInterval time.Duration // 0: off
	pongTimeout  time.Duration
	writeTimeout time.Duration // 0: off
	closeTimeout time.Duration
	registry     *Registry
	trace        *Trace
}

func (o *AcceptOptions) settings() settings {
	return settings{
		maxMessage:   o.MaxMessage,
		maxQueue:     o.MaxQueue,
		pingInterval: o.PingInterval,
		pongTimeout:  o.PongTimeout,
		writeTimeout: o.WriteTimeout,
		closeTimeout: o.CloseTimeout,
		registry:     o.Registry,
		trace:        o.Trace,
	}.withDefaults()
}

func (o *DialOptions) settings() settings {
	return settings{
		maxMessage:   o.MaxMessage,
		maxQueue:     o.MaxQueue,
		pingInterval: o.PingInterval,
		pongTimeout:  o.PongTimeout,
		writeTimeout: o.WriteTimeout,
		closeTimeout: o.CloseTimeout,
		registry:     o.Registry,
		trace:        o.Trace,
	}.withDefaults()
}

func (s settings) withDefaults() settings {
	if s.maxMessage == 0 {
		s.maxMessage = DefaultMaxMessage
	}
	if s.maxQueue <= 0 {
		s.maxQueue = DefaultMaxQueue
	}
	s.pingInterval = orDefault(s.pingInterval, DefaultPingInterval)
	s.writeTimeout = orDefault(s.writeTimeout, DefaultWriteTimeout)
	if s.pongTimeout <= 0 {
		s.pongTimeout = DefaultPongTimeout
	}
	if s.closeTimeout <= 0 {
		s.closeTimeout = DefaultCloseTimeout
	}
	return s
}

// lastSettings is what share returned last.
var lastSettings atomic.Pointer[settings]

// share returns a pointer to settings equal to s. Connections mostly have the same
// settings as the one before, and then share them in memory.
func (s settings) share() *settings {
	if last := lastSettings.Load(); last != nil && *last == s {
		return last
	}
	lastSettings.Store(&s)
	return &s
}

// orDefault returns d, byDefault if it is zero and zero if it is negative.
func orDefault(d, byDefault time.Duration) time.Duration {
	if d == 0 {
		return byDefault
	}
	return max(d, 0)
}
