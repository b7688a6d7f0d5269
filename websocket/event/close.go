package event

import (
	"net"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// lingerBytes is how much of a peer that goes on sending is read and dropped after the
// end, so that TCP delivers our close frame before it resets the connection.
const lingerBytes = 1 << 20

// Close begins the closing handshake: it sends a close frame with code and reason,
// behind what waits, and returns. Messages that come until the peer answers are handed
// over as before. Handler.OnClose tells how the connection ended, after CloseTimeout
// at the latest, when it is dropped.
//
// The code is 1000 to 1003, 1007 to 1014 or 3000 to 4999, or 1005 for a close frame
// without one; the reason is UTF-8 of at most 123 bytes. With others Close returns an
// error and does nothing (RFC 6455 §5.5.1 and §7.4). If the connection is closing or
// closed, it returns what Send would.
func (c *Conn) Close(code websocket.StatusCode, reason string) error {
	c.mu.Lock()
	if c.phase != open {
		defer c.mu.Unlock()
		return c.closedError()
	}
	err := c.startClosing(code, reason)
	c.wake()
	return err
}

// startClosing appends a close frame. mu must be held, and Conn.wake called.
func (c *Conn) startClosing(code websocket.StatusCode, reason string) error {
	b, err := c.machine.AppendClose(c.tail(frame.MaxControlPayload+frame.MaxHeaderLen), code, reason)
	c.setTail(b)
	if err != nil {
		return c.refusal(err)
	}
	c.machine.Ending().Local = net.ErrClosed
	c.relieve()
	e := c.engine
	c.endBy = e.now.Load() + e.ticks(e.settings.closeTimeout)
	c.home.members().hurry(c, c.endBy)
	return nil
}

// CloseNow drops the connection without a word; the peer sees a lost connection.
// Handler.OnClose is told, with an error that is a net.ErrClosed.
func (c *Conn) CloseNow() {
	c.mu.Lock()
	c.giveUp(net.ErrClosed, net.ErrClosed)
	c.mu.Unlock()
}

// giveUp makes whoever drives the connection drop it, because of cause. mu must be held.
func (c *Conn) giveUp(cause, local error) {
	if c.phase == forgotten || c.doomed {
		return
	}
	c.doomed = true
	c.relieve()
	if c.phase == open {
		wasOpen := c.machine.State() == proto.Open
		c.machine.Abandon(cause)
		if wasOpen {
			c.machine.Ending().Local = local
		}
	}
	c.home.interrupt(c)
}

// finish takes the event that ends the connection: the peer's close frame, its fault or
// the end of the transport.
func (c *Conn) finish(ev proto.Event) {
	c.mu.Lock()
	b, action := c.machine.Reply(c.tail(frame.MaxControlPayload+frame.MaxHeaderLen), ev)
	c.setTail(b)
	if action == proto.Drop && ev.Err == nil && c.broken == nil && !c.doomed {
		// Maybe only the peer's direction has ended, and it waits for what it
		// asked for before, such as a pong, or for the goodbye of TLS.
		action = proto.AwaitEnd
	}
	if c.broken != nil {
		action = proto.Drop
	}
	c.action = action
	c.relieve()
	e := c.engine
	c.endBy = e.now.Load() + e.ticks(e.settings.closeTimeout)
	c.mu.Unlock()
	c.home.members().hurry(c, e.now.Load()+e.ticks(e.settings.closeTimeout))
}

// refuse is the end of a connection whose request was answered with a refusal; err is
// what the transport said to that.
func (c *Conn) refuse(err error) {
	c.mu.Lock()
	c.action = proto.Shut
	if err != nil {
		c.action = proto.Drop
	}
	c.mu.Unlock()
}

// end marks the connection as over, once, and tells the handler. Whoever drives it calls
// end, after what finish left to say was written as far as the network took it.
func (c *Conn) end() {
	c.mu.Lock()
	if c.phase >= ended {
		c.mu.Unlock()
		return
	}
	wasOpen := c.phase == open
	c.phase = ended
	e := c.engine
	c.endBy = e.now.Load() + e.ticks(e.settings.closeTimeout)
	if c.doomed {
		c.action = proto.Drop
	}
	if wasOpen {
		c.machine.EOF(nil)
		c.noteUnsent()
	}
	if c.action == proto.Drop && c.out != nil && !c.writing {
		c.out.free()
		c.out = nil
	}
	var err error
	if wasOpen {
		err = c.machine.Ending()
	}
	c.mu.Unlock()
	c.home.members().hurry(c, c.endBy)
	c.in.free()
	c.rest.free()
	c.in, c.rest = nil, nil
	if f := e.handler.OnClose; wasOpen && f != nil {
		c.tellClose(f, err)
	}
	e.release()
}

// noteUnsent takes note that our close frame did not leave, if so. mu must be held.
func (c *Conn) noteUnsent() {
	switch {
	case c.broken != nil:
		c.machine.Unsent(c.broken.Cause)
	case c.doomed && c.out != nil && c.machine.State() != proto.Lost:
		c.machine.Unsent(errWriteTimeout)
	}
}

// tellClose calls f, which may panic.
func (c *Conn) tellClose(f func(*Conn, error), err error) {
	defer func() {
		if value := recover(); value != nil {
			c.panicked(value)
		}
	}()
	f(c, err)
}

// forget is called when the transport was closed.
func (c *Conn) forget() {
	c.mu.Lock()
	c.phase = forgotten
	if o := c.out; o != nil && !c.writing {
		c.out = nil
		o.free()
	}
	c.mu.Unlock()
	c.home.members().remove(c)
}
