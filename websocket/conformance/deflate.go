package conformance

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// deflateCases are about messages compressed with permessage-deflate (RFC 7692 and
// the RFC 1951 below it). How it is negotiated is not part of the table.
func deflateCases() []Case {
	return slices.Concat(
		deflateTrafficCases(),
		deflateDamageCases(),
		deflateLimitCases(),
	)
}

// deflateTrafficCases are messages that are right, and frames that break the rules
// for the bit that marks them.
func deflateTrafficCases() []Case {
	return slices.Concat(
		compressed(
			compressedExampleCases(),
			compressedEmptyCases(),
			uncompressedCases(),
			compressedBitCases(),
			compressedFragmentCases(),
			compressedControlCases(),
			blockCases(),
			codeLengthCases(),
			takeoverCases(),
			compressedTextCases(),
		),
		farthestCases(),
	)
}

// deflateDamageCases are compressed messages that no endpoint can make sense of.
func deflateDamageCases() []Case {
	return slices.Concat(
		compressed(badBlockCases(), badCodeCases(), badDistanceCases(), unfinishedStreamCases(), compressedEndCases()),
		tooFarCases(),
		noTakeoverCases(),
	)
}

// compressed sets cases up with compression as it is without any parameters.
func compressed(cases ...[]Case) []Case {
	return agreed(bothWindows(15), cases...)
}

// agreed sets cases up with compression with these parameters.
func agreed(p deflate.Params, cases ...[]Case) []Case {
	all := slices.Concat(cases...)
	for i := range all {
		own := p
		all[i].Deflate = &own
	}
	return all
}

// packed marks the first frame of a compressed message.
func (p Piece) packed() Piece { p.RSV |= frame.RSV1; return p }

// corrupt is a case that fails because something cannot be inflated. No RFC names a
// code for that; the endpoints of this module say that the data was not what the
// type of the message promised.
func corrupt(name, section string, sent []Piece, sees ...Event) Case {
	return fails(name, frame.StatusInvalidPayload, section, sent, sees...)
}

// The sections that compressed messages break.
const (
	bitSection      = "RFC 7692 §6"
	windowSection   = "RFC 7692 §7.1.2"
	endSection      = "RFC 7692 §7.2.2"
	codeSection     = "RFC 1951 §3.2.2"
	blockSection    = "RFC 1951 §3.2.3"
	distanceSection = "RFC 1951 §3.2.3"
	storedSection   = "RFC 1951 §3.2.4"
	symbolSection   = "RFC 1951 §3.2.6"
	lengthSection   = "RFC 1951 §3.2.7"
)

// The payloads of the examples in RFC 7692 §7.2.3, all of "Hello".
const (
	helloFixed    = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	helloAgain    = "\xf2\x00\x11\x00\x00" // refers to the one before
	helloStored   = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
	helloFinal    = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"
	helloTwo      = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
	compressedNil = "\x00"
)

// helloSeen is what they stand for.
var helloSeen = Event{Text, "Hello"}

// compressedExampleCases are the examples of RFC 7692 §7.2.3, byte for byte.
func compressedExampleCases() []Case {
	return []Case{
		stays("RFC 7692 §7.2.3.1 one compressed block", sends(text(helloFixed).packed()), helloSeen),
		stays("RFC 7692 §7.2.3.1 one compressed block in two fragments",
			sends(text(helloFixed[:3]).packed().more(), cont(helloFixed[3:])), helloSeen),
		stays("RFC 7692 §7.2.3.2 the same message again, by itself",
			sends(text(helloFixed).packed(), text(helloFixed).packed()), helloSeen, helloSeen),
		stays("RFC 7692 §7.2.3.2 the same message again, as a reference to the first",
			sends(text(helloFixed).packed(), text(helloAgain).packed()), helloSeen, helloSeen),
		stays("RFC 7692 §7.2.3.3 a block with no compression", sends(text(helloStored).packed()), helloSeen),
		stays("RFC 7692 §7.2.3.4 a block with BFINAL", sends(text(helloFinal).packed()), helloSeen),
		stays("RFC 7692 §7.2.3.5 two blocks", sends(text(helloTwo).packed()), helloSeen),
		stays("RFC 7692 §7.2.3.6 an empty message", sends(text(compressedNil).packed()), Event{Text, ""}),
	}
}

// compressedEmptyCases say nothing in all ways there are.
func compressedEmptyCases() (cases []Case) {
	ways := []struct {
		name string
		s    *stream
	}{
		{"the one byte 00", deflated()},
		{"an empty fixed block", deflated().fixed()},
		{"an empty fixed block with BFINAL", deflated().final().fixed()},
		{"an empty stored block with BFINAL", deflated().final().stored("")},
		{"an empty dynamic block", deflated().dynamic(codesFor("a"), noDistance)},
		{"two flush points", deflated().sync().sync()},
		{"a hundred empty fixed blocks", repeated(100, func(s *stream) { s.fixed() })},
	}
	for i, w := range ways {
		payload := w.s.end()
		if i > 0 { // the first is one of the examples
			cases = append(cases, stays("RFC 7692 §7.2.3.6 empty text as "+w.name,
				sends(text(payload).packed()), Event{Text, ""}))
		}
		cases = append(cases, stays("RFC 7692 §7.2.3.6 empty binary as "+w.name+", a message behind",
			sends(bin(payload).packed(), text(helloFixed).packed()), Event{Binary, ""}, helloSeen))
	}
	return append(cases,
		may(stays("RFC 7692 §7.2.3.6 empty binary as no bytes at all, a message behind",
			sends(bin("").packed(), text(helloFixed).packed()), Event{Binary, ""}, helloSeen)),
		may(stays("RFC 7692 §7.2.3.4 a block with BFINAL without the byte 00 behind, a message behind",
			sends(text(helloFinal[:len(helloFinal)-1]).packed(), text(helloFixed).packed()), helloSeen, helloSeen)),
		stays("RFC 7692 §7.2.3.6 empty text in an empty fragment and the byte 00",
			sends(text("").packed().more(), cont("\x00")), Event{Text, ""}),
		stays("RFC 7692 §7.2.3.6 empty text in the byte 00 and an empty fragment",
			sends(text("\x00").packed().more(), cont("")), Event{Text, ""}),
	)
}

// uncompressedCases are messages that are not compressed although they might be.
// They stay out of the window.
func uncompressedCases() []Case {
	back := after("Hello").fixed(match(5, 5)).end()
	return []Case{
		stays("RFC 7692 §6 text that is not compressed", sends(text("Hello")), helloSeen),
		stays("RFC 7692 §6 binary that is not compressed and looks as if it were",
			sends(bin(helloFixed)), Event{Binary, helloFixed}),
		stays("RFC 7692 §6 fragments that are not compressed", sends(text("Hel").more(), cont("lo")), helloSeen),
		stays("RFC 7692 §6 empty messages that are not compressed",
			sends(text(""), bin("")), Event{Text, ""}, Event{Binary, ""}),
		stays("RFC 7692 §6 compressed and not, in turn",
			sends(text(helloFixed).packed(), text("one"), text(helloFixed).packed(), bin("\x02"), text(helloAgain).packed()),
			helloSeen, Event{Text, "one"}, helloSeen, Event{Binary, "\x02"}, helloSeen),
		stays("RFC 7692 §7.2.2 a message that is not compressed stays out of the window",
			sends(text(helloFixed).packed(), text("other"), text(back).packed()), helloSeen, Event{Text, "other"}, helloSeen),
		stays("RFC 7692 §7.2.2 a long message that is not compressed stays out of the window",
			sends(text(helloFixed).packed(), bin(octets(40_000)), text(back).packed()),
			helloSeen, Event{Binary, octets(40_000)}, helloSeen),
		stays("RFC 7692 §7.2.2 fragments that are not compressed stay out of the window",
			sends(text(helloFixed).packed(), text("ot").more(), cont("her"), text(back).packed()), helloSeen, Event{Text, "other"}, helloSeen),
		corrupt("RFC 7692 §7.2.2 reference to a message that is not compressed", distanceSection,
			sends(text("Hello"), text(back).packed(), ping("late")), helloSeen),
	}
}

// compressedBitCases set RSV1, which marks compressed messages, where it must not
// be, and the other reserved bits, which mean nothing here either.
func compressedBitCases() (cases []Case) {
	for _, p := range []Piece{ping(""), ping("p"), ping(helloFixed), pong(""), pong("p"), byeRaw(""), bye(1000, ""), bye(1000, "why")} {
		name := fmt.Sprintf("RFC 7692 §6 RSV1 on %v of %d bytes", p.Opcode, len(p.Payload))
		cases = append(cases, breaks(name, bitSection, sends(p.packed())))
	}
	for _, p := range []Piece{ping("p"), pong("p"), bye(1000, "")} {
		cases = append(cases,
			breaks(fmt.Sprintf("RFC 7692 §6 RSV1 on %v between compressed fragments", p.Opcode),
				bitSection, sends(text(helloFixed[:3]).packed().more(), p.packed(), cont(helloFixed[3:]))),
			breaks(fmt.Sprintf("RFC 7692 §6 RSV1 on %v between fragments that are not compressed", p.Opcode),
				bitSection, sends(text("Hel").more(), p.packed(), cont("lo"))),
		)
	}
	for bits := byte(1); bits <= 7; bits++ {
		if bits == frame.RSV1 {
			continue
		}
		cases = append(cases,
			breaks(fmt.Sprintf("§5.2 RSV %03b on a compressed text", bits), "§5.2", sends(text(helloFixed).rsv(bits))),
			breaks(fmt.Sprintf("§5.2 RSV %03b on a ping between compressed fragments", bits),
				"§5.2", sends(text(helloFixed[:3]).packed().more(), ping("p").rsv(bits), cont(helloFixed[3:]))),
			breaks(fmt.Sprintf("§5.2 RSV %03b on the second compressed fragment", bits),
				"§5.2", sends(bin(helloFixed[:3]).packed().more(), cont(helloFixed[3:]).rsv(bits))),
			breaks(fmt.Sprintf("§5.2 RSV %03b on a compressed text after a good one, a ping behind", bits),
				"§5.2", sends(text(helloFixed).packed(), text(helloFixed).rsv(bits), ping("late")), helloSeen),
		)
	}
	return append(cases,
		breaks("RFC 7692 §6 RSV1 on the last of two compressed fragments",
			bitSection, sends(text(helloFixed[:3]).packed().more(), cont(helloFixed[3:]).packed())),
		breaks("RFC 7692 §6 RSV1 on the second of three compressed fragments",
			bitSection, sends(text(helloFixed[:3]).packed().more(), cont(helloFixed[3:5]).packed().more(), cont(helloFixed[5:]))),
		breaks("RFC 7692 §6 RSV1 on the second fragment alone",
			bitSection, sends(text("Hel").more(), cont("lo").packed())),
		breaks("RFC 7692 §6 RSV1 on an empty last fragment",
			bitSection, sends(bin(helloFixed).packed().more(), cont("").packed())),
		breaks("§5.2 RSV1 on a reserved opcode", "§5.2", sends(bin(helloFixed).opcode(3).packed())),
		breaks("§5.4 compressed text inside a compressed text",
			"§5.4", sends(text(helloFixed[:3]).packed().more(), text(helloFixed).packed())),
		breaks("§5.4 compressed binary inside a text that is not compressed",
			"§5.4", sends(text("Hel").more(), bin(helloFixed).packed())),
		breaks("§5.4 text inside a compressed text, after a ping",
			"§5.4", sends(text(helloFixed[:3]).packed().more(), ping("p"), text("lo")), Event{Ping, "p"}),
	)
}
