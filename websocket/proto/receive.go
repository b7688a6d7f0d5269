package proto

import "github.com/duplexhq/duplex/websocket/frame"

// receiver is the half of a Machine that reads.
type receiver struct {
	in []byte // lent by the driver: what is not parsed yet

	limit  int64 // largest message in bytes, <= 0 for none
	size   int64 // bytes of the current message, counted by the headers seen
	remain int64 // bytes of the current frame's payload still to come

	key     uint32 // masking key, rotated to the next payload byte
	masked  bool   // frames must be masked (true on a server)
	inFrame bool   // a header was parsed, its payload is not complete
	fin     bool   // FIN of the current frame
	started bool   // a Data event of the current message was returned
	done    bool   // a close frame, a failure or the end came: ignore the rest
	op      frame.Opcode
	message frame.Opcode // opcode of the message under way, 0 if none
	empty   uint8        // frames without payload in a row, within one message
	nhdr    uint8        // bytes of an incomplete header in hdr
	nctl    uint8        // bytes in control
	hdr     [frame.MaxHeaderLen]byte
	text    frame.UTF8

	compressed bool      // the message under way is
	inflater   *inflater // nil if compression was not negotiated

	control *[frame.MaxControlPayload]byte // payload of a control frame that came in pieces
}

// Receive lends b to the machine, which parses and unmasks it in place: b is
// overwritten and must not be used until Next has returned None. Call it only
// then: bytes that were received before and not yet taken are lost otherwise.
func (r *receiver) Receive(b []byte) { r.in = b }

// Need returns how many bytes of payload the current frame of a message still
// lacks: 0 between frames, within control frames and in a compressed message. A
// driver may read up to so many straight into the place where the message is to
// stand; Next then returns them as they came, in one Data event, or a Failure.
func (r *receiver) Need() int64 {
	if !r.inFrame || r.done || r.compressed || r.op.IsControl() {
		return 0
	}
	return max(0, r.remain-int64(len(r.in)))
}

// Buffered returns how many of the bytes lent to Receive are not parsed yet.
func (r *receiver) Buffered() int { return len(r.in) }

// AtBoundary tells that the last byte received was the last of a frame: an idle
// peer leaves the machine here.
func (r *receiver) AtBoundary() bool { return !r.inFrame && r.nhdr == 0 && len(r.in) == 0 }

// EOF returns the event that the transport ended: err says why, nil if the peer
// simply closed it. Bytes that were lent and not parsed are dropped. It gives the
// working memory of compression back to its pool, so a driver that gives up should
// call it as well, if nobody reads a piece of a message any more.
func (r *receiver) EOF(err error) Event {
	r.stop(nil)
	return Event{Kind: End, Err: err}
}

// Next returns the next event of the bytes received, or one of kind None when
// they are used up. After a Close, a Failure or an End there is nothing more:
// all later bytes are dropped (RFC 6455 §1.4 and §7.1.7).
func (r *receiver) Next() Event {
	for !r.done {
		if !r.inFrame {
			ok, err := r.header()
			if err != nil {
				return r.fail(err)
			}
			if !ok {
				return Event{}
			}
		}
		if r.op.IsControl() {
			return r.controlFrame()
		}
		if r.compressed {
			if ev, ok := r.inflate(); ok {
				return ev
			}
		} else if ev, ok := r.data(); ok {
			return ev
		}
	}
	r.in = nil
	return Event{}
}

// header parses the next frame's header. It returns false if more bytes are
// needed; what there is of the header is then kept in hdr.
func (r *receiver) header() (bool, error) {
	if len(r.in) == 0 {
		return false, nil
	}
	b := r.in
	if r.nhdr > 0 {
		n := copy(r.hdr[r.nhdr:], r.in)
		b = r.hdr[:int(r.nhdr)+n]
	}
	h, n, err := frame.ParseHeader(b)
	if err != nil {
		return false, err
	}
	if n == 0 {
		// A header is at most 14 bytes, so what is left of it fits.
		if r.nhdr == 0 {
			copy(r.hdr[:], b)
		}
		r.nhdr, r.in = uint8(len(b)), nil
		return false, nil
	}
	r.in = r.in[n-int(r.nhdr):]
	r.nhdr = 0
	return true, r.begin(h)
}

// begin checks h against every rule that does not need the payload, and starts
// its frame.
func (r *receiver) begin(h frame.Header) error {
	if err := r.check(h); err != nil {
		return err
	}
	r.inFrame, r.fin, r.op, r.remain, r.key = true, h.Fin, h.Opcode, h.Length, h.Key
	if h.Opcode.IsControl() {
		return nil
	}
	if h.Opcode != frame.OpContinuation {
		r.message, r.size, r.empty, r.started = h.Opcode, 0, 0, false
		r.compressed = h.RSV != 0
		r.text.Reset()
		if r.compressed {
			r.inflater.wire = 0
		}
	}
	switch {
	case r.compressed: // its size is not known before it is inflated
		if !r.inflater.admit(h.Length, r.limit) {
			return &MessageTooBigError{Limit: r.limit, Compressed: true}
		}
	case r.limit > 0 && h.Length > r.limit-r.size:
		return &MessageTooBigError{Limit: r.limit}
	default:
		r.size += h.Length
	}
	switch {
	case h.Length > 0 || h.Fin:
		r.empty = 0
	case r.empty == MaxEmptyFragments:
		return violation(frame.StatusPolicyViolation, "§5.4", "too many empty fragments in one message")
	default:
		r.empty++
	}
	return nil
}

// check holds h against the rules of RFC 6455 §5.1, §5.2, §5.4 and §5.5, and of
// RFC 7692 §6.
func (r *receiver) check(h frame.Header) error {
	switch {
	case h.RSV != 0 && !r.mayBeCompressed(h):
		return r.wrongRSV(h)
	case h.Opcode.IsReserved():
		return violation(frame.StatusProtocolError, "§5.2", h.Opcode.String())
	case r.masked && !h.Masked:
		return violation(frame.StatusProtocolError, "§5.1", "frame from a client is not masked")
	case !r.masked && h.Masked:
		return violation(frame.StatusProtocolError, "§5.1", "frame from a server is masked")
	case h.Opcode.IsControl() && !h.Fin:
		return violation(frame.StatusProtocolError, "§5.5", "fragmented control frame")
	case h.Opcode.IsControl() && h.Length > frame.MaxControlPayload:
		return violation(frame.StatusProtocolError, "§5.5", "control frame with more than 125 bytes")
	case h.Opcode == frame.OpContinuation && r.message == 0:
		return violation(frame.StatusProtocolError, "§5.4", "continuation frame with nothing to continue")
	case (h.Opcode == frame.OpText || h.Opcode == frame.OpBinary) && r.message != 0:
		return violation(frame.StatusProtocolError, "§5.4", "new message inside a fragmented message")
	}
	return nil
}

// mayBeCompressed tells whether h, in which a reserved bit is set, begins a compressed
// message.
func (r *receiver) mayBeCompressed(h frame.Header) bool {
	return r.inflater != nil && h.RSV == frame.RSV1 && (h.Opcode == frame.OpText || h.Opcode == frame.OpBinary)
}

// wrongRSV tells what is wrong with h, in which a reserved bit has no meaning.
func (r *receiver) wrongRSV(h frame.Header) error {
	switch {
	case h.RSV != frame.RSV1:
		return violation(frame.StatusProtocolError, "§5.2", "RSV2 or RSV3 set")
	case r.inflater == nil:
		return violation(frame.StatusProtocolError, "§5.2", "RSV1 set, but no extension was negotiated")
	case h.Opcode.IsReserved():
		return violation(frame.StatusProtocolError, "§5.2", h.Opcode.String())
	case h.Opcode.IsControl():
		return misplacedRSV1("RSV1 set in a control frame, which is never compressed")
	default:
		return misplacedRSV1("RSV1 set in a frame that is not the first of its message")
	}
}

// data returns the next piece of the current data frame, and false if there is
// nothing to tell: no byte is there, or the frame was empty and not the last.
func (r *receiver) data() (Event, bool) {
	n := int(min(int64(len(r.in)), r.remain))
	if n == 0 && r.remain > 0 {
		r.in = nil
		return Event{}, true
	}
	p := r.take(n)
	last := r.remain == 0 && r.fin
	if r.message == frame.OpText {
		if !r.text.Write(p) || last && !r.text.Complete() {
			return r.fail(notUTF8()), true
		}
	}
	r.inFrame = r.remain > 0
	if n == 0 && !last {
		return Event{}, false
	}
	ev := Event{Kind: Data, First: !r.started, Last: last, Opcode: r.message, Payload: p}
	r.started = true
	if last {
		r.message = 0
	}
	return ev, true
}

// take takes n bytes of payload out of the lent bytes and unmasks them.
func (r *receiver) take(n int) []byte {
	p := r.in[:n:n]
	r.in = r.in[n:]
	r.remain -= int64(n)
	if r.masked {
		r.key = frame.Mask(p, r.key)
	}
	return p
}

// controlFrame returns the event of the current control frame, or None if its
// payload is not complete. Only a payload that comes in pieces is copied.
func (r *receiver) controlFrame() Event {
	n := int(min(int64(len(r.in)), r.remain))
	p := r.take(n)
	if r.remain > 0 || r.nctl > 0 {
		if r.control == nil {
			r.control = new([frame.MaxControlPayload]byte)
		}
		r.nctl += uint8(copy(r.control[r.nctl:], p))
		if r.remain > 0 {
			return Event{}
		}
		p, r.control, r.nctl = r.control[:r.nctl], nil, 0
	}
	r.inFrame = false
	switch r.op {
	case frame.OpPing:
		return Event{Kind: Ping, Payload: p}
	case frame.OpPong:
		return Event{Kind: Pong, Payload: p}
	}
	code, reason, err := frame.ParseClose(p)
	if err != nil {
		return r.fail(err)
	}
	r.stop(nil)
	return Event{Kind: Close, Code: code, Payload: reason}
}

// fail ends the receiving half because of err.
func (r *receiver) fail(err error) Event {
	return Event{Kind: Failure, Code: r.stop(err), Err: err}
}

// stop makes this half ignore what still comes, and returns the code that answers
// err if there is one. It is rare, and so stays out of the frames of its callers,
// which are on the stack of every reader.
//
//go:noinline
func (r *receiver) stop(err error) frame.StatusCode {
	r.done, r.in = true, nil
	if r.inflater != nil {
		r.inflater.release()
		r.inflater.window = nil
	}
	if err == nil {
		return 0
	}
	return failureCode(err)
}
