package frame

import "encoding/binary"

// The reserved bits of a header, as they stand in Header.RSV. Only an
// extension gives them a meaning (RFC 6455 §5.2).
const (
	RSV1 byte = 4
	RSV2 byte = 2
	RSV3 byte = 1
)

const (
	// MaxHeaderLen is the size in bytes of the longest header: 2, 8 of
	// extended length and 4 of masking key.
	MaxHeaderLen = 14

	// MaxControlPayload is the largest payload of a control frame in bytes
	// (RFC 6455 §5.5).
	MaxControlPayload = 125
)

const (
	finBit  = 0x80
	maskBit = 0x80

	// What the 7 bits of length say if the length follows in 2 or 8 bytes.
	length16 = 126
	length64 = 127
)

// A Header is the part of a frame that stands before its payload
// (RFC 6455 §5.2).
type Header struct {
	// Fin says that this frame is the last one of its message.
	Fin bool

	// RSV is a combination of RSV1, RSV2 and RSV3.
	RSV byte

	Opcode Opcode

	// Masked says that the payload is masked with Key. It is set in every
	// frame a client sends and in none a server sends (RFC 6455 §5.1).
	Masked bool

	// Key is the masking key, 0 in a frame that is not masked. Its low byte
	// comes first on the wire and masks the first byte of the payload.
	Key uint32

	// Length is the size of the payload in bytes, never negative.
	Length int64
}

// ParseHeader reads one header from the front of b. It returns the number of
// bytes it used, or 0 if b ends before the header does: call again with more,
// from the start of the same frame.
//
// The error is a *ProtocolError with status 1002 (RFC 6455 §5.2) if the length
// is not written in the fewest bytes possible or if its highest bit is set. It
// is returned as soon as the bytes at hand prove it, even if the header is not
// complete. Rules that depend on the role, on extensions or on earlier frames
// are not checked here.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	length, n := int64(b[1]&^maskBit), 2
	if length >= length16 {
		length, n, err = parseExtendedLength(b)
		if n == 0 {
			return Header{}, 0, err
		}
	}
	h = Header{
		Fin:    b[0]&finBit != 0,
		RSV:    b[0] >> 4 & 7,
		Opcode: Opcode(b[0] & 15),
		Masked: b[1]&maskBit != 0,
		Length: length,
	}
	if h.Masked {
		if len(b)-n < 4 {
			return Header{}, 0, nil
		}
		h.Key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	return h, n, nil
}

// parseExtendedLength reads the length of a header whose 7 bits of length are
// 126 or 127. It returns the offset behind the length, or 0 if b ends too
// early or the length is illegal.
func parseExtendedLength(b []byte) (length int64, n int, err error) {
	if b[1]&^maskBit == length16 {
		if len(b) < 4 {
			return 0, 0, nil
		}
		length = int64(binary.BigEndian.Uint16(b[2:]))
		if length < length16 {
			return 0, 0, lengthError("length below 126 written in 16 bits")
		}
		return length, 4, nil
	}
	if len(b) > 2 && b[2] >= 0x80 {
		return 0, 0, lengthError("64-bit length with the highest bit set")
	}
	// The upper 48 bits already tell whether 16 bits would have done.
	if len(b) >= 8 && binary.BigEndian.Uint64(b)<<16 == 0 {
		return 0, 0, lengthError("length below 65536 written in 64 bits")
	}
	if len(b) < 10 {
		return 0, 0, nil
	}
	return int64(binary.BigEndian.Uint64(b[2:])), 10, nil
}

func lengthError(problem string) error {
	return &ProtocolError{Code: StatusProtocolError, Section: "RFC 6455 §5.2", Problem: problem}
}

// AppendHeader appends h to dst as it stands on the wire, at most MaxHeaderLen
// bytes with the length in the fewest bytes possible, and returns the extended
// slice. Bits of RSV and Opcode that have no place in a header are dropped, Key
// is ignored unless Masked is set, and Length must not be negative. Whether
// the frame is legal is up to the caller.
func AppendHeader(dst []byte, h Header) []byte {
	b0 := h.RSV&7<<4 | byte(h.Opcode&15)
	if h.Fin {
		b0 |= finBit
	}
	var b1 byte
	if h.Masked {
		b1 = maskBit
	}
	switch {
	case h.Length < length16:
		dst = append(dst, b0, b1|byte(h.Length))
	case h.Length <= 0xFFFF:
		dst = append(dst, b0, b1|length16, byte(h.Length>>8), byte(h.Length))
	default:
		dst = append(dst, b0, b1|length64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(h.Length))
	}
	if h.Masked {
		dst = binary.LittleEndian.AppendUint32(dst, h.Key)
	}
	return dst
}
