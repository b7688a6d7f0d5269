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
