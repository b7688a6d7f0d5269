package conformance

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// openingClientTests are about a client's half of the opening handshake: the
// request it sends (RFC 6455 §4.1, first list), and the answers at which it must
// give up or must not (second list).
func openingClientTests() []Test {
	return slices.Concat(
		requestTests(),
		replies("opening", slices.Concat(
			statusTrials(), statusLineTrials(), wrongUpgradeTrials(), wrongAcceptTrials(),
			wrongFieldTrials(), oddAnswerTrials(), interimTrials(), endlessAnswerTrials(),
		)),
		wrongHashTests(), cutAnswerTests(), slowAnswerTests(), chosenSubprotocolTests(), behindAnswerTests(), freshKeyTests(),
	)
}

// What may be wanted of a client when it has its answer.

// goesOn wants the connection to be open, and to work.
func goesOn(p *peer) {
	p.opening.finished = true
	p.works()
}

// givesUp wants the client to end the connection.
func givesUp(p *peer) { p.gaveUp() }

// mostlyGoesOn takes note of a client that gives up, which breaks no rule.
func mostlyGoesOn(p *peer) {
	x := &p.exchange
	p.send(text("Hello"))
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	p.inform(len(x.messages) > 0, "%s gives up", p.endpoint())
}

// doesNotOpen wants no connection of WebSocket to come of an answer other than 101.
// What else the client does with it, and with the transport, is a matter of HTTP.
func doesNotOpen(p *peer) {
	x := &p.exchange
	p.write(p.wire(sends(text("anybody there?"))))
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 })
	p.must(len(x.messages) == 0, "%s sends a message over a connection that was refused", p.endpoint())
}

// requestTests are about the client's request.
func requestTests() []Test {
	check := func(name string, level Level, rule string, run func(p *peer, h *hello)) Test {
		return Test{Name: name, Area: "opening", Level: level, Rule: rule, run: func(p *peer) {
			p.connect()
			run(p, p.hello())
			p.write(p.answer())
			goesOn(p)
		}}
	}
	return []Test{
		check("§4.1 the method is GET", Must, "The method of the request must be GET.", func(p *peer, h *hello) {
			p.must(strings.HasPrefix(h.Line, "GET "), "the request line is %q", h.Line)
		}),
		check("§4.1 the version is HTTP/1.1", Must, "The version must be at least HTTP/1.1.", func(p *peer, h *hello) {
			p.must(strings.HasSuffix(h.Line, " HTTP/1.1"), "the request line is %q", h.Line)
		}),
		check("§4.1 the target is a path or an absolute URI", Must,
			"The target is the resource name, or an absolute URI of http or https, without a fragment.", checkTarget),
		check("§4.1 the request has one Host", Must, "The request must have Host, with host and port.", checkHost),
		check("§4.1 Host names the port", May,
			"Host has the port if it is not the default one. Something between client and suite may change it.", func(p *peer, h *hello) {
				at := p.conn.LocalAddr().String()
				port := at[strings.LastIndexByte(at, ':'):]
				p.inform(strings.HasSuffix(h.Header.Get("Host"), port), "Host is %q, and the suite listens at %s", h.Header.Get("Host"), at)
			}),
		check("§4.1 Upgrade has websocket in it", Must, "The request must have Upgrade with websocket in it.", func(p *peer, h *hello) {
			p.must(handshake.HasToken(h.Header.Values("Upgrade"), "websocket"), "Upgrade is %q", h.Header.Values("Upgrade"))
		}),
		check("§4.1 Connection has Upgrade in it", Must, "The request must have Connection with the token Upgrade in it.", func(p *peer, h *hello) {
			p.must(handshake.HasToken(h.Header.Values("Connection"), "upgrade"), "Connection is %q", h.Header.Values("Connection"))
		}),
		check("§4.1 the key is the base64 form of 16 bytes", Must,
			"The request must have Sec-WebSocket-Key, once (§11.3.1), with 16 random bytes in base64.", checkKey),
		check("§4.1 the version of WebSocket is 13", Must,
			"The request must have Sec-WebSocket-Version, once (§11.3.5), with the value 13.", func(p *peer, h *hello) {
				v := h.Header.Values("Sec-WebSocket-Version")
				p.must(slices.Equal(v, []string{"13"}), "Sec-WebSocket-Version is %q", v)
			}),
		check("§4.1 Origin is the origin of a page", Must,
			"If the request has Origin, it is scheme, host and port of a page, or null (RFC 6454 §7.1).", checkOrigin),
		check("§4.1 the subprotocols are different tokens", Must,
			"If the request offers subprotocols, they are tokens, and none is there twice.", checkSubprotocols),
		check("§4.3 the extensions follow the grammar", Must,
			"If the request offers extensions, the offer follows the grammar of §9.1.", func(p *peer, h *hello) {
				_, err := handshake.ParseExtensions(h.Header.Values("Sec-WebSocket-Extensions"))
				p.must(err == nil, "%v", err)
			}),
		check("§4.1 the request has nothing of the answer", Should, "Sec-WebSocket-Accept stands in answers only (§11.3.3).", func(p *peer, h *hello) {
			v := h.Header.Values("Sec-WebSocket-Accept")
			p.should(len(v) == 0, "Sec-WebSocket-Accept is %q", v)
		}),
		check("RFC 9110 §9.3.1 the request announces no content", Should, "A GET request should have no content.", func(p *peer, h *hello) {
			length, coding := h.Header.Values("Content-Length"), h.Header.Values("Transfer-Encoding")
			p.should(len(coding) == 0 && (len(length) == 0 || slices.Equal(length, []string{"0"})),
				"Content-Length is %q, Transfer-Encoding %q", length, coding)
		}),
		requestFormTest(), silenceTest(),
	}
}

func checkTarget(p *peer, h *hello) {
	p.must(!strings.Contains(h.Target, "#"), "the target %q has a fragment", h.Target)
	u, err := url.ParseRequestURI(h.Target)
	p.must(err == nil, "the target %q is no URI: %v", h.Target, err)
	p.must(strings.HasPrefix(h.Target, "/") || u.Host != "" && (u.Scheme == "http" || u.Scheme == "https"),
		"the target is %q", h.Target)
}

func checkHost(p *peer, h *hello) {
	v := h.Header.Values("Host")
	p.must(len(v) == 1 && v[0] != "", "Host is %q", v)
	u, err := url.Parse("http://" + v[0] + "/")
	p.must(err == nil && u.User == nil && u.Host == v[0] && u.Path == "/", "Host %q is not host[:port]", v[0])
}

func checkKey(p *peer, h *hello) {
	v := h.Header.Values("Sec-WebSocket-Key")
	p.must(len(v) == 1, "Sec-WebSocket-Key is %q", v)
	b, err := base64.StdEncoding.DecodeString(v[0])
	p.must(err == nil && len(b) == 16, "Sec-WebSocket-Key is %q", v[0])
}

func checkOrigin(p *peer, h *hello) {
	v := h.Header.Values("Origin")
	p.must(len(v) <= 1, "Origin is %q", v)
	if len(v) == 0 || v[0] == "null" {
		return
	}
	u, err := url.Parse(v[0])
	p.must(err == nil && u.Scheme != "" && u.Host != "" && u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "",
		"Origin is %q", v[0])
}

func checkSubprotocols(p *peer, h *hello) {
	v := h.Header.Values("Sec-WebSocket-Protocol")
	list := elements(h.Header.Values("Sec-WebSocket-Protocol"))
	p.must(len(v) == 0 || len(list) > 0, "the offer is empty")
	for i, name := range list {
		p.must(isToken(name), "subprotocol %q is no token", name)
		p.must(!slices.Contains(list[:i], name), "subprotocol %q is offered twice", name)
	}
}

// requestFormTest is about the form of the head, which a server that reads
// leniently never notices.
func requestFormTest() Test {
	return Test{
		Name: "RFC 9112 §2.1 the lines of the request are well formed", Area: "opening", Level: Must,
		Rule: "The request must be a valid one of HTTP (§4.1): every line is a field that ends in CR LF.",
		run: func(p *peer) {
			p.connect()
			raw := p.peekHead()
			p.must(raw != nil, "no request came")
			flaw := lineFlaw(raw)
			p.must(flaw == "", "%s", flaw)
			p.write(p.answer())
			goesOn(p)
		},
	}
}

// silenceTest keeps a client waiting for its answer.
func silenceTest() Test {
	return Test{
		Name: "§4.1 the client sends nothing until it has its answer", Area: "opening", Level: Must,
		Rule: "Once it has sent its handshake, a client must wait for the answer before it sends anything.",
		run: func(p *peer) {
			p.connect()
			p.hello()
			p.pause(p.o.Timeout / grace)
			p.must(len(p.in) == 0, "%s sent %d bytes behind its request", p.endpoint(), len(p.in))
			p.write(p.answer())
			goesOn(p)
		},
	}
}

// freshKeyTests compares the keys of a run.
func freshKeyTests() []Test {
	return []Test{{
		Name: "§4.1 each connection has a key of its own", Area: "opening", Level: Must,
		Rule: "The key must be chosen at random for each connection.",
		run: func(p *peer) {
			p.connect()
			key := p.hello().Header.Get("Sec-WebSocket-Key")
			times, others := p.o.keys.count(key)
			p.must(times <= 1, "%s used the key %q for %d connections", p.endpoint(), key, times)
			p.write(p.answer())
			goesOn(p)
			if others == 0 {
				p.unsupported("this is the only connection of the run so far")
			}
		},
	}}
}

// chosenSubprotocolTests answer with subprotocols of which the client offered some.
func chosenSubprotocolTests() []Test {
	check := func(name string, level Level, rule string, want func(p *peer), edits func(offered []string) []edit) Test {
		return Test{Name: "§4.1 " + name, Area: "opening", Level: level, Rule: rule, run: func(p *peer) {
			p.connect()
			offered := elements(p.hello().Header.Values("Sec-WebSocket-Protocol"))
			if len(offered) == 0 {
				p.unsupported("the client offers no subprotocol")
			}
			p.write(p.answer(edits(offered)...))
			want(p)
		}}
	}
	const (
		header = "Sec-WebSocket-Protocol"
		one    = "The answer names one subprotocol; a client must fail the connection if it is not one it offered."
	)
	return []Test{
		check("the first offered subprotocol is chosen", Must, "A server may choose any of the offered subprotocols.", goesOn,
			func(offered []string) []edit { return []edit{set(header, offered[0])} }),
		check("the last offered subprotocol is chosen", Must, "A server may choose any of the offered subprotocols.", goesOn,
			func(offered []string) []edit { return []edit{set(header, offered[len(offered)-1])} }),
		check("no offered subprotocol is chosen", May,
			"A server that speaks none of the offered subprotocols answers without one, after which the client may go on.", mostlyGoesOn,
			func([]string) []edit { return []edit{del(header)} }),
		check("offered subprotocol in letters of the other case", Must, one, givesUp,
			func(offered []string) []edit { return []edit{set(header, swapCase(offered[0]))} }),
		check("offered subprotocol with more behind it", Must, one, givesUp,
			func(offered []string) []edit { return []edit{set(header, offered[0]+"x")} }),
		check("offered subprotocol and another in one field", Must, one, givesUp,
			func(offered []string) []edit { return []edit{set(header, offered[0]+", x-unoffered.example")} }),
		check("offered subprotocol in two fields", Should, "The answer must not have Sec-WebSocket-Protocol more than once (§11.3.4).", givesUp,
			func(offered []string) []edit { return []edit{set(header, offered[0]), add(header, offered[0])} }),
	}
}

// A keyRing holds the keys that clients have sent in a run. Any number of tests may
// use it at the same time.
type keyRing struct {
	mu   sync.Mutex
	keys map[string]int
	all  int
}

// note takes the key of a connection.
func (r *keyRing) note(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = make(map[string]int)
	}
	r.keys[key]++
	r.all++
}

// count returns how many connections had the key, and how many had others.
func (r *keyRing) count(key string) (times, others int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[key], r.all - r.keys[key]
}
