package conformance

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// controlCases are about pings and pongs and about what is true of every
// control frame (RFC 6455 §5.5). What a close frame says is in closing.go.
func controlCases() []Case {
	return slices.Concat(
		pingCases(),
		pongCases(),
		longControlCases(),
		fragmentedControlCases(),
		interleavedCases(),
	)
}

// controlLengths are the sizes a ping or pong is tried with.
var controlLengths = []int{0, 1, 2, 4, 7, 8, 16, 64, 124, 125}

func pingCases() (cases []Case) {
	for _, n := range controlLengths {
		name := fmt.Sprintf("§5.5.2 ping of %d bytes", n)
		cases = append(cases, stays(name, sends(ping(letters(n))), Event{Ping, letters(n)}))
	}
	ten := stays("§5.5.2 ten pings in a row", nil)
	for i := range 10 {
		p := fmt.Sprintf("ping %d", i)
		ten.Sends = append(ten.Sends, ping(p))
		ten.Sees = append(ten.Sees, Event{Ping, p})
	}
	ten.Answers = pongs(ten.Sees)
	const noText = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	return append(cases, ten,
		stays("§5.5.2 ping that is not UTF-8", sends(ping(noText)), Event{Ping, noText}),
		stays("§5.5.2 ping with 125 bytes of binary", sends(ping(octets(125))), Event{Ping, octets(125)}),
		stays("§5.5.2 ping before a message", sends(ping("p"), text("m")), Event{Ping, "p"}, Event{Text, "m"}),
		stays("§5.5.2 ping after a message", sends(text("m"), ping("p")), Event{Text, "m"}, Event{Ping, "p"}),
	)
}

// pongCases are about pongs nobody asked for. They need no answer.
func pongCases() (cases []Case) {
	for _, n := range controlLengths {
		name := fmt.Sprintf("§5.5.3 unsolicited pong of %d bytes", n)
		cases = append(cases, stays(name, sends(pong(letters(n))), Event{Pong, letters(n)}))
	}
	return append(cases,
		stays("§5.5.3 unsolicited pong that is not UTF-8", sends(pong("\xff\xc0")), Event{Pong, "\xff\xc0"}),
		stays("§5.5.3 unsolicited pong, then a ping",
			sends(pong("unasked"), ping("asked")), Event{Pong, "unasked"}, Event{Ping, "asked"}),
		stays("§5.5.3 three unsolicited pongs with the same payload",
			sends(pong("x"), pong("x"), pong("x")), Event{Pong, "x"}, Event{Pong, "x"}, Event{Pong, "x"}),
		stays("§5.5.3 unsolicited pong between messages",
			sends(text("a"), pong("x"), text("b")), Event{Text, "a"}, Event{Pong, "x"}, Event{Text, "b"}),
	)
}

// longControlCases exceed the 125 bytes of a control frame.
func longControlCases() (cases []Case) {
	for _, op := range []frame.Opcode{frame.OpPing, frame.OpPong, frame.OpClose} {
		for _, n := range []int{126, 127, 128, 65535, 65536} {
			p := bin("\x03\xe8" + letters(n-2)).opcode(op)
			name := fmt.Sprintf("§5.5 %v of %d bytes", op, n)
			cases = append(cases, breaks(name, "§5.5", sends(p)))
		}
		cases = append(cases,
			should(breaks(fmt.Sprintf("§5.5 %v that declares 126 bytes, found at its header", op),
				"§5.5", sends(bin("").opcode(op).declared(126)))),
			should(breaks(fmt.Sprintf("§5.5 %v that declares 2^62 bytes, found at its header", op),
				"§5.5", sends(bin("").opcode(op).declared(1<<62)))),
			breaks(fmt.Sprintf("§5.5 %v of 126 bytes between fragments", op),
				"§5.5", sends(text("a").more(), bin("\x03\xe8"+letters(124)).opcode(op), cont("b"))),
		)
	}
	return cases
}

func fragmentedControlCases() (cases []Case) {
	for _, p := range []Piece{ping("p"), pong("p"), bye(1000, ""), ping(""), pong(""), byeRaw("")} {
		name := fmt.Sprintf("%v of %d bytes", p.Opcode, len(p.Payload))
		cases = append(cases,
			breaks("§5.5 "+name+" without FIN", "§5.5", sends(p.more())),
			breaks("§5.5 "+name+" in two fragments", "§5.5", sends(p.more(), cont("rest"))),
			breaks("§5.5 "+name+" without FIN between fragments",
				"§5.5", sends(text("a").more(), p.more(), cont("b"))),
		)
	}
	return cases
}

// interleavedCases put control frames into every gap of a fragmented message:
// they are handled at once and leave the message alone (RFC 6455 §5.4).
func interleavedCases() (cases []Case) {
	fragments := sends(text("euro: \xe2").more(), cont("\x82").more(), cont("\xac, ").more(), cont("cent"))
	message := Event{Text, "euro: \u20ac, cent"}
	control := []struct {
		name   string
		pieces []Piece
		sees   []Event
	}{
		{"ping", sends(ping("p")), []Event{{Ping, "p"}}},
		{"empty ping", sends(ping("")), []Event{{Ping, ""}}},
		{"ping of 125 bytes", sends(ping(octets(125))), []Event{{Ping, octets(125)}}},
		{"pong", sends(pong("q")), []Event{{Pong, "q"}}},
		{"two pings and a pong", sends(ping("1"), ping("2"), pong("3")), []Event{{Ping, "1"}, {Ping, "2"}, {Pong, "3"}}},
	}
	for _, c := range control {
		for i := 1; i < len(fragments); i++ {
			name := fmt.Sprintf("§5.5 %s after fragment %d of 4", c.name, i)
			sent := slices.Insert(slices.Clone(fragments), i, c.pieces...)
			cases = append(cases, stays(name, sent, append(slices.Clone(c.sees), message)...))
		}
	}
	return append(cases,
		stays("§5.5 ping between two fragments",
			sends(text("Hel").more(), ping("p"), cont("lo")), Event{Ping, "p"}, Event{Text, "Hello"}),
		stays("§5.5 ping between two fragments of a binary message",
			sends(bin("\xff").more(), ping("p"), cont("\xfe")), Event{Ping, "p"}, Event{Binary, "\xff\xfe"}),
		stays("§5.5 ping before, in, and after a fragmented message",
			sends(ping("1"), text("a").more(), ping("2"), cont("b"), ping("3")),
			Event{Ping, "1"}, Event{Ping, "2"}, Event{Text, "ab"}, Event{Ping, "3"}),
		stays("§5.5 pings in every gap of five fragments",
			sends(text("1").more(), ping("a"), cont("2").more(), ping("b"), cont("3").more(), ping("c"), cont("4").more(), ping("d"), cont("5")),
			Event{Ping, "a"}, Event{Ping, "b"}, Event{Ping, "c"}, Event{Ping, "d"}, Event{Text, "12345"}),
		stays("§5.5 ping between empty fragments",
			sends(text("").more(), ping("p"), cont("")), Event{Ping, "p"}, Event{Text, ""}),
	)
}
