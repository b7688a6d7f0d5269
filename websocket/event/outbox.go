package event

import (
	"slices"
	"sync"
)

// An outbox holds the frames of one connection that wait for the network, in order.
// A connection has one only while something waits. It is guarded by Conn.mu.
type outbox struct {
	segs    []segment
	size    int           // bytes in segs
	flying  int           // how many segments, from the first, are being written
	own     []byte        // where frames that were copied stand
	drained chan struct{} // closed when there is room again, made when asked for
}

// A segment is a piece of what waits.
type segment struct {
	b []byte

	// whole says that b is a whole message that may be dropped instead.
	whole bool

	// shared says that b is of a Prepared message and never changes.
	shared bool

	// lent says that b is the caller's, who is writing it: what is left when
	// the write is over must be copied.
	lent bool
}

// segmentSize is the size in bytes of a segment, without b: what a message of any size holds
// while it waits.
const segmentSize = 32

const (
	ownSize  = 4 << 10  // bytes of a fresh outbox for frames that are copied
	ownLimit = 64 << 10 // of one that is kept for reuse
)

var outboxes = sync.Pool{New: func() any { return new(outbox) }}

// add appends a segment.
func (o *outbox) add(s segment) {
	o.segs = append(o.segs, s)
	o.size += len(s.b)
}

// begin returns what to append a frame of about n bytes to. What comes of that goes
// to commit.
func (o *outbox) begin(n int) []byte {
	if cap(o.own)-len(o.own) < n {
		o.own = make([]byte, 0, max(ownSize, n)) // segments keep what they need of the old one
	}
	return o.own
}

// commit adds the frame that stands in b behind what begin returned.
func (o *outbox) commit(b []byte, whole bool) {
	off := len(o.own)
	o.own = b
	o.add(segment{b: b[off:len(b):len(b)], whole: whole})
}

// copyIn adds a copy of b, which is no whole message.
func (o *outbox) copyIn(b []byte) { o.commit(append(o.begin(len(b)), b...), false) }

// push puts a copy of b in front of everything else.
func (o *outbox) push(b []byte) {
	o.segs = slices.Insert(o.segs, 0, segment{b: slices.Clone(b)})
	o.size += len(b)
}

// advance takes note that the first n bytes are gone.
func (o *outbox) advance(n int) {
	o.size -= n
	gone := 0
	for n > 0 && n >= len(o.segs[gone].b) {
		n -= len(o.segs[gone].b)
		gone++
	}
	if n > 0 {
		s := &o.segs[gone]
		s.b, s.whole = s.b[n:], false
	}
	o.segs = slices.Delete(o.segs, 0, gone)
}

// burst returns how many segments to write at a time, and how many bytes these have. Not
// all, if there are many: those whose turn has not come can still be dropped.
func (o *outbox) burst() (n, size int) {
	for ; n < len(o.segs); n++ {
		more := len(o.segs[n].b)
		if n > 0 && size+more > gatherSize && (n > 1 || more <= copyLimit) {
			break
		}
		size += more // a large one goes out from where it is, with what is before it
	}
	return n, size
}

// keep copies what is lent, as whoever lent it takes it back.
func (o *outbox) keep() {
	for i := range o.segs {
		if s := &o.segs[i]; s.lent {
			s.b, s.lent = slices.Clone(s.b), false
		}
	}
}

// held returns how many bytes of memory what waits holds.
func (o *outbox) held() int { return o.size + len(o.segs)*segmentSize }

// drop drops messages, the oldest first, until there is room for n bytes below
// limit, or none is left that may be dropped.
func (o *outbox) drop(n, limit int) {
	kept, held := o.segs[:o.flying], o.held()
	for i, s := range o.segs[o.flying:] {
		if held+n <= limit {
			kept = append(kept, o.segs[o.flying+i:]...)
			break
		}
		if s.whole {
			o.size -= len(s.b)
			held -= len(s.b) + segmentSize
		} else {
			kept = append(kept, s)
		}
	}
	clear(o.segs[len(kept):])
	o.segs = kept
}

// relieve tells those who wait for room that there is some.
func (o *outbox) relieve() {
	if o.drained != nil {
		close(o.drained)
		o.drained = nil
	}
}

// relieve tells those who wait for room to look again. mu must be held.
func (c *Conn) relieve() {
	if c.out != nil {
		c.out.relieve()
	}
}

// free gives o back for reuse.
func (o *outbox) free() {
	o.relieve()
	clear(o.segs[:cap(o.segs)])
	own := o.own[:0]
	if cap(own) > ownLimit {
		own = nil
	}
	*o = outbox{segs: o.segs[:0], own: own}
	outboxes.Put(o)
}
