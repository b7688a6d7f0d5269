package event

import (
	"net"
	"strings"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// A Request is what a client asks for to open a connection, as [Options.Accept] sees it.
// It is valid until Accept returns: strings that are to be kept must be cloned.
type Request struct {
	// Target is the path and query that the client asks for, as they came, without
	// scheme and host if it was an absolute request target.
	Target string

	// Host is the Host header, or the host of an absolute request target.
	Host string

	// Header holds all other headers under their canonical names, such as
	// "Sec-Websocket-Key".
	Header map[string][]string

	// RemoteAddr returns the address of the client.
	RemoteAddr func() net.Addr

	// Data is what Conn.Data will return. Accept sets it.
	Data any
}

// set takes the fields from r.
func (q *Request) set(r *handshake.Request, remote func() net.Addr) {
	*q = Request{Target: pathOf(r.Target), Host: r.Host, Header: r.Header, RemoteAddr: remote}
}

// pathOf returns the path and query of a request target (RFC 9112 §3.2).
func pathOf(target string) string {
	_, rest, absolute := strings.Cut(target, "://")
	if strings.HasPrefix(target, "/") || !absolute {
		return target
	}
	switch i := strings.IndexAny(rest, "/?"); {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	default:
		return rest[i:]
	}
}
