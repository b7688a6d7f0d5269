package conformance

import (
	"slices"
	"strconv"

	"github.com/duplexhq/duplex/websocket/frame"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fate says in words how the endpoint's direction stands.
func (p *peer) fate() string {
	switch x := &p.exchange; {
	case x.closed != nil:
		return "a close frame with " + x.closed.code.String() + " came"
	case p.end != nil:
		return "the endpoint " + p.end.how
	case len(p.in) > 0 || x.message != nil:
		return "only part of a message came within " + p.o.Timeout.String()
	default:
		return "nothing came within " + p.o.Timeout.String()
	}
}

// wantEcho wants the next message to be this one, in however many frames,
// compressed or not.
func (p *peer) wantEcho(kind Kind, payload string) {
	x := &p.exchange
	want := Event{kind, payload}
	ok := p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	p.must(ok && len(x.messages) > 0, "no echo of %v: %s", want, p.fate())
	d := difference(x.messages[0], want)
	p.must(d == "", "wrong echo: %s", d)
	x.messages, x.waiting = x.messages[1:], x.waiting-len(payload)
	x.proven = len(x.messages) == 0
}

// wantPong wants the ping with this payload to be answered, or a later one
// instead, which is as good (RFC 6455 §5.5.3).
func (p *peer) wantPong(payload string) {
	x := &p.exchange
	ok := p.await(p.o.Timeout, func() bool { return slices.Contains(x.ponged, payload) || x.closed != nil })
	p.must(ok && slices.Contains(x.ponged, payload), "no pong for the ping %s: %s", brief(payload), p.fate())
	i := slices.Index(x.ponged, payload)
	x.ponged = slices.Delete(x.ponged, i, i+1)
	x.proven = true
}

// wantClose wants a close frame, which should have one of the codes if any are
// given; 1005 stands for an empty one. If the suite has not sent its own, it
// does so.
func (p *peer) wantClose(codes ...frame.StatusCode) {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return x.closed != nil })
	p.must(x.closed != nil, "no close frame (RFC 6455 §5.5.1): %s", p.fate())
	p.should(len(codes) == 0 || slices.Contains(codes, x.closed.code), "the close frame has %v, want %v", x.closed.code, codes)
	p.answerClose()
	p.settle()
}

// answerClose completes a closing handshake the endpoint began.
func (p *peer) answerClose() {
	x := &p.exchange
	if x.closing || x.partial || x.closed == nil {
		return
	}
	x.closing = true
	p.write(p.wire([]Piece{byeRaw(string(closePayload(x.closed.code)))}))
}

// closePayload is that of a close frame with a code and no reason.
func closePayload(code frame.StatusCode) []byte {
	b, _ := frame.AppendClosePayload(nil, code, "")
	return b
}

// settle waits a moment for the transport to end, so that what should not come
// any more is seen. That the endpoint ends it is another test's matter.
func (p *peer) settle() {
	if p.role == Server {
		p.endWrite() // a server ends TCP first (RFC 6455 §7.1.1)
	}
	p.await(p.o.Timeout/grace, func() bool { return false })
	p.noMore(nil)
}

// noMore wants no message but those that may have come.
func (p *peer) noMore(may []Event) {
	for i, m := range p.exchange.messages {
		p.must(i < len(may), "%s sent %v, which nobody sent it", p.endpoint(), m)
		d := difference(m, may[i])
		p.must(d == "", "wrong echo: %s", d)
	}
}

// wantFailure wants the endpoint to give up because of what it was sent: with a
// close frame, which should have one of the codes if any are given, or else by
// ending the transport, which is not strict. No echo may come any more.
func (p *peer) wantFailure(codes ...frame.StatusCode) { p.failure(nil, codes) }

// failure is wantFailure if some echoes may still come.
func (p *peer) failure(may []Event, codes []frame.StatusCode) {
	x := &p.exchange
	over := func() bool { return x.closed != nil || len(x.messages) > len(may) }
	if !p.await(p.o.Timeout/grace, over) && p.end == nil && !x.partial {
		// Silence. Whoever answers a ping now has not given up.
		const probe = "given up?"
		p.note("is the endpoint still there?")
		p.send(ping(probe))
		p.await(p.o.Timeout, func() bool { return over() || slices.Contains(x.ponged, probe) })
		p.must(!slices.Contains(x.ponged, probe), "%s answers a ping instead of failing the connection (RFC 6455 §7.1.7)", p.endpoint())
		x.pings = slices.DeleteFunc(x.pings, func(payload string) bool { return payload == probe })
	} else if x.partial {
		p.await(p.o.Timeout, over)
	}
	p.noMore(may)
	p.must(x.closed != nil || p.end != nil, "%s does not fail the connection (RFC 6455 §7.1.7): %s", p.endpoint(), p.fate())
	if x.closed == nil {
		p.should(false, "%s %s without a close frame (RFC 6455 §7.1.7)", p.endpoint(), p.end.how)
		return
	}
	p.should(len(codes) == 0 || slices.Contains(codes, x.closed.code), "failed with %v, want %v", x.closed.code, codes)
	p.answerClose()
	if p.role == Server { // a server ends TCP first (RFC 6455 §7.1.1)
		p.endWrite()
	}
	p.await(p.o.Timeout/grace, func() bool { return false })
	p.noMore(may)
}

// bye ends a test of something else: it wants the connection to have been open
// until now, and closes it with 1000. How the endpoint answers that is noted but
// not judged, save that nothing else may come.
func (p *peer) bye() {
	x := &p.exchange
	p.noMore(nil)
	p.alive()
	p.send(bye(1000, ""))
	p.await(p.o.Timeout, func() bool { return x.closed != nil })
	p.settle()
}

// alive wants the connection to be open, which an answer that came since the
// suite last sent something shows; else it asks for one.
func (p *peer) alive() {
	const probe = "still open?"
	switch x := &p.exchange; {
	case x.proven:
	case x.inside:
		p.send(ping(probe))
		p.wantPong(probe)
	default:
		p.send(text(probe))
		p.wantEcho(Text, probe)
	}
}

// gaveUp wants a client to end the connection without a frame, but for a close
// frame (RFC 6455 §4.1).
func (p *peer) gaveUp() {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return x.closed != nil || len(x.messages) > 0 })
	p.must(len(x.messages) == 0, "%s sent a message over a connection it must not open", p.endpoint())
	p.must(x.closed != nil || p.end != nil, "%s does not give up: %s", p.endpoint(), p.fate())
}
