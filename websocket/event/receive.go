package event

import (
	"log/slog"
	"runtime/debug"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A verdict says what a connection needs from whoever drives it.
type verdict uint8

const (
	wants  verdict = iota // more bytes
	paused                // that the network takes bytes again, or Resume: see Conn.blocked and stopped
	over                  // its end: see Conn.action
)

// receive takes bytes that were received and calls the handler for what is in them. b is
// overwritten, and is the caller's again when receive returns. direct says that b lies
// behind the bytes of c.in, where its message is to stand.
func (c *Conn) receive(b []byte, k *cork, direct bool) (verdict, *cork) {
	c.busy.Store(true)
	c.lendCork(k)
	c.machine.Receive(b)
	v := c.parse(b, direct)
	c.heard.Store(c.engine.now.Load()) // now: the handler may have taken its time
	c.busy.Store(false)
	return v, c.uncork(k)
}

// lendCork makes k the place where the handler's sends go.
func (c *Conn) lendCork(k *cork) {
	if k.watched {
		c.engine.corks.lend(k, c)
	}
	c.mu.Lock()
	if !c.corkless {
		c.cork = k
	}
	c.mu.Unlock()
}

// parse takes the events of the bytes that the machine has, also those behind one at
// which the handler panics: what is not parsed now is lost, and what follows it would
// make no sense.
func (c *Conn) parse(b []byte, direct bool) verdict {
	for {
		v, panicked := c.parseSome(b, direct)
		if !panicked {
			return v
		}
		direct = false
	}
}

// parseSome is parse up to a panic of the handler, if it panics.
func (c *Conn) parseSome(b []byte, direct bool) (v verdict, panicked bool) {
	defer c.recovered(&panicked)
	for {
		ev := c.machine.Next()
		switch ev.Kind {
		case proto.Data:
			done := c.collect(ev, direct)
			if direct = false; !done {
				continue
			}
		case proto.None:
			return wants, false
		case proto.Ping:
			c.reply(ev)
		case proto.Pong:
			c.pong(ev.Payload)
		default:
			c.finish(ev)
			return over, false
		}
		if c.full.Load() {
			c.drain()
		}
		// A client goes on: what it asked for is what it has to read, or a
		// server that pauses too would wait for it as it waits for the server.
		if c.stopped.Load() || c.blocked.Load() && c.engine.role == proto.Server {
			return c.pause(b), false
		}
	}
}

// Pause has no more messages of the connection handled until Resume is called: what was
// read waits, and nothing more is read, so that TCP slows the peer down. Its pings are not
// answered then, and it is not pinged; a close frame of it is not seen. Pause is for
// functions of the Handler, of the connection they were called for, and counts when they
// return. Whoever pauses a connection for long, or forgets to resume it, keeps it.
func (c *Conn) Pause() { c.stopped.Store(true) }

// Resume is the end of Pause.
func (c *Conn) Resume() {
	if c.stopped.Swap(false) {
		c.home.proceed(c)
	}
}

// pause keeps what is not parsed of b, the bytes received last, until the network takes
// what waits, and Resume was called.
func (c *Conn) pause(b []byte) verdict {
	if n := c.machine.Buffered(); n > 0 {
		rest := newBuffer(n)
		rest.b = append(rest.b, b[len(b)-n:]...)
		c.rest.free()
		c.rest = rest
	}
	return paused
}

// resume goes on with what pause kept.
func (c *Conn) resume(k *cork) (verdict, *cork) {
	rest := c.rest
	if rest == nil {
		return wants, k
	}
	c.rest = nil
	v, k := c.receive(rest.b, k, false)
	rest.free()
	return v, k
}

// collect takes a piece of a message, and hands the message over with its last. It tells
// whether that was so.
func (c *Conn) collect(ev proto.Event, direct bool) (done bool) {
	kind := websocket.MessageType(ev.Opcode)
	switch {
	case ev.First && ev.Last:
		c.deliver(kind, ev.Payload)
		return true
	case direct:
		c.in.b = c.in.b[:len(c.in.b)+len(ev.Payload)]
	case c.in == nil:
		n := len(ev.Payload)
		c.in = newBuffer(n + int(min(c.machine.Need(), int64(3*n))))
		c.in.b = append(c.in.b, ev.Payload...)
	default:
		c.in.b = append(c.in.b, ev.Payload...)
	}
	if !ev.Last {
		return false
	}
	in := c.in
	c.in = nil
	c.deliver(kind, in.b)
	in.free()
	return true
}

// room returns where the rest of the frame under way may be read to, behind the pieces
// of its message that are there: nil if there is no such place.
func (c *Conn) room() []byte {
	need := c.machine.Need()
	if need == 0 || c.in == nil {
		return nil
	}
	if len(c.in.b) == cap(c.in.b) {
		c.in = c.in.grown(need)
	}
	end := len(c.in.b)
	return c.in.b[end:min(int64(cap(c.in.b)), int64(end)+need)]
}

// deliver hands a message over.
func (c *Conn) deliver(t websocket.MessageType, p []byte) {
	if f := c.engine.handler.OnMessage; f != nil {
		f(c, t, p)
	}
	expire(p)
}

// pong hands a pong over.
func (c *Conn) pong(p []byte) {
	if f := c.engine.handler.OnPong; f != nil {
		f(c, p)
	}
	expire(p)
}

// reply answers an event as the protocol demands. The answer leaves with what the
// handler sends.
func (c *Conn) reply(ev proto.Event) {
	c.mu.Lock()
	b, _ := c.machine.Reply(c.tail(frame.MaxControlPayload+frame.MaxHeaderLen), ev)
	c.setTail(b)
	c.wake() // the cork may have been taken back
}

// recovered begins the end of the connection if a function of the handler panicked. It is
// deferred.
func (c *Conn) recovered(panicked *bool) {
	if value := recover(); value != nil {
		c.panicked(value)
		*panicked = true
	}
}

// panicked reports a panic and begins the closing handshake.
func (c *Conn) panicked(value any) {
	c.engine.report(c, value)
	_ = c.Close(websocket.StatusInternalError, "")
}

// report tells of a panic. It is called before the stack is unwound.
func (e *engine) report(c *Conn, value any) {
	stack := debug.Stack()
	if f := e.settings.panicked; f != nil {
		f(c, value, stack)
	} else {
		slog.Error("websocket: panic in a handler", "value", value, "stack", string(stack))
	}
}
