package websocket

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/duplexhq/duplex/websocket/proto"
)

// lingerBytes is how much of a peer that goes on sending is read and dropped after
// the end, so that TCP delivers our close frame before it resets the connection.
const lingerBytes = 1 << 20

// Close performs the closing handshake: it sends a close frame with code and
// reason, after what is queued, and waits for the peer's. Messages that come
// meanwhile are dropped unless a Read is in progress, which gets them. It returns
// nil when both close frames were exchanged, whoever began; otherwise the
// *CloseError that says how the connection ended instead. It takes no longer than
// CloseTimeout, after which the connection is dropped.
//
// The code is 1000 to 1003, 1007 to 1014 or 3000 to 4999, or 1005 for a close
// frame without one; the reason is UTF-8 of at most 123 bytes. With others Close
// returns an error and does nothing (RFC 6455 §5.5.1 and §7.4).
//
// It may be called at any time, by any goroutine, more than once.
func (c *Conn) Close(code StatusCode, reason string) error {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return c.outcome()
	}
	b, err := c.machine.AppendClose(c.out.bytes(), code, reason)
	c.out.set(b)
	switch {
	case errors.Is(err, proto.ErrClosing): // by somebody else, who sees to it
		c.mu.Unlock()
		<-c.doneChan()
		return c.outcome()
	case err != nil:
		c.mu.Unlock()
		return err
	}
	c.machine.Ending().Local = net.ErrClosed
	flush := c.needsFlusher()
	c.mu.Unlock()

	limit := time.AfterFunc(c.settings.closeTimeout, func() { _ = c.fail(errNoClose, nil) })
	defer limit.Stop()
	if flush {
		c.flushAll()
	}
	c.awaitClose()
	return c.outcome()
}

// CloseNow drops the connection without a word; the peer sees a lost connection.
// Whatever blocks in another method returns at once, with an error that is a
// net.ErrClosed. After the connection has ended it does nothing, so that
//
//	defer c.CloseNow()
//
// is good practice wherever a Conn is made. It always returns nil.
func (c *Conn) CloseNow() error {
	c.mu.Lock()
	over := c.ended
	c.mu.Unlock()
	if !over {
		_ = c.fail(net.ErrClosed, net.ErrClosed)
	}
	return nil
}

// outcome returns what Close returns once the connection ended.
func (c *Conn) outcome() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.machine.Ending()
	if e.Received != nil && e.Sent != nil {
		return nil
	}
	return e
}

// awaitClose reads until the connection ended. If another goroutine reads, it is
// left to that one, until it stops.
func (c *Conn) awaitClose() {
	for {
		c.mu.Lock()
		ended, free := c.ended, c.readFree
		switch {
		case ended:
		case c.readBusy:
			if free == nil {
				free = make(chan struct{})
				c.readFree = free
			}
		default:
			c.readBusy, c.dropping = true, true
			c.reading.disown()
		}
		mine := !ended && free == nil
		c.mu.Unlock()
		switch {
		case ended:
			return
		case mine:
			c.dropMessages()
			return
		}
		select {
		case <-free:
		case <-c.doneChan():
		}
	}
}

// dropMessages reads until the connection ended.
func (c *Conn) dropMessages() {
	defer c.endRead()
	for {
		if _, err := c.piece(context.Background()); err != nil {
			return
		}
	}
}

// finish ends the connection because of ev, the peer's close frame, its fault or
// the transport's end, and returns how it ended. Only the reader calls it.
func (c *Conn) finish(ev proto.Event) error {
	c.mu.Lock()
	b, action := c.machine.Reply(c.out.bytes(), ev)
	c.out.set(b)
	e := c.machine.Ending()
	c.mu.Unlock()
	c.reading.watch.drop(c.conn)
	c.reading.release()
	switch {
	case action != proto.Drop:
		if err := c.flushGoodbye(); err != nil {
			c.mu.Lock()
			if !c.ended { // afterwards others may have e already
				c.machine.Unsent(err)
			}
			c.mu.Unlock()
			action = proto.Drop
		}
	case ev.Err == nil && (c.Queued() == 0 || c.flushGoodbye() == nil):
		// Maybe only the peer's direction has ended, and it waits for what it
		// asked for before, such as a pong, or for the goodbye of TLS.
		action = proto.AwaitEnd
	}
	if action == proto.Drop {
		c.end()
		c.drop()
		return e
	}
	c.end()
	go c.linger(action)
	return e
}

// flushGoodbye writes what is in the outbox, the close frame last, in bounded time.
func (c *Conn) flushGoodbye() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.settings.closeTimeout)
	defer cancel()
	c.mu.Lock()
	if err := c.becomeFlusher(ctx); err != nil {
		return err
	}
	err := c.flush(ctx, nil, 0)
	c.passOn()
	return err
}

// linger ends the transport the way action says, without losing our close frame:
// closing a TCP connection that holds unread bytes resets it, and the peer may
// then never see what was sent last (RFC 6455 §7.1.1).
func (c *Conn) linger(action proto.Transport) {
	defer func() { _ = c.conn.Close() }()
	if action == proto.Shut {
		half, ok := c.conn.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.settings.closeTimeout))
	b := make([]byte, outSize)
	for total := 0; total < lingerBytes; {
		n, err := c.conn.Read(b)
		if err != nil {
			return
		}
		total += n
	}
}
