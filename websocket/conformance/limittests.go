package conformance

import (
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// limitTests are about Options.MaxMessage.
func limitTests() (tests []Test) {
	for _, l := range limitScripts() {
		tests = append(tests, Test{
			Name: "§10.4 " + l.name, Area: "limits", Level: l.level,
			Rule: "An implementation with a limit to the size of a message must protect itself against exceeding it.",
			run: func(p *peer) {
				n := p.limit()
				sent, sees := l.script(n)
				w := wireTest{Case: stays("", sent, sees...)}
				if l.breaks {
					w.Case = fails("", frame.StatusMessageTooBig, "", sent, sees...)
				}
				w.run(p)
			},
		})
	}
	return tests
}

// limit returns Options.MaxMessage, if the test can be made with it.
func (p *peer) limit() int {
	n := int(p.o.MaxMessage)
	if n == 0 {
		p.unsupported("Options.MaxMessage is not given")
	}
	if n > maxFrame/4 {
		p.unsupported("Options.MaxMessage is over %d bytes, too much to exceed it", maxFrame/4)
	}
	return n
}

// A limitScript is what is sent to an endpoint with a limit of n bytes.
type limitScript struct {
	name   string
	level  Level
	breaks bool
	script func(n int) (sent []Piece, sees []Event)
}

// limitScripts returns all of them.
func limitScripts() []limitScript {
	return slices.Concat(keptLimits(), brokenLimits(), earlyLimits())
}

// keptLimits reach the limit.
func keptLimits() (scripts []limitScript) {
	add := func(name string, script func(n int) ([]Piece, []Event)) {
		scripts = append(scripts, limitScript{name, Must, false, script})
	}
	add("text of the limit", func(n int) ([]Piece, []Event) { return sends(text(letters(n))), []Event{{Text, letters(n)}} })
	add("binary of the limit", func(n int) ([]Piece, []Event) { return sends(bin(octets(n))), []Event{{Binary, octets(n)}} })
	add("binary of the limit less 1", func(n int) ([]Piece, []Event) {
		return sends(bin(octets(n - 1))), []Event{{Binary, octets(n - 1)}}
	})
	add("fragments that reach the limit", func(n int) ([]Piece, []Event) {
		return inFragments(frame.OpText, letters(n), n/4+1), []Event{{Text, letters(n)}}
	})
	add("fragments that reach the limit and an empty last one", func(n int) ([]Piece, []Event) {
		return sends(bin(octets(n)).more(), cont("")), []Event{{Binary, octets(n)}}
	})
	add("three messages of the limit: it is for each", func(n int) ([]Piece, []Event) {
		m := Event{Text, letters(n)}
		return sends(text(m.Payload), text(m.Payload), text(m.Payload)), []Event{m, m, m}
	})
	add("control frames in a message of the limit: they do not count", func(n int) ([]Piece, []Event) {
		m := letters(n)
		return sends(text(m[:n/2]).more(), ping(letters(125)), pong(letters(125)), cont(m[n/2:])),
			[]Event{{Ping, letters(125)}, {Pong, letters(125)}, {Text, m}}
	})
	return scripts
}

// brokenLimits exceed it.
func brokenLimits() (scripts []limitScript) {
	add := func(name string, script func(n int) ([]Piece, []Event)) {
		scripts = append(scripts, limitScript{name, Must, true, script})
	}
	add("text of the limit and 1", func(n int) ([]Piece, []Event) { return sends(text(letters(n + 1))), nil })
	add("binary of the limit and 1", func(n int) ([]Piece, []Event) { return sends(bin(octets(n + 1))), nil })
	add("binary of twice the limit", func(n int) ([]Piece, []Event) { return sends(bin(octets(2 * n))), nil })
	add("a large message after a good one, a ping behind", func(n int) ([]Piece, []Event) {
		return sends(text("good"), text(letters(n+1)), ping("late")), []Event{{Text, "good"}}
	})
	add("fragments over the limit", func(n int) ([]Piece, []Event) {
		return inFragments(frame.OpBinary, octets(n+1), n/4+1), nil
	})
	add("a byte after fragments that reach the limit", func(n int) ([]Piece, []Event) {
		return sends(bin(octets(n)).more(), cont("x")), nil
	})
	add("fragments over the limit with a ping between them", func(n int) ([]Piece, []Event) {
		return sends(bin(octets(n)).more(), ping("p"), cont("x")), []Event{{Ping, "p"}}
	})
	add("fragments of 100 bytes over the limit", func(n int) ([]Piece, []Event) {
		return inFragments(frame.OpText, letters(n+1), max(100, n/1000)), nil
	})
	return scripts
}

// earlyLimits exceed it in a message that is not complete, which should be found.
func earlyLimits() (scripts []limitScript) {
	add := func(name string, script func(n int) ([]Piece, []Event)) {
		scripts = append(scripts, limitScript{name, Should, true, script})
	}
	add("fragments over the limit in a message that never ends", func(n int) ([]Piece, []Event) {
		return sends(bin(octets(n)).more(), cont("x").more()), nil
	})
	add("text that declares the limit and 1, found at its header", func(n int) ([]Piece, []Event) {
		return sends(text("").declared(uint64(n + 1))), nil
	})
	add("second fragment that declares too much, found at its header", func(n int) ([]Piece, []Event) {
		return sends(bin("a").more(), cont("").declared(uint64(n))), nil
	})
	add("binary that declares 2^62 bytes, found at its header", func(int) ([]Piece, []Event) {
		return sends(bin("").declared(1 << 62)), nil
	})
	add("text that declares 2^63 - 1 bytes behind a byte, found at its header", func(int) ([]Piece, []Event) {
		return sends(text("a").more(), cont("").declared(1<<63-1)), nil
	})
	return scripts
}
