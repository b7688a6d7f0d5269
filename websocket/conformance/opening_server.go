package conformance

import (
	"net/http"
	"slices"
	"strings"
)

// openingServerTests are about a server's half of the opening handshake: what it
// must refuse (RFC 6455 §4.2.1), what it must take, and how it answers (§4.2.2).
//
// Two sentences decide how much may be asked. A server that finds a handshake not
// to match its description must answer with an error (§4.2.1), but it need only
// parse as much of it as it uses, and not decode the key (§4.2.2). And a request
// that does not ask for WebSocket at all is an ordinary one for HTTP, which may
// have any answer but a 101.
func openingServerTests() []Test {
	return slices.Concat(
		requests("opening", slices.Concat(
			methodTrials(), versionOfHTTPTrials(), targetTrials(), hostTrials(),
			upgradeTrials(), connectionTrials(), keyTrials(), versionTrials(),
			lineTrials(), spaceTrials(), oddRequestTrials(), subprotocolTrials(), originTrials(),
		)),
		absoluteTargetTests(), largeRequestTests(), bodyTests(), slowRequestTests(),
		answerTests(), knownSubprotocolTests(), earlyFrameTests(), secondRequestTests(),
	)
}

// What may be wanted of the answer to a request.

// opens wants the connection to be opened, and to work.
func opens(p *peer) {
	p.opened()
	p.works()
}

// refuses wants an error.
func refuses(p *peer) { p.refused() }

// refusesWith400 wants an error, which HTTP says must be 400.
func refusesWith400(p *peer) { p.refused(http.StatusBadRequest) }

// ordinary wants any answer but a 101: without WebSocket, a request may still be
// one for something else.
func ordinary(p *peer) {
	a := p.response()
	p.should(a != nil, "%s closed the connection instead of answering", p.endpoint())
	p.must(a == nil || a.Status != http.StatusSwitchingProtocols, "%s opened a connection", p.endpoint())
}

// either wants the connection to be opened and to work, or an error, or the end of
// the connection.
func either(p *peer) {
	if a := p.response(); a != nil && a.Status == http.StatusSwitchingProtocols {
		p.opening.finished = true
		p.works()
	}
}

// mostlyOpens takes note of a refusal, which breaks no rule.
func mostlyOpens(p *peer) {
	a := p.response()
	if a == nil || a.Status != http.StatusSwitchingProtocols {
		p.inform(false, "%s does not open a connection", p.endpoint())
		return
	}
	p.opening.finished = true
	p.works()
}

// mostlyRefuses takes note of a connection that is opened, which breaks no rule.
func mostlyRefuses(p *peer) {
	a := p.response()
	p.inform(a == nil || a.Status != http.StatusSwitchingProtocols, "%s opens a connection", p.endpoint())
}

// works wants a message to come back.
func (p *peer) works() {
	p.send(text("Hello"))
	p.wantEcho(Text, "Hello")
}

const ruleGET = "A handshake is a GET request, so a server must not open a WebSocket for another method."

func methodTrials() (trials []trial) {
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"} {
		trials = append(trials, try("§4.2.1 "+method+" opens no connection", Must, ruleGET, ordinary,
			line(method+" {target} HTTP/1.1")))
	}
	return append(trials,
		try("§4.2.1 get in small letters opens no connection", Must,
			"Methods are case-sensitive (RFC 9110 §9.1), so get is not GET.", ordinary,
			line("get {target} HTTP/1.1")),
		try("§4.2.1 GETS opens no connection", Must, ruleGET, ordinary, line("GETS {target} HTTP/1.1")),
	)
}

func versionOfHTTPTrials() (trials []trial) {
	const (
		rule    = "A handshake is a request of HTTP/1.1 or higher, so a server must not open a WebSocket for HTTP/1.0 or older."
		grammar = "A request line that breaks the grammar of HTTP should be answered with 400."
	)
	trials = []trial{
		try("§4.2.1 HTTP/1.0 opens no connection", Must, rule, ordinary, line("GET {target} HTTP/1.0")),
		try("§4.2.1 HTTP/0.9 opens no connection", Must, rule, ordinary, line("GET {target} HTTP/0.9")),
		try("§4.2.1 request line without a version opens no connection", Must, rule, ordinary, line("GET {target}")),
		try("RFC 9110 §2.5 HTTP/1.2 is taken like HTTP/1.1", Should,
			"A request of a higher minor version should be processed as one of the highest the server knows.",
			opens, line("GET {target} HTTP/1.2")),
		try("RFC 9110 §15.6.6 HTTP/2.0 in the form of HTTP/1.1 opens no connection", Should,
			"Another major version has another form, without Upgrade, and should be answered with 505.",
			ordinary, line("GET {target} HTTP/2.0")),
	}
	for _, odd := range []struct{ what, line string }{
		{"the version HTTP/x.y", "GET {target} HTTP/x.y"},
		{"the version HTTP/1", "GET {target} HTTP/1"},
		{"the version http/1.1", "GET {target} http/1.1"},
		{"the version HTP/1.1", "GET {target} HTP/1.1"},
		{"the version HTTP/1.1.1", "GET {target} HTTP/1.1.1"},
		{"a word behind the version", "GET {target} HTTP/1.1 now"},
		{"no target", "GET HTTP/1.1"},
		{"two targets", "GET {target} {target} HTTP/1.1"},
		{"no method", "{target} HTTP/1.1"},
	} {
		trials = append(trials, try("RFC 9112 §3 request line with "+odd.what+" is refused", Should, grammar, refuses, line(odd.line)))
	}
	return trials
}

func targetTrials() (trials []trial) {
	const rule = "A target that is neither a path nor an absolute URI breaks the grammar of the request line, which should be answered with 400."
	for _, odd := range []struct{ what, target string }{
		{"a relative path", "echo"},
		{"an authority", "{host}"},
		{"an asterisk", "*"},
		{"a path with a NUL", "{target}\x00"},
		{"a path with half a percent escape", "/%4"},
		{"a path that ends in a fragment", "{target}#there"},
	} {
		trials = append(trials, try("RFC 9112 §3.2 target that is "+odd.what+" is refused", Should, rule, refuses,
			line("GET "+odd.target+" HTTP/1.1")))
	}
	return trials
}

// absoluteTargetTests are about a target with scheme and host, which every server
// has to take.
func absoluteTargetTests() []Test {
	const rule = "A server must accept an absolute URI as the target (also RFC 6455 §4.2.1)."
	absolute := func(name, rule string, scheme func(string) string, edits ...edit) Test {
		return Test{Name: name, Area: "opening", Level: Must, Rule: rule, run: func(p *peer) {
			s := "http"
			if p.way.secure {
				s = "https"
			}
			p.connect()
			p.write(p.request(append([]edit{line("GET " + scheme(s) + "://{host}{target} HTTP/1.1")}, edits...)...))
			opens(p)
		}}
	}
	same := func(s string) string { return s }
	return []Test{
		absolute("RFC 9112 §3.2.2 absolute target", rule, same),
		absolute("RFC 9112 §3.2.2 absolute target with the scheme in capitals", rule, strings.ToUpper),
		absolute("RFC 9112 §3.2.2 absolute target and another Host",
			"The host in an absolute target replaces the one in Host, which must be ignored.", same,
			set("Host", "elsewhere.example")),
	}
}

func hostTrials() (trials []trial) {
	const one = "A server must answer a request without Host, or with two of them, with 400."
	trials = []trial{
		try("§4.2.1 request without Host is refused", Must, one, refusesWith400, del("Host")),
		try("RFC 9112 §3.2 request with Host twice is refused", Must, one, refusesWith400,
			func(h *head) { add("Host", h.values("Host")[0])(h) }),
		try("RFC 9112 §3.2 request with two different Hosts is refused", Must, one, refusesWith400,
			add("Host", "elsewhere.example")),
		try("RFC 9112 §3.2 request with Host first and last is refused", Must, one, refusesWith400,
			add("X-Between", "two"), add("host", "elsewhere.example")),
		try("§4.2.1 empty Host is refused", Should,
			"Host holds the server's authority. HTTP knows a use for an empty one, but no WebSocket URL has it.",
			refuses, set("Host", "")),
		try("§4.2.1 Host of another server", May,
			"Host holds the server's authority. A server that does not know its names cannot check it.",
			mostlyOpens, set("Host", "elsewhere.example")),
	}
	for _, host := range []string{
		"exa mple.com", "example.com/chat", "user@example.com", "[::1", "example.com:http", "http://example.com", "exa<mple.com", "%zz.example",
	} {
		trials = append(trials, try("RFC 9112 §3.2 Host "+host+" is refused", Must,
			"A server must answer a Host that is not host[:port] with 400.", refusesWith400, set("Host", host)))
	}
	return trials
}

func upgradeTrials() (trials []trial) {
	const (
		rule = "A handshake has Upgrade with the value websocket, so a server must not open a WebSocket without it."
		ci   = "The value of Upgrade is compared without regard to the case of ASCII letters."
		list = "Upgrade is a list of protocols (RFC 9110 §7.8), of which websocket may be one."
	)
	trials = []trial{
		try("§4.2.1 request without Upgrade opens no connection", Must, rule, ordinary, del("Upgrade")),
		try("§4.2.1 empty Upgrade opens no connection", Must, rule, ordinary, set("Upgrade", "")),
		try("§4.2.1 Upgrade websocket/13", May, "An Upgrade may name a version of a protocol. That of WebSocket has none.",
			mostlyRefuses, set("Upgrade", "websocket/13")),
		try("§4.2.1 Upgrade lists another protocol first", Should, list, opens, set("Upgrade", "x-other, websocket")),
		try("§4.2.1 Upgrade lists another protocol last", Should, list, opens, set("Upgrade", "websocket, x-other/1.0")),
		try("§4.2.1 Upgrade with empty elements", Should, list, opens, set("Upgrade", ", websocket, ,")),
		try("§4.2.1 two Upgrades", Should, list, opens, set("Upgrade", "x-other"), add("Upgrade", "websocket")),
	}
	for _, v := range []string{
		"websockets", "websocke", "x-websocket", "web socket", "h2c", `"websocket"`, "websocket-13", "websocket;v=13",
	} {
		trials = append(trials, try("§4.2.1 Upgrade "+v+" opens no connection", Must, rule, ordinary, set("Upgrade", v)))
	}
	for _, v := range []string{"WebSocket", "WEBSOCKET", "wEbSoCkEt"} {
		trials = append(trials, try("§4.2.1 Upgrade "+v, Must, ci, opens, set("Upgrade", v)))
	}
	return append(trials, try("§4.2.1 Upgrade with a Kelvin sign for its k opens no connection", Must,
		"Only ASCII letters are equal in either case; other characters that fold to one are not.",
		ordinary, set("Upgrade", "websoc\u212aet")))
}

func connectionTrials() (trials []trial) {
	const (
		rule = "A handshake has Connection with the token Upgrade in it, so a server must not open a WebSocket without it."
		list = "Connection is a list, of which the token Upgrade, in letters of either case, may be any element."
	)
	trials = []trial{
		try("§4.2.1 request without Connection opens no connection", Must, rule, ordinary, del("Connection")),
		try("§4.2.1 empty Connection opens no connection", Must, rule, ordinary, set("Connection", "")),
		try("§4.2.1 two Connections, Upgrade in the first", Must, list, opens, add("Connection", "X-Odd")),
		try("§4.2.1 two Connections, Upgrade in the second", Must, list, opens,
			set("Connection", "keep-alive"), add("Connection", "Upgrade")),
		try("RFC 9110 §5.6.1.2 Connection with empty elements", Must,
			"Whoever receives a list must ignore a reasonable number of empty elements.", opens,
			set("Connection", ", ,Upgrade,")),
	}
	for _, v := range []string{"keep-alive", "Upgraded", "x-upgrade", "up grade", "websocket", `"Upgrade"`, "keep-alive Upgrade"} {
		trials = append(trials, try("§4.2.1 Connection "+v+" opens no connection", Must, rule, ordinary, set("Connection", v)))
	}
	for _, v := range []string{
		"upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade, keep-alive", "keep-alive,upgrade", "keep-alive ,\tUpgrade", "X-A, X-B, Upgrade, X-C",
	} {
		trials = append(trials, try("§4.2.1 Connection "+quoted(v), Must, list, opens, set("Connection", v)))
	}
	return trials
}
