package deflate

import (
	"encoding/binary"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A Decoder inflates messages, one at a time. Between two calls it keeps where
// in the message it stands, the codes of the current block and less than 8
// bytes of input; what was inflated is kept by the Window. A connection needs
// one from the beginning of a message to its end, so any number of connections
// may share a pool of them. Its memory is about 6 KiB, and up to 32 KiB more
// once Fresh has been used. It is not safe for concurrent use.
type Decoder struct {
	window *Window
	err    error
	src    []byte // input of the call under way
	tail   []byte // what is left of flushTail once End has begun

	acc  uint64 // input that is not used up yet, the next bit lowest; those above n are 0
	n    uint   // bits in acc
	step step

	ending   bool // End has begun to read flushTail
	final    bool // the current block says that it is the last (BFINAL)
	whole    bool // no block has begun since the beginning or since a final one
	length   int  // bytes of the current match or stored block that are to be copied
	distance int  // of the current match

	lit  *litTable // the codes of the current block: the fixed ones or the two below
	dist *distTable

	litCount, distCount, preCount int   // how many code lengths the block has
	read                          int   // how many of them were read
	last                          uint8 // the last one, or noLength
	preLens                       [19]uint8
	coded                         int            // how many of codes are set
	codes                         [maxLens]coded // the symbols whose code lengths have been read and are not 0; distances follow literals and lengths
	ownLit                        litTable
	ownDist                       distTable // while code lengths are read, their code

	own Window
}

// A step is what comes next in the input.
type step uint8

const (
	stepBlock   step = iota // the header of a block
	stepLength              // the length of a stored block
	stepStored              // its bytes
	stepCounts              // how many code lengths there are
	stepPre                 // the lengths of the code for code lengths
	stepLens                // the code lengths
	stepSymbols             // literals and matches
)

// flushTail ends every message, and is left off by the sender (RFC 7692
// §7.2.1, §7.2.2).
var flushTail = []byte{0x00, 0x00, 0xff, 0xff}

// NewDecoder returns a Decoder. Begin must be called before Next and End.
func NewDecoder() *Decoder { return &Decoder{err: errNotBegun} }

// Fresh returns the decoder's own window, emptied, for a message that is
// inflated by itself (no context takeover, RFC 7692 §7.1.1). It is valid until
// Fresh is called again. Its ring stays allocated from message to message.
// Distances may reach back 1<<bits bytes; bits is 8 to 15.
func (d *Decoder) Fresh(bits uint8) *Window {
	d.own.empty(bits)
	return &d.own
}

// Begin makes d ready for a message that may refer to what is in w and is
// inflated into it. d keeps w until the message has ended or failed, and forgets
// what it was doing before. Begin(nil) only does the latter: it lets go of the
// window of a message that is given up.
func (d *Decoder) Begin(w *Window) {
	d.window, d.err = w, nil
	if w == nil {
		d.err = errNotBegun
	}
	d.src, d.tail = nil, nil
	d.acc, d.n = 0, 0
	d.step = stepBlock
	d.ending, d.final, d.whole = false, false, true
	d.length = 0
}

// Next inflates src, any piece of the message's payload. out is what came of
// it. It lies in the window, of which it takes at most the whole, and is valid
// until the next call; it must not be written to. rest is the end of src that
// was not read because the window has no room before out has been taken. Next
// is to be called again with rest until both are empty, even if only rest is:
// there may be more to come of bytes that were read.
//
// What breaks a rule of RFC 1951 or RFC 7692 is a *frame.ProtocolError with
// frame.StatusInvalidPayload. It comes when all that stands before it has been
// returned, so that it makes no difference in what pieces the message came. After
// an error every call up to the next Begin returns the same error.
func (d *Decoder) Next(src []byte) (out, rest []byte, err error) {
	if d.err != nil {
		return nil, nil, d.err
	}
	w := d.window
	w.goRound()
	start := w.next
	d.src = src
	for d.one() {
	}
	rest, d.src = d.src, nil
	out = w.ring[start:w.next]
	if d.err == nil {
		return out, rest, nil
	}
	d.window = nil
	if len(out) > 0 { // what stands before the error is the caller's first
		return out, nil, nil
	}
	return nil, nil, d.err
}

// End takes the end of the message: it inflates the bytes 0000ffff that the
// sender has left off (RFC 7692 §7.2.2). It is to be called until done; out is
// as in Next, and seldom anything. Errors are those of Next, and the message
// must not end inside a block. After done, d has let go of the window and waits
// for the next Begin.
//
// Two payloads are taken that would not inflate with 0000ffff behind them:
//   - One that ends with a block that says it is the last (BFINAL), without the
//     byte 00 that RFC 7692 §7.2.3.4 adds to it. The data has ended by the rules
//     of RFC 1951, and inflaters that stop there, such as zlib, take it, too.
//   - One of zero bytes. An empty message is the one byte 00 (RFC 7692
//     §7.2.3.6), but a sender gets nothing from zlib if it flushes again
//     where it has just flushed. The stream goes on correctly after that.
func (d *Decoder) End() (out []byte, done bool, err error) {
	if !d.ending {
		if out, _, err = d.Next(nil); err != nil || len(out) > 0 {
			return out, false, err
		}
		d.ending, d.tail = true, flushTail
		if d.whole {
			d.tail = nil
		}
	}
	if out, d.tail, err = d.Next(d.tail); err != nil || len(out) > 0 {
		return out, false, err
	}
	if d.step != stepBlock || d.n != 0 {
		d.window, d.err = nil, errCut
		return nil, false, d.err
	}
	d.window, d.err = nil, errNotBegun
	return nil, true, nil
}

// one does what the next step is. It reports false if that needs more input
// or more room, and after an error.
func (d *Decoder) one() bool {
	switch d.step {
	case stepBlock:
		return d.blockHeader()
	case stepLength:
		return d.storedLength()
	case stepStored:
		return d.stored()
	case stepCounts:
		return d.codeCounts()
	case stepPre:
		return d.preLengths()
	case stepLens:
		return d.codeLengths()
	default:
		return d.symbols()
	}
}

// fail makes err what every call returns from now on.
func (d *Decoder) fail(err *frame.ProtocolError) bool {
	d.err = err
	return false
}

// need reports whether there are n bits in the accumulator, at most 56, reading
// input if not.
func (d *Decoder) need(n uint) bool { return d.n >= n || d.refill(n) }

func (d *Decoder) refill(n uint) bool {
	if len(d.src) >= 8 {
		d.acc |= binary.LittleEndian.Uint64(d.src) << (d.n & 63)
		d.src = d.src[(63-d.n)>>3:]
		d.n |= 56
		d.acc &= 1<<d.n - 1 // part of a byte that was not read
		return true
	}
	for ; d.n < 56 && len(d.src) > 0; d.n += 8 {
		d.acc |= uint64(d.src[0]) << (d.n & 63)
		d.src = d.src[1:]
	}
	return d.n >= n
}

// take uses up the next n bits, which are there.
func (d *Decoder) take(n uint) int {
	v := d.acc & (1<<(n&63) - 1)
	d.acc >>= n & 63
	d.n -= n
	return int(v)
}
