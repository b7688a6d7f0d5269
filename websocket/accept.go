package websocket

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

// Accept answers the opening handshake in r and returns the connection (RFC 6455
// §4.2). o may be nil.
//
// A request that is no proper handshake is answered before anything is hijacked,
// with a status and a sentence that says what is wrong: 400, 403 for a foreign
// origin, 405, 426 for a request that does not ask for WebSocket or asks for
// another version, 503 once the registry shuts down, 505 over HTTP/2. The error
// then is a *HandshakeError, and the handler should just return. What only the
// program can mend, an option that is wrong, a Header that may not be set or a
// writer that cannot be hijacked, is answered with 500 and the error.
//
// Middleware may wrap w as long as it can be unwrapped by http.ResponseController.
//
// After Accept the handler may return while the connection lives on. It then
// costs less: the request and the buffers of net/http are freed, which a handler
// that loops over Read keeps alive. [Handler] does that by itself. The context of
// the request ends with the handler, so do not read with it in that case.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	if o == nil {
		o = &acceptDefaults
	}
	c, err := accept(w, r, o)
	if err != nil && o.Trace != nil && o.Trace.Refused != nil {
		o.Trace.Refused(r, err)
	}
	return c, err
}

// acceptDefaults are the options of those who name none.
var acceptDefaults AcceptOptions

// accept keeps its frame small, and those below it gone before the next: a connection
// may live on in the goroutine of its handler, with all the stack that this takes.
func accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	var h acceptance
	if err := h.settle(r, o); err != nil {
		return nil, refuse(w, err)
	}
	if o.Registry.enter() != nil {
		return nil, refuse(w, &HandshakeError{Status: http.StatusServiceUnavailable, Problem: "server is shutting down"})
	}
	conn, early, err := hijack(w)
	if err != nil {
		o.Registry.settle(nil)
		return nil, err
	}
	return h.open(conn, early, o)
}

// An acceptance is the opening of one connection.
type acceptance struct {
	accepted    handshake.Accepted
	compression *proto.Deflate
	answer      []byte
}

// settle checks the request and makes the answer.
func (h *acceptance) settle(r *http.Request, o *AcceptOptions) error {
	if err := h.check(r, o); err != nil {
		return err
	}
	return h.respond(o)
}

// check checks the request and finds what both ends agree on.
func (h *acceptance) check(r *http.Request, o *AcceptOptions) (err error) {
	h.accepted, err = handshake.Check(&handshake.Request{
		Method:     r.Method,
		ProtoMajor: r.ProtoMajor,
		ProtoMinor: r.ProtoMinor,
		Target:     r.RequestURI,
		Host:       r.Host,
		Header:     r.Header,
		HasBody:    r.ContentLength != 0,
		Secure:     r.TLS != nil,
	}, &handshake.Policy{Subprotocols: o.Subprotocols, Origins: o.Origins})
	if err == nil {
		h.compression, err = o.Compression.Accept(&h.accepted)
	}
	return err
}

// respond makes the answer.
func (h *acceptance) respond(o *AcceptOptions) (err error) {
	h.answer, err = handshake.AppendResponse(nil, h.accepted, o.Header)
	return err
}

// open sends the answer and begins the life of the connection.
func (h *acceptance) open(conn net.Conn, early []byte, o *AcceptOptions) (*Conn, error) {
	// Whoever finds the connection in the registry may write to it at once, so
	// that a client that has its answer misses no broadcast; as we are the
	// flusher of the outbox until the answer is out, that waits.
	c := newConn(conn, proto.Server, o.settings(), h.accepted.Subprotocol, h.compression, early)
	c.out.flushing = true
	o.Registry.settle(c)
	if err := writeAnswer(conn, h.answer, c.settings.writeTimeout); err != nil {
		_ = c.fail(err, nil)
		c.passOn()
		return nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	c.passOn()
	c.opened()
	return c, nil
}

// refuse answers a request with err in words, and returns err.
func refuse(w http.ResponseWriter, err error) error {
	status := http.StatusBadRequest
	var problem *HandshakeError
	if errors.As(err, &problem) && problem.Status != 0 {
		status = problem.Status
		maps.Copy(w.Header(), problem.Header)
	}
	http.Error(w, err.Error(), status)
	return err
}

// hijack takes the connection over from net/http, with the bytes the client sent
// behind its request. The buffers of net/http are not kept. If it cannot, it says
// why in the answer too.
func hijack(w http.ResponseWriter) (net.Conn, []byte, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		err = fmt.Errorf("websocket: handshake: %T cannot be hijacked: "+
			"serve over HTTP/1.1, and let middleware that wraps http.ResponseWriter have an Unwrap method: %w", innermost(w), err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil, nil, err
	}
	early, err := buffered(rw.Reader)
	if err == nil {
		err = conn.SetDeadline(time.Time{}) // the http.Server may have set one
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	return conn, early, nil
}

// innermost unwraps w as far as it goes, as http.ResponseController does. If that
// cannot hijack, it is the type to look at.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}

// buffered returns a copy of the bytes that r has read from its source already.
func buffered(r *bufio.Reader) ([]byte, error) {
	n := r.Buffered()
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// writeAnswer writes the answer to the handshake in one piece.
func writeAnswer(conn net.Conn, answer []byte, timeout time.Duration) error {
	if timeout > 0 {
		if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
	}
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}
