package conformance

import (
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// deflateLimitTests are about Options.MaxMessage and compressed messages.
func deflateLimitTests() []Test {
	const rule = "An implementation with a limit to the size of a message must protect itself against exceeding it. What counts is the size after inflating."
	var tests []Test
	for _, l := range deflateLimitScripts() {
		tests = append(tests, Test{
			Name: "§10.4 compressed: " + l.name, Area: "limits", Level: l.level, Rule: rule,
			run: func(p *peer) {
				n := p.limit()
				p.agree(bothWindows(15))
				sent, sees := l.script(n)
				w := wireTest{Case: stays("", sent, sees...)}
				if l.breaks {
					w.Case = fails("", frame.StatusMessageTooBig, "", sent, sees...)
				}
				w.converse(p)
			},
		})
	}
	return append(tests, Test{
		Name: "§10.4 compressed: 16 KiB that inflate to 16 MiB", Area: "limits", Level: Must, Rule: rule, run: bombTest,
	})
}

// bombTest sends zeros that inflate to 16 MiB, which is no harm to an endpoint
// without a limit. It must do something about it.
func bombTest(p *peer) {
	payload, size := bomb(16 << 20)
	p.agree(bothWindows(15))
	p.send(bin(payload).packed())
	if most := p.o.MaxMessage; most > 0 && most < int64(size) {
		p.wantFailure(frame.StatusMessageTooBig)
		return
	}
	if how := p.refusal(size); how != "" {
		p.must(p.o.MaxMessage == 0, "%s %s after %d bytes, and its limit is %d", p.endpoint(), how, size, p.o.MaxMessage)
		return
	}
	p.wantEcho(Binary, string(make([]byte, size)))
	p.inform(p.o.MaxMessage > 0, "%s inflates %d bytes to %d: it has no limit, or a high one", p.endpoint(), len(payload), size)
	p.bye()
}

// bomb returns a message of n zeros, two or more, or up to 1031 more in as few bytes
// as can be, and how many it is: 1032 of them take a byte.
func bomb(n int) (payload string, size int) {
	literals := make([]uint8, 286)
	literals[0], literals[endOfBlock], literals[285] = 2, 2, 1
	code := newCode(literals)
	s := deflated().dynamicHeader(literals, []uint8{1}).symbol(code, 0)
	// The two codes of a match of 258 bytes are bits of 0, so that a byte of 0 is
	// four matches. The stream need not be at a byte for that.
	whole := (n - 1 + 1031) / 1032
	s.out = append(s.out, byte(s.held))
	s.out = append(s.out, make([]byte, whole-1)...)
	s.held = 0
	return s.symbol(code, endOfBlock).end(), 1 + whole*1032
}

// fewLetters returns a message of letters(n) in far less than n bytes: an endpoint may
// hold its limit against what comes over the wire as well.
func fewLetters(n int) string {
	const period = 26
	s := stored(letters(min(n, period)))
	var again []token
	left := n - min(n, period)
	for left >= 3 {
		length := min(left, 258)
		if left-length == 1 || left-length == 2 {
			length -= 3
		}
		again = append(again, match(length, period))
		left -= length
	}
	if len(again) > 0 {
		s.fixed(again...)
	}
	if left > 0 {
		s.stored(letters(n)[n-left:])
	}
	return s.end()
}

func deflateLimitScripts() []limitScript {
	half := func(n int) Piece { p := fewLetters(n); return text(p[:len(p)/2]).packed().more() }
	rest := func(n int) Piece { p := fewLetters(n); return cont(p[len(p)/2:]) }
	keeps := func(name string, level Level, script func(n int) ([]Piece, []Event)) limitScript {
		return limitScript{name, level, false, script}
	}
	over := func(name string, level Level, script func(n int) ([]Piece, []Event)) limitScript {
		return limitScript{name, level, true, script}
	}
	zeros := func(n int) Piece { return bin(deflated().zeros(n).end()).packed() }
	nothing := func(n int) Event { return Event{Binary, string(make([]byte, n))} }
	return []limitScript{
		keeps("text that inflates to the limit", Must, func(n int) ([]Piece, []Event) {
			return sends(text(fewLetters(n)).packed()), []Event{{Text, letters(n)}}
		}),
		keeps("zeros that inflate to the limit", Must, func(n int) ([]Piece, []Event) { return sends(zeros(n)), []Event{nothing(n)} }),
		keeps("two messages that inflate to the limit: it is for each", Must, func(n int) ([]Piece, []Event) {
			return sends(zeros(n), zeros(n)), []Event{nothing(n), nothing(n)}
		}),
		keeps("fragments that inflate to the limit", Must, func(n int) ([]Piece, []Event) {
			return sends(half(n), rest(n)), []Event{{Text, letters(n)}}
		}),
		keeps("a message that takes more than the limit on the wire, and inflates to less", May, func(n int) ([]Piece, []Event) {
			return sends(bin(strings.Repeat("\x00\x00\x00\xff\xff", n/5+10) + helloFixed).packed()), []Event{{Binary, "Hello"}}
		}),
		over("text that inflates to the limit and 1", Must, func(n int) ([]Piece, []Event) {
			return sends(text(fewLetters(n + 1)).packed()), nil
		}),
		over("zeros that inflate to the limit and 1", Must, func(n int) ([]Piece, []Event) { return sends(zeros(n + 1)), nil }),
		over("zeros that inflate to the limit and 1, after a good message, a ping behind", Must, func(n int) ([]Piece, []Event) {
			return sends(text(helloFixed).packed(), zeros(n+1), ping("late")), []Event{helloSeen}
		}),
		over("fragments that inflate to the limit and 1", Must, func(n int) ([]Piece, []Event) {
			return sends(half(n+1), rest(n+1)), nil
		}),
		over("fragments that inflate to the limit and 1, with a ping between them", Must, func(n int) ([]Piece, []Event) {
			return sends(half(n+1), ping("p"), rest(n+1)), []Event{{Ping, "p"}}
		}),
		over("1 MB that inflates to 1 GB", Must, func(int) ([]Piece, []Event) {
			payload, _ := bomb(1 << 30)
			return sends(bin(payload).packed()), nil
		}),
		over("a message that is not compressed, over the limit", Must, func(n int) ([]Piece, []Event) {
			return sends(text(helloFixed).packed(), bin(octets(n+1))), []Event{helloSeen}
		}),
		over("fragments over the limit in a message that never ends", Should, func(n int) ([]Piece, []Event) {
			end := rest(n + 2).more()
			end.Payload = end.Payload[:len(end.Payload)-1]
			return sends(half(n+2), end), nil
		}),
		over("empty blocks of three times the limit in a message that never ends", May, func(n int) ([]Piece, []Event) {
			return sends(bin(strings.Repeat("\x00\x00\x00\xff\xff", (3*n+100_000)/5)).packed().more()), nil
		}),
	}
}
