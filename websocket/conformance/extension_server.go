package conformance

import (
	"net/http"
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// extensionServerTests are about Sec-WebSocket-Extensions: its grammar (RFC 6455
// §9.1), extensions that nobody knows, and the negotiation of permessage-deflate
// (RFC 7692 §7.1), in which a server must accept only what it keeps to.
func extensionServerTests() []Test {
	return slices.Concat(
		requests("extension", slices.Concat(extensionGrammarTrials(), unknownExtensionTrials())),
		goodOfferTests(), badOfferTests(), fallbackTests(),
	)
}

// malformedExtensions are values that break the grammar of the header.
var malformedExtensions = []struct{ what, value string }{
	{"nothing in it", ""},
	{"only a comma", ","},
	{"a parameter without an extension", "; a"},
	{"a semicolon at its end", "x-a;"},
	{"two semicolons in a row", "x-a;; b"},
	{"a parameter without a name", "x-a; =1"},
	{"a parameter without its value", "x-a; b="},
	{"a value that is a quotation mark", `x-a; b="`},
	{"a quoted value without an end", `x-a; b="c`},
	{"an empty quoted value", `x-a; b=""`},
	{"a quoted value with a space", `x-a; b="c d"`},
	{"a quoted value with a comma", `x-a; b="c,d"`},
	{"text behind a quoted value", `x-a; b="c"d`},
	{"two extensions without a comma", "x-a x-b"},
	{"two parameters without a semicolon", "x-a; b c"},
	{"two values", "x-a; b=c d"},
	{"two equals signs", "x-a; b=c=d"},
	{"an extension with a value", "x-a=1"},
	{"a slash in a name", "x/a"},
	{"a name in quotation marks", `"x-a"`},
	{"a parameter's name in quotation marks", `x-a; "b"`},
	{"a value that is an at sign", "x-a; b=@"},
	{"a name that is not ASCII", "x-\u00e4"},
	{"a good extension before a bad one", "x-a; b=1, ; c"},
}

func extensionGrammarTrials() (trials []trial) {
	const rule = "Whoever receives a value that breaks the grammar must fail the connection at once."
	for _, m := range malformedExtensions {
		trials = append(trials, try("§9.1 Sec-WebSocket-Extensions with "+m.what, Must, rule, refusesOrFails, offer(m.value)))
	}
	return append(trials,
		try("§9.1 Sec-WebSocket-Extensions with a bad value in a second field", Must, rule, refusesOrFails, offer("x-a"), offer("x-b; =")),
		try("§9.1 permessage-deflate with a parameter without its value", Must, rule, refusesOrFails,
			offer("permessage-deflate; server_max_window_bits=")),
		try("§9.1 permessage-deflate with a parameter behind a space", Must, rule, refusesOrFails,
			offer("permessage-deflate server_no_context_takeover")),
	)
}

// refusesOrFails wants no connection, or one that the endpoint fails at once.
func refusesOrFails(p *peer) {
	a := p.response()
	if a == nil || a.Status != http.StatusSwitchingProtocols {
		return
	}
	p.opening.finished = true
	p.wantFailure()
}

func unknownExtensionTrials() (trials []trial) {
	const rule = "A server leaves out of its answer what it does not support of an offer."
	for _, o := range []struct {
		what   string
		offers []string
	}{
		{"extension that nobody knows", []string{"x-unknown"}},
		{"extension that nobody knows, with parameters", []string{"x-unknown; a; b=1; c=2"}},
		{"extension with a quoted value", []string{`x-unknown; a="b"`}},
		{"extension with an escape in a quoted value", []string{`x-unknown; a="b\c"`}},
		{"two extensions that nobody knows", []string{"x-unknown, x-strange; a=1"}},
		{"two extensions in two fields", []string{"x-unknown", "x-strange; a=1"}},
		{"the same extension twice, with other parameters", []string{"x-unknown; a=1, x-unknown; a=2"}},
		{"extension without white space", []string{"x-unknown;a;b=1,x-strange"}},
		{"extension of all characters a token may have", []string{"!#$%&'*+-.^_`|~09azAZ"}},
		{"extension that browsers used to offer", []string{"x-webkit-deflate-frame"}},
		{"compression of frames", []string{"deflate-frame; no_context_takeover"}},
		{"compression with another algorithm", []string{"permessage-bzip2", "permessage-snappy"}},
		{"permessage-deflate in other letters", []string{"x-permessage-deflate, permessage-deflate-2"}},
	} {
		trials = append(trials, try("§9.1 offer of "+o.what, Must, rule, opensWithout, addAll("Sec-WebSocket-Extensions", o.offers)))
	}
	const loose = "The grammar is that of RFC 2616: lists may have empty elements, and white space may stand between any two parts."
	return append(trials,
		try("§9.1 offer of extensions with empty elements between them", Should, loose, opensWithout, offer(", x-unknown,, x-strange,")),
		try("§9.1 offer of extension with white space wherever it may be", Should, loose, opensWithout, offer("x-unknown ; a = 1 ,\tx-strange")),
	)
}

// opensWithout wants a connection without the offered extensions.
func opensWithout(p *peer) {
	a := p.opened()
	v := a.Header.Values("Sec-WebSocket-Extensions")
	p.must(len(v) == 0, "the answer has %q, which the suite does not believe any server supports", v)
	p.works()
}

// An offering is a list of offers of permessage-deflate.
type offering struct {
	section string // of RFC 7692
	what    string // if the offers do not say it all
	offers  []string
}

// tests makes a test of each offering.
func (o *offering) test(prefix string, level Level, rule string) Test {
	what := o.what
	if what == "" {
		what = o.offers[0]
	}
	return Test{
		Name: "RFC 7692 " + o.section + " " + prefix + what, Area: "extension", Level: level, Rule: rule,
		run: func(p *peer) { p.negotiate(o.offers) },
	}
}

// negotiate makes offers and judges the answer. If there is to be compression, it
// must work.
func (p *peer) negotiate(offers []string) {
	p.connect()
	p.write(p.request(addAll("Sec-WebSocket-Extensions", offers)))
	a := p.response()
	if a == nil || a.Status != http.StatusSwitchingProtocols {
		p.should(false, "%s refuses the handshake; an offer is declined by leaving it out of the answer", p.endpoint())
		return
	}
	p.opening.finished = true
	answer, err := handshake.ParseExtensions(a.Header.Values("Sec-WebSocket-Extensions"))
	p.must(err == nil, "Sec-WebSocket-Extensions in the answer: %v", err)
	p.checkNegotiated(offers, answer)
	for _, e := range answer {
		p.compress(paramsOf(e))
	}
	p.works()
}

// checkNegotiated holds an answer against the offers: it must be legal for one of
// those that may be accepted.
func (p *peer) checkNegotiated(offers []string, answer []handshake.Extension) {
	if len(answer) == 0 {
		return // declined, which is always legal
	}
	p.must(len(answer) == 1 && answer[0].Name == deflate.Name, "the answer has %v; only %s, and once, would do", answer, deflate.Name)
	said, problem := readDeflateTerms(answer[0].Params)
	p.must(problem == "", "the answer is illegal: %s", problem)
	offered, err := handshake.ParseExtensions(offers)
	p.must(err == nil, "the suite's own offer: %v", err)
	problem = "no offer may be accepted"
	for _, o := range offered {
		asked, flaw := readDeflateTerms(o.Params)
		if o.Name != deflate.Name || flaw != "" {
			continue
		}
		if problem = said.breach(asked); problem == "" {
			p.should(asked.clientBits <= 0 || said.clientBits <= asked.clientBits,
				"client_max_window_bits=%d is more than the client says it uses, %d", said.clientBits, asked.clientBits)
			return
		}
	}
	p.must(false, "the answer accepts what it must not: %s", problem)
}

// deflateTerms are the parameters of an offer or an answer.
type deflateTerms struct {
	serverFresh, clientFresh bool // no context takeover
	serverBits, clientBits   int  // 0: not named; -1: named without a value
}

// breach says why an answer may not accept an offer, "" if it may (RFC 7692
// §7.1.1 and §7.1.2).
func (said deflateTerms) breach(asked deflateTerms) string {
	switch {
	case asked.serverFresh && !said.serverFresh:
		return "server_no_context_takeover was offered, and is not in the answer (§7.1.1.1)"
	case asked.serverBits != 0 && said.serverBits == 0:
		return "server_max_window_bits was offered, and is not in the answer (§7.1.2.1)"
	case asked.serverBits != 0 && said.serverBits > asked.serverBits:
		return "server_max_window_bits is larger than offered (§7.1.2.1)"
	case said.clientBits < 0:
		return "client_max_window_bits has no value (§7.1.2.2)"
	case said.clientBits != 0 && asked.clientBits == 0:
		return "client_max_window_bits was not offered (§7.1.2.2)"
	}
	return ""
}

// readDeflateTerms reads parameters. It says what is wrong with them, "" if nothing
// is: a parameter that is not defined, has a wrong value or is there twice.
func readDeflateTerms(params []handshake.Param) (t deflateTerms, problem string) {
	seen := map[string]bool{}
	for _, param := range params {
		if seen[param.Name] {
			return t, param.Name + " is there twice (§7)"
		}
		seen[param.Name] = true
		ok := false
		switch param.Name {
		case "server_no_context_takeover":
			t.serverFresh, ok = true, !param.HasValue
		case "client_no_context_takeover":
			t.clientFresh, ok = true, !param.HasValue
		case "server_max_window_bits":
			t.serverBits, ok = windowBits(param)
			ok = ok && t.serverBits > 0
		case "client_max_window_bits":
			t.clientBits, ok = windowBits(param)
		default:
			return t, param.Name + " is not defined (§7)"
		}
		if !ok {
			return t, param.Name + " has a wrong value (§7.1)"
		}
	}
	return t, ""
}

// windowBits reads a number of bits, -1 if there is none.
func windowBits(param handshake.Param) (n int, ok bool) {
	if !param.HasValue {
		return -1, true
	}
	for n := 8; n <= 15; n++ {
		if param.Value == itoa(n) {
			return n, true
		}
	}
	return 0, false
}
