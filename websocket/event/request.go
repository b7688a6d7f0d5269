package event

import (
	"net"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// A Request is what a client asks for to open a connection, as [Options.Accept] sees it.
// It is valid until Accept returns: strings that are to be kept must be cloned.
type Request struct {
	// Target is the path and query that the client asks for, as they came.
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
	*q = Request{Target: r.Target, Host: r.Host, Header: r.Header, RemoteAddr: remote}
}
