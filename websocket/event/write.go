package event

import (
	"errors"
	"runtime"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// Send sends p as one message in one frame. It does not wait for the network, unless
// the policy is QueueBlock: what the network does not take at once is copied and
// leaves later, in order. What the handler of the connection sends leaves when it has
// handled what was read. p is neither kept nor changed.
//
// websocket.ErrQueueFull means that the message was not queued, as [QueuePolicy] says;
// ErrMessageType and ErrNotUTF8 mean that nothing was sent. Any other error is a
// *websocket.CloseError, or a net.ErrClosed while the connection is closing.
func (c *Conn) Send(t websocket.MessageType, p []byte) error {
	c.mu.Lock()
	if len(p) > copyLimit || !c.corks() {
		return c.sendSlowly(t, p)
	}
	b, err := c.machine.AppendMessage(c.cork.b, frame.Opcode(t), p)
	c.cork.b = b
	if err != nil || len(b) >= c.engine.settings.cork {
		err = c.filled(err)
	}
	c.mu.Unlock()
	return err
}

// corks tells that what is sent goes into the cork. mu must be held.
func (c *Conn) corks() bool { return c.cork != nil && c.out == nil && !c.writing && c.phase == open }

// filled writes what is corked if that is enough, unless the machine refused what was to
// be added with err. mu is held, and may be released meanwhile.
func (c *Conn) filled(err error) error {
	if err != nil {
		return c.refusal(err)
	}
	switch {
	case len(c.cork.b) < c.engine.settings.cork:
	case c.home.mayWait(): // and this may be a broadcast
		c.box()
		c.full.Store(true)
		c.dirty = true
		c.home.schedule(c)
	default:
		c.pour()
	}
	return nil
}

// sendSlowly is Send for a message that does not go into the cork. mu is held and
// released.
func (c *Conn) sendSlowly(t websocket.MessageType, p []byte) error {
	if len(p) > copyLimit && c.mayWriteAt(len(p)) {
		return c.sendLarge(t, p)
	}
	tell, err := c.queueMessage(t, p, true)
	c.mu.Unlock()
	if tell {
		c.home.schedule(c)
	}
	return err
}

// queueMessage is queue for a message that is copied.
func (c *Conn) queueMessage(t websocket.MessageType, p []byte, mayWait bool) (tell bool, err error) {
	if err := c.admit(len(p), mayWait); err != nil {
		return c.needsFlush(), err // the policy may have begun to close
	}
	o := c.box()
	b, err := c.machine.AppendMessage(o.begin(len(p)+frame.MaxHeaderLen), frame.Opcode(t), p)
	if err != nil {
		err = c.refusal(err)
		c.discardEmpty()
		return false, err
	}
	o.commit(b, c.machine.Retractable(b[len(o.own):]))
	return c.needsFlush(), nil
}

// mayWriteAt tells that a message of n bytes may be written from where it is, by the
// caller: nothing waits before it, and nothing needs to be done to it.
func (c *Conn) mayWriteAt(n int) bool {
	return c.phase == open && c.broken == nil && c.out == nil && !c.writing && !c.home.mayWait() &&
		c.engine.role == proto.Server && c.machine.DeflateBits(n) == 0
}

// sendLarge writes a message from where it is, with its header and what was corked
// before, and keeps a copy of what the network does not take. mu is held and released.
func (c *Conn) sendLarge(t websocket.MessageType, p []byte) error {
	if t == websocket.Text && !frame.ValidUTF8(p) {
		c.mu.Unlock()
		return websocket.ErrNotUTF8
	}
	b, _, err := c.machine.AppendHeader(c.box().begin(frame.MaxHeaderLen), frame.Opcode(t), len(p))
	if err != nil {
		err = c.refusal(err)
		c.discardEmpty()
		c.mu.Unlock()
		return err
	}
	c.out.commit(b, false)
	c.out.add(segment{b: p, lent: true})
	c.flush()
	if c.out != nil {
		c.out.keep()
	}
	c.mu.Unlock()
	return nil
}

// SendPrepared is Send for a prepared message. A server queues it by reference:
// nothing is copied or allocated.
func (c *Conn) SendPrepared(m *websocket.Prepared) error {
	c.mu.Lock()
	tell, err := c.queue(m, true)
	c.mu.Unlock()
	if tell {
		c.home.schedule(c)
	}
	return err
}

// queue queues m. If it says so the caller is to call schedule. It waits for room only if
// it may. mu is held, and may be released meanwhile.
func (c *Conn) queue(m *websocket.Prepared, mayWait bool) (tell bool, err error) {
	p := m.Payload()
	switch {
	case c.phase != open:
		return false, c.closedError()
	case c.engine.role == proto.Client: // each frame has a mask of its own
		return c.queueMessage(m.Type(), p, mayWait)
	}
	wire := m.Frame(c.machine.DeflateBits(len(p)))
	if len(wire) <= copyLimit && c.corks() {
		b, err := c.machine.AppendEncoded(c.cork.b, wire, p)
		c.cork.b = b
		return false, c.filled(err)
	}
	if err := c.admit(len(wire), mayWait); err != nil {
		return c.needsFlush(), err // the policy may have begun to close
	}
	var one [1]byte // the machine takes note; what is sent is the shared frame
	if _, err := c.machine.AppendEncoded(one[:0], wire[:1], p); err != nil {
		return false, c.refusal(err)
	}
	c.box().add(segment{b: wire, whole: c.machine.Retractable(wire), shared: true})
	return c.needsFlush(), nil
}

// Ping sends a ping with p, at most 125 bytes. Handler.OnPong is told when the peer
// answers it, with the same bytes (RFC 6455 §5.5.2). The errors are those of Send, and
// one that says that p is too long.
func (c *Conn) Ping(p []byte) error {
	c.mu.Lock()
	if c.phase != open {
		defer c.mu.Unlock()
		return c.closedError()
	}
	b, err := c.machine.AppendPing(c.tail(frame.MaxControlPayload+frame.MaxHeaderLen), p)
	if err != nil {
		err = c.refusal(err)
		c.discardEmpty()
		c.mu.Unlock()
		return err
	}
	c.setTail(b)
	c.wake()
	return nil
}

// admit tells whether n more bytes may wait, and does what the policy says if not; for who
// may not wait, QueueBlock is QueueClose. mu is held; it may be released meanwhile.
func (c *Conn) admit(n int, mayWait bool) error {
	for {
		o, limit := c.out, c.engine.settings.maxQueue
		switch {
		case c.phase != open || c.broken != nil || c.machine.State() != proto.Open:
			return c.closedError()
		case o == nil || o.size == 0 || o.held()+n <= limit:
			return nil
		case !c.blocked.Load() && !c.home.mayWait():
			c.tryNetwork()
			continue
		}
		switch policy := c.engine.settings.queuePolicy; {
		case policy == QueueDropNewest:
			return websocket.ErrQueueFull
		case policy == QueueDropOldest:
			if o.drop(n, limit); o.size > 0 && o.held()+n > limit {
				return websocket.ErrQueueFull
			}
		case policy == QueueBlock && mayWait:
			c.awaitRoom()
		default:
			_ = c.startClosing(websocket.StatusTryAgainLater, "queue is full") // unless it is closing already
			return websocket.ErrQueueFull
		}
	}
}

// tryNetwork writes what waits if nobody knows yet whether the network takes it. mu is
// held, and released meanwhile.
func (c *Conn) tryNetwork() {
	if !c.writing {
		c.flush()
		return
	}
	c.mu.Unlock()
	runtime.Gosched() // to the one who writes, and does not wait
	c.mu.Lock()
}

// awaitRoom waits until some of what waits has left, or nothing will any more. mu is
// held, and released meanwhile.
func (c *Conn) awaitRoom() {
	if !c.blocked.Load() && !c.writing {
		c.flush() // or it would wait for a cork that is waiting for it
		return
	}
	c.awaitRelief()
}

// awaitRelief waits until somebody says that there is room, or nothing to wait for. mu is
// held, and released meanwhile.
func (c *Conn) awaitRelief() {
	o := c.out
	if o.drained == nil {
		o.drained = make(chan struct{})
	}
	room := o.drained
	c.mu.Unlock()
	<-room
	c.mu.Lock()
}

// refusal returns what the caller is told when the machine refused a message with err.
// mu must be held.
func (c *Conn) refusal(err error) error {
	if errors.Is(err, proto.ErrClosing) {
		return c.closedError()
	}
	return err
}

// box returns the outbox. A new one holds what was corked, so that what comes next does
// not overtake it. mu must be held.
func (c *Conn) box() *outbox {
	if c.out == nil {
		c.out = outboxes.Get().(*outbox) //nolint:forcetypeassert // the pool holds nothing else
		if k := c.cork; k != nil && len(k.b) > 0 && !c.writing {
			c.out.copyIn(k.b)
			k.b = k.b[:0]
		}
	}
	return c.out
}

// discardEmpty gives an outbox without content back. mu must be held.
func (c *Conn) discardEmpty() {
	if c.out != nil && len(c.out.segs) == 0 && !c.writing {
		c.out.free()
		c.out = nil
	}
}

// tail returns what to append a control frame of at most n bytes to, and setTail takes
// it back. mu must be held.
func (c *Conn) tail(n int) []byte {
	if c.corks() {
		return c.cork.b
	}
	return c.box().begin(n)
}

func (c *Conn) setTail(b []byte) {
	switch {
	case c.corks():
		c.cork.b = b
	case len(b) > len(c.out.own):
		c.out.commit(b, false)
	default:
		c.discardEmpty()
	}
}
