package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A conversation is what is known of the frames of a connection, in both
// directions.
type conversation struct {
	// What the suite sent.
	key     uint32
	inside  bool     // inside a fragmented message
	partial bool     // inside a frame
	proven  bool     // nothing was sent since the endpoint last answered
	closing bool     // a close frame went out
	pings   []string // not yet answered, in order

	// What the endpoint sent.
	message  *message // the one that is under way
	messages []Event  // complete and not yet wanted
	waiting  int      // their bytes
	ponged   []string // pings that were answered, or passed over for a later one
	closed   *closing // its close frame
	progress int      // counts frames of messages, and their bytes

	zip *zip
}

// A message is one that is under way.
type message struct {
	kind       Kind
	compressed bool
	payload    []byte
	utf8       frame.UTF8
}

// A closing is a close frame of the endpoint.
type closing struct {
	code   frame.StatusCode // 1005 if it was empty
	reason string
}

// maxFrame is the largest message in bytes that an endpoint may send.
const maxFrame = 64 << 20

// maxAnswers and maxWaiting are how many messages may wait to be wanted, and how
// many bytes they may have.
const (
	maxAnswers = 10_000
	maxWaiting = 2 * maxFrame
)

// send sends frames in the suite's role in one write. Correct pings are
// remembered, so that pongs can be told from unsolicited ones.
func (p *peer) send(pieces ...Piece) {
	p.track(pieces)
	p.write(p.wire(pieces))
}

// wire returns the bytes of pieces, each masked with another key if the suite is
// the client.
func (p *peer) wire(pieces []Piece) (b []byte) {
	if p.exchange.key == 0 {
		p.exchange.key = 0x3d21fa37 // as in the examples of RFC 6455 §5.7
	}
	for _, piece := range pieces {
		b = piece.append(b, p.role, p.exchange.key)
		p.exchange.key += 0x9E3779B9
	}
	return b
}

// track keeps the state of the suite's direction.
func (p *peer) track(pieces []Piece) {
	x := &p.exchange
	for _, piece := range pieces {
		x.proven = false
		if !piece.whole() {
			x.partial = true
			continue
		}
		switch {
		case piece.Opcode == frame.OpClose:
			x.closing = true
		case piece.Opcode == frame.OpPing && piece.correct() && !x.closing:
			x.pings = append(x.pings, piece.Payload)
		case !piece.Opcode.IsControl():
			x.inside = !piece.Fin
		}
	}
}

// whole reports whether p is sent from end to end.
func (p *Piece) whole() bool {
	return p.Raw == "" && p.Cut == 0 && p.Keep == 0 && (p.Declared == 0 || p.Declared == uint64(len(p.Payload)))
}

// correct reports whether p breaks no rule that can be seen in p alone.
func (p *Piece) correct() bool {
	ok := p.whole() && p.RSV == 0 && !p.WrongMask && p.Form == Minimal && !p.Opcode.IsReserved()
	return ok && (!p.Opcode.IsControl() || p.Fin && len(p.Payload) <= frame.MaxControlPayload)
}

// await takes frames in until done says so, and reports whether it did. It gives
// up when the endpoint's direction ends and when nothing came for d: more bytes
// of a message begin that time anew.
func (p *peer) await(d time.Duration, done func() bool) bool {
	until := p.within(d)
	for {
		p.digest()
		if done() {
			return true
		}
		before := p.exchange.progress + len(p.in)
		if !p.fill(until) {
			p.digest()
			return done()
		}
		if p.exchange.progress+len(p.in) > before && (p.exchange.message != nil || len(p.in) > frame.MaxHeaderLen+frame.MaxControlPayload) {
			until = p.within(d)
		}
	}
}

// digest takes all whole frames out of p.in. Whatever the endpoint sends is held
// against the rules for frames, in each test.
func (p *peer) digest() {
	for {
		h, n, err := frame.ParseHeader(p.in)
		p.must(err == nil, "%s sent a wrong header: %v", p.endpoint(), err)
		if n == 0 {
			return
		}
		p.checkHeader(h)
		if int64(len(p.in)-n) < h.Length {
			return
		}
		payload := slices.Clone(p.in[n : n+int(h.Length)])
		frame.Mask(payload, h.Key)
		p.in = p.in[n+int(h.Length):]
		p.take(h, payload)
	}
}

// checkHeader holds a header of the endpoint against the rules.
func (p *peer) checkHeader(h frame.Header) {
	x := &p.exchange
	const section = "(RFC 6455 §5.2)"
	if p.role == Client {
		p.must(!h.Masked, "%s sent a masked frame (RFC 6455 §5.1)", p.endpoint())
	} else {
		p.must(h.Masked, "%s sent a frame that is not masked (RFC 6455 §5.1)", p.endpoint())
	}
	p.must(!h.Opcode.IsReserved(), "%s sent the reserved opcode %d %s", p.endpoint(), h.Opcode, section)
	p.must(h.RSV&(frame.RSV2|frame.RSV3) == 0, "%s set RSV2 or RSV3 %s", p.endpoint(), section)
	if h.RSV != 0 {
		p.must(x.zip != nil, "%s set RSV1, and no extension was negotiated %s", p.endpoint(), section)
		p.must(h.Opcode == frame.OpText || h.Opcode == frame.OpBinary,
			"%s set RSV1 on a %v frame (RFC 7692 §6.1)", p.endpoint(), h.Opcode)
	}
	if h.Opcode.IsControl() {
		p.must(h.Fin, "%s fragmented a %v (RFC 6455 §5.5)", p.endpoint(), h.Opcode)
		p.must(h.Length <= frame.MaxControlPayload, "%s sent a %v of %d bytes (RFC 6455 §5.5)", p.endpoint(), h.Opcode, h.Length)
		return
	}
	p.must(x.closed == nil, "%s sent %v behind its close frame (RFC 6455 §5.5.1)", p.endpoint(), h.Opcode)
	p.must((h.Opcode == frame.OpContinuation) == (x.message != nil),
		"%s sent %v in the wrong place: inside a message is %t (RFC 6455 §5.4)", p.endpoint(), h.Opcode, x.message != nil)
	p.must(h.Length <= maxFrame, "%s sent a frame of %d bytes, more than it was sent", p.endpoint(), h.Length)
}

// take takes a whole frame in.
func (p *peer) take(h frame.Header, payload []byte) {
	x := &p.exchange
	switch h.Opcode {
	case frame.OpPing:
		if !x.closing && x.closed == nil && !x.partial {
			p.note("answers the ping")
			p.write(p.wire([]Piece{pong(string(payload))}))
		}
	case frame.OpPong:
		p.takePong(string(payload))
	case frame.OpClose:
		p.takeClose(payload)
	default:
		p.takeData(h, payload)
	}
}

// takePong finds the ping that a pong answers. An endpoint may answer only the
// newest of several pings, and may send pongs nobody asked for (RFC 6455
// §5.5.3).
func (p *peer) takePong(payload string) {
	x := &p.exchange
	i := slices.Index(x.pings, payload)
	if i < 0 {
		p.should(false, "%s sent a pong with %s that answers no ping", p.endpoint(), brief(payload))
		return
	}
	x.ponged = append(x.ponged, x.pings[:i+1]...)
	x.pings = x.pings[i+1:]
}

// takeClose notes a close frame, which must be legal.
func (p *peer) takeClose(payload []byte) {
	code, reason, err := frame.ParseClose(payload)
	p.must(err == nil, "%s sent a wrong close frame: %v", p.endpoint(), err)
	if p.exchange.closed != nil {
		p.should(false, "%s sent a second close frame, with %v", p.endpoint(), code)
		return
	}
	p.exchange.closed = &closing{code, string(reason)}
}

// takeData puts a message together.
func (p *peer) takeData(h frame.Header, payload []byte) {
	x := &p.exchange
	if x.message == nil {
		x.message = &message{kind: Binary, compressed: h.RSV&frame.RSV1 != 0}
		if h.Opcode == frame.OpText {
			x.message.kind = Text
		}
	}
	m := x.message
	x.progress += 1 + len(payload)
	if m.compressed {
		payload = p.inflate(payload, h.Fin)
	}
	p.must(len(m.payload)+len(payload) <= maxFrame, "%s sent a message of more than %d bytes", p.endpoint(), maxFrame)
	m.payload = append(m.payload, payload...)
	if m.kind == Text {
		ok := m.utf8.Write(payload) && (!h.Fin || m.utf8.Complete())
		p.must(ok, "%s sent text that is not UTF-8 (RFC 6455 §8.1)", p.endpoint())
	}
	if h.Fin {
		x.waiting += len(m.payload)
		p.must(len(x.messages) < maxAnswers && x.waiting <= maxWaiting, "%s sends messages without end", p.endpoint())
		x.messages = append(x.messages, Event{m.kind, string(m.payload)})
		x.message = nil
	}
}

// difference says how two events differ, "" if they do not.
func difference(got, want Event) string {
	if got == want {
		return ""
	}
	s := "got " + got.String() + ", want " + want.String()
	if got.Kind != want.Kind || len(want.Payload) <= 40 {
		return s
	}
	n := 0
	for n < min(len(got.Payload), len(want.Payload)) && got.Payload[n] == want.Payload[n] {
		n++
	}
	return s + ", which differ from byte " + itoa(n) + " on: " +
		brief(strings.Clone(got.Payload[n:])) + " instead of " + brief(want.Payload[n:])
}
