package wstest

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeSize is the capacity of each direction of a NetPipe, in bytes.
const pipeSize = 64 << 10

// NetPipe returns the two ends of a connection in memory, with a buffer of
// 64 KiB in each direction. Both are of type *PipeConn, which has CloseWrite
// and Reset besides the methods of net.Conn.
func NetPipe() (a, b net.Conn) { return NetPipeSize(pipeSize) }

// NetPipeSize is NetPipe with a buffer of n bytes, at least 1, in each
// direction. A small n makes writers wait for the reader at once.
func NetPipeSize(n int) (a, b net.Conn) {
	port := nextPort()
	return newPipe(n, newAddr("pipe-a", port), newAddr("pipe-b", port))
}

func newPipe(n int, addrA, addrB Addr) (a, b *PipeConn) {
	mu := new(sync.Mutex)
	changed := sync.NewCond(mu)
	ab, ba := &stream{size: max(n, 1)}, &stream{size: max(n, 1)}
	a = &PipeConn{mu: mu, changed: changed, in: ba, out: ab, local: addrA, remote: addrB}
	b = &PipeConn{mu: mu, changed: changed, in: ab, out: ba, local: addrB, remote: addrA}
	a.peer, b.peer = b, a
	return a, b
}

// A PipeConn is one end of a connection made by NetPipe or by a Listener. It
// behaves like an end of a TCP connection, as far as a program can tell:
//
//   - A Write returns when all its bytes are in the buffer, and waits while the
//     buffer is full. Concurrent writes do not mix.
//   - A deadline in the past fails every Read or Write, also those that wait
//     already, with os.ErrDeadlineExceeded; a later one makes the end usable
//     again. A Write that was cut off says how many bytes went through.
//   - After Close or CloseWrite the peer reads what is buffered and then io.EOF.
//     After Close its writes fail with syscall.EPIPE.
//   - Reset is what a crashed machine or an impatient proxy does.
//
// Errors other than io.EOF are of type *net.OpError. All methods may be called
// from several goroutines at once. An end needs no goroutine of its own, and
// nothing is left behind after Close.
type PipeConn struct {
	mu      *sync.Mutex // one for both ends
	changed *sync.Cond  // woken at every change to either end

	local, remote Addr
	peer          *PipeConn
	in, out       *stream

	closed bool // by Close or Reset of this end
	reset  bool // by Reset of the peer

	readBy, writeBy deadline
}

// A stream is one direction of a pipe.
type stream struct {
	buf     bytes.Buffer
	size    int  // buf holds no more than this
	ended   bool // nothing will be written any more
	unread  bool // nothing will be read any more
	writing bool // a Write is under way; others wait for their turn
}

// Read reads what is buffered, up to len(p) bytes, and waits if there is
// nothing.
func (c *PipeConn) Read(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.failed("read", net.ErrClosed)
		case c.reset:
			return 0, c.failed("read", syscall.ECONNRESET)
		case len(p) == 0:
			return 0, nil
		case c.readBy.passed():
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		case c.in.buf.Len() > 0:
			n, _ = c.in.buf.Read(p)
			c.changed.Broadcast()
			return n, nil
		case c.in.ended:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// Write copies p into the buffer towards the peer and waits while that is full.
func (c *PipeConn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.out.writing && c.writeError() == nil {
		c.changed.Wait()
	}
	if err := c.writeError(); err != nil {
		return 0, c.failed("write", err)
	}
	c.out.writing = true
	defer func() {
		c.out.writing = false
		c.changed.Broadcast()
	}()
	for {
		room := min(len(p)-n, c.out.size-c.out.buf.Len())
		c.out.buf.Write(p[n : n+room])
		n += room
		if n == len(p) {
			return n, nil
		}
		c.changed.Broadcast()
		c.changed.Wait()
		if err := c.writeError(); err != nil {
			return n, c.failed("write", err)
		}
	}
}

// writeError returns the reason why nothing can be written at the moment.
func (c *PipeConn) writeError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.reset:
		return syscall.ECONNRESET
	case c.out.ended, c.out.unread:
		return syscall.EPIPE
	case c.writeBy.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// CloseWrite closes the direction towards the peer, which reads what is
// buffered and then io.EOF. The other direction stays open.
func (c *PipeConn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.out.ended = true
	c.changed.Broadcast()
	return nil
}

// Close closes both directions. What was written and not read yet can still be
// read by the peer; what the peer wrote is lost. Calls that wait return with
// net.ErrClosed, and so does a second Close.
func (c *PipeConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.close()
}

// Reset breaks the connection off, as a TCP segment with the RST bit does: the
// bytes on the way are lost in both directions, and every Read and Write of
// the peer fails with syscall.ECONNRESET. This end is closed afterwards.
func (c *PipeConn) Reset() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.close(); err != nil {
		return err
	}
	c.peer.reset = true // goes before the bytes that it has not read
	return nil
}

func (c *PipeConn) close() error {
	if c.closed {
		return c.failed("close", net.ErrClosed)
	}
	c.closed = true
	c.out.ended = true
	c.in.unread = true
	c.in.buf.Reset()
	c.readBy.stop()
	c.writeBy.stop()
	c.changed.Broadcast()
	return nil
}

// LocalAddr returns the address of this end, an Addr.
func (c *PipeConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end, an Addr.
func (c *PipeConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline in one.
func (c *PipeConn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readBy, &c.writeBy)
}

// SetReadDeadline makes reads fail from t on, those under way included. The
// zero time takes the deadline away.
func (c *PipeConn) SetReadDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readBy)
}

// SetWriteDeadline makes writes fail from t on, those under way included. The
// zero time takes the deadline away.
func (c *PipeConn) SetWriteDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.writeBy)
}

func (c *PipeConn) setDeadlines(t time.Time, deadlines ...*deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		d.set(t, c.changed)
	}
	c.changed.Broadcast()
	return nil
}

// failed returns err with the operation and the addresses of the two ends.
func (c *PipeConn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}
