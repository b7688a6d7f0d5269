package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// threeBlocks is a message in blocks of all types with flush points between them.
func threeBlocks() *stream {
	return deflated().
		fixed(lits("fixed "), match(4, 6)).sync().
		stored("stored ").
		dynamic(codesFor("dynamic ", 257), []uint8{1, 1}, lits("dynamic "), match(3, 1), match(3, 2)).
		fixed(lits("and "), match(8, 35))
}

// repeated is a message of which do writes a part n times.
func repeated(n int, do func(s *stream)) *stream {
	s := deflated()
	for range n {
		do(s)
	}
	return s
}

// compressedFragmentCases cut compressed messages into frames: at every byte, as
// the boundaries of frames and those of blocks have nothing to do with each other
// (RFC 7692 §6.1).
func compressedFragmentCases() (cases []Case) {
	blocks := threeBlocks()
	messages := []struct{ name, payload, stands string }{
		{"one block", helloFixed, "Hello"},
		{"two blocks", helloTwo, "Hello"},
		{"a stored block", helloStored, "Hello"},
		{"blocks of all types", blocks.end(), blocks.stands()},
	}
	for _, m := range messages {
		seen := Event{Binary, m.stands}
		for n := range len(m.payload) + 1 {
			first := bin(m.payload[:n]).packed().more()
			cases = append(cases, stays(fmt.Sprintf("RFC 7692 §6.1 %s, cut after %d of %d bytes", m.name, n, len(m.payload)),
				sends(first, cont(m.payload[n:])), seen))
		}
		single := inFragments(frame.OpBinary, m.payload, 1)
		single[0] = single[0].packed()
		spaced := sends(bin("").packed().more())
		for i := range len(m.payload) {
			spaced = append(spaced, cont(m.payload[i:i+1]).more(), cont("").more())
		}
		spaced[len(spaced)-1].Fin = true
		cases = append(cases,
			stays("RFC 7692 §6.1 "+m.name+", a byte to a frame", single, seen),
			stays("RFC 7692 §6.1 "+m.name+", a byte to a frame and empty frames between", spaced, seen),
			stays("RFC 7692 §6.1 "+m.name+", a byte to a frame, after the same in one frame",
				append(sends(bin(m.payload).packed()), single...), seen, seen),
		)
	}
	return cases
}

// compressedControlCases put control frames between the fragments of a compressed
// message. They are not compressed (RFC 7692 §6.1).
func compressedControlCases() (cases []Case) {
	for n := 1; n < len(helloFixed); n++ {
		cases = append(cases, stays(fmt.Sprintf("RFC 7692 §6.1 ping between compressed fragments, cut after %d bytes", n),
			sends(text(helloFixed[:n]).packed().more(), ping("p"), cont(helloFixed[n:])), Event{Ping, "p"}, helloSeen))
	}
	all := sends(text("").packed().more())
	var seen []Event
	for i := range len(helloTwo) {
		p := fmt.Sprintf("ping %d", i)
		all = append(all, cont(helloTwo[i:i+1]).more(), ping(p))
		seen = append(seen, Event{Ping, p})
	}
	return append(cases,
		stays("RFC 7692 §6.1 pings after every byte of a compressed message",
			append(all, cont("")), append(seen, helloSeen)...),
		stays("RFC 7692 §6.1 a ping that looks compressed between compressed fragments",
			sends(text(helloFixed[:3]).packed().more(), ping(helloFixed), cont(helloFixed[3:])), Event{Ping, helloFixed}, helloSeen),
		stays("RFC 7692 §6.1 pongs between compressed fragments",
			sends(text(helloFixed[:3]).packed().more(), pong("1"), pong(""), cont(helloFixed[3:])),
			Event{Pong, "1"}, Event{Pong, ""}, helloSeen),
		closes("RFC 7692 §6.1 close between compressed fragments", 1000,
			sends(text(helloFixed[:3]).packed().more(), bye(1000, "enough"), cont(helloFixed[3:]))),
		closes("RFC 7692 §6.1 close after a compressed message, with a reason that is not compressed", 1001,
			sends(text(helloFixed).packed(), bye(1001, "going")), helloSeen),
	)
}

// written are messages in one frame for streams, each under the rule that lets it be
// written so.
type written struct {
	name string // with the section
	s    *stream
}

func streamCases(messages []written) (cases []Case) {
	for _, m := range messages {
		payload := m.s.end()
		cases = append(cases, stays(m.name, sends(bin(payload).packed()), Event{Binary, m.s.stands()}))
	}
	return cases
}

// blockCases are messages of all types of blocks, as a compressor may write them.
func blockCases() []Case {
	big := octets(65535)
	return streamCases([]written{
		{"RFC 7692 §7.2.1 blocks of all types with a flush point between", threeBlocks()},
		{"RFC 7692 §7.2.1 a flush point after each of ten letters",
			repeated(10, func(s *stream) { s.fixed(lits("x")).sync() })},
		{"RFC 7692 §7.2.1 two flush points before and behind the data",
			deflated().sync().sync().fixed(lits("Hello")).sync().sync()},
		{"RFC 7692 §7.2.1 four blocks with BFINAL",
			repeated(4, func(s *stream) { s.final().fixed(lits("Hello ")) })},
		{"RFC 7692 §7.2.1 a stored block with BFINAL in front", deflated().final().stored("Hel").fixed(lits("lo"))},
		{"RFC 7692 §7.2.1 a dynamic block with BFINAL",
			deflated().final().dynamic(codesFor("Helo"), noDistance, lits("Hello"))},
		{"RFC 7692 §7.2.1 a reference from behind a block with BFINAL to before its end",
			deflated().final().fixed(lits("Hello")).fixed(match(5, 5))},
		{"RFC 1951 §3.2.4 bits set that are not used before a stored block",
			deflated().begin(typeStored).bits(0b11111, 5).raw("\x05\x00\xfa\xff").bytes("Hello")},
		{"RFC 1951 §3.2.4 a stored block of no bytes between others", deflated().fixed(lits("Hel")).stored("").stored("lo")},
		{"RFC 1951 §3.2.4 stored blocks of one byte", repeated(20, func(s *stream) { s.stored("x") })},
		{"RFC 1951 §3.2.4 a stored block of 65535 bytes", deflated().stored(big)},
		{"RFC 1951 §3.2.4 three stored blocks of 65535 bytes", repeated(3, func(s *stream) { s.stored(big) })},
		{"RFC 1951 §3.2.4 a reference into a stored block", deflated().stored("Hello ").fixed(match(6, 6))},
		{"RFC 1951 §3.2.4 a reference across a stored block", deflated().fixed(lits("ab")).stored("cd").fixed(match(4, 4))},
		{"RFC 1951 §3.2.3 a reference across many blocks",
			deflated().fixed(lits("a")).fixed(lits("b")).fixed(lits("c")).fixed(match(3, 3))},
		{"RFC 1951 §3.2.5 all bytes as literals", deflated().fixed(lits(octets(256)))},
		{"RFC 1951 §3.2.5 the shortest match", deflated().fixed(lits("abc"), match(3, 3))},
		{"RFC 1951 §3.2.5 the longest match", deflated().fixed(lits("\x00"), match(258, 1))},
		{"RFC 1951 §3.2.5 matches of all lengths", allLengths()},
		{"RFC 1951 §3.2.5 distances at the edges of their codes", allDistances()},
		{"RFC 1951 §3.2.5 a match that overlaps itself by all but a byte", deflated().fixed(lits("a"), match(9, 1))},
		{"RFC 1951 §3.2.5 a match that overlaps itself in part", deflated().fixed(lits("abcde"), match(8, 5))},
	})
}

// allLengths writes a letter, and then matches of 3 to 258 of it.
func allLengths() *stream {
	tokens := []token{lits("x")}
	for n := 3; n <= 258; n++ {
		tokens = append(tokens, match(n, 1))
	}
	return deflated().fixed(tokens...)
}

// allDistances writes 256 bytes, and then three from each of the distances at which
// a code begins or ends, as far as they are in a window of 8 bits.
func allDistances() *stream {
	var tokens []token
	for _, d := range []int{
		1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 24, 25, 32, 33, 48, 49, 64, 65, 96, 97, 128, 129, 192, 193, 256,
	} {
		tokens = append(tokens, match(3, d))
	}
	return deflated().stored(octets(256)).fixed(tokens...)
}

// codeLengthCases are about the Huffman codes that a block brings along, at the
// edges of what RFC 1951 §3.2.7 allows.
func codeLengthCases() []Case {
	ladder := make([]uint8, endOfBlock+1) // one code of each length, of the longest two
	for i := range 15 {
		ladder['a'+i] = uint8(i + 1)
	}
	ladder[endOfBlock] = 15
	every := runs(226, 8, 60, 9) // a complete code: 226/256 and 60/512
	far := runs(28, 5, 2, 4)     // another: 28/32 and 2/16
	equal := slices.Concat(runs(249, 0, 8, 3), runs(8, 3))
	return streamCases([]written{
		{"RFC 1951 §3.2.7 codes of 1 to 15 bits",
			deflated().dynamic(ladder, noDistance, lits("abcdefghijklmnoonmlkjihgfedcba"))},
		{"RFC 1951 §3.2.7 all 286 literal and all 30 distance codes",
			deflated().dynamic(every, far, lits(octets(256)), match(258, 6), match(3, 1), match(100, 200))},
		{"RFC 1951 §3.2.7 no distance codes", deflated().dynamic(codesFor("abc"), noDistance, lits("abccba"))},
		{"RFC 1951 §3.2.7 one distance code of one bit",
			deflated().dynamic(codesFor("ab", 257), []uint8{1}, lits("ab"), match(3, 1))},
		{"RFC 1951 §3.2.7 one distance code that is not the first",
			deflated().dynamic(codesFor("ab", 257), []uint8{0, 1}, lits("ab"), match(3, 2))},
		{"RFC 1951 §3.2.7 a code for the lengths of one bit", shortLengths()},
		{"RFC 1951 §3.2.7 all repetitions",
			deflated().dynamicRuns(codesFor(octets(100), 257, 270), runs(2, 2, 5, 0, 2, 2), lits("\x01\x63"), match(3, 1))},
		{"RFC 1951 §3.2.7 a repetition that goes from the literals on to the distances",
			deflated().dynamicRuns(equal[:257], equal[257:], lits("\xf9\xff"))},
		{"RFC 1951 §3.2.7 a dynamic block after another",
			deflated().dynamic(codesFor("abc"), noDistance, lits("abc")).dynamic(codesFor("xyz", 257), []uint8{0, 0, 1}, lits("xyz"), match(3, 3))},
	})
}

// codesFor returns lengths that make a complete code of equal lengths for some
// literals, the end of a block and other symbols. It fills up with literals that
// are not asked for.
func codesFor(literals string, symbols ...int) []uint8 {
	symbols = append(symbols, endOfBlock)
	for i := range len(literals) {
		if strings.IndexByte(literals, literals[i]) == i {
			symbols = append(symbols, int(literals[i]))
		}
	}
	n := uint8(1)
	for 1<<n < len(symbols) {
		n++
	}
	for i := 0; len(symbols) < 1<<n; i++ {
		if !slices.Contains(symbols, i) {
			symbols = append(symbols, i)
		}
	}
	lengths := make([]uint8, slices.Max(symbols)+1)
	for _, symbol := range symbols {
		lengths[symbol] = n
	}
	return lengths
}

// noDistance says that there are no matches: one code of no bits (RFC 1951 §3.2.7).
var noDistance = []uint8{0}

// shortLengths is a block whose lengths are 0 or 1, each told by one bit.
func shortLengths() *stream {
	lengths := codesFor("a")
	s := deflated().lengthCode(len(lengths), 1, []uint8{1, 1, 18: 0})
	for _, n := range append(lengths, 0) {
		s.code(uint16(n), 1)
	}
	h := newCode(lengths)
	return s.tokens(h, nil, []token{lits("aaa")})
}
