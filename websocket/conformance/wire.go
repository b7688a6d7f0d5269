package conformance

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A Piece is a frame as a peer sends it, right or wrong. The zero values of
// the later fields make it a correct frame.
type Piece struct {
	Fin     bool
	RSV     byte // a combination of frame.RSV1, RSV2 and RSV3
	Opcode  frame.Opcode
	Payload string

	// WrongMask leaves out the masking a client owes, or masks what a server
	// must not mask.
	WrongMask bool

	// Form is how the length is written.
	Form LengthForm

	// Declared, if not 0, stands in the header as the length of the payload,
	// whatever Payload has. All 64 bits may be used.
	Declared uint64

	// Keep, if not 0, is how many bytes of the frame are sent, from its start.
	Keep int

	// Cut is how many bytes are left off at the frame's end.
	Cut int

	// Raw, if not empty, is sent as it is, in hexadecimal digits, in place of
	// all the above.
	Raw string
}

// A LengthForm is how the length of a payload is written (RFC 6455 §5.2).
type LengthForm uint8

// The forms. Only Minimal is always legal.
const (
	Minimal  LengthForm = iota // in the fewest bytes possible
	In16Bits                   // 126, then 2 bytes
	In64Bits                   // 127, then 8 bytes
)

// AppendWire appends to dst what the peer sends if it plays the role from. Key
// is the masking key of the first frame in the layout of frame.Header; every
// further frame has another key, which follows from it. Key matters only to
// frames that are masked.
func (c *Case) AppendWire(dst []byte, from Role, key uint32) []byte {
	for i, p := range c.Sends {
		dst = p.append(dst, from, key+uint32(i)*0x9E3779B9)
	}
	return dst
}

// append appends the bytes of p. It panics if p.Raw is not hexadecimal.
func (p *Piece) append(dst []byte, from Role, key uint32) []byte {
	if p.Raw != "" {
		b, err := hex.DecodeString(p.Raw)
		if err != nil {
			panic("conformance: " + err.Error())
		}
		return append(dst, b...)
	}
	start, masked := len(dst), (from == Client) != p.WrongMask
	dst = p.appendHeader(dst, masked, key)
	payload := len(dst)
	dst = append(dst, p.Payload...)
	if masked {
		frame.Mask(dst[payload:], key)
	}
	if p.Keep > 0 {
		dst = dst[:start+p.Keep]
	}
	return dst[:len(dst)-p.Cut]
}

// appendHeader appends the header of p. It is written here and not by package
// frame, which has no way to write a wrong one.
func (p *Piece) appendHeader(dst []byte, masked bool, key uint32) []byte {
	b0, b1 := p.RSV<<4|byte(p.Opcode), byte(0)
	if p.Fin {
		b0 |= 0x80
	}
	if masked {
		b1 = 0x80
	}
	length := uint64(len(p.Payload))
	if p.Declared != 0 {
		length = p.Declared
	}
	switch {
	case p.Form == In64Bits || length > 0xFFFF:
		dst = append(dst, b0, b1|127)
		dst = binary.BigEndian.AppendUint64(dst, length)
	case p.Form == In16Bits || length > 125:
		dst = append(dst, b0, b1|126, byte(length>>8), byte(length))
	default:
		dst = append(dst, b0, b1|byte(length))
	}
	if masked {
		dst = binary.LittleEndian.AppendUint32(dst, key)
	}
	return dst
}
