package conformance

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// guard puts the flaws of a server that stand between it and its listener in
// place.
func (b *breed) guard(l net.Listener) net.Listener {
	switch {
	case b.is("serves one at a time"):
		return &queue{Listener: l, turn: make(chan struct{}, 1)}
	case b.is("stops when a connection is reset"):
		return &brittle{l}
	}
	return l
}

// A queue is a listener that has one connection open at a time.
type queue struct {
	net.Listener
	turn chan struct{}
}

func (q *queue) Accept() (net.Conn, error) {
	q.turn <- struct{}{}
	conn, err := q.Listener.Accept()
	if err != nil {
		<-q.turn
		return nil, err
	}
	return &queued{TCPConn: conn.(*net.TCPConn), q: q}, nil
}

// queued is a connection of a queue.
type queued struct {
	*net.TCPConn
	q    *queue
	once sync.Once
}

func (c *queued) Close() error {
	c.once.Do(func() { <-c.q.turn })
	return c.TCPConn.Close()
}

// brittle is a listener that is closed by a reset.
type brittle struct{ net.Listener }

func (l *brittle) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &brittleConn{conn.(*net.TCPConn), l}, nil
}

type brittleConn struct {
	*net.TCPConn
	l *brittle
}

func (c *brittleConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.notice(err)
	return n, err
}

func (c *brittleConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	c.notice(err)
	return n, err
}

func (c *brittleConn) notice(err error) {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		c.l.Close()
	}
}

// lossy is a connection that drops what the other end does not take at once, and
// does not tell.
type lossy struct{ net.Conn }

func (c lossy) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = c.Conn.Write(b)
	return len(b), nil
}
