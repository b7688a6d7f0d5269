package conformance

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// An ending is how the endpoint's direction of the transport ended.
type ending struct {
	how string // as "closed TCP"
	err error
}

// grace is what part of a timeout the suite waits to see that nothing comes.
const grace = 8

// writePiece is how much a write may send within one timeout.
const writePiece = 64 << 10

// connect opens the transport, TCP and TLS if the URL says so; in a client test
// it takes the accepted connection.
func (p *peer) connect() {
	p.leave()
	conn, err := p.way.dial(p.ctx)
	p.must(err == nil, "no connection: %v", err)
	p.conn, p.end, p.broken, p.in = conn, nil, false, nil
	p.release = context.AfterFunc(p.ctx, func() { _ = conn.Close() })
	p.opening, p.exchange = opening{}, conversation{}
	p.rec.reset()
	p.in = append(p.in, p.way.greeting...)
	if len(p.in) > 0 {
		p.rec.add(false, p.in)
	}
}

// leave closes the connection, if there is one.
func (p *peer) leave() {
	if p.conn != nil {
		p.release()
		_ = p.conn.Close()
	}
}

// write sends bytes. Errors are noted and do not stop the test: the endpoint may
// have ended the connection, which is judged by what is read. While a long b is
// written, what the endpoint sends meanwhile is taken in, so that neither waits
// for the other.
func (p *peer) write(b []byte) {
	p.rec.add(true, b)
	if p.broken {
		return
	}
	if len(b) > writePiece/2 && !p.deaf && p.end == nil {
		defer p.listen()()
	}
	for len(b) > 0 {
		n := min(len(b), writePiece)
		if err := p.conn.SetWriteDeadline(p.within(p.o.Timeout)); err != nil {
			p.cannotWrite(err)
			return
		}
		if _, err := p.conn.Write(b[:n]); err != nil {
			p.cannotWrite(err)
			return
		}
		b = b[n:]
	}
}

func (p *peer) cannotWrite(err error) {
	p.broken = true
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.remark("endpoint did not read for %v", p.o.Timeout)
		return
	}
	p.remark("endpoint takes nothing more: %v", err)
}

// listen reads in the background until the function it returns is called.
func (p *peer) listen() (done func()) {
	_ = p.conn.SetReadDeadline(p.deadline)
	type chunk struct {
		b   []byte
		err error
	}
	over := make(chan chunk, 1)
	go func() {
		var c chunk
		for buf := make([]byte, 32<<10); c.err == nil && len(c.b) < maxFrame; {
			var n int
			n, c.err = p.conn.Read(buf)
			c.b = append(c.b, buf[:n]...)
		}
		over <- c
	}()
	return func() {
		_ = p.conn.SetReadDeadline(time.Unix(1, 0))
		c := <-over
		p.received(c.b, c.err)
	}
}

// writeChopped sends b in pieces of n bytes, with a pause after each.
func (p *peer) writeChopped(b []byte, n int, pause time.Duration) {
	p.note("in pieces of %d bytes, with pauses of %v", n, pause)
	for len(b) > 0 && !p.broken {
		k := min(n, len(b))
		p.write(b[:k])
		b = b[k:]
		if pause > 0 && len(b) > 0 {
			p.pause(pause)
		}
	}
}

// closeWrite ends the suite's direction: TCP is half-closed; on TLS it is a
// close_notify.
func (p *peer) closeWrite() {
	c, ok := p.conn.(interface{ CloseWrite() error })
	if !ok {
		p.unsupported("the suite cannot half-close a %T", p.conn)
	}
	p.note("half-closed")
	if err := c.CloseWrite(); err != nil {
		p.remark("endpoint ended the connection before: %v", err)
	}
	p.broken = true
}

// endWrite is closeWrite for a suite that has no more to say. Where there is no
// half it ends the whole.
func (p *peer) endWrite() {
	if _, ok := p.conn.(interface{ CloseWrite() error }); ok {
		p.closeWrite()
		return
	}
	p.note("closed the connection")
	_ = p.conn.Close()
	p.broken = true
}

// pause waits for d, at most a second, and takes in what comes meanwhile unless
// the peer is deaf.
func (p *peer) pause(d time.Duration) {
	until := p.within(min(d, time.Second))
	for !p.deaf && p.end == nil && len(p.in) < maxFrame && p.fill(until) {
	}
	select {
	case <-time.After(time.Until(until)):
	case <-p.ctx.Done():
	}
}

// within returns the time d from now, or the end of the whole test if that is
// sooner.
func (p *peer) within(d time.Duration) time.Time {
	t := time.Now().Add(d)
	if t.After(p.deadline) {
		return p.deadline
	}
	return t
}

// fill reads more bytes into p.in. It returns false if none came until the
// deadline, or if the endpoint's direction has ended, which p.end then says.
func (p *peer) fill(deadline time.Time) bool {
	if p.end != nil {
		return false
	}
	if err := p.conn.SetReadDeadline(deadline); err != nil {
		p.received(nil, err)
		return false
	}
	var buf [32 << 10]byte
	n, err := p.conn.Read(buf[:])
	p.received(buf[:n], err)
	return n > 0
}

// received takes in what a read returned.
func (p *peer) received(b []byte, err error) {
	if len(b) > 0 {
		p.rec.add(false, b)
		p.in = append(p.in, b...)
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || p.end != nil {
		return
	}
	how := "reset TCP"
	switch {
	case errors.Is(err, io.EOF):
		how = "closed TCP"
		if p.way.secure {
			how = "closed TLS"
			if !endsTLS(p.conn) {
				how = "closed TCP without ending TLS"
			}
		}
	case errors.Is(err, io.ErrUnexpectedEOF):
		how = "closed TCP without ending TLS"
	}
	p.end = &ending{how: how, err: err}
	p.remark("endpoint %s", how)
}
