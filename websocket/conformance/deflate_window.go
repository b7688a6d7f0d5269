package conformance

import (
	"fmt"
	"strings"

	"github.com/duplexhq/duplex/websocket/deflate"
)

// takeoverCases refer to messages before, as a compressor may unless it was agreed
// that it does not (RFC 7692 §7.2.2).
func takeoverCases() []Case {
	back := func(n int, before string) Piece {
		return text(after(before).fixed(match(n, n)).end()).packed()
	}
	first := text(helloFixed).packed()
	again := Event{Text, "HelloHello"}
	chain := []Piece{text(deflated().fixed(lits("abc")).end()).packed()}
	chained := []Event{{Text, "abc"}}
	for range 20 {
		chain = append(chain, back(3, "abc"))
		chained = append(chained, Event{Text, "abc"})
	}
	long := letters(20_000)
	cases := []Case{
		stays("RFC 7692 §7.2.2 reference to the message before the last",
			sends(first, bin(deflated().fixed(lits("other")).end()).packed(), back(10, "Helloother")),
			helloSeen, Event{Binary, "other"}, Event{Text, "Helloother"}),
		stays("RFC 7692 §7.2.2 reference across the boundary of two messages",
			sends(first, first, text(after("HelloHello").fixed(match(5, 7)).end()).packed()), helloSeen, helloSeen, Event{Text, "loHel"}),
		stays("RFC 7692 §7.2.2 reference from text to binary",
			sends(bin(helloFixed).packed(), text(helloAgain).packed()), Event{Binary, "Hello"}, helloSeen),
		stays("RFC 7692 §7.2.2 reference to the message before and to itself",
			sends(first, text(after("Hello").fixed(match(10, 5)).end()).packed()), helloSeen, again),
		stays("RFC 7692 §7.2.2 twenty messages, each a reference to the one before", chain, chained...),
		stays("RFC 7692 §7.2.2 reference across an empty message",
			sends(first, bin(compressedNil).packed(), text(helloAgain).packed()), helloSeen, Event{Binary, ""}, helloSeen),
		stays("RFC 7692 §7.2.2 reference to a message in fragments, with a ping between",
			sends(text(helloFixed[:3]).packed().more(), ping("p"), cont(helloFixed[3:]), text(helloAgain).packed()),
			Event{Ping, "p"}, helloSeen, helloSeen),
		stays("RFC 7692 §7.2.2 reference in fragments to the message before",
			sends(first, text(helloAgain[:1]).packed().more(), cont(helloAgain[1:3]).more(), ping("p"), cont(helloAgain[3:])),
			helloSeen, Event{Ping, "p"}, helloSeen),
		stays("RFC 7692 §7.2.2 reference to a stored message", sends(text(helloStored).packed(), text(helloAgain).packed()), helloSeen, helloSeen),
		stays("RFC 7692 §7.2.2 reference to a message that ended with BFINAL",
			sends(text(helloFinal).packed(), text(helloAgain).packed()), helloSeen, helloSeen),
		stays("RFC 7692 §7.2.2 reference 20000 bytes back, over a message that is not compressed",
			sends(text(deflated().stored(long).end()).packed(), bin(octets(5000)), text(after(long).fixed(match(258, 20_000)).end()).packed()),
			Event{Text, long}, Event{Binary, octets(5000)}, Event{Text, long[:258]}),
	}
	return cases
}

// bothWindows are parameters with a window of so many bits in both directions.
func bothWindows(bits uint8) deflate.Params {
	return deflate.Params{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits}
}

// farthestCases refer as far back as the window that was agreed on goes (RFC 7692
// §7.1.2).
func farthestCases() (cases []Case) {
	for bits := uint8(8); bits <= 15; bits++ {
		far := 1 << bits
		whole := octets(far)
		one := stored(whole).fixed(match(3, far), match(258, far))
		name := fmt.Sprintf("RFC 7692 §7.1.2 window of %d bits, ", bits)
		cases = append(cases, agreed(bothWindows(bits), []Case{
			stays(name+"the farthest distance within a message", sends(bin(one.end()).packed()), Event{Binary, one.stands()}),
			stays(name+"the farthest distance into the message before",
				sends(bin(stored(whole).end()).packed(), bin(after(whole).fixed(match(100, far)).end()).packed()),
				Event{Binary, whole}, Event{Binary, whole[:100]}),
			stays(name+"the farthest distance after twice as much",
				sends(bin(stored(octets(2*far)).end()).packed(), bin(after(octets(2*far)).fixed(match(100, far)).end()).packed()),
				Event{Binary, octets(2 * far)}, Event{Binary, octets(2 * far)[far : far+100]}),
			stays(name+"the farthest distance at a byte more than it",
				sends(bin(stored(whole+"x").end()).packed(), bin(after(whole+"x").fixed(match(100, far)).end()).packed()),
				Event{Binary, whole + "x"}, Event{Binary, (whole + "x")[1:101]}),
		})...)
	}
	return cases
}

// stored begins a stream with as many stored blocks as p needs.
func stored(p string) *stream {
	s := deflated()
	for len(p) > 65535 {
		s.stored(p[:65535])
		p = p[65535:]
	}
	return s.stored(p)
}

// tooFarCases refer farther back than was agreed. Who receives may have a larger
// window than need be and not notice (RFC 7692 §7.1.2.1, §7.1.2.2).
func tooFarCases() (cases []Case) {
	for bits := uint8(8); bits < 15; bits++ {
		far := 1<<bits + 1
		whole := octets(far)
		name := fmt.Sprintf("RFC 7692 §7.1.2 window of %d bits, ", bits)
		cases = append(cases, agreed(bothWindows(bits), []Case{
			may(corrupt(name+"a byte too far back within a message", windowSection,
				sends(bin(stored(whole).fixed(match(3, far)).end()).packed()))),
			may(corrupt(name+"a byte too far back into the message before", windowSection,
				sends(bin(stored(whole).end()).packed(), bin(after(whole).fixed(match(3, far)).end()).packed()), Event{Binary, whole})),
		})...)
	}
	return cases
}

// noTakeoverCases are about what was agreed to be compressed message by message.
// That a message may be inflated with an empty window does not mean that it must
// (RFC 7692 §7.2.2).
func noTakeoverCases() []Case {
	p := bothWindows(15)
	p.ServerNoContextTakeover, p.ClientNoContextTakeover = true, true
	long := strings.Repeat("Hello, ", 1000)
	return agreed(p, []Case{
		stays("RFC 7692 §7.1.1 without takeover, the same message three times",
			sends(text(helloFixed).packed(), text(helloFixed).packed(), text(helloFixed).packed()), helloSeen, helloSeen, helloSeen),
		stays("RFC 7692 §7.1.1 without takeover, fragments may refer to those before",
			sends(text(deflated().fixed(lits("Hello")).sync().cut()).packed().more(), cont(after("Hello").fixed(match(5, 5)).end())),
			Event{Text, "HelloHello"}),
		stays("RFC 7692 §7.1.1 without takeover, a long message and a short one",
			sends(text(stored(long).end()).packed(), text(helloFixed).packed()), Event{Text, long}, helloSeen),
		stays("RFC 7692 §7.1.1 without takeover, compressed and not, in turn",
			sends(text(helloFixed).packed(), text("one"), text(helloFixed).packed()), helloSeen, Event{Text, "one"}, helloSeen),
		may(corrupt("RFC 7692 §7.1.1 without takeover, reference to the message before", distanceSection,
			sends(text(helloFixed).packed(), text(helloAgain).packed()), helloSeen)),
		may(corrupt("RFC 7692 §7.1.1 without takeover, reference to the end of a long message before", distanceSection,
			sends(text(stored(long).end()).packed(), text(after(long).fixed(match(7, 7)).end()).packed()), Event{Text, long})),
	})
}

// may marks c as what the standard leaves open.
func may(c Case) Case { c.Level = May; return c }
