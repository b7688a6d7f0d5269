package conformance

import (
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// deflateWireTests returns the tests that follow from the cases with compression,
// for which the suite plays role. Cases with a limit are not among them: which the
// endpoint has is known only when it is tested.
func deflateWireTests(role Role) (tests []Test) {
	for _, c := range slices.Concat(deflateTrafficCases(), deflateDamageCases()) {
		w := wireTest{c, inOneWrite}
		tests = append(tests, Test{
			Name: c.Name, Area: "deflate", Level: levelOf(&c), Rule: ruleOf(&c).sentence(role), run: w.runDeflated,
		})
	}
	return tests
}

// runDeflated is run on a connection with the compression of the case.
func (w *wireTest) runDeflated(p *peer) {
	for _, e := range w.Sees {
		p.takes(len(e.Payload))
	}
	for _, piece := range w.Sends {
		p.takes(len(piece.Payload))
	}
	got := p.agree(*w.Deflate)
	if !slices.Equal(w.meaning(p.role, *w.Deflate), w.meaning(p.role, got)) {
		p.unsupported("agreed on %q, with which this means something else", handshake.AppendExtension(nil, got.Extension()))
	}
	if w.Ends.State != GaveUp || w.Ends.Code != frame.StatusInvalidPayload || w.Ends.Section == "§8.1" {
		w.converse(p)
		return
	}
	// What cannot be inflated fails the connection; no RFC says with which code.
	w.begin(p)
	p.failure(w.echoes(), nil)
	if closed := p.exchange.closed; closed != nil {
		p.inform(closed.code == frame.StatusInvalidPayload || closed.code == frame.StatusProtocolError,
			"failed with %v; typically it is 1007 or 1002", closed.code)
	}
	w.missing(p.should, &p.exchange, "the connection failed")
}

// takes makes the test Unsupported if the endpoint has a limit that a message of n
// bytes is over.
func (p *peer) takes(n int) {
	if most := p.o.MaxMessage; most > 0 && int64(n) > most {
		p.unsupported("the limit to a message is %d bytes, and this takes one of %d", most, n)
	}
}

// agree opens a connection on which what the suite sends may be compressed with
// the parameters want has for the suite's role, as far as the endpoint lets it. The
// test is Unsupported without compression. It returns what was agreed on.
func (p *peer) agree(want deflate.Params) deflate.Params {
	if p.role == Server {
		want.ClientNoContextTakeover, want.ClientMaxWindowBits = false, 15
		return p.grant(want)
	}
	want.ServerNoContextTakeover, want.ServerMaxWindowBits = false, 15
	return p.deflate(string(handshake.AppendExtension(nil, want.Extension())))
}

// grant opens a connection in a test of a client: it answers the first offer with
// want, as far as the offer permits. It returns what was agreed on.
func (p *peer) grant(want deflate.Params) deflate.Params {
	p.connect()
	list, err := handshake.ParseExtensions(p.hello().Header.Values("Sec-WebSocket-Extensions"))
	p.must(err == nil, "Sec-WebSocket-Extensions in the request: %v", err)
	i := slices.IndexFunc(list, func(e handshake.Extension) bool { return e.Name == deflate.Name })
	if i < 0 {
		p.unsupported("the client does not offer permessage-deflate")
	}
	asked := paramsOf(list[i])
	want.ServerNoContextTakeover = want.ServerNoContextTakeover || asked.ServerNoContextTakeover
	want.ServerMaxWindowBits = min(want.ServerMaxWindowBits, asked.ServerMaxWindowBits)
	answer := want.Extension()
	if hasParam(list[i], "server_max_window_bits") && want.ServerMaxWindowBits == 15 {
		answer.Params = append(answer.Params, handshake.Param{Name: "server_max_window_bits", Value: "15", HasValue: true})
	}
	if want.ClientMaxWindowBits < 15 {
		if !hasParam(list[i], "client_max_window_bits") {
			p.unsupported("the client does not offer client_max_window_bits")
		}
		if want.ClientMaxWindowBits > asked.ClientMaxWindowBits {
			p.unsupported("the client offers client_max_window_bits=%d", asked.ClientMaxWindowBits)
		}
	}
	p.write(p.answer(offer(string(handshake.AppendExtension(nil, answer)))))
	p.opening.finished = true
	p.compress(want)
	return want
}

// hasParam reports whether e has a parameter.
func hasParam(e handshake.Extension, param string) bool {
	return slices.ContainsFunc(e.Params, func(p handshake.Param) bool { return p.Name == param })
}

// meaning returns what the compressed messages of c stand for with these
// parameters if from sends them, one by one, up to the first that cannot be
// inflated, which is told as such.
func (c *Case) meaning(from Role, params deflate.Params) (messages []string) {
	z := &zip{params: params}
	d := deflate.NewDecoder()
	kept := deflate.NewWindow(z.bits(from))
	var message []byte
	inside := false
	for _, piece := range c.Sends {
		if piece.Opcode == frame.OpClose || !piece.whole() {
			break
		}
		if piece.Opcode.IsControl() {
			continue
		}
		if piece.RSV&frame.RSV1 != 0 && !inside {
			inside = true
			message = message[:0]
		}
		if !inside {
			continue
		}
		message = append(message, piece.Payload...)
		if !piece.Fin {
			continue
		}
		inside = false
		w := kept
		if z.fresh(from) {
			w = d.Fresh(z.bits(from))
		}
		plain, err := inflateAll(d, w, message)
		if err != nil {
			return append(messages, "nothing: "+err.Error())
		}
		messages = append(messages, plain)
	}
	return messages
}

// inflateAll returns what a whole message stands for.
func inflateAll(d *deflate.Decoder, w *deflate.Window, message []byte) (string, error) {
	var all, out []byte
	var err error
	d.Begin(w)
	for rest := message; len(rest) > 0 || len(out) > 0; {
		if out, rest, err = d.Next(rest); err != nil {
			return "", err
		}
		all = append(all, out...)
	}
	for done := false; !done; {
		if out, done, err = d.End(); err != nil {
			return "", err
		}
		all = append(all, out...)
	}
	return string(all), nil
}
