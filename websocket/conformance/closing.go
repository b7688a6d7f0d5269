package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// closingCases are about close frames: which codes and reasons they may carry
// (RFC 6455 §5.5.1 and §7.4), and that they end everything (§1.4).
func closingCases() []Case {
	return slices.Concat(codeCases(), reasonCases(), lastWordCases())
}

// legalCodes may stand in a close frame: the registered ones, and the edges of
// those for frameworks and applications.
var legalCodes = []int{
	1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
	3000, 3001, 3999, 4000, 4001, 4998, 4999,
}

// illegalCodes are the edges of what is reserved, not registered, or only
// stands for the absence of a close frame.
var illegalCodes = []int{
	0, 1, 2, 125, 255, 256, 500, 998, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1099, 1100,
	1999, 2000, 2001, 2998, 2999, 5000, 5001, 9999, 32768, 65534, 65535,
}

func codeCases() (cases []Case) {
	for _, code := range legalCodes {
		status := frame.StatusCode(code)
		cases = append(cases,
			closes(fmt.Sprintf("§7.4 close with %d", code), status, sends(bye(code, ""))),
			closes(fmt.Sprintf("§7.4 close with %d and a reason", code), status, sends(bye(code, "because"))),
		)
	}
	for _, code := range illegalCodes {
		cases = append(cases,
			breaks(fmt.Sprintf("§7.4 close with the illegal code %d", code), "§7.4", sends(bye(code, ""))),
			breaks(fmt.Sprintf("§7.4 close with the illegal code %d and a reason", code),
				"§7.4", sends(bye(code, "because"))),
		)
	}
	return cases
}

func reasonCases() (cases []Case) {
	good := []struct{ what, reason string }{
		{"of 1 byte", "x"},
		{"of 122 bytes", letters(122)},
		{"of 123 bytes", letters(123)},
		{"of 123 bytes in three-byte code points", strings.Repeat("\u20ac", 41)},
		{"with a NUL", "a\x00b"},
		{"that ends in a four-byte code point", "bye \U0001f44b"},
	}
	for _, r := range good {
		cases = append(cases, closes("§5.5.1 close with a reason "+r.what, 1000, sends(bye(1000, r.reason))))
	}
	const section = "§5.5.1, §8.1"
	for _, s := range slices.Concat(invalidUTF8(), unfinishedUTF8()) {
		cases = append(cases,
			fails("§5.5.1 close with a reason that has "+s.what, frame.StatusInvalidPayload, section,
				sends(bye(1000, "why: "+s.good+s.bad))))
	}
	return append(cases,
		closes("§5.5.1 empty close frame", frame.StatusNoStatusReceived, sends(byeRaw(""))),
		breaks("§5.5.1 close frame of 1 byte", "§5.5.1", sends(byeRaw("\x03"))),
		breaks("§5.5.1 close frame of 1 byte after a message", "§5.5.1", sends(text("m"), byeRaw("\x03")), Event{Text, "m"}),
		breaks("§5.5.1 reason of 124 bytes", "§5.5", sends(bye(4000, letters(124)))),
		breaks("§7.4 illegal code comes before a reason that is not UTF-8", "§7.4", sends(bye(1005, "\xff"))),
		fails("§5.5.1 reason of 123 bytes cut inside a code point", frame.StatusInvalidPayload, section,
			sends(bye(1000, letters(122)+"\xe2"))),
	)
}

// lastWordCases are about what surrounds a close frame.
func lastWordCases() (cases []Case) {
	behind := []struct {
		what   string
		pieces []Piece
	}{
		{"a text", sends(text("late"))},
		{"a ping", sends(ping("late"))},
		{"a second close frame", sends(bye(1001, ""))},
		{"a fragment", sends(bin("late").more())},
		{"a reserved opcode", sends(bin("late").opcode(3))},
		{"a text that is not UTF-8", sends(text("\xff"))},
		{"a frame masked against the role", sends(text("late").wrongMask())},
		{"a length with the high bit set", sends(bin("").declared(1 << 63))},
		{"half a header", sends(text("late").keep(1))},
		{"a hundred bytes of nothing", sends(Piece{Raw: strings.Repeat("ff", 100)})},
		{"64 KiB", sends(bin(octets(65536)))},
	}
	for _, b := range behind {
		cases = append(cases, closes("§5.5.1 "+b.what+" behind a close frame is ignored", 1000,
			append(sends(bye(1000, "")), b.pieces...)))
	}
	eof := closes("§7.1.4 close frame, then the end of the transport", 1000, sends(bye(1000, "")))
	eof.EOF = true
	failed := breaks("§7.1.7 broken rule, then the end of the transport", "§5.2", sends(text("").rsv(frame.RSV2)))
	failed.EOF = true
	return append(cases, eof, failed,
		closes("§7.1.5 close after messages", 1001,
			sends(text("a"), bin("b"), bye(1001, "")), Event{Text, "a"}, Event{Binary, "b"}),
		closes("§7.1.5 close after a ping", 1000, sends(ping("p"), bye(1000, "")), Event{Ping, "p"}),
		closes("§5.5.1 close between fragments", 1000, sends(text("a").more(), bye(1000, ""), cont("b"))),
		closes("§5.5.1 close between fragments of a code point", 1000, sends(text("\xe2").more(), bye(1000, ""), cont("\x82\xac"))),
		closes("§5.5.1 empty close between fragments", frame.StatusNoStatusReceived, sends(bin("a").more(), byeRaw(""), cont("b"))),
		closes("§5.5.1 two close frames with the same code", 1000, sends(bye(1000, ""), bye(1000, ""))),
		breaks("§7.1.7 close behind a broken rule is ignored", "§5.2", sends(text("").rsv(frame.RSV3), bye(1000, ""))),
		breaks("§7.1.7 a second broken rule is ignored", "§5.4", sends(cont("a"), bye(0, ""), text("\xff"))),
	)
}
