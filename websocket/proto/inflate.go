package proto

import (
	"math"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// An inflater is what the receiving half has more if compression was negotiated.
type inflater struct {
	decoders Pool
	decoder  *deflate.Decoder // of the message under way, nil until its first byte
	window   *deflate.Window  // with context takeover: made for the first message, kept

	wire     int64 // bytes of the message as it comes, counted by the headers seen
	clear    int   // bytes at the front of receiver.in that are unmasked already
	bits     uint8 // of the window
	takeover bool
	more     bool // the decoder may have more of what it was given
	done     bool // all of the message is inflated
}

// wireSlack is what a compressed message may take beyond twice the limit.
const wireSlack = 64 << 10

// wireLimit returns how many bytes a message may take in its compressed form if
// limit is how many it may inflate to. What a compressor cannot make smaller grows
// by a few bytes for every block, so that twice the limit is generous; but blocks
// may also be empty, and a message of nothing else would count against no limit.
func wireLimit(limit int64) int64 {
	if limit > (math.MaxInt64-wireSlack)/2 {
		return math.MaxInt64
	}
	return 2*limit + wireSlack
}

// admit counts n bytes that come with the next frame, and tells whether they are
// not too many.
func (z *inflater) admit(n, limit int64) bool {
	if limit <= 0 {
		return true
	}
	if n > wireLimit(limit)-z.wire {
		return false
	}
	z.wire += n
	return true
}

// begin takes a decoder for the message that begins.
func (z *inflater) begin() {
	z.decoder = z.decoders.Get().(*deflate.Decoder) //nolint:forcetypeassert // what Deflate.Decoders promises
	w := z.window
	switch {
	case !z.takeover:
		w = z.decoder.Fresh(z.bits)
	case w == nil:
		w = deflate.NewWindow(z.bits)
		z.window = w
	}
	z.decoder.Begin(w)
}

// release gives the decoder back, as the message is at its end or given up. In the
// pool it must not keep the window of a connection that is gone.
func (z *inflater) release() {
	if z.decoder != nil {
		z.decoder.Begin(nil)
		z.decoders.Put(z.decoder)
	}
	z.decoder, z.clear, z.more, z.done = nil, 0, false, false
}

// inflate returns the next piece of the message as far as its current frame goes.
// It returns false if that is used up and there is nothing to tell.
//
// A piece lies in the window. So the end of the message is told in an event of its
// own, without payload, and the window may go to another connection with it.
func (r *receiver) inflate() (Event, bool) {
	z := r.inflater
	if z.clear == 0 { // nothing is left from the last call
		z.clear = int(min(int64(len(r.in)), r.remain))
		if r.masked {
			r.key = frame.Mask(r.in[:z.clear], r.key)
		}
	}
	switch {
	case z.done:
		return r.endInflated(), true
	case z.clear == 0 && !z.more && r.remain > 0:
		r.in = nil
		return Event{}, true
	case z.clear == 0 && !z.more && !r.fin:
		r.inFrame = false
		return Event{}, false
	}
	p, err := r.inflateMore()
	switch problem := r.judgeInflated(p); {
	case problem != nil:
		return r.fail(problem), true
	case err != nil:
		return r.fail(err), true
	case len(p) == 0:
		return Event{}, false
	}
	ev := Event{Kind: Data, First: !r.started, Opcode: r.message, Payload: p}
	r.started = true
	return ev, true
}

// inflateMore returns what the decoder makes of the bytes at hand, or at the end
// of the message of what the peer left off.
func (r *receiver) inflateMore() (p []byte, err error) {
	z := r.inflater
	if z.decoder == nil {
		z.begin()
	}
	if z.clear == 0 && !z.more {
		p, z.done, err = z.decoder.End()
		return p, err
	}
	p, rest, err := z.decoder.Next(r.in[:z.clear])
	n := z.clear - len(rest)
	r.in, r.remain = r.in[n:], r.remain-int64(n)
	z.clear, z.more = len(rest), len(p) > 0
	return p, err
}

// judgeInflated holds p, the next bytes of the message, against the limit and the
// rules of text. What is wrong first in the message counts, however it came in.
func (r *receiver) judgeInflated(p []byte) error {
	n := int64(len(p))
	tooBig := r.limit > 0 && n > r.limit-r.size
	if tooBig {
		n = r.limit - r.size
	}
	if r.message == frame.OpText && !r.text.Write(p[:n]) {
		return notUTF8()
	}
	if tooBig {
		return &MessageTooBigError{Limit: r.limit}
	}
	r.size += n
	return nil
}

// endInflated ends the message.
func (r *receiver) endInflated() Event {
	if r.message == frame.OpText && !r.text.Complete() {
		return r.fail(notUTF8())
	}
	ev := Event{Kind: Data, First: !r.started, Last: true, Opcode: r.message}
	r.inFrame, r.started, r.message, r.compressed = false, true, 0, false
	r.inflater.release()
	return ev
}
