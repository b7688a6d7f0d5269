package conformance

import (
	"fmt"
	"slices"
)

// framingCases are about single frames: how a length is written, who masks, and
// what happens if a frame does not come whole (RFC 6455 §5.1, §5.2, §5.3, §5.7).
func framingCases() []Case {
	return slices.Concat(
		exampleCases(),
		lengthCases(),
		longFormCases(),
		highBitCases(),
		maskingCases(),
		waitingCases(),
		eofCases(),
	)
}

// exampleCases are the examples of RFC 6455 §5.7. Their bytes are the ones
// printed there, for the masked examples with the key 37 fa 21 3d.
func exampleCases() []Case {
	return []Case{
		stays("§5.7 a single-frame text message", sends(text("Hello")), Event{Text, "Hello"}),
		stays("§5.7 a fragmented text message", sends(text("Hel").more(), cont("lo")), Event{Text, "Hello"}),
		stays("§5.7 a ping request", sends(ping("Hello")), Event{Ping, "Hello"}),
		stays("§5.7 a ping response", sends(pong("Hello")), Event{Pong, "Hello"}),
		stays("§5.7 256 bytes of binary in a single frame", sends(bin(octets(256))), Event{Binary, octets(256)}),
		stays("§5.7 64 KiB of binary in a single frame", sends(bin(octets(65536))), Event{Binary, octets(65536)}),
	}
}

// lengthCases go through the lengths at which a header changes its form, and
// those at which masking by words changes its path.
func lengthCases() (cases []Case) {
	lengths := []int{
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65,
		125, 126, 127, 128, 255, 257, 1000, 65535, 65537,
	}
	for _, n := range lengths {
		cases = append(cases,
			stays(fmt.Sprintf("§5.2 text of %d bytes", n), sends(text(letters(n))), Event{Text, letters(n)}),
			stays(fmt.Sprintf("§5.2 binary of %d bytes", n), sends(bin(octets(n))), Event{Binary, octets(n)}),
		)
	}
	return append(cases,
		stays("§5.2 text of 65536 bytes", sends(text(letters(65536))), Event{Text, letters(65536)}),
		stays("§5.6 text, then binary, then text",
			sends(text("one"), bin("\x02"), text("three")),
			Event{Text, "one"}, Event{Binary, "\x02"}, Event{Text, "three"}),
		stays("§5.6 three empty messages",
			sends(text(""), bin(""), text("")), Event{Text, ""}, Event{Binary, ""}, Event{Text, ""}),
		stays("§5.6 text with a NUL and control characters",
			sends(text("\x00\x01\r\n\x7f")), Event{Text, "\x00\x01\r\n\x7f"}),
		stays("§5.6 binary that looks like frames",
			sends(bin("\x88\x02\x03\xe8\x89\x00")), Event{Binary, "\x88\x02\x03\xe8\x89\x00"}),
	)
}

// longFormCases write lengths in more bytes than they need.
func longFormCases() (cases []Case) {
	add := func(p Piece, bits int) {
		name := fmt.Sprintf("§5.2 %v of %d bytes with a length of %d bits", p.Opcode, len(p.Payload), bits)
		cases = append(cases, breaks(name, "§5.2", sends(p)))
	}
	for _, p := range []Piece{text(""), bin(""), ping(""), pong(""), byeRaw("")} {
		for _, n := range []int{0, 1, 2, 125} {
			p.Payload = letters(n)
			add(p.form(In16Bits), 16)
			add(p.form(In64Bits), 64)
		}
	}
	for _, n := range []int{126, 127, 65535} {
		add(text(letters(n)).form(In64Bits), 64)
		add(bin(octets(n)).form(In64Bits), 64)
	}
	return append(cases,
		breaks("§5.2 second fragment with a length of 16 bits too many",
			"§5.2", sends(text("a").more(), cont("b").form(In16Bits))),
		breaks("§5.2 second fragment with a length of 64 bits too many",
			"§5.2", sends(text("a").more(), cont("b").form(In64Bits))),
		breaks("§5.2 long form of a length after a good message",
			"§5.2", sends(text("good"), text("bad").form(In64Bits), text("late")), Event{Text, "good"}),
	)
}

// highBitCases declare lengths that no payload can have.
func highBitCases() (cases []Case) {
	lengths := []struct {
		name string
		n    uint64
	}{
		{"2^63", 1 << 63}, {"2^63 + 5", 1<<63 + 5}, {"2^64 - 1", 1<<64 - 1},
	}
	for _, length := range lengths {
		for _, p := range []Piece{text(""), bin("").more(), ping(""), byeRaw("")} {
			name := fmt.Sprintf("§5.2 %v that declares %s bytes", p.Opcode, length.name)
			cases = append(cases, breaks(name, "§5.2", sends(p.declared(length.n))))
		}
	}
	return cases
}

// maskingCases mask where the role forbids it and do not where it is owed.
func maskingCases() (cases []Case) {
	wrong := []Piece{
		text("wrong"), text(""), bin("wrong"), bin(octets(200)), text("wrong").more(),
		ping("wrong"), ping(""), pong("wrong"), pong(""), bye(1000, ""), byeRaw(""),
	}
	for _, p := range wrong {
		name := fmt.Sprintf("§5.1 %v of %d bytes masked against the role", p.Opcode, len(p.Payload))
		if !p.Fin {
			name = "§5.1 first fragment masked against the role"
		}
		cases = append(cases, breaks(name, "§5.1", sends(p.wrongMask())))
	}
	return append(cases,
		breaks("§5.1 second fragment masked against the role", "§5.1", sends(text("a").more(), cont("b").wrongMask())),
		breaks("§5.1 ping between fragments masked against the role",
			"§5.1", sends(text("a").more(), ping("p").wrongMask(), cont("b"))),
		breaks("§5.1 second message masked against the role",
			"§5.1", sends(text("good"), text("bad").wrongMask(), ping("late")), Event{Text, "good"}),
		stays("§5.3 each frame has a key of its own",
			sends(bin(octets(7)).more(), cont(octets(6)).more(), cont(octets(5))),
			Event{Binary, octets(7) + octets(6) + octets(5)}),
	)
}

// waitingCases end inside a frame while the transport stays open: the endpoint
// has nothing to do but wait.
func waitingCases() []Case {
	return []Case{
		stays("§5.2 the peer says nothing", nil),
		stays("§5.2 one byte of a header", sends(text("Hello").keep(1))),
		stays("§5.2 a header without the last byte of its length", sends(text(letters(200)).keep(3))),
		stays("§5.2 a long header without the last byte of its length", sends(bin(letters(65536)).keep(9))),
		stays("§5.2 text without its last byte", sends(text("Hello").cut(1))),
		stays("§5.2 binary of 2^62 bytes begins", sends(bin("begin").declared(1<<62))),
		stays("§5.2 binary of 2^63 - 1 bytes begins", sends(bin("begin").declared(1<<63-1))),
		stays("§5.5 ping without its last byte", sends(ping("Hello").cut(1))),
		stays("§5.5.1 close frame without its last byte", sends(bye(1000, "").cut(1))),
		stays("§5.4 first fragment alone", sends(text("Hel").more())),
	}
}

// eofCases end the transport without a closing handshake. Nothing can be
// answered, and no part of a message may be taken for the whole.
func eofCases() (cases []Case) {
	cases = []Case{
		loses("§7.1.5 end before any frame", nil),
		loses("§7.1.5 end after a message", sends(text("Hello")), Event{Text, "Hello"}),
		loses("§7.1.5 end after a ping", sends(ping("p")), Event{Ping, "p"}),
		loses("§7.1.5 end after a first fragment", sends(bin("Hel").more())),
		loses("§7.1.5 end after an empty first fragment", sends(bin("").more())),
		loses("§7.1.5 end between fragments after a ping", sends(text("Hel").more(), ping("p")), Event{Ping, "p"}),
		loses("§7.1.5 end in the second fragment", sends(text("Hel").more(), cont("lo").cut(1))),
		loses("§7.1.5 end inside a code point", sends(text("\xe2\x82").more())),
		loses("§7.1.5 end in the payload of a ping", sends(ping("Hello").cut(2))),
		loses("§7.1.5 end in the payload of a pong", sends(pong("Hello").cut(2))),
		loses("§7.1.5 end in the code of a close frame", sends(bye(1000, "").cut(1))),
		loses("§7.1.5 end in the reason of a close frame", sends(bye(1000, "going").cut(3))),
		loses("§7.1.5 end in the payload of 2^62 bytes", sends(bin("begin").declared(1<<62))),
	}
	whole := []struct {
		what        string
		piece       Piece
		least, most int
	}{
		{"text of 5 bytes", text("Hello"), 1, 6},
		{"binary of 200 bytes", bin(octets(200)), 1, 8},
		{"binary of 65536 bytes", bin(octets(65536)), 2, 14},
		{"an empty close frame", byeRaw(""), 1, 1},
	}
	for _, w := range whole {
		for n := w.least; n <= w.most; n++ {
			name := fmt.Sprintf("§7.1.5 end after %d bytes of %s", n, w.what)
			cases = append(cases, loses(name, sends(w.piece.keep(n))))
		}
	}
	return cases
}
