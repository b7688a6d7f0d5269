package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A wireTest is a Case as a conversation over the network with an endpoint that
// sends back each message.
type wireTest struct {
	Case
	chop chop
}

// A chop is how the bytes of a case are sent.
type chop uint8

const (
	inOneWrite chop = iota
	frameByFrame
	byteByByte
)

var chopNames = [...]string{"", ", frame by frame", ", byte by byte"}

// chopPause lies between two pieces, so that the endpoint reads them one by one.
const chopPause = 500 * time.Microsecond

// wireTests returns the tests that follow from the table of cases, for which the
// suite plays role, and those about Options.MaxMessage.
func wireTests(role Role) (tests []Test) {
	areas := []struct {
		name  string
		cases []Case
	}{
		{"framing", framingCases()},
		{"reserved", reservedCases()},
		{"control", controlCases()},
		{"fragmentation", fragmentationCases()},
		{"utf8", utf8Cases()},
		{"closing", closingCases()},
	}
	for _, a := range areas {
		for _, c := range a.cases {
			for _, chop := range chops(a.name, &c) {
				w := wireTest{c, chop}
				tests = append(tests, Test{
					Name: c.Name + chopNames[chop], Area: a.name, Level: levelOf(&c), Rule: ruleOf(&c).sentence(role), run: w.run,
				})
			}
		}
	}
	return append(tests, limitTests()...)
}

// chops returns the ways in which a case is worth to be sent.
func chops(area string, c *Case) []chop {
	all := []chop{inOneWrite}
	if c.EOF || area == "framing" && len(c.Sends) == 1 {
		return all
	}
	n, short := len(c.Sends), len(c.AppendWire(nil, Client, 0)) <= 48
	if n > 1 && n <= 20 && area != "closing" {
		all = append(all, frameByFrame)
	}
	if short && (n > 1 && area != "reserved" || area == "control") {
		all = append(all, byteByByte)
	}
	return all
}

// run sends what the case sends and judges what comes of it.
func (w *wireTest) run(p *peer) {
	p.open()
	w.converse(p)
}

// begin sends what the case sends, on a connection that is open.
func (w *wireTest) begin(p *peer) {
	for _, e := range w.Sees {
		if e.Kind == Ping {
			p.exchange.pings = append(p.exchange.pings, e.Payload)
		}
	}
	w.send(p)
}

// converse does what run does, on a connection that is open.
func (w *wireTest) converse(p *peer) {
	w.begin(p)
	switch w.Ends.State {
	case Open:
		w.judgeOpen(p)
	case Closed:
		w.judgeClosed(p)
	case GaveUp:
		p.failure(w.echoes(), w.codes())
		w.missing(p.should, &p.exchange, "the connection failed")
	case Lost:
		w.judgeLost(p)
	}
}

// send sends the pieces as the test chops them.
func (w *wireTest) send(p *peer) {
	pings := slices.Clone(p.exchange.pings)
	p.track(w.Sends)
	p.exchange.pings = pings // what Sees names, and no ping behind an offence
	switch w.chop {
	case inOneWrite:
		p.write(p.wire(w.Sends))
	case frameByFrame:
		p.note("frame by frame")
		for _, piece := range w.Sends {
			p.write(p.wire([]Piece{piece}))
			p.pause(chopPause)
		}
	case byteByByte:
		p.writeChopped(p.wire(w.Sends), 1, chopPause)
	}
}

// codes returns the codes the endpoint should fail with. RFC 6455 names few, and
// some rules are broken in two ways at once.
func (w *wireTest) codes() []frame.StatusCode {
	codes := []frame.StatusCode{w.Ends.Code}
	switch {
	case w.Ends.Section == "§5.5.1, §8.1": // not a message, of which 1007 speaks
		codes = append(codes, frame.StatusProtocolError)
	case strings.HasPrefix(w.Name, "§7.4 illegal code comes before"):
		codes = append(codes, frame.StatusInvalidPayload)
	case w.unbounded() || w.Ends.Code == frame.StatusPolicyViolation:
		codes = append(codes, frame.StatusMessageTooBig, frame.StatusProtocolError)
	}
	return codes
}

// echoes returns the messages that come back.
func (w *wireTest) echoes() []Event {
	return slices.DeleteFunc(slices.Clone(w.Sees), func(e Event) bool { return e.Kind > Binary })
}

// missing notes answers that did not come before the connection ended. No rule
// gives an application the time to send back what it just received, and a pong
// may be on its way in another goroutine; but to lose either is not what anybody
// wants. Of several pings only the newest need be answered (RFC 6455 §5.5.3), and
// which that was is not known to one who fails the connection.
func (w *wireTest) missing(note func(ok bool, format string, args ...any), x *conversation, why string) {
	n := len(w.echoes()) - len(x.messages)
	note(n <= 0, "%d messages that came before %s were not sent back", n, why)
	note(len(x.pings) == 0 || len(x.ponged) > 0, "%d pings that came before %s were not answered", len(x.pings), why)
}

// judgeOpen wants everything sent back and the connection open.
func (w *wireTest) judgeOpen(p *peer) {
	for _, e := range w.echoes() {
		p.wantEcho(e.Kind, e.Payload)
	}
	if pings := p.exchange.pings; len(pings) > 0 {
		p.wantPong(pings[len(pings)-1])
	}
	if !p.exchange.partial {
		p.bye()
		return
	}
	// Inside a frame there is nothing to do but wait.
	x := &p.exchange
	p.await(p.o.Timeout/grace, func() bool { return x.closed != nil })
	p.noMore(nil)
	if w.unbounded() && x.closed != nil {
		p.should(x.closed.code == frame.StatusMessageTooBig, "failed with %v, want 1009 if it is too big", x.closed.code)
		return
	}
	p.must(x.closed == nil && p.end == nil || w.unbounded(), "%s does not wait for the rest of a frame: %s", p.endpoint(), p.fate())
}

// unbounded reports whether a frame declares more than anybody need accept.
func (w *wireTest) unbounded() bool {
	return slices.ContainsFunc(w.Sends, func(piece Piece) bool { return piece.Declared > maxFrame })
}

// judgeClosed wants the close frame answered with one.
func (w *wireTest) judgeClosed(p *peer) {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return x.closed != nil })
	p.noMore(w.echoes())
	p.must(x.closed != nil, "no close frame came back (RFC 6455 §5.5.1): %s", p.fate())
	w.missing(p.should, x, "the close frame")
	switch got := x.closed.code; got {
	case w.Ends.Code:
	case frame.StatusNormalClosure, frame.StatusNoStatusReceived:
		p.inform(false, "answered with %v; typically it is %v (RFC 6455 §5.5.1)", got, w.Ends.Code)
	default:
		p.should(false, "answered with %v; typically it is %v (RFC 6455 §5.5.1)", got, w.Ends.Code)
	}
	x.messages = nil
	p.settle()
}

// judgeLost wants nothing to be made of an unfinished message, and the endpoint
// to end the connection too.
func (w *wireTest) judgeLost(p *peer) {
	p.closeWrite()
	p.await(p.o.Timeout, func() bool { return false })
	p.noMore(w.echoes())
	w.missing(p.inform, &p.exchange, "the end of the transport") // to one who may still read
	p.should(p.end != nil, "%s keeps a connection whose other end has left (RFC 6455 §7.1.1): %s", p.endpoint(), p.fate())
}

// limitTests are about Options.MaxMessage.
func limitTests() (tests []Test) {
	for _, l := range limitScripts() {
		tests = append(tests, Test{
			Name: "§10.4 " + l.name, Area: "limits", Level: l.level,
			Rule: "An implementation with a limit to the size of a message must protect itself against exceeding it.",
			run: func(p *peer) {
				n := int(p.o.MaxMessage)
				if n == 0 {
					p.unsupported("Options.MaxMessage is not given")
				}
				if n > maxFrame/4 {
					p.unsupported("Options.MaxMessage is over %d bytes, too much to exceed it", maxFrame/4)
				}
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

// A limitScript is what is sent to an endpoint with a limit of n bytes.
type limitScript struct {
	name   string
	level  Level
	breaks bool
	script func(n int) (sent []Piece, sees []Event)
}

func limitScripts() []limitScript {
	keep := func(name string, script func(n int) ([]Piece, []Event)) limitScript {
		return limitScript{name, Must, false, script}
	}
	over := func(name string, script func(n int) ([]Piece, []Event)) limitScript {
		return limitScript{name, Must, true, script}
	}
	early := func(name string, script func(n int) ([]Piece, []Event)) limitScript {
		return limitScript{name, Should, true, script}
	}
	return []limitScript{
		keep("text of the limit", func(n int) ([]Piece, []Event) { return sends(text(letters(n))), []Event{{Text, letters(n)}} }),
		keep("binary of the limit", func(n int) ([]Piece, []Event) { return sends(bin(octets(n))), []Event{{Binary, octets(n)}} }),
		keep("binary of the limit less 1", func(n int) ([]Piece, []Event) { return sends(bin(octets(n - 1))), []Event{{Binary, octets(n - 1)}} }),
		keep("fragments that reach the limit", func(n int) ([]Piece, []Event) {
			return inFragments(frame.OpText, letters(n), n/4+1), []Event{{Text, letters(n)}}
		}),
		keep("fragments that reach the limit and an empty last one", func(n int) ([]Piece, []Event) {
			return sends(bin(octets(n)).more(), cont("")), []Event{{Binary, octets(n)}}
		}),
		keep("three messages of the limit: it is for each", func(n int) ([]Piece, []Event) {
			m := Event{Text, letters(n)}
			return sends(text(m.Payload), text(m.Payload), text(m.Payload)), []Event{m, m, m}
		}),
		keep("control frames in a message of the limit: they do not count", func(n int) ([]Piece, []Event) {
			m := letters(n)
			return sends(text(m[:n/2]).more(), ping(letters(125)), pong(letters(125)), cont(m[n/2:])),
				[]Event{{Ping, letters(125)}, {Pong, letters(125)}, {Text, m}}
		}),
		over("text of the limit and 1", func(n int) ([]Piece, []Event) { return sends(text(letters(n + 1))), nil }),
		over("binary of the limit and 1", func(n int) ([]Piece, []Event) { return sends(bin(octets(n + 1))), nil }),
		over("binary of twice the limit", func(n int) ([]Piece, []Event) { return sends(bin(octets(2 * n))), nil }),
		over("a large message after a good one, a ping behind", func(n int) ([]Piece, []Event) {
			return sends(text("good"), text(letters(n+1)), ping("late")), []Event{{Text, "good"}}
		}),
		over("fragments over the limit", func(n int) ([]Piece, []Event) {
			return inFragments(frame.OpBinary, octets(n+1), n/4+1), nil
		}),
		over("a byte after fragments that reach the limit", func(n int) ([]Piece, []Event) {
			return sends(bin(octets(n)).more(), cont("x")), nil
		}),
		over("fragments over the limit with a ping between them", func(n int) ([]Piece, []Event) {
			return sends(bin(octets(n)).more(), ping("p"), cont("x")), []Event{{Ping, "p"}}
		}),
		over("fragments of 100 bytes over the limit", func(n int) ([]Piece, []Event) {
			return inFragments(frame.OpText, letters(n+1), max(100, n/1000)), nil
		}),
		early("fragments over the limit in a message that never ends", func(n int) ([]Piece, []Event) {
			return sends(bin(octets(n)).more(), cont("x").more()), nil
		}),
		early("text that declares the limit and 1, found at its header", func(n int) ([]Piece, []Event) {
			return sends(text("").declared(uint64(n + 1))), nil
		}),
		early("second fragment that declares too much, found at its header", func(n int) ([]Piece, []Event) {
			return sends(bin("a").more(), cont("").declared(uint64(n))), nil
		}),
		early("binary that declares 2^62 bytes, found at its header", func(int) ([]Piece, []Event) {
			return sends(bin("").declared(1 << 62)), nil
		}),
		early("text that declares 2^63 - 1 bytes behind a byte, found at its header", func(int) ([]Piece, []Event) {
			return sends(text("a").more(), cont("").declared(1<<63-1)), nil
		}),
	}
}
