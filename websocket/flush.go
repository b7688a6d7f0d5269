package websocket

import "context"

// flushBeforeWaiting brings what waits to the network before the reader waits for the
// peer: the answers to its pings, and what was posted while there were messages to
// hand out. A peer that does not read must not keep us from reading: what the network
// does not take at once is left to a goroutine. On a transport that is no plain
// socket all of it is, as a write could block there.
func (c *Conn) flushBeforeWaiting() {
	c.reading.replied = false
	c.mu.Lock()
	switch {
	case c.raw == nil || c.out.broken != nil:
		c.summonFlusher()
	case c.needsFlusher():
		c.flushAtOnce()
		return
	}
	c.mu.Unlock()
}

// flushAtOnce writes what waits, as far as the network takes it without waiting. The
// caller is the flusher and holds mu, which is released.
func (c *Conn) flushAtOnce() {
	o := &c.out
	batch, told := o.takeBatch()
	c.mu.Unlock()
	o.rest, o.patient = batch.b, false
	err := c.writeRaw()
	if err != nil || len(o.rest) > 0 {
		go c.flushRest(batch, told, err)
		return
	}
	o.rest = nil
	batch.free()
	told.tell(nil)
	c.passOn()
}

// flushRest goes on where flushAtOnce stopped, with err if that is not nil.
func (c *Conn) flushRest(batch *buffer, told *waiter, err error) {
	ctx := context.Background()
	if err == nil {
		err = c.writePieces(ctx, c.out.rest)
	}
	c.out.rest = nil
	batch.free()
	if err != nil {
		err = c.writeFailed(ctx, err)
	}
	told.tell(err)
	c.passOn()
}
