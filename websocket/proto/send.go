package proto

import (
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// What the Append methods can return beside the errors of [frame.AppendClosePayload].
var (
	// ErrClosing means that a close frame was sent or the connection ended,
	// so that nothing more can be sent.
	ErrClosing = errors.New("websocket: connection is closing or closed")

	// ErrFragmented means that a fragmented message is under way and must be
	// ended before another begins (RFC 6455 §5.4).
	ErrFragmented = errors.New("websocket: another message is not finished")

	// ErrNotUTF8 means that the payload of a text message is not valid UTF-8,
	// which the peer would have to refuse (RFC 6455 §5.6).
	ErrNotUTF8 = errors.New("websocket: text message is not valid UTF-8: send it as binary")

	// ErrControlTooLong means that a ping or pong has more than 125 bytes of
	// payload (RFC 6455 §5.5).
	ErrControlTooLong = errors.New("websocket: control frame with more than 125 bytes")

	// ErrMessageType means that a message is neither text nor binary.
	ErrMessageType = errors.New("websocket: message type is neither text nor binary")
)

// sender is the half of a Machine that writes.
type sender struct {
	keys    rand.Source
	ending  *CloseError // nil while open
	message frame.Opcode
	text    frame.UTF8
	role    Role
	state   State

	deflater *deflater // nil if compression was not negotiated
}

// State returns where the connection stands.
func (s *sender) State() State { return s.state }

// AppendMessage appends a whole message in one frame to dst: compressed if that
// was negotiated, p is not below the threshold, and it makes p smaller. The payload
// is copied; p is not changed.
func (s *sender) AppendMessage(dst []byte, op frame.Opcode, p []byte) ([]byte, error) {
	if err := s.mayBegin(op); err != nil {
		return dst, err
	}
	if op == frame.OpText && !frame.ValidUTF8(p) {
		return dst, ErrNotUTF8
	}
	if s.DeflateBits(len(p)) > 0 {
		var ok bool
		if dst, ok = s.appendSmaller(dst, op, p, true); ok {
			return dst, nil
		}
	}
	return s.appendFrame(dst, op, true, p), nil
}

// AppendEncoded appends a frame that holds the whole message p and was encoded
// before, by another machine of the same role. Only a Server's frames can be shared
// so: a Client must mask each frame with a key of its own.
//
// The frame may be compressed, if that was negotiated, without context takeover and
// with a window of at most DeflateBits. With context takeover this end then takes
// note of p, which is in the peer's window now. Of a large frame it is enough to
// append the beginning, if the rest is written behind it.
func (s *sender) AppendEncoded(dst, encoded, p []byte) ([]byte, error) {
	if err := s.mayBegin(frame.OpBinary); err != nil {
		return dst, err
	}
	if s.deflater != nil && isCompressed(encoded) {
		s.deflater.learn(p)
	}
	return append(dst, encoded...), nil
}

// AppendHeader appends the header of a frame that holds a whole message of n
// bytes, for a payload that is written on its own. The n bytes that follow must
// be XORed with the key on a client ([frame.Mask]), and go out as they are on a
// server, where the key is 0. Such a message is never compressed. The caller has
// checked that text is UTF-8.
func (s *sender) AppendHeader(dst []byte, op frame.Opcode, n int) (_ []byte, key uint32, err error) {
	if err := s.mayBegin(op); err != nil {
		return dst, 0, err
	}
	h := s.header(op, true, n)
	return frame.AppendHeader(dst, h), h.Key, nil
}

// AppendFragment appends one frame of a fragmented message to dst: op is the
// opcode of the message in every call, fin is true in the last. Control frames
// may be appended in between, other messages may not.
//
// The message is compressed if its first fragment is one that AppendMessage would
// compress. Every fragment can then be inflated as soon as it has come.
func (s *sender) AppendFragment(dst []byte, op frame.Opcode, p []byte, fin bool) ([]byte, error) {
	first := s.message == 0
	switch {
	case s.state != Open:
		return dst, ErrClosing
	case op != frame.OpText && op != frame.OpBinary:
		return dst, ErrMessageType
	case !first && s.message != op:
		return dst, ErrFragmented
	}
	if op == frame.OpText {
		before := s.text
		if first {
			s.text.Reset()
		}
		if !s.text.Write(p) || fin && !s.text.Complete() {
			s.text = before
			return dst, ErrNotUTF8
		}
	}
	s.message = op
	if fin {
		s.message = 0
	}
	switch {
	case first && s.DeflateBits(len(p)) > 0:
		var ok bool
		if dst, ok = s.appendSmaller(dst, op, p, fin); ok {
			return dst, nil
		}
	case first:
	case s.deflater != nil && s.deflater.active:
		return s.appendMore(dst, p, fin), nil
	default:
		op = frame.OpContinuation
	}
	return s.appendFrame(dst, op, fin, p), nil
}

// AppendPing appends a ping with p, at most 125 bytes, to dst.
func (s *sender) AppendPing(dst, p []byte) ([]byte, error) {
	return s.appendControl(dst, frame.OpPing, p)
}

// AppendPong appends a pong nobody asked for to dst: a heartbeat in one direction
// (RFC 6455 §5.5.3). p has at most 125 bytes.
func (s *sender) AppendPong(dst, p []byte) ([]byte, error) {
	return s.appendControl(dst, frame.OpPong, p)
}

func (s *sender) appendControl(dst []byte, op frame.Opcode, p []byte) ([]byte, error) {
	switch {
	case s.state != Open:
		return dst, ErrClosing
	case len(p) > frame.MaxControlPayload:
		return dst, ErrControlTooLong
	}
	return s.appendFrame(dst, op, true, p), nil
}

// mayBegin tells whether a message with op may begin now.
func (s *sender) mayBegin(op frame.Opcode) error {
	switch {
	case s.state != Open:
		return ErrClosing
	case op != frame.OpText && op != frame.OpBinary:
		return ErrMessageType
	case s.message != 0:
		return ErrFragmented
	}
	return nil
}

// header returns the header of a frame, with a fresh key on a client.
func (s *sender) header(op frame.Opcode, fin bool, n int) frame.Header {
	h := frame.Header{Fin: fin, Opcode: op, Length: int64(n)}
	if s.role == Client {
		h.Masked, h.Key = true, uint32(s.keys.Uint64())
	}
	return h
}

// appendFrame appends a frame, masked on a client.
func (s *sender) appendFrame(dst []byte, op frame.Opcode, fin bool, p []byte) []byte {
	h := s.header(op, fin, len(p))
	dst = frame.AppendHeader(dst, h)
	if !h.Masked {
		return append(dst, p...)
	}
	n := len(dst)
	dst = slices.Grow(dst, len(p))[:n+len(p)]
	frame.MaskCopy(dst[n:], p, h.Key)
	return dst
}
