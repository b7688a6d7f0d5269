package proto

import (
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A deflater is what the sending half has more if compression was negotiated.
type deflater struct {
	params   deflate.Params
	encoders Pool
	encoder  *deflate.Encoder // without context takeover: of the fragmented message under way
	history  *deflate.History // with it: made for the first message, kept; else the encoder's

	threshold int
	bits      uint8 // of the window
	takeover  bool
	active    bool // the fragmented message under way is compressed
}

// halves returns what the two halves of a machine need.
func (d *Deflate) halves(role Role) (*inflater, *deflater) {
	p := d.Params
	in := &inflater{decoders: d.Decoders, bits: p.ClientMaxWindowBits, takeover: !p.ClientNoContextTakeover}
	out := &deflater{
		params: p, encoders: d.Encoders, threshold: d.Threshold,
		bits: d.WindowBits, takeover: !p.ServerNoContextTakeover,
	}
	if role == Client {
		in.bits, in.takeover = p.ServerMaxWindowBits, !p.ServerNoContextTakeover
		out.takeover = !p.ClientNoContextTakeover
	}
	return in, out
}

// begin returns an encoder and what it may refer to.
func (z *deflater) begin() (*deflate.Encoder, *deflate.History) {
	e := z.encoder
	if e == nil {
		e = z.encoders.Get().(*deflate.Encoder) //nolint:forcetypeassert // what Deflate.Encoders promises
	}
	switch {
	case z.history != nil:
	case z.takeover:
		z.history = deflate.NewHistory(z.bits)
	default:
		z.history = e.Fresh(z.bits)
	}
	return e, z.history
}

// end gives the encoder back, unless the message goes on and needs what it knows.
func (z *deflater) end(e *deflate.Encoder, goesOn bool) {
	switch z.active = goesOn; {
	case z.takeover:
		z.encoders.Put(e)
	case goesOn:
		z.encoder = e
	default:
		z.encoder, z.history = nil, nil
		z.encoders.Put(e)
	}
}

// release gives back what is left of a message that will not be ended.
func (z *deflater) release() {
	if z.encoder != nil {
		z.encoders.Put(z.encoder)
	}
	z.encoder, z.history, z.active = nil, nil, false
}

// learn takes note of p, which went out in a frame that somebody else compressed.
func (z *deflater) learn(p []byte) {
	if !z.takeover {
		return
	}
	if z.history == nil {
		z.history = deflate.NewHistory(z.bits)
	}
	z.history.Learn(p)
}

// Deflate returns the parameters of the compression that was negotiated, and false
// if none was. It may be called by any goroutine at any time.
func (s *sender) Deflate() (p deflate.Params, ok bool) {
	if s.deflater == nil {
		return deflate.Params{}, false
	}
	return s.deflater.params, true
}

// DeflateBits returns the window, in bits, with which a message of n bytes is
// compressed: 0 if it is not, as it is below the threshold or compression was not
// negotiated. It may be called by any goroutine at any time.
func (s *sender) DeflateBits(n int) uint8 {
	if s.deflater == nil || n < s.deflater.threshold {
		return 0
	}
	return s.deflater.bits
}

// Retractable tells whether a frame that was appended last or before others, and
// has not been written, may be left out after all. It may not if it is compressed
// with context takeover: what was appended after it may refer to it.
func (s *sender) Retractable(frm []byte) bool {
	return s.deflater == nil || !s.deflater.takeover || !isCompressed(frm)
}

// isCompressed tells whether RSV1 is set in a frame.
func isCompressed(frm []byte) bool { return len(frm) > 0 && frm[0]>>4&frame.RSV1 != 0 }

// AppendSmaller is AppendFragment for the first fragment of a message, if
// compression was negotiated and makes it smaller: then the message is a compressed
// one, whatever the threshold. Otherwise AppendSmaller appends nothing and returns
// false, and nothing has begun.
func (s *sender) AppendSmaller(dst []byte, op frame.Opcode, p []byte, fin bool) (_ []byte, ok bool, err error) {
	if err := s.mayBegin(op); err != nil {
		return dst, false, err
	}
	if s.deflater == nil {
		return dst, false, nil
	}
	if op == frame.OpText {
		s.text.Reset()
		if !s.text.Write(p) || fin && !s.text.Complete() {
			return dst, false, ErrNotUTF8
		}
	}
	dst, ok = s.appendSmaller(dst, op, p, fin)
	if ok && !fin {
		s.message = op
	}
	return dst, ok, nil
}

// appendSmaller appends the first or only frame of a message, compressed, if that
// makes it smaller.
func (s *sender) appendSmaller(dst []byte, op frame.Opcode, p []byte, fin bool) (_ []byte, ok bool) {
	e, h := s.deflater.begin()
	start := len(dst)
	dst = makeRoom(dst)
	dst, ok = e.AppendSmaller(dst, h, p, fin)
	s.deflater.end(e, ok && !fin)
	if !ok {
		return dst[:start], false
	}
	return s.enclose(dst, start, op, frame.RSV1, fin), true
}

// appendMore appends a further frame of a compressed message.
func (s *sender) appendMore(dst, p []byte, fin bool) []byte {
	e, h := s.deflater.begin()
	start := len(dst)
	dst = e.Append(makeRoom(dst), h, p, fin)
	s.deflater.end(e, !fin)
	return s.enclose(dst, start, frame.OpContinuation, 0, fin)
}

// makeRoom returns dst with room for a header whose length is not known yet.
func makeRoom(dst []byte) []byte {
	return slices.Grow(dst, frame.MaxHeaderLen)[:len(dst)+frame.MaxHeaderLen]
}

// enclose puts a header before the payload that stands in dst from start on, behind
// the room that makeRoom made, and masks it on a client.
func (s *sender) enclose(dst []byte, start int, op frame.Opcode, rsv byte, fin bool) []byte {
	payload := dst[start+frame.MaxHeaderLen:]
	h := s.header(op, fin, len(payload))
	h.RSV = rsv
	dst = frame.AppendHeader(dst[:start], h)
	n := len(dst)
	dst = append(dst, payload...) // moves it to the left
	if h.Masked {
		frame.Mask(dst[n:], h.Key)
	}
	return dst
}
