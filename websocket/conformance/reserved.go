package conformance

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// reservedCases use what RFC 6455 §5.2 keeps for extensions: bits and opcodes
// without a meaning. No extension is negotiated, so each fails the connection.
func reservedCases() []Case {
	return slices.Concat(reservedBitCases(), reservedOpcodeCases())
}

// opcodes are those that can stand in the first frame of a connection.
var opcodes = []frame.Opcode{frame.OpText, frame.OpBinary, frame.OpClose, frame.OpPing, frame.OpPong}

// reservedBitCases set each combination of the three bits.
func reservedBitCases() (cases []Case) {
	for bits := byte(1); bits <= 7; bits++ {
		for _, op := range opcodes {
			p := Piece{Fin: true, Opcode: op, RSV: bits}
			name := fmt.Sprintf("§5.2 RSV %03b on an empty %v frame", bits, op)
			cases = append(cases, breaks(name, "§5.2", sends(p)))
		}
		cases = append(cases,
			breaks(fmt.Sprintf("§5.2 RSV %03b on a text message", bits),
				"§5.2", sends(text("Hello").rsv(bits))),
			breaks(fmt.Sprintf("§5.2 RSV %03b on a text after a good one, a ping behind", bits),
				"§5.2", sends(text("good"), text("bad").rsv(bits), ping("late")), Event{Text, "good"}),
			breaks(fmt.Sprintf("§5.2 RSV %03b on the first fragment", bits),
				"§5.2", sends(bin("a").rsv(bits).more(), cont("b"))),
			breaks(fmt.Sprintf("§5.2 RSV %03b on the last fragment", bits),
				"§5.2", sends(bin("a").more(), cont("b").rsv(bits))),
			breaks(fmt.Sprintf("§5.2 RSV %03b on a ping between fragments", bits),
				"§5.2", sends(text("a").more(), ping("p").rsv(bits), cont("b"))),
		)
	}
	return cases
}

// reservedOpcodeCases use each opcode without a meaning.
func reservedOpcodeCases() (cases []Case) {
	for _, op := range []frame.Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		bad := bin("bad").opcode(op)
		cases = append(cases,
			breaks(fmt.Sprintf("§5.2 opcode %d, empty", op),
				"§5.2", sends(bin("").opcode(op))),
			breaks(fmt.Sprintf("§5.2 opcode %d with a payload", op),
				"§5.2", sends(bad)),
			breaks(fmt.Sprintf("§5.2 opcode %d without FIN", op),
				"§5.2", sends(bad.more(), cont("more"))),
			breaks(fmt.Sprintf("§5.2 opcode %d with a payload of 200 bytes", op),
				"§5.2", sends(bin(octets(200)).opcode(op))),
			breaks(fmt.Sprintf("§5.2 opcode %d after a good text, a ping behind", op),
				"§5.2", sends(text("good"), bad, ping("late")), Event{Text, "good"}),
			breaks(fmt.Sprintf("§5.2 opcode %d between fragments", op),
				"§5.2", sends(text("a").more(), bad, cont("b"))),
		)
	}
	return cases
}
