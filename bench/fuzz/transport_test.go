package fuzz_test

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"time"
)

// A transport is a connection on which the client has said all it ever will. What
// is written to it is kept.
type transport struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *transport) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *transport) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *transport) Close() error                     { return nil }
func (c *transport) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *transport) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *transport) SetDeadline(time.Time) error      { return nil }
func (c *transport) SetReadDeadline(time.Time) error  { return nil }
func (c *transport) SetWriteDeadline(time.Time) error { return nil }

// A response is an http.ResponseWriter whose connection can be taken over.
type response struct {
	conn   *transport
	header http.Header
	status int
}

func newResponse(in []byte) *response {
	return &response{conn: &transport{in: bytes.NewReader(in)}, header: http.Header{}}
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) Write(p []byte) (int, error) { return len(p), nil }
func (r *response) WriteHeader(status int)      { r.status = status }

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return r.conn, bufio.NewReadWriter(bufio.NewReader(r.conn), bufio.NewWriter(r.conn)), nil
}
