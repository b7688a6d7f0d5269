package frame

import "strconv"

// An Opcode says what the payload of a frame is (RFC 6455 §5.2). On the wire
// it has 4 bits, so only the values 0 to 15 occur.
type Opcode byte

// The opcodes that RFC 6455 §11.8 defines.
const (
	OpContinuation Opcode = 0
	OpText         Opcode = 1
	OpBinary       Opcode = 2
	OpClose        Opcode = 8
	OpPing         Opcode = 9
	OpPong         Opcode = 10
)

// IsControl reports whether o belongs to a control frame, reserved ones
// included: its highest bit is set (RFC 6455 §5.5).
func (o Opcode) IsControl() bool { return o&8 != 0 }

// IsReserved reports whether o is one of the opcodes without a meaning: 3 to 7
// for data frames and 11 to 15 for control frames (RFC 6455 §5.2).
func (o Opcode) IsReserved() bool { return o&7 > 2 }

// String returns the name of the opcode, such as "ping", or for an opcode
// without a meaning its number, as in "reserved opcode 11".
func (o Opcode) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "reserved opcode " + strconv.Itoa(int(o))
}
