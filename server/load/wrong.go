package load

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket"
)

// maxMissing bounds how many messages of a sender are remembered that were
// overtaken; what is more counts as lost at once.
const maxMissing = 1024

// A track follows the messages of one sender on one connection.
type track struct {
	next    uint64   // the number of the next to come
	missing []uint64 // those before that did not come yet
}

// clear forgets the suspect, for what was sent has come: it was a greeting.
// c.lane.mu must be held.
func (c *conn) clear() {
	c.greeted = true
	if c.suspect != "" {
		c.suspect = ""
		c.lane.tally.ignored++
	}
}

// tell counts the suspect, which was no greeting. c.lane.mu must be held.
func (c *conn) tell() {
	if c.suspect != "" {
		c.lane.problem(Unexpected, 1, "%s", c.suspect)
		c.suspect = ""
	}
}

// shown is how much of a payload examples show, in bytes.
const shown = 40

// excerpt returns the beginning of p.
func excerpt(p []byte) []byte { return p[:min(len(p), shown)] }

// differs says what is wrong with p, which is not as it was sent.
func (f *form) differs(t websocket.MessageType, p []byte) Kind {
	switch {
	case t != f.kind:
		return WrongType
	case len(p) != len(f.payload):
		return WrongSize
	default:
		return Corrupt
	}
}

// judge counts what is wrong with message number seq of a sender, which is not the
// next one, or not as it was sent. issued is the number of the next that will be
// sent, and more than seq. right tells that the message is as it was sent and only
// overtook others: it is to be counted. c.lane.mu must be held.
func (s *slice) judge(c *conn, tr *track, seq uint64, t websocket.MessageType, p []byte, from string) (right bool) {
	l := c.lane
	if seq < tr.next {
		if i := slices.Index(tr.missing, seq); i >= 0 {
			tr.missing = slices.Delete(tr.missing, i, i+1)
			l.problem(Reordered, 1, "message %d of %s came after message %d", seq, from, tr.next-1)
			return false
		}
		l.problem(Duplicate, 1, "message %d of %s came again", seq, from)
		return false
	}
	for ; tr.next < seq; tr.next++ {
		if len(tr.missing) == maxMissing {
			l.problem(Lost, 1, "message %d of %s did not come, later ones did", tr.next, from)
			continue
		}
		tr.missing = append(tr.missing, tr.next)
	}
	tr.next++
	if s.form.filled(t, p) {
		return true
	}
	s.altered(c, seq, t, p, from)
	return false
}

// altered counts a message whose stamp is right and whose rest is not.
func (s *slice) altered(c *conn, seq uint64, t websocket.MessageType, p []byte, from string) {
	switch kind := s.form.differs(t, p); kind {
	case WrongType:
		c.lane.problem(kind, 1, "message %d of %s came as %v, not as %v", seq, from, t, s.form.kind)
	case WrongSize:
		c.lane.problem(kind, 1, "message %d of %s came with %d bytes, not %d", seq, from, len(p), len(s.form.payload))
	default:
		c.lane.problem(kind, 1, "message %d of %s came with another payload: %q", seq, from, excerpt(p))
	}
}

// strange counts a message without a stamp that was sent, and tells whether it takes
// the place of the next: it does if it has the size. awaited tells whether there is
// a next. c.lane.mu must be held.
func (s *slice) strange(c *conn, t websocket.MessageType, p []byte, awaited bool) (takes bool) {
	if awaited && s.form.differs(t, p) == Corrupt {
		c.lane.problem(Corrupt, 1, "connection %d: instead of what was sent came %q", c.id, excerpt(p))
		return true
	}
	example := fmt.Sprintf("connection %d: nobody asked for %v of %d bytes: %q", c.id, t, len(p), excerpt(p))
	if c.greeted {
		c.lane.problem(Unexpected, 1, "%s", example)
	} else {
		c.greeted, c.suspect = true, example
	}
	return false
}

// lost returns how many messages of a sender have not come, and the first of them.
// issued is the number of the next that will be sent.
func (tr *track) lost(issued uint64) (n int64, first uint64) {
	n, first = int64(len(tr.missing)), tr.next
	if n > 0 {
		first = tr.missing[0]
	}
	if issued > tr.next {
		n += int64(issued - tr.next)
	}
	return n, first
}

// giveUp forgets what has not come.
func (tr *track) giveUp(issued uint64) { tr.next, tr.missing = max(tr.next, issued), nil }
