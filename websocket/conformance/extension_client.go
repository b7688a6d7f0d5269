package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// extensionClientTests are about what a client does with the extensions in an
// answer: it must fail the connection at one it did not offer (RFC 6455 §4.1), at a
// value that breaks the grammar (§9.1), and at parameters of permessage-deflate
// that are illegal or do not fit its offer (RFC 7692 §7.1).
func extensionClientTests() []Test {
	return slices.Concat(
		replies("extension", strangeExtensionTrials()),
		malformedAnswerTests(), offerTests(), goodAnswerTests(), badAnswerTests(), unfitAnswerTests(),
	)
}

func strangeExtensionTrials() []trial {
	const rule = "A client must fail the connection if the answer has an extension that it did not offer."
	return []trial{
		try("§4.1 answer with an extension that was not offered", Must, rule, givesUp, offer("x-unoffered")),
		try("§4.1 answer with an extension that was not offered, with parameters", Must, rule, givesUp, offer("x-unoffered; a=1; b")),
		try("§4.1 answer with an extension that was not offered, in a second field", Must, rule, givesUp, offer("x-unoffered"), offer("x-strange")),
		try("§4.1 answer with an extension that browsers used to offer", Must, rule, givesUp, offer("x-webkit-deflate-frame")),
		try("§4.1 answer with the name of an extension, and more behind it", Must, rule, givesUp, offer("permessage-deflate-2")),
	}
}

// malformedAnswerTests answer with an offered extension, if there is one, but
// malformed.
func malformedAnswerTests() (tests []Test) {
	for _, m := range malformedExtensions {
		tests = append(tests, Test{
			Name: "§9.1 answer with " + m.what + " in Sec-WebSocket-Extensions", Area: "extension", Level: Must,
			Rule: "Whoever receives a value that breaks the grammar must fail the connection at once.",
			run: func(p *peer) {
				p.connect()
				value := m.value
				if offered := p.offered(); len(offered) > 0 {
					value = strings.ReplaceAll(value, "x-a", offered[0].Name)
				}
				p.write(p.answer(offer(value)))
				givesUp(p)
			},
		})
	}
	return tests
}

// offered returns the extensions that the client offers.
func (p *peer) offered() []handshake.Extension {
	list, err := handshake.ParseExtensions(p.hello().Header.Values("Sec-WebSocket-Extensions"))
	p.must(err == nil, "Sec-WebSocket-Extensions in the request: %v", err)
	return list
}

// deflateOffers returns what the client offers of permessage-deflate. Without, the
// test is Unsupported.
func (p *peer) deflateOffers() (offers []deflateTerms) {
	for _, e := range p.offered() {
		if e.Name == deflate.Name {
			terms, problem := readDeflateTerms(e.Params)
			p.must(problem == "", "the offer %q is illegal: %s", handshake.AppendExtension(nil, e), problem)
			offers = append(offers, terms)
		}
	}
	if len(offers) == 0 {
		p.unsupported("the client does not offer permessage-deflate")
	}
	return offers
}

// offerTests are about what the client offers.
func offerTests() []Test {
	return []Test{
		{
			Name: "RFC 7692 §7.1 the offers of permessage-deflate are legal", Area: "extension", Level: Must,
			Rule: "An offer has no parameter that is not defined, that has an invalid value, or that is there twice.",
			run: func(p *peer) {
				p.connect()
				p.deflateOffers()
				p.write(p.answer())
				goesOn(p)
			},
		},
		{
			Name: "RFC 7692 §5.1 an offer may be declined", Area: "extension", Level: Must,
			Rule: "If the answer has no extension, the connection goes without: nothing may be compressed.",
			run: func(p *peer) {
				p.connect()
				p.deflateOffers()
				p.write(p.answer())
				p.opening.finished = true
				p.send(text(letters(1000)))
				p.wantEcho(Text, letters(1000))
			},
		},
	}
}

// goodAnswerTests accept what the client offers, in all ways that are legal for
// any offer, or at least for this one.
func goodAnswerTests() (tests []Test) {
	list := []struct{ section, params string }{
		{"§7", ""},
		{"§7.1.1.1", "; server_no_context_takeover"},
		{"§7.1.1.2", "; client_no_context_takeover"},
		{"§7.1.1", "; client_no_context_takeover; server_no_context_takeover"},
		{"§7.1.2.1", `; server_max_window_bits="12"`},
		{"§7.1.2", "; server_max_window_bits=10; client_max_window_bits=11"},
		{"§7.1", "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9"},
	}
	for bits := 8; bits <= 15; bits++ {
		list = append(list,
			struct{ section, params string }{"§7.1.2.1", fmt.Sprintf("; server_max_window_bits=%d", bits)},
			struct{ section, params string }{"§7.1.2.2", fmt.Sprintf("; client_max_window_bits=%d", bits)},
		)
	}
	for _, a := range list {
		value := deflate.Name + a.params
		tests = append(tests, Test{
			Name: "RFC 7692 " + a.section + " answer " + value, Area: "extension", Level: Must,
			Rule: "A client must keep to what the server answers if that is legal for its offer, whether it asked for each parameter or not.",
			run: func(p *peer) {
				p.connect()
				p.accept(value, p.deflateOffers())
				p.keepsTo(value)
			},
		})
	}
	return tests
}

// keepsTo wants the connection to work with an answer. A client that does not
// support what the answer says must fail the connection (RFC 7692 §7), so that is
// only told, save of the answer that says nothing.
func (p *peer) keepsTo(value string) {
	x := &p.exchange
	p.sendCompressed(Text, letters(1000))
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	if gone := x.closed != nil || p.end != nil; gone && len(x.messages) == 0 {
		p.must(value != deflate.Name, "%s offers %s and gives up when it is accepted", p.endpoint(), value)
		p.inform(false, "%s does not support this", p.endpoint())
		return
	}
	p.wantEcho(Text, letters(1000))
	p.send(text("not compressed"))
	p.wantEcho(Text, "not compressed")
	p.sendCompressed(Binary, letters(1000))
	p.wantEcho(Binary, letters(1000))
}

// accept answers with an extension if that is legal for an offer, or else the test
// is Unsupported.
func (p *peer) accept(value string, offers []deflateTerms) {
	list, err := handshake.ParseExtensions([]string{value})
	p.must(err == nil, "the suite's own answer: %v", err)
	said, _ := readDeflateTerms(list[0].Params)
	why := ""
	if !slices.ContainsFunc(offers, func(asked deflateTerms) bool { why = said.breach(asked); return why == "" }) {
		p.unsupported("the answer would not be legal for what the client offers: %s", why)
	}
	p.write(p.answer(offer(value)))
	p.opening.finished = true
	p.compress(paramsOf(list[0]))
}

// badAnswerTests answer with what is legal for no offer.
func badAnswerTests() (tests []Test) {
	const (
		rule  = "A client must fail the connection if the answer has a parameter that is not defined, that has an invalid value, or that is there twice."
		twice = "Two compressions would both use RSV1, so a client must fail the connection."
	)
	bad := func(name string, level Level, rule string, edits ...edit) {
		tests = append(tests, Test{Name: name, Area: "extension", Level: level, Rule: rule, run: func(p *peer) {
			p.connect()
			p.deflateOffers()
			p.write(p.answer(edits...))
			givesUp(p)
		}})
	}
	for _, b := range badParams {
		value := deflate.Name + "; " + b.params
		bad("RFC 7692 "+b.section+" answer "+value, Must, rule, offer(value))
	}
	bad("RFC 7692 §7.1.2.2 answer with client_max_window_bits without a value", Should,
		"In an answer the parameter says which window the client may use, so it needs a value.", offer(deflate.Name+"; client_max_window_bits"))
	bad("RFC 7692 §6 answer with permessage-deflate twice", Must, twice, offer(deflate.Name+", "+deflate.Name))
	bad("RFC 7692 §6 answer with permessage-deflate twice, with other parameters", Must, twice,
		offer(deflate.Name+"; server_no_context_takeover, "+deflate.Name+"; client_no_context_takeover"))
	bad("§11.3.2 answer with permessage-deflate in two fields", Should, "The answer must not have Sec-WebSocket-Extensions more than once.",
		addAll("Sec-WebSocket-Extensions", []string{deflate.Name, deflate.Name}))
	bad("§4.1 answer with permessage-deflate and an extension that was not offered", Must,
		"A client must fail the connection if the answer has an extension that it did not offer.", offer(deflate.Name+", x-unoffered"))
	return tests
}

// unfitAnswerTests answer with what would be legal for another offer.
func unfitAnswerTests() []Test {
	const rule = "An answer that does not accept what was offered makes the client fail the connection."
	// unfit is a test for clients none of whose offers the answer accepts.
	unfit := func(section, what, need string, params func(asked deflateTerms) string) Test {
		return Test{Name: "RFC 7692 " + section + " " + what, Area: "extension", Level: Must, Rule: rule, run: func(p *peer) {
			p.connect()
			offers := p.deflateOffers()
			value := deflate.Name + params(offers[0])
			list, err := handshake.ParseExtensions([]string{value})
			p.must(err == nil, "the suite's own answer: %v", err)
			said, problem := readDeflateTerms(list[0].Params)
			fits := func(asked deflateTerms) bool { return said.breach(asked) == "" }
			if problem != "" || slices.ContainsFunc(offers, fits) {
				p.unsupported("the client %s", need)
			}
			p.write(p.answer(offer(value)))
			givesUp(p)
		}}
	}
	// accepting is what an answer needs to accept what is asked of the server.
	accepting := func(asked deflateTerms) string {
		if asked.serverBits == 0 {
			return "; server_no_context_takeover"
		}
		return fmt.Sprintf("; server_no_context_takeover; server_max_window_bits=%d", asked.serverBits)
	}
	return []Test{
		unfit("§7.1.1.1", "answer without server_no_context_takeover, which was offered", "does not offer server_no_context_takeover",
			func(asked deflateTerms) string {
				if asked.serverBits != 0 {
					return fmt.Sprintf("; server_max_window_bits=%d", asked.serverBits)
				}
				return ""
			}),
		unfit("§7.1.2.1", "answer without server_max_window_bits, which was offered", "does not offer server_max_window_bits",
			func(deflateTerms) string { return "; server_no_context_takeover" }),
		unfit("§7.1.2.1", "answer with a larger server_max_window_bits than offered", "does not offer server_max_window_bits below 15",
			func(asked deflateTerms) string {
				return fmt.Sprintf("; server_no_context_takeover; server_max_window_bits=%d", asked.serverBits+1)
			}),
		unfit("§7.1.2.2", "answer with client_max_window_bits, which was not offered", "offers client_max_window_bits",
			func(asked deflateTerms) string { return accepting(asked) + "; client_max_window_bits=15" }),
	}
}
