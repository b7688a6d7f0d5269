package conformance

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// answerTests are about the answer to a correct request (RFC 6455 §4.2.2, item 5).
func answerTests() []Test {
	check := func(name string, level Level, rule string, run func(p *peer, a *answer), edits ...edit) Test {
		return Test{Name: name, Area: "opening", Level: level, Rule: rule, run: func(p *peer) {
			p.connect()
			p.write(p.request(edits...))
			a := p.response()
			p.must(a != nil, "%s closed the connection without an answer", p.endpoint())
			run(p, a)
		}}
	}
	const alone = "An answer has no extension and no subprotocol that was not offered."
	return []Test{
		check("§4.2.2 the answer has status 101", Must, "A server that accepts answers with 101.", func(p *peer, a *answer) {
			p.must(a.Status == http.StatusSwitchingProtocols, "the status is %s", a)
		}),
		check("RFC 9110 §15.2 the answer is HTTP/1.1", Must, "HTTP/1.0 has no answer 101.", func(p *peer, a *answer) {
			p.must(a.Proto == "HTTP/1.1", "the answer is %s", a.Proto)
		}),
		check("§4.2.2 the answer has Upgrade: websocket", Must, "The answer has Upgrade with the value websocket.", func(p *peer, a *answer) {
			v := a.Header.Values("Upgrade")
			p.must(len(v) == 1 && strings.EqualFold(v[0], "websocket"), "Upgrade is %q", v)
		}),
		check("§4.2.2 the answer has Connection: Upgrade", Must, "The answer has Connection with the value Upgrade.", func(p *peer, a *answer) {
			v := a.Header.Values("Connection")
			p.must(handshake.HasToken(v, "upgrade"), "Connection is %q", v)
			p.should(len(elements(v)) == 1, "Connection is %q, with something beside Upgrade", v)
		}),
		check("§4.2.2 the answer to the RFC's example", Must, "Sec-WebSocket-Accept is the hash of the key, once (§11.3.3).", func(p *peer, a *answer) {
			v := a.Header.Values("Sec-WebSocket-Accept")
			p.must(slices.Equal(v, []string{"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}), "Sec-WebSocket-Accept is %q", v)
		}, set("Sec-WebSocket-Key", exampleKey)),
		check("RFC 9110 §8.6 the answer has no Content-Length", Must, "An answer 101 must not have Content-Length.", func(p *peer, a *answer) {
			p.must(len(a.Header.Values("Content-Length")) == 0, "Content-Length is %q", a.Header.Values("Content-Length"))
		}),
		check("RFC 9112 §6.1 the answer has no Transfer-Encoding", Must, "An answer 101 must not have Transfer-Encoding.", func(p *peer, a *answer) {
			p.must(len(a.Header.Values("Transfer-Encoding")) == 0, "Transfer-Encoding is %q", a.Header.Values("Transfer-Encoding"))
		}),
		check("§4.2.2 the answer has no extension, as none is offered", Must, alone, func(p *peer, a *answer) {
			v := a.Header.Values("Sec-WebSocket-Extensions")
			p.must(len(v) == 0, "Sec-WebSocket-Extensions is %q", v)
		}),
		check("§4.2.2 the answer has no subprotocol, as none is offered", Must, alone, func(p *peer, a *answer) {
			v := a.Header.Values("Sec-WebSocket-Protocol")
			p.must(len(v) == 0, "Sec-WebSocket-Protocol is %q", v)
		}),
		check("§4.2.2 the server sends no frame that nobody asked for", May,
			"An echo server has nothing to say before it is spoken to.", func(p *peer, _ *answer) {
				p.pause(p.o.Timeout / grace)
				p.inform(len(p.in) == 0 && p.end == nil, "%s sent %d bytes behind its answer", p.endpoint(), len(p.in))
			}),
		answerFormTest(), differentKeysTest(), ownOriginTest(),
	}
}

// answerFormTest is about the form of the head, which a client that reads leniently
// never notices.
func answerFormTest() Test {
	return Test{
		Name: "RFC 9112 §2.1 the lines of the answer are well formed", Area: "opening", Level: Must,
		Rule: "The status line has a space behind the status, and every line is a field that ends in CR LF.",
		run: func(p *peer) {
			p.connect()
			p.write(p.request())
			raw := p.peekHead()
			p.must(raw != nil, "no head of an answer came")
			first, _, _ := bytes.Cut(raw, []byte("\r\n"))
			p.must(strings.HasPrefix(string(first), "HTTP/1.1 ") && len(first) > len("HTTP/1.1 101") && first[len("HTTP/1.1 101")] == ' ',
				"the status line is %q", first)
			flaw := lineFlaw(raw)
			p.must(flaw == "", "%s", flaw)
		},
	}
}

// differentKeysTest opens two connections, whose keys differ.
func differentKeysTest() Test {
	return Test{
		Name: "§4.2.2 two keys have two answers", Area: "opening", Level: Must,
		Rule: "Sec-WebSocket-Accept follows from the key of this request, so that no old answer passes for a new one.",
		run: func(p *peer) {
			for _, key := range []string{exampleKey, newKey(), newKey()} {
				p.connect()
				p.write(p.request(set("Sec-WebSocket-Key", key)))
				p.opened()
			}
		},
	}
}

// subprotocolTrials offer subprotocols that no server can be known to speak.
func subprotocolTrials() (trials []trial) {
	const (
		choice  = "A server answers with one of the offered subprotocols as it stands, or with none if it speaks none of them."
		grammar = "The offer is a list of different tokens; a server that finds it to be anything else must refuse, but need not look at it."
	)
	try := func(what string, level Level, rule string, want func(*peer), offers ...string) trial {
		return try("§4.2.2 "+what, level, rule, want, addAll("Sec-WebSocket-Protocol", offers))
	}
	trials = []trial{
		try("subprotocol that nobody speaks", Must, choice, choosesOffered, "x-nobody.example"),
		try("three subprotocols that nobody speaks", Must, choice, choosesOffered, "x-a.example, x-b.example,x-c.example"),
		try("subprotocols in two fields", Must, choice, choosesOffered, "x-a.example", "x-b.example, x-c.example"),
		try("subprotocol of all characters a token may have", Must, choice, choosesOffered, "!#$%&'*+-.^_`|~09azAZ"),
		try("offer of subprotocols with empty elements", Should, "Whoever receives a list must ignore a reasonable number of empty elements (RFC 9110 §5.6.1.2).",
			choosesOffered, ", x-a.example, ,x-b.example,"),
		try("100 subprotocols", May, "No rule says how many may be offered.", choosesOffered,
			manyNames(100)),
	}
	for _, odd := range []struct{ what, offer string }{
		{"empty offer of subprotocols", ""}, {"offer of subprotocols that is a comma", ","},
		{"subprotocol with a space", "x-a x-b"}, {"subprotocol with a slash", "x-a/1"}, {"subprotocol with a parameter", "x-a;v=1"},
		{"subprotocol in quotation marks", `"x-a"`}, {"subprotocol that is not ASCII", "x-\u00e4"}, {"subprotocol with a control character", "x-\x01"},
		{"subprotocol offered twice", "x-a, x-a"}, {"subprotocol offered first and last", "x-a, x-b, x-a"},
	} {
		trials = append(trials, try(odd.what+" is refused", Should, grammar, refuses, odd.offer))
	}
	return trials
}

// manyNames returns a list of n subprotocols.
func manyNames(n int) string {
	var list []string
	for i := range n {
		list = append(list, "x-"+itoa(i)+".example")
	}
	return strings.Join(list, ", ")
}

// choosesOffered wants a connection, with one offered subprotocol or none.
func choosesOffered(p *peer) {
	a := p.opened()
	v := a.Header.Values("Sec-WebSocket-Protocol")
	p.must(len(v) <= 1, "Sec-WebSocket-Protocol is %d times in the answer", len(v))
	if len(v) == 1 {
		offered := elements(p.opening.sent.values("Sec-WebSocket-Protocol"))
		p.must(slices.Contains(offered, v[0]), "the answer has subprotocol %q, which was not offered", v[0])
	}
	p.works()
}

// knownSubprotocolTests offer a subprotocol that the server is known to speak.
func knownSubprotocolTests() []Test {
	const (
		one    = "A server chooses one of the offered subprotocols that it speaks."
		exact  = "The value chosen must be one of those that were offered, as it stands."
		fields = "The offer may stand in several fields, which are one list (§11.3.4)."
	)
	check := func(name string, level Level, rule string, offers func(known []string) []string, want func(p *peer, known, got []string)) Test {
		return Test{Name: name, Area: "opening", Level: level, Rule: rule, run: func(p *peer) {
			if len(p.o.Subprotocols) == 0 {
				p.unsupported("it is not known which subprotocols %s speaks", p.endpoint())
			}
			p.connect()
			p.write(p.request(addAll("Sec-WebSocket-Protocol", offers(p.o.Subprotocols))))
			choosesOffered(p)
			want(p, p.o.Subprotocols, p.opening.answer.Header.Values("Sec-WebSocket-Protocol"))
		}}
	}
	first := func(p *peer, known, got []string) {
		p.must(slices.Equal(got, known[:1]), "Sec-WebSocket-Protocol is %q, want %q", got, known[0])
	}
	onlyOffered := func(*peer, []string, []string) {} // choosesOffered has seen to it
	return []Test{
		check("§4.2.2 subprotocol that the server speaks is chosen", Must, one,
			func(known []string) []string { return known[:1] }, first),
		check("§4.2.2 subprotocol that the server speaks, behind others", Must, one,
			func(known []string) []string { return []string{"x-a.example, x-b.example, " + known[0]} }, first),
		check("§4.2.2 subprotocol that the server speaks, before others", Must, one,
			func(known []string) []string { return []string{known[0] + ",x-a.example"} }, first),
		check("§11.3.4 subprotocol that the server speaks, in a second field", Must, fields,
			func(known []string) []string { return []string{"x-a.example", known[0]} }, first),
		check("§4.2.2 subprotocol that the server speaks, in letters of the other case", Must, exact,
			func(known []string) []string { return []string{swapCase(known[0])} }, onlyOffered),
		check("§4.2.2 beginning of a subprotocol that the server speaks", Must, exact,
			func(known []string) []string { return []string{known[0][:max(1, len(known[0])-1)]} }, onlyOffered),
		check("§4.2.2 all subprotocols that the server speaks", Must, "Of those offered, one is chosen.",
			func(known []string) []string { return []string{strings.Join(known, ", ")} },
			func(p *peer, known, got []string) { p.must(len(got) == 1, "Sec-WebSocket-Protocol is %q", got) }),
	}
}

// originTrials are about Origin, which browsers send. Whom a server lets in is its
// own affair; how it says no is not quite.
func originTrials() (trials []trial) {
	const (
		own    = "A server may accept any origin or none."
		polite = "A server that does not accept an origin should answer with 403 (and must answer with an error, §4.2.2)."
	)
	for _, o := range []struct{ what, origin string }{
		{"of another site", "http://elsewhere.example"}, {"of another site with a port", "https://elsewhere.example:8443"},
		{"null", "null"}, {"of a file", "file://"}, {"of an extension", "chrome-extension://abcdefghijklmnop"},
		{"that ends like an address of this machine", "http://elsewhere.example.localhost"},
	} {
		trials = append(trials, try("§10.2 Origin "+o.what+" is accepted, or refused with 403", Should, polite, opensOr403, set("Origin", o.origin)))
	}
	for _, o := range []struct{ what, origin string }{
		{"that is no URL", "somewhere"}, {"that is empty", ""}, {"with a path", "http://elsewhere.example/page"},
		{"with a space", "http://a.example http://b.example"},
	} {
		trials = append(trials, try("§10.2 Origin "+o.what+" is not accepted", May, own, mostlyRefuses, set("Origin", o.origin)))
	}
	return append(trials,
		try("§10.2 two Origins are not accepted", May, own, mostlyRefuses,
			add("Origin", "http://a.example"), add("Origin", "http://b.example")),
	)
}

// ownOriginTest is about pages of the server itself.
func ownOriginTest() Test {
	return Test{
		Name: "§10.2 Origin of the server itself is accepted", Area: "opening", Level: May,
		Rule: "A server may accept any origin or none.",
		run: func(p *peer) {
			scheme := "http://"
			if p.way.secure {
				scheme = "https://"
			}
			p.connect()
			p.write(p.request(set("Origin", scheme+p.way.host)))
			mostlyOpens(p)
		},
	}
}

// opensOr403 wants a connection, or an error, which should be 403.
func opensOr403(p *peer) {
	a := p.response()
	switch {
	case a == nil:
		p.should(false, "%s closed the connection instead of answering with 403", p.endpoint())
	case a.Status == http.StatusSwitchingProtocols:
	default:
		p.should(a.Status == http.StatusForbidden, "%s answered with %s, want 403", p.endpoint(), a)
	}
}
