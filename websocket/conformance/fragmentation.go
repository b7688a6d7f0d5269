package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// fragmentationCases are about messages in several frames (RFC 6455 §5.4).
func fragmentationCases() []Case {
	return slices.Concat(
		fragmentCases(),
		orphanCases(),
		intruderCases(),
		emptyFragmentCases(),
	)
}

// inFragments cuts a message into frames of at most n bytes.
func inFragments(op frame.Opcode, message string, n int) (pieces []Piece) {
	for len(message) > n {
		pieces = append(pieces, Piece{Opcode: op, Payload: message[:n]})
		op, message = frame.OpContinuation, message[n:]
	}
	return append(pieces, Piece{Fin: true, Opcode: op, Payload: message})
}

// fragmentCases are messages rightly fragmented.
func fragmentCases() (cases []Case) {
	sizes := []struct{ message, each int }{
		{2, 1}, {5, 2}, {10, 1}, {100, 1}, {125, 124}, {126, 125}, {127, 126}, {250, 125}, {256, 128},
		{1000, 64}, {4096, 300}, {65536, 1300}, {65536, 65535}, {131072, 65536},
	}
	for _, s := range sizes {
		name := fmt.Sprintf("of %d bytes in fragments of %d", s.message, s.each)
		cases = append(cases,
			stays("§5.4 text "+name,
				inFragments(frame.OpText, letters(s.message), s.each), Event{Text, letters(s.message)}),
			stays("§5.4 binary "+name,
				inFragments(frame.OpBinary, octets(s.message), s.each), Event{Binary, octets(s.message)}),
		)
	}
	return append(cases,
		stays("§5.4 two fragmented messages",
			sends(text("a").more(), cont("b"), bin("c").more(), cont("d")), Event{Text, "ab"}, Event{Binary, "cd"}),
		stays("§5.4 a fragmented message between two whole ones",
			sends(text("1"), text("2").more(), cont("3"), text("4")), Event{Text, "1"}, Event{Text, "23"}, Event{Text, "4"}),
		stays("§5.4 small, then large, then small fragment",
			sends(bin("a").more(), cont(octets(70000)).more(), cont("z")), Event{Binary, "a" + octets(70000) + "z"}),
	)
}

// orphanCases continue what was not begun.
func orphanCases() (cases []Case) {
	for _, p := range []Piece{cont("orphan"), cont(""), cont("orphan").more(), cont("").more()} {
		name := fmt.Sprintf("§5.4 continuation of %d bytes, FIN %t, ", len(p.Payload), p.Fin)
		cases = append(cases,
			breaks(name+"as the first frame", "§5.4", sends(p)),
			breaks(name+"as the first frame, a text behind", "§5.4", sends(p, text("late"))),
			breaks(name+"as the first frame, a fragmented text behind",
				"§5.4", sends(p, text("la").more(), cont("te"))),
			breaks(name+"after a whole message", "§5.4", sends(text("good"), p), Event{Text, "good"}),
			breaks(name+"after a fragmented message",
				"§5.4", sends(bin("go").more(), cont("od"), p), Event{Binary, "good"}),
			breaks(name+"after a ping", "§5.4", sends(ping("p"), p), Event{Ping, "p"}),
		)
	}
	return cases
}

// intruderCases begin a message inside another.
func intruderCases() (cases []Case) {
	for _, first := range []Piece{text("first").more(), bin("first").more()} {
		for _, second := range []Piece{text("second"), bin("second"), text("second").more(), bin("second").more()} {
			name := fmt.Sprintf("§5.4 %v, FIN %t, inside %v", second.Opcode, second.Fin, first.Opcode)
			cases = append(cases,
				breaks(name, "§5.4", sends(first, second)),
				breaks(name+" after a ping", "§5.4", sends(first, ping("p"), second), Event{Ping, "p"}),
				breaks(name+" after a second fragment", "§5.4", sends(first, cont("more").more(), second)),
			)
		}
	}
	return append(cases,
		breaks("§5.4 empty text inside text", "§5.4", sends(text("first").more(), text(""))),
		breaks("§5.4 text inside a text that began empty", "§5.4", sends(text("").more(), text("second"))),
		breaks("§5.4 binary inside a binary that began empty", "§5.4", sends(bin("").more(), bin("second"))),
	)
}

// maxEmpty is how many empty fragments may follow each other. RFC 6455 sets no
// bound; whoever sets none can be kept busy for ever by a message that never
// grows.
const maxEmpty = 128

// empties returns n empty continuation frames, none of them final.
func empties(n int) []Piece { return slices.Repeat(sends(cont("").more()), n) }

func emptyFragmentCases() []Case {
	flood := func(name string, sent []Piece, sees ...Event) Case {
		return should(fails(name, frame.StatusPolicyViolation, "§5.4", sent, sees...))
	}
	begun := slices.Concat(sends(bin("a").more()), empties(maxEmpty))
	pinged := sends(text("a").more())
	var pings []Event
	for range maxEmpty {
		pinged = append(pinged, cont("").more(), ping("p"))
		pings = append(pings, Event{Ping, "p"})
	}
	return []Case{
		stays("§5.4 empty first fragment", sends(text("").more(), cont("ab")), Event{Text, "ab"}),
		stays("§5.4 empty last fragment", sends(text("ab").more(), cont("")), Event{Text, "ab"}),
		stays("§5.4 empty fragment in the middle", sends(bin("a").more(), cont("").more(), cont("b")), Event{Binary, "ab"}),
		stays("§5.4 empty, not empty, empty", sends(text("").more(), cont("ab").more(), cont("")), Event{Text, "ab"}),
		stays("§5.4 text of two empty fragments", sends(text("").more(), cont("")), Event{Text, ""}),
		stays("§5.4 text of three empty fragments", sends(text("").more(), cont("").more(), cont("")), Event{Text, ""}),
		stays("§5.4 binary of two empty fragments", sends(bin("").more(), cont("")), Event{Binary, ""}),
		stays("§5.4 128 empty fragments in a row, then the last with a payload",
			append(slices.Clone(begun), cont("b")), Event{Binary, "ab"}),
		stays("§5.4 128 empty fragments in a row, then an empty last one",
			append(slices.Clone(begun), cont("")), Event{Binary, "a"}),
		stays("§5.4 127 empty fragments after an empty first one",
			slices.Concat(sends(text("").more()), empties(maxEmpty-1), sends(cont("ab"))), Event{Text, "ab"}),
		stays("§5.4 128 empty fragments, a byte, and 128 more",
			slices.Concat(begun, sends(cont("b").more()), empties(maxEmpty), sends(cont("c"))), Event{Binary, "abc"}),
		stays("§5.4 128 empty fragments in each of two messages",
			slices.Concat(begun, sends(cont("b")), begun, sends(cont("c"))), Event{Binary, "ab"}, Event{Binary, "ac"}),
		flood("§5.4 129 empty fragments in a row", append(slices.Clone(begun), cont("").more())),
		flood("§5.4 128 empty fragments after an empty first one",
			slices.Concat(sends(text("").more()), empties(maxEmpty))),
		flood("§5.4 129 empty fragments after 128 and a byte",
			slices.Concat(begun, sends(cont("b").more()), empties(maxEmpty+1))),
		flood("§5.4 129 empty fragments with pings between them", append(pinged, cont("").more()), pings...),
		stays("§5.4 100 fragments, every other one empty",
			alternating(50), Event{Text, strings.Repeat("x", 50)}),
	}
}

// alternating returns a text message of n frames of one byte, each after an
// empty one.
func alternating(n int) (pieces []Piece) {
	for range n {
		pieces = append(pieces, cont("").more(), cont("x").more())
	}
	pieces[0].Opcode = frame.OpText
	pieces[len(pieces)-1].Fin = true
	return pieces
}
