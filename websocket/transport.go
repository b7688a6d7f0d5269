package websocket

import (
	"context"
	"net"
	"net/http"

	"github.com/duplexhq/duplex/websocket/proto"
)

// A Transport is a connection whose opening handshake is done and which nobody drives
// yet. It is for those who drive a [proto.Machine] themselves, as package event does;
// everybody else wants a [Conn].
type Transport struct {
	// Conn is the connection, without a deadline. It belongs to the caller.
	Conn net.Conn

	// Answer is the server's answer to the handshake, to be written before
	// anything else. A client's Transport has none.
	Answer []byte

	// Early are the bytes that the peer sent behind its half of the handshake:
	// the first that the machine must receive.
	Early []byte

	// Subprotocol is the one agreed on, "" for none.
	Subprotocol string

	// Deflate is the compression agreed on, nil for none.
	Deflate *proto.Deflate
}

// AcceptTransport is [Accept] for those who drive the connection themselves: it
// answers a request that is no proper handshake, and otherwise takes the connection
// over. The answer that opens it is left to the caller to write, so that the
// connection can be known to others before the client knows that it is open. Of o the
// options of the handshake count, and Trace.Refused; it may be nil.
func AcceptTransport(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Transport, error) {
	if o == nil {
		o = &acceptDefaults
	}
	var h acceptance
	err := h.settle(r, o)
	if err == nil {
		return h.transport(w)
	}
	err = refuse(w, err)
	if o.Trace != nil && o.Trace.Refused != nil {
		o.Trace.Refused(r, err)
	}
	return nil, err
}

// transport takes the connection over from net/http.
func (h *acceptance) transport(w http.ResponseWriter) (*Transport, error) {
	conn, early, err := hijack(w)
	if err != nil {
		return nil, err
	}
	return &Transport{
		Conn: conn, Answer: h.answer, Early: early,
		Subprotocol: h.accepted.Subprotocol, Deflate: h.compression,
	}, nil
}

// DialTransport is [Dial] for those who drive the connection themselves. Of o the
// options of the handshake count; it may be nil. ctx bounds the dialing.
func DialTransport(ctx context.Context, rawURL string, o *DialOptions) (*Transport, *http.Response, error) {
	if o == nil {
		o = &DialOptions{}
	}
	if t := orDefault(o.HandshakeTimeout, DefaultHandshakeTimeout); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, nil, err
	}
	header, host := o.Header, o.Host
	for redirects := 0; ; redirects++ {
		d := &dialer{o: o, url: u, header: header, host: host}
		t, resp, err := d.dial(ctx)
		if err == nil || resp == nil || redirects >= o.MaxRedirects || !isRedirect(resp.StatusCode) {
			return t, resp, err
		}
		next, err := redirectTarget(u, resp)
		if err != nil {
			return nil, resp, err
		}
		if next.Host != u.Host {
			header, host = withoutSecrets(header), ""
		}
		u = next
	}
}
