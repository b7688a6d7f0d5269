package event

import (
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// wake sees to it that what waits is written, if that is nobody's task yet. mu is held
// and released.
func (c *Conn) wake() {
	tell := c.needsFlush()
	c.mu.Unlock()
	if tell {
		c.home.schedule(c)
	}
}

// needsFlush tells whether what waits is nobody's task yet. If so the caller is to call
// schedule. mu must be held.
func (c *Conn) needsFlush() bool {
	if c.busy.Load() && c.out != nil && c.out.size >= c.engine.settings.cork {
		c.full.Store(true)
	}
	if c.cork != nil || c.writing || c.dirty || c.blocked.Load() {
		return false
	}
	c.dirty = true
	return true
}

// flushDirty writes what waits, because somebody scheduled that.
func (c *Conn) flushDirty() {
	c.mu.Lock()
	c.dirty = false
	if c.out != nil && (c.cork == nil || c.home.mayWait()) && !c.writing && !c.blocked.Load() {
		c.flush()
	}
	c.mu.Unlock()
}

// drain writes what waits, because the handler has sent so much between two messages
// that the network must be asked before the next. It waits for it if writing does.
func (c *Conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full.Store(false)
	for c.out != nil && c.broken == nil && !c.doomed && !c.blocked.Load() {
		if !c.writing {
			c.flush()
			return
		}
		if !c.home.mayWait() {
			return
		}
		c.awaitRelief()
	}
}

// flush writes what waits until nothing does or the network takes no more. Nobody else
// is writing. mu is held, and released while it writes: what is appended meanwhile
// leaves too.
func (c *Conn) flush() {
	c.writing = true
	for c.out != nil {
		o := c.out
		burst, all := o.burst()
		o.flying = burst
		segs := o.segs[:burst:burst]
		c.mu.Unlock()
		n, err := c.writeSegments(segs)
		c.mu.Lock()
		o.flying = 0
		if err != nil {
			c.fallSilent(err)
			break
		}
		o.advance(n)
		if len(o.segs) == 0 {
			c.out = nil
			o.free()
			continue
		}
		if o.held() <= c.engine.settings.maxQueue/2 {
			o.relieve()
		}
		if n < all {
			c.block()
			break
		}
	}
	c.writing = false
	if c.out == nil && c.phase == open && c.action != proto.Keep {
		c.home.schedule(c) // it waits for that to end the connection
	}
}

// writeSegments writes segments and returns how many bytes the network took.
func (c *Conn) writeSegments(segs []segment) (int, error) {
	if len(segs) == 1 {
		return c.home.write(c, segs[0].b)
	}
	return c.home.writeAll(c, segs)
}

// pour writes what is corked. mu is held, and released while it writes.
func (c *Conn) pour() {
	k := c.cork
	b := k.b
	if len(b) == 0 || c.writing || c.out != nil {
		return
	}
	// Another goroutine may send meanwhile, and finds that somebody is writing, so
	// that k.b is left alone.
	c.writing = true
	c.mu.Unlock()
	n, err := c.home.write(c, b)
	c.mu.Lock()
	c.writing = false
	k.b = b[:0]
	switch {
	case err != nil:
		c.fallSilent(err)
	case n < len(b):
		c.box().push(b[n:])
		c.block()
	case c.out != nil:
		c.flush()
	}
}

// uncork writes what the handler sent while the cork k was lent to c, and takes the cork
// back. It returns the one to use next: a new one if another goroutine, which filled it,
// is writing from it.
func (c *Conn) uncork(k *cork) *cork {
	c.mu.Lock()
	defer c.mu.Unlock()
	lent := c.cork == k // or it was taken back while the handler took its time
	if k.watched {
		k.back()
	}
	if c.writing && len(k.b) > 0 {
		k = c.engine.freshCork(k.watched)
	}
	if !lent {
		return k
	}
	c.pour()
	c.cork = nil
	if c.out != nil && !c.writing && !c.blocked.Load() {
		c.flush()
	}
	return k
}

// freshCork returns a new cork, to be looked after if it is watched.
func (e *engine) freshCork(watched bool) *cork {
	if watched {
		return e.corks.add(e.settings.cork)
	}
	return newCork(e.settings.cork)
}

// takeCork takes the cork back while the handler of c is still running, so that what
// it sent, and what it and others will send, is not held up.
func (c *Conn) takeCork() {
	c.mu.Lock()
	if c.cork == nil {
		c.mu.Unlock()
		return
	}
	if !c.writing && len(c.cork.b) > 0 {
		c.box()
	}
	c.cork = nil
	if c.out == nil {
		c.mu.Unlock()
		return
	}
	c.wake()
}

// block takes note that the network takes no more. mu must be held.
func (c *Conn) block() {
	if c.blocked.Load() || c.doomed {
		return
	}
	c.blocked.Store(true)
	c.stalled = c.engine.now.Load()
	if t := c.engine.ticks(c.engine.settings.writeTimeout); t > 0 {
		c.home.members().hurry(c, c.stalled+t)
	}
	if !c.awaited {
		c.awaited = true
		c.home.await(c)
	}
}

// writable goes on writing when the network takes bytes again. It tells whether it
// still does.
func (c *Conn) writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked.Store(false)
	if c.out != nil && !c.writing {
		c.flush()
	}
	c.awaited = c.blocked.Load()
	return !c.awaited
}

// fallSilent gives up what waits, because a write failed: the transport is gone in this
// direction. Whoever reads finds out too, but after what the peer sent before, which
// may say why. mu must be held.
func (c *Conn) fallSilent(err error) {
	c.broken = &websocket.CloseError{Cause: err}
	c.blocked.Store(false)
	if o := c.out; o != nil {
		c.out = nil
		o.free()
	}
	if c.cork != nil {
		c.cork.b = c.cork.b[:0]
	}
}
