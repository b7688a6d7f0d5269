package conformance

import (
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// deflateLimitCases set the endpoint up with a limit to the size of a message, which
// counts inflated: what comes over the wire says little about that (RFC 6455 §10.4).
func deflateLimitCases() []Case {
	const limit = 100
	zeros := func(n int) *stream { return deflated().zeros(n) }
	flushes := repeated(25, func(s *stream) { s.fixed(lits("a")).sync() })
	large, _ := bomb(4 << 20)
	two := deflated().fixed(lits(letters(50))).sync().cut()
	cases := []Case{
		limited(limit, stays("§10.4 compressed text that inflates to the limit",
			sends(text(deflated().fixed(lits(letters(limit))).end()).packed()), Event{Text, letters(limit)})),
		limited(limit, stays("§10.4 zeros that inflate to the limit",
			sends(bin(zeros(limit).end()).packed()), Event{Binary, zeros(limit).stands()})),
		limited(limit, stays("§10.4 compressed message that inflates to less than it takes on the wire",
			sends(bin(flushes.end()).packed()), Event{Binary, flushes.stands()})),
		limited(limit, stays("§10.4 compressed message in fragments that inflates to the limit",
			sends(text(two).packed().more(), cont(deflated().fixed(lits(letters(50))).end())), Event{Text, letters(50) + letters(50)})),
		limited(limit, stays("§10.4 the limit is for each compressed message",
			sends(bin(zeros(limit).end()).packed(), bin(zeros(limit).end()).packed(), text(helloFixed).packed()),
			Event{Binary, zeros(limit).stands()}, Event{Binary, zeros(limit).stands()}, helloSeen)),
		limited(limit, stays("§10.4 compressed message that says nothing in many blocks",
			sends(bin(repeated(1000, func(s *stream) { s.fixed() }).end()).packed()), Event{Binary, ""})),
		tooBig(limit, "§10.4 compressed text that inflates to a byte more than the limit",
			sends(text(deflated().fixed(lits(letters(limit+1))).end()).packed())),
		tooBig(limit, "§10.4 zeros that inflate to a byte more than the limit", sends(bin(zeros(limit+1).end()).packed())),
		tooBig(limit, "§10.4 zeros that inflate to 65536 bytes, limit 100", sends(bin(zeros(1<<16).end()).packed())),
		tooBig(limit, "§10.4 zeros that inflate to 4 MiB, limit 100, a ping behind", sends(bin(large).packed(), ping("late"))),
		tooBig(1<<20, "§10.4 zeros that inflate to 4 MiB, limit 1 MiB", sends(bin(large).packed())),
		tooBig(limit, "§10.4 compressed fragments that inflate to more than the limit, a ping between",
			sends(text(two).packed().more(), ping("p"), cont(deflated().fixed(lits(letters(51))).end())), Event{Ping, "p"}),
		tooBig(limit, "§10.4 compressed message over the limit after a good one",
			sends(text(helloFixed).packed(), bin(zeros(limit+1).end()).packed()), helloSeen),
		tooBig(limit, "§10.4 reference to the message before that inflates to more than the limit",
			sends(bin(zeros(limit).end()).packed(), bin(after("\x00").fixed(match(101, 1)).end()).packed()),
			Event{Binary, zeros(limit).stands()}),
		should(tooBig(limit, "§10.4 compressed message never ended, over the limit",
			sends(bin(zeros(limit+1).sync().cut()).packed().more(), ping("late")))),
		should(tooBig(limit, "§10.4 compressed message over the limit, found before its frame is complete",
			sends(bin(zeros(1<<16).sync().cut()).packed().more().declared(5000)))),
		should(tooBig(limit, "§10.4 compressed message of empty blocks without end", emptyBlocks(70<<10))),
		tooBig(limit, "§10.4 message that is not compressed, over the limit, among compressed ones",
			sends(text(helloFixed).packed(), text(letters(limit+1))), helloSeen),
	}
	return compressed(cases)
}

// zeros appends a block that stands for n zeros.
func (s *stream) zeros(n int) *stream {
	tokens := []token{lits("\x00")}
	for n--; n > 0; {
		m := match(min(n, 258), 1)
		if n > 258 && n < 258+3 { // the rest would be too short for a match
			m.length = 200
		}
		if n < 3 {
			m = lits(string(make([]byte, n)))
		}
		tokens = append(tokens, m)
		n -= m.length + len(m.literals)
	}
	return s.fixed(tokens...)
}

// emptyBlocks is a message of n bytes that stands for nothing and does not end.
func emptyBlocks(n int) []Piece {
	part := bin(repeated(1000, func(s *stream) { s.sync() }).cut()).more()
	pieces := slices.Repeat(sends(part.opcode(frame.OpContinuation)), n/len(part.Payload)+1)
	pieces[0] = part.packed()
	return pieces
}
