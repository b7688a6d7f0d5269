package websocket

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/duplexhq/duplex/websocket/proto"
)

// Ping sends a ping and returns how long the pong took. Somebody must be reading
// meanwhile. It ends early with ctx's error, which leaves the connection usable,
// or with the *CloseError if the connection ends.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, c.interrupted(ctx, "ping")
	}
	answer := make(chan time.Duration, 1)
	defer c.forgetPing(answer)
	if err := c.sendPing(ctx, answer); err != nil {
		return 0, err
	}
	select {
	case rtt := <-answer:
		return rtt, nil
	case <-ctx.Done():
		return 0, c.interrupted(ctx, "ping")
	case <-c.doneChan():
		c.mu.Lock()
		defer c.mu.Unlock()
		return 0, c.closedError()
	}
}

// sendPing sends a ping whose pong is reported to answer. It leaves the writing to
// others: if ctx ended while it was the flusher, the connection would be lost.
func (c *Conn) sendPing(ctx context.Context, answer chan<- time.Duration) error {
	c.mu.Lock()
	off := c.out.waiting()
	payload := c.newPing(answer)
	b, err := c.machine.AppendPing(c.out.bytes(), payload[:])
	c.out.set(b)
	switch {
	case err != nil:
		err = c.refusal(err)
		c.mu.Unlock()
		return err
	case !c.out.hasFlusher():
		c.summonFlusher()
		c.mu.Unlock()
		return nil
	}
	w := c.out.queue(off, len(b))
	c.mu.Unlock()
	t, err := c.wait(ctx, w)
	if t.flush {
		c.passOn()
	}
	return err
}

// pings are the pings that are not answered. It is guarded by Conn.mu.
type pings struct {
	last uint64 // number of the last ping, which is its payload
	sent []sentPing
}

type sentPing struct {
	number uint64
	at     time.Time
	answer chan<- time.Duration // nil for the keepalive's
}

// newPing notes a ping and returns its payload. mu must be held.
func (c *Conn) newPing(answer chan<- time.Duration) [8]byte {
	if c.pings == nil {
		c.pings = new(pings)
	}
	p := c.pings
	if answer == nil { // of the keepalive's pings the newest is enough
		p.sent = slices.DeleteFunc(p.sent, func(s sentPing) bool { return s.answer == nil })
	}
	p.last++
	p.sent = append(p.sent, sentPing{number: p.last, at: time.Now(), answer: answer})
	return [8]byte(binary.BigEndian.AppendUint64(nil, p.last))
}

// forgetPing drops the note of the ping that answer waits for.
func (c *Conn) forgetPing(answer chan<- time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.pings.sent {
		if s.answer == answer {
			c.pings.sent = append(c.pings.sent[:i], c.pings.sent[i+1:]...)
			return
		}
	}
}

// pongReceived takes a pong. One answers all pings up to its own: a peer may
// answer only the newest (RFC 6455 §5.5.3).
func (c *Conn) pongReceived(payload []byte) {
	if len(payload) != 8 {
		return // a pong nobody asked for
	}
	number := binary.BigEndian.Uint64(payload)
	c.mu.Lock()
	if c.pings == nil || number > c.pings.last {
		c.mu.Unlock()
		return
	}
	var rtt time.Duration
	answered, now := false, time.Now()
	kept := c.pings.sent[:0]
	for _, s := range c.pings.sent {
		if s.number > number {
			kept = append(kept, s)
			continue
		}
		rtt, answered = now.Sub(s.at), true
		if s.answer != nil {
			s.answer <- rtt
		}
	}
	c.pings.sent = kept
	c.mu.Unlock()
	if t := c.settings.trace; answered && t != nil && t.Pong != nil {
		t.Pong(c, rtt)
	}
}

// answerPing answers a ping. The answer leaves when the reader has no more bytes
// to parse, together with others.
func (c *Conn) answerPing(ev proto.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	// While one is held back, newer ones take its place and none overtakes it.
	if o.lastPong != nil || o.pongs == pongBacklog && o.flushing {
		if o.lastPong == nil {
			o.lastPong = newBuffer()
		}
		o.lastPong.b = append(o.lastPong.b[:0], ev.Payload...)
		return
	}
	b, _ := c.machine.Reply(o.bytes(), ev)
	o.set(b)
	o.pongs++
	c.reading.replied = true
}

// flushReplies sends the answers appended since the last call on their way. It
// never waits: a peer that does not read must not keep us from reading.
func (c *Conn) flushReplies() {
	if !c.reading.replied {
		return
	}
	c.reading.replied = false
	c.mu.Lock()
	defer c.mu.Unlock()
	c.summonFlusher()
}

// silence is what the keepalive knows of a peer that is silent.
type silence struct {
	pinged   bool
	starved  bool   // a read timed out in the last period
	activity uint32 // Conn.activity at the start of this period
}

// What the reader notes for the keepalive.
const (
	heard   = 1 << iota // something came
	starved             // a read ran into its deadline
)

// note notes one of heard and starved.
func (c *Conn) note(what uint32) {
	if c.noted.Load()&what == 0 {
		c.noted.Or(what)
	}
}

// keepalive pings a peer that was silent for the ping interval, and gives the
// connection up if it stays silent for the pong timeout. Silence counts only while
// the application reads: either one read waited all the time, or reads timed out
// in this period and the one before. Otherwise the pong may just not have been
// looked at.
func (c *Conn) keepalive() {
	c.mu.Lock()
	s := &c.silence
	noted, now := c.noted.Swap(0), c.activity.Load()
	heard, starved := noted&heard != 0, noted&starved != 0
	waited := now%2 == 1 && now == s.activity
	switch {
	case c.ended || c.machine.State() != proto.Open:
		c.mu.Unlock()
		return
	case c.out.broken != nil, !heard && s.pinged && (waited || starved && s.starved):
		cause := errNoPong
		if c.out.broken != nil {
			cause = c.out.broken.Cause
		}
		c.mu.Unlock()
		_ = c.fail(cause, nil)
		return
	case heard:
		*s = silence{}
		c.alive.Reset(c.settings.pingInterval)
	default:
		if !s.pinged {
			payload := c.newPing(nil)
			b, _ := c.machine.AppendPing(c.out.bytes(), payload[:])
			c.out.set(b)
		}
		*s = silence{pinged: true, starved: starved, activity: now}
		c.alive.Reset(c.settings.pongTimeout)
	}
	flush := c.needsFlusher()
	c.mu.Unlock()
	if flush {
		c.flushAll()
	}
}
