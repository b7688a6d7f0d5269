package deflate

const (
	windowFirst = 1 << 10 // bytes of a ring when the first byte arrives
	windowLeast = 4 << 10 // bytes every ring may grow to, so that pieces are not tiny
)

// A Window is the last bytes received in one direction, which the next bytes
// may refer to. With context takeover (RFC 7692 §7.1.1) a connection keeps one
// between messages, and it is all that it keeps.
//
// The bytes stand in a ring that begins at 1 KiB with the first byte and
// doubles as more are received, up to 1<<bits bytes or 4 KiB, whichever is
// more. A Window is used by one Decoder at a time.
type Window struct {
	ring    []byte // its length is a power of two, or 0 before the first byte
	next    int    // where the next byte goes; len(ring): the ring must grow or be gone round first
	wrapped bool   // the ring has been gone round: all of it was received
	bits    uint8
}

// NewWindow returns an empty Window that lets distances reach back 1<<bits
// bytes; bits is 8 to 15, as negotiated. The ring is allocated as bytes arrive.
func NewWindow(bits uint8) *Window { return &Window{bits: bits} }

// empty forgets what was received and keeps the ring, cut down to what bits
// allow. What stands in it is out of reach: no distance goes back further than
// what was received since.
func (w *Window) empty(bits uint8) {
	w.bits, w.next, w.wrapped = bits, 0, false
	w.ring = w.ring[:cap(w.ring)]
	if most := w.most(); len(w.ring) > most {
		w.ring = w.ring[:most]
	}
}

// most returns how large the ring may become, in bytes.
func (w *Window) most() int { return max(1<<w.bits, windowLeast) }

// grow makes the ring larger and reports whether it could. While it can, the
// ring has not been gone round, and so its bytes stay where they are.
func (w *Window) grow() bool {
	if len(w.ring) >= w.most() {
		return false
	}
	ring := make([]byte, max(windowFirst, 2*len(w.ring)))
	copy(ring, w.ring)
	w.ring = ring
	return true
}

// room reports whether there is room for a byte before the end of the ring,
// letting it grow if need be.
func (w *Window) room() bool { return w.next < len(w.ring) || w.grow() }

// goRound goes to the beginning of a ring that is full and cannot grow. What
// is written from there on takes the place of the oldest bytes. The oldest of
// all may still be in reach: a match that begins with it puts the same byte in
// the same place.
func (w *Window) goRound() {
	if w.next == w.most() {
		w.next, w.wrapped = 0, true
	}
}

// source returns where in the ring a match begins that lies distance bytes
// back, or an error if the peer may not refer to that.
func (w *Window) source(next, distance int) (int, error) {
	if distance > 1<<w.bits {
		return 0, errDistanceBits
	}
	if distance <= next {
		return next - distance, nil
	}
	if !w.wrapped {
		return 0, errDistanceStart
	}
	return next - distance + len(w.ring), nil
}

// copyMatch copies length bytes within the ring from source to next, byte by
// byte as far as the result goes: the two may overlap, and the source may go
// round the end of the ring. What is written does not reach the end.
func copyMatch(ring []byte, next, source, length int) {
	end := next + length
	if source >= next { // older than what is written over: it can end behind the end of the ring
		n := copy(ring[next:end], ring[source:])
		next, source = next+n, 0
	}
	for next < end { // what was copied can be copied again, so this doubles
		next += copy(ring[next:end], ring[source:next])
	}
}
