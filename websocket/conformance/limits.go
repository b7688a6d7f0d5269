package conformance

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// limitCases set the endpoint up with a limit to the size of a message, which
// an implementation must hold over all frames of it (RFC 6455 §10.4). Breaking
// it is answered with 1009 (§7.4.1).
func limitCases() []Case {
	const limit = 100
	return slices.Concat(frameLimitCases(limit), fragmentLimitCases(limit), declaredLimitCases(limit))
}

// tooBig is a case that breaks a limit of n bytes.
func tooBig(n int64, name string, sent []Piece, sees ...Event) Case {
	return limited(n, fails(name, frame.StatusMessageTooBig, "", sent, sees...))
}

// frameLimitCases are messages of one frame.
func frameLimitCases(limit int) (cases []Case) {
	most := int64(limit)
	for _, n := range []int{0, 1, limit - 1, limit} {
		cases = append(cases,
			limited(most, stays(fmt.Sprintf("§10.4 text of %d bytes, limit %d", n, limit),
				sends(text(letters(n))), Event{Text, letters(n)})),
			limited(most, stays(fmt.Sprintf("§10.4 binary of %d bytes, limit %d", n, limit),
				sends(bin(octets(n))), Event{Binary, octets(n)})),
		)
	}
	for _, n := range []int{limit + 1, 126, 65536} {
		cases = append(cases,
			tooBig(most, fmt.Sprintf("§10.4 text of %d bytes, limit %d", n, limit), sends(text(letters(n)))),
			tooBig(most, fmt.Sprintf("§10.4 binary of %d bytes, limit %d", n, limit), sends(bin(octets(n)))),
		)
	}
	return append(cases,
		limited(1, stays("§10.4 one byte, limit 1", sends(bin("a")), Event{Binary, "a"})),
		tooBig(1, "§10.4 two bytes, limit 1", sends(bin("ab"))),
		limited(65536, stays("§10.4 65536 bytes, limit 65536", sends(bin(octets(65536))), Event{Binary, octets(65536)})),
		tooBig(65535, "§10.4 65536 bytes, limit 65535", sends(bin(octets(65536)))),
		limited(most, stays("§10.4 the limit is for each message",
			sends(text(letters(limit)), text(letters(limit)), bin(octets(limit))),
			Event{Text, letters(limit)}, Event{Text, letters(limit)}, Event{Binary, octets(limit)})),
		limited(most, stays("§10.4 control frames do not count",
			sends(text(letters(60)).more(), ping(letters(125)), pong(letters(125)), cont(letters(40))),
			Event{Ping, letters(125)}, Event{Pong, letters(125)}, Event{Text, letters(60) + letters(40)})),
		limited(1, stays("§10.4 a ping longer than the limit", sends(ping("four")), Event{Ping, "four"})),
		limited(1, closes("§10.4 a close reason longer than the limit", 1000, sends(bye(1000, "four")))),
		tooBig(most, "§10.4 a large message after a good one, a ping behind",
			sends(text("good"), text(letters(limit+1)), ping("late")), Event{Text, "good"}),
	)
}

// fragmentLimitCases are messages of several frames.
func fragmentLimitCases(limit int) []Case {
	most := int64(limit)
	half := letters(limit / 2)
	return []Case{
		limited(most, stays("§10.4 two fragments that reach the limit",
			sends(text(half).more(), cont(half)), Event{Text, half + half})),
		limited(most, stays("§10.4 two fragments that reach the limit and an empty last one",
			sends(text(half).more(), cont(half).more(), cont("")), Event{Text, half + half})),
		limited(most, stays("§10.4 two fragmented messages that reach the limit each",
			sends(text(half).more(), cont(half), bin(half).more(), cont(half)),
			Event{Text, half + half}, Event{Binary, half + half})),
		tooBig(most, "§10.4 two fragments over the limit", sends(text(half).more(), cont(half+"x"))),
		tooBig(most, "§10.4 a byte after fragments that reach the limit",
			sends(bin(half).more(), cont(half).more(), cont("x"))),
		tooBig(most, "§10.4 fragments over the limit with a ping between them",
			sends(bin(half).more(), ping("p"), cont(half+"x")), Event{Ping, "p"}),
		tooBig(most, "§10.4 a hundred fragments of a byte and one more",
			inFragments(frame.OpBinary, octets(limit+1), 1)),
		tooBig(most, "§10.4 a first fragment over the limit", sends(bin(octets(limit+1)).more())),
		tooBig(most, "§10.4 a message never ended, over the limit",
			sends(text(half).more(), cont(half).more(), cont(half).more())),
	}
}

// declaredLimitCases break the limit by what a header says. No byte of payload
// is there, and none need be waited for.
func declaredLimitCases(limit int) []Case {
	most := int64(limit)
	return []Case{
		should(tooBig(most, "§10.4 text that declares a byte too many, found at its header",
			sends(text("").declared(uint64(limit+1))))),
		should(tooBig(most, "§10.4 binary that declares 65535 bytes, found at its header",
			sends(bin("").declared(65535)))),
		should(tooBig(most, "§10.4 binary that declares 2^62 bytes, found at its header",
			sends(bin("").declared(1<<62)))),
		should(tooBig(most, "§10.4 text that declares 2^63 - 1 bytes, found at its header",
			sends(text("").declared(1<<63-1)))),
		should(tooBig(most, "§10.4 second fragment that declares too much, found at its header",
			sends(text(letters(50)).more(), cont("").declared(51)))),
		should(tooBig(most, "§10.4 second fragment that declares 2^63 - 1 bytes, found at its header",
			sends(text("a").more(), cont("").declared(1<<63-1)))),
		limited(1<<63-1, stays("§10.4 binary of 2^63 - 1 bytes begins, limit 2^63 - 1",
			sends(bin("").declared(1<<63-1)))),
		tooBig(1<<63-1, "§10.4 fragments that sum up to 2^63",
			sends(bin("a").more(), cont("").declared(1<<63-1))),
	}
}
