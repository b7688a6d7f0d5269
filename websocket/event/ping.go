package event

import (
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// examine does what the time demands: it pings a peer that was silent for the ping
// interval, and gives the connection up if it stays silent for the pong timeout, if the
// network takes nothing for the write timeout, or if the end takes too long. It returns
// the tick at which to look again.
func (c *Conn) examine(now uint32) (due uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.engine
	writeTimeout := e.ticks(e.settings.writeTimeout)
	switch {
	case c.phase == forgotten || c.doomed:
		return never
	case c.endBy != 0 && now >= c.endBy:
		c.giveUp(errNoClose, nil)
		return never
	case c.stuck(now, writeTimeout):
		c.giveUp(errWriteTimeout, nil)
		return never
	}
	due = never
	if c.endBy != 0 {
		due = c.endBy
	}
	if c.blocked.Load() {
		// Silence is no sign of death: nothing is read from a connection whose
		// own sends wait.
		if writeTimeout > 0 {
			due = min(due, c.stalled+writeTimeout)
		} else {
			due = min(due, now+e.ticks(e.settings.pingInterval))
		}
		return due
	}
	if c.home.mayWait() && writeTimeout > 0 { // its writes are not announced
		due = min(due, now+writeTimeout)
		if t := c.writeTick.Load(); t != 0 {
			due = min(due, t+writeTimeout)
		}
	}
	if c.phase == open && c.machine.State() == proto.Open && e.settings.pingInterval > 0 {
		due = min(due, c.keepalive(now))
	}
	return due
}

// stuck tells that the network has taken nothing for the write timeout, in ticks.
func (c *Conn) stuck(now, timeout uint32) bool {
	t := c.writeTick.Load()
	return timeout > 0 && (c.blocked.Load() && now-c.stalled >= timeout || t != 0 && now-t >= timeout)
}

// keepalive is the part of examine for a connection that is open.
func (c *Conn) keepalive(now uint32) (due uint32) {
	e := c.engine
	interval, timeout := e.ticks(e.settings.pingInterval), e.ticks(e.settings.pongTimeout)
	heard := c.heard.Load()
	switch {
	case c.busy.Load(), c.stopped.Load(): // the handler is at work, and nothing is read meanwhile
		c.pinged = 0
		return now + interval
	case c.pinged != 0 && heard >= c.pinged:
		c.pinged = 0
	case c.pinged != 0 && now-c.pinged >= timeout:
		cause := errNoPong
		if c.broken != nil {
			cause = c.broken.Cause
		}
		c.giveUp(cause, nil)
		return never
	case c.pinged != 0:
		return c.pinged + timeout
	}
	if now-heard < interval {
		return heard + interval
	}
	b, err := c.machine.AppendPing(c.tail(frame.MaxHeaderLen), nil)
	c.setTail(b)
	if err == nil {
		c.pinged = now
		if c.needsFlush() {
			c.home.schedule(c)
		}
	}
	return now + timeout
}

// ticks returns how many ticks take d at least, 0 for 0.
func (e *engine) ticks(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32((d+e.period-1)/e.period) + 1
}

// period returns how often the clock of a server with these settings ticks.
func (s *settings) period() time.Duration {
	const coarsest, finest = time.Second, 5 * time.Millisecond
	least := 4 * coarsest
	for _, d := range [...]time.Duration{s.pingInterval, s.pongTimeout, s.writeTimeout, s.closeTimeout, s.handshakeTimeout} {
		if d > 0 {
			least = min(least, d)
		}
	}
	return max(least/4, finest)
}

// run is the clock of an engine. It ticks while there are connections.
func (e *engine) run() {
	var scratch []*Conn
	ticker := time.NewTicker(e.period)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-e.quiet:
			return
		}
		now := e.now.Add(1)
		scratch = e.streams.sweep(now, scratch)
		e.loops.tick()
		e.mu.Lock()
		stop := e.lives == 0
		if stop {
			e.ticking = false
		}
		e.mu.Unlock()
		if stop {
			return
		}
	}
}
