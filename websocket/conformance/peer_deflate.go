package conformance

import (
	"slices"
	"strconv"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// A zip is permessage-deflate as it was negotiated (RFC 7692).
type zip struct {
	params  deflate.Params
	encoder *deflate.Encoder
	sent    *deflate.History // nil without context takeover
	decoder *deflate.Decoder
	window  *deflate.Window // the same for what comes
	inside  bool            // a compressed message
	came    int             // bytes of it, as they come
}

// deflate opens a connection with permessage-deflate. In a server test the
// offers stand in the request, each an extension with its parameters; in a client
// test the first is the answer, which must fit what the client offered. The
// default is "permessage-deflate". The test is Unsupported if it is not
// negotiated. It returns what was agreed.
func (p *peer) deflate(offers ...string) deflate.Params {
	if len(offers) == 0 {
		offers = []string{deflate.Name}
	}
	var agreed handshake.Extension
	if p.role == Client {
		p.open(set("Sec-WebSocket-Extensions", offers[0]), addAll("Sec-WebSocket-Extensions", offers[1:]))
		agreed = p.accepted()
	} else {
		p.connect()
		if !p.offers(deflate.Name) {
			p.unsupported("the client does not offer permessage-deflate")
		}
		p.write(p.answer(offer(offers[0])))
		p.opening.finished = true
		list, err := handshake.ParseExtensions(offers[:1])
		if err != nil {
			panic(err)
		}
		agreed = list[0]
	}
	p.compress(paramsOf(agreed))
	return p.exchange.zip.params
}

// compress makes the connection one on which params are agreed. deflate does it;
// a test that opens the connection itself calls it afterwards.
func (p *peer) compress(params deflate.Params) {
	for _, n := range []uint8{params.ServerMaxWindowBits, params.ClientMaxWindowBits} {
		p.must(8 <= n && n <= 15, "the answer names a window that is none of 8 to 15 bits (RFC 7692 §7.1.2)")
	}
	z := &zip{params: params, encoder: deflate.NewEncoder(), decoder: deflate.NewDecoder()}
	if !z.fresh(p.role) {
		z.sent = deflate.NewHistory(z.bits(p.role))
	}
	if !z.fresh(p.role.Other()) {
		z.window = deflate.NewWindow(z.bits(p.role.Other()))
	}
	p.exchange.zip = z
}

// addAll adds a field for each value.
func addAll(name string, values []string) edit {
	return func(h *head) {
		for _, v := range values {
			add(name, v)(h)
		}
	}
}

// accepted returns the server's answer to offers of permessage-deflate.
func (p *peer) accepted() handshake.Extension {
	list, err := handshake.ParseExtensions(p.opening.answer.Header.Values("Sec-WebSocket-Extensions"))
	p.must(err == nil, "Sec-WebSocket-Extensions in the answer: %v", err)
	i := slices.IndexFunc(list, func(e handshake.Extension) bool { return e.Name == deflate.Name })
	if i < 0 {
		p.unsupported("the server declines %q", p.opening.sent.values("Sec-WebSocket-Extensions"))
	}
	return list[i]
}

// offers reports whether the client offers the extension.
func (p *peer) offers(name string) bool {
	list, err := handshake.ParseExtensions(p.hello().Header.Values("Sec-WebSocket-Extensions"))
	p.must(err == nil, "Sec-WebSocket-Extensions in the request: %v", err)
	return slices.ContainsFunc(list, func(e handshake.Extension) bool { return e.Name == name })
}

// paramsOf reads an offer or an answer, without judging it. Bits that are none are 0.
func paramsOf(e handshake.Extension) deflate.Params {
	p := deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	for _, param := range e.Params {
		bits := uint8(15)
		if param.HasValue {
			n, _ := strconv.ParseUint(param.Value, 10, 8)
			bits = uint8(n)
		}
		switch param.Name {
		case "server_no_context_takeover":
			p.ServerNoContextTakeover = true
		case "client_no_context_takeover":
			p.ClientNoContextTakeover = true
		case "server_max_window_bits":
			p.ServerMaxWindowBits = bits
		case "client_max_window_bits":
			p.ClientMaxWindowBits = bits
		}
	}
	return p
}

// bits returns the window of what role sends.
func (z *zip) bits(role Role) uint8 {
	if role == Client {
		return z.params.ClientMaxWindowBits
	}
	return z.params.ServerMaxWindowBits
}

// fresh reports whether role compresses each message by itself.
func (z *zip) fresh(role Role) bool {
	if role == Client {
		return z.params.ClientNoContextTakeover
	}
	return z.params.ServerNoContextTakeover
}

// squeeze compresses a message as the suite's role must.
func (p *peer) squeeze(data string) []byte {
	z := p.exchange.zip
	h := z.sent
	if h == nil {
		h = z.encoder.Fresh(z.bits(p.role))
	}
	return z.encoder.Append(nil, h, []byte(data), true)
}

// sendCompressed sends a message compressed, in one frame, or with fragments in
// frames of so many compressed bytes and one with the rest.
func (p *peer) sendCompressed(kind Kind, data string, fragments ...int) {
	p.sendDeflated(kind, p.squeeze(data), fragments...)
}

// sendDeflated sends a message whose payload is compressed already, rightly or
// not.
func (p *peer) sendDeflated(kind Kind, compressed []byte, fragments ...int) {
	op, rsv := frame.OpText, frame.RSV1
	if kind == Binary {
		op = frame.OpBinary
	}
	var pieces []Piece
	for _, n := range fragments {
		n = min(n, len(compressed))
		pieces = append(pieces, Piece{Opcode: op, RSV: rsv, Payload: string(compressed[:n])})
		compressed, op, rsv = compressed[n:], frame.OpContinuation, 0
	}
	p.send(append(pieces, Piece{Fin: true, Opcode: op, RSV: rsv, Payload: string(compressed)})...)
}

// inflate takes the payload of a frame of a compressed message and returns what
// it stands for. It keeps no more of what came before than was agreed on, so that a
// reference to anything else shows.
func (p *peer) inflate(payload []byte, last bool) (all []byte) {
	z := p.exchange.zip
	if !z.inside {
		w := z.window
		if w == nil {
			w = z.decoder.Fresh(z.bits(p.role.Other()))
		}
		z.decoder.Begin(w)
		z.inside, z.came = true, 0
	}
	z.came += len(payload)
	take := func(out []byte, err error) {
		p.must(err == nil, "%s sent a compressed message that cannot be inflated: %v", p.endpoint(), err)
		p.must(len(all)+len(out) <= maxFrame, "%s sent a message of more than %d bytes", p.endpoint(), maxFrame)
		all = append(all, out...)
	}
	for out := payload[:0]; len(payload) > 0 || len(out) > 0; {
		var err error
		out, payload, err = z.decoder.Next(payload)
		take(out, err)
	}
	if !last {
		return all
	}
	p.must(z.came > 0, "%s sent a compressed message of no bytes; even an empty one has the byte 00 (RFC 7692 §7.2.3.6)", p.endpoint())
	for done := false; !done; {
		var out []byte
		var err error
		out, done, err = z.decoder.End()
		take(out, err)
	}
	z.inside = false
	return all
}
