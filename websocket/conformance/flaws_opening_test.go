package conformance

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
)

// What opening handshakes need to have all tests take place.
var (
	anyWindow   = &deflate.Config{WindowBits: 15}
	fullOpening = breed{subprotocols: []string{"chat", "superchat"}, compression: anyWindow}
)

// saying is a breed of servers whose answers are changed by f.
func saying(f func([]byte) []byte) breed {
	return breed{answer: f, subprotocols: fullOpening.subprotocols}
}

// asking is a breed of clients whose requests are changed by f.
func asking(f func([]byte) []byte) breed {
	return breed{request: f, subprotocols: fullOpening.subprotocols, compression: anyWindow}
}

// withField adds a field to a head.
func withField(f string) func([]byte) []byte {
	return func(head []byte) []byte {
		return append(bytes.TrimSuffix(head, []byte("\r\n")), f+"\r\n\r\n"...)
	}
}

// withoutField takes one away.
func withoutField(name string) func([]byte) []byte { return replaceField(name, "X-Was-"+name) }

// replaceField writes another in its place.
func replaceField(name, with string) func([]byte) []byte {
	line := regexp.MustCompile(`(?i)\r\n` + name + `:[^\r]*`)
	return func(head []byte) []byte { return line.ReplaceAllLiteral(head, []byte("\r\n"+with)) }
}

// openingFlaws are about the opening handshake.
func openingFlaws() []flawed {
	const (
		refused = `^opening/.*((is|are) refused|opens no connection|13 named|websocket/13|before all fields|in a folded line|folded with a tab|(Upgrade|Connection) with a (NUL|CR) in it|not accepted)$|^opening/.* request with content`
		giveUp  = `^opening/(§4\.1 answer with(out (Upgrade|Connection|Sec)| Upgrade ("|websockets|websocke$|web socket|x-|h2c|websocket/|websocket,)| Connection (""|"Up|keep-alive$|close|Upgraded|x-|websocket)| a first| a Kelvin| an accept| the (hash|key)| a sub| two Up)|§4\.1 answer \d|§11\.3\.3|RFC 9110 §(5\.5|15\.2 answer 101)|RFC 9112 §(2\.2 answer with a CR|5\.2 answer with Up|5 )|§4\.1 offered|§4\.2\.2 answer with an empty sub)`
	)
	return slices.Concat(answerFlaws(), requestFlaws(), []flawed{
		{setup: fullOpening, only: "server", flaw: "opens for any request", tests: refused},
		{setup: fullOpening, only: "server", flaw: "refuses all requests", tests: `^opening/`, least: 90},
		{setup: fullOpening, only: "server", flaw: "hangs up on all requests", tests: `^opening/.* is (refused|answered)$`, worse: NotStrict, least: 80},
		{setup: fullOpening, only: "server", flaw: "does not answer requests", tests: `^opening/`, least: 150},
		{only: "server", flaw: "loses what comes behind the handshake", tests: `^opening/§4\.1 request with .* behind it`},
		{only: "server", flaw: "speaks first", tests: `^opening/.*sends no frame`, worse: Informational},
		{setup: fullOpening, only: "client", flaw: "opens for any answer", tests: giveUp},
		{setup: fullOpening, only: "client", flaw: "gives up on any answer", tests: `^opening/`, least: 60},
		{setup: fullOpening, only: "client", flaw: "hangs in the handshake when the server leaves", tests: `^opening/.*end of the transport`},
		{setup: fullOpening, only: "client", flaw: "takes an answer without end", tests: `^opening/.*17\.5`, worse: NotStrict},
		{only: "client", flaw: "loses what comes behind the handshake", tests: `^opening/§4\.2\.2 answer with .* behind it`},
		{only: "client", flaw: "never echoes", tests: `^opening/.*(6\.3|answer and a message)`},
	})
}

// answerFlaws are about what a server answers.
func answerFlaws() []flawed {
	row := func(what, tests string, f func([]byte) []byte) flawed {
		return flawed{only: "server", flaw: "answers " + what, tests: `^opening/.*` + tests, setup: saying(f)}
	}
	return []flawed{
		row("with 200", `(answer has status|correct request)$`, replace("101 Switching Protocols", "200 OK")),
		row("as HTTP/1.0", `the answer is HTTP/1\.1$`, replace("HTTP/1.1 101", "HTTP/1.0 101")),
		row("without Upgrade", `(has Upgrade: websocket|correct request)$`, withoutField("Upgrade")),
		row("with another Upgrade", `(has Upgrade: websocket|correct request)$`, replace("Upgrade: websocket", "Upgrade: websockets")),
		row("with two Upgrades", `has Upgrade: websocket$`, withField("Upgrade: h2c")),
		row("without Connection", `(has Connection: Upgrade|correct request)$`, withoutField("Connection")),
		row("with Connection: close", `(has Connection: Upgrade|correct request)$`, replace("Connection: Upgrade", "Connection: close")),
		row("without an accept", `(RFC's example|two answers|correct request)$`, withoutField("Sec-WebSocket-Accept")),
		row("with the same accept always", `(two answers|correct request|key of 16 zeros|key with \+ and /)$`, replaceField("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		row("with the accept twice", `(RFC's example|correct request)$`, withField("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		row("with Content-Length", `no Content-Length$`, withField("Content-Length: 0")),
		row("with Transfer-Encoding", `no Transfer-Encoding$`, withField("Transfer-Encoding: chunked")),
		row("with an extension", `no extension, as none is offered$`, withField("Sec-WebSocket-Extensions: x-unknown")),
		row("with a subprotocol", `(no subprotocol, as none is offered|subprotocol that nobody speaks|subprotocols that nobody speaks|in two fields|a token may have)$`, withField("Sec-WebSocket-Protocol: x-mine")),
		row("with the subprotocol it likes", `§4\.2\.2 .*(other case|beginning of a subprotocol that the server speaks)`, withField("Sec-WebSocket-Protocol: chat")),
		row("with a folded line", `well formed$`, withField("X-Odd: a\r\n b")),
		row("with a space before a colon", `well formed$`, withField("X-Odd : a")),
		row("with an LF by itself", `well formed$`, withField("X-Odd: a\nX-Even: b")),
		row("without a space behind the status", `well formed$`, replace("101 Switching Protocols", "101")),
	}
}

// requestFlaws are about what a client asks.
func requestFlaws() []flawed {
	row := func(what, tests string, f func([]byte) []byte) flawed {
		return flawed{only: "client", flaw: "asks " + what, tests: `^opening/.*` + tests, setup: asking(f)}
	}
	return []flawed{
		row("with POST", `method is GET$`, replace("GET /", "POST /")),
		row("in HTTP/1.0", `version is HTTP/1\.1$`, replace("HTTP/1.1\r\n", "HTTP/1.0\r\n")),
		row("for a fragment", `an absolute URI$`, replace("GET / ", "GET /#there ")),
		row("for a relative path", `an absolute URI$`, replace("GET / ", "GET chat ")),
		row("without Host", `one Host$`, withoutField("Host")),
		row("with Host twice", `one Host$`, withField("Host: example.com")),
		row("with a URL for Host", `one Host$`, replace("Host: ", "Host: ws://")),
		row("without a port", `names the port$`, replaceField("Host", "Host: 127.0.0.1")),
		row("for another Upgrade", `Upgrade has websocket in it$`, replace("Upgrade: websocket", "Upgrade: websockets")),
		row("for no Upgrade", `Connection has Upgrade in it$`, replace("Connection: Upgrade", "Connection: keep-alive")),
		row("with a short key", `base64 form of 16 bytes$`, replaceField("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=")),
		row("with two keys", `base64 form of 16 bytes$`, withField("Sec-WebSocket-Key: "+exampleKey)),
		row("with the same key always", `a key of its own$`, replaceField("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+exampleKey)),
		row("for version 8", `WebSocket is 13$`, replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8")),
		row("for two versions", `WebSocket is 13$`, withField("Sec-WebSocket-Version: 8")),
		row("from nowhere", `origin of a page$`, withField("Origin: nowhere")),
		row("from a path", `origin of a page$`, withField("Origin: http://example.com/page")),
		row("for a subprotocol twice", `different tokens$`, withField("Sec-WebSocket-Protocol: chat")),
		row("for a subprotocol that is no token", `different tokens$`, withField("Sec-WebSocket-Protocol: a b")),
		row("for a malformed extension", `follow the grammar$`, withField("Sec-WebSocket-Extensions: ;")),
		row("with an answer", `nothing of the answer$`, withField("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		row("with content", `announces no content$`, withField("Content-Length: 5")),
		row("with an LF by itself", `well formed$`, withField("X-Odd: a\nX-Even: b")),
		row("and speaks at once", `sends nothing until`, func(head []byte) []byte { return append(head, 0x89, 0x80, 0, 0, 0, 0) }),
	}
}

// extensionFlaws are about negotiation.
func extensionFlaws() []flawed {
	small := breed{compression: &deflate.Config{WindowBits: 15, PeerWindowBits: 10, PeerNoContextTakeover: true}}
	silent := asking(replace("; client_max_window_bits", ""))
	silent.subprotocols = nil
	const giveUp = `^extension/.*answer with(out|) |^extension/RFC 7692 §7[.12]* answer permessage-deflate; (no_|.*(x-|windowbits|=-|=\+|=0|=ten|=true|=false|=1$|"on"|=266|=4294|=7|"7"|=16|10\.0|server_max_window_bits$|takeover; (server|client)_no_context_takeover$|10; (server|client)_max_window_bits=1))`
	return []flawed{
		{setup: fullOpening, only: "server", flaw: "opens for any request", tests: `^extension/§9\.1 (Sec|perm)`},
		{setup: fullOpening, only: "server", flaw: "refuses all requests", tests: `^extension/§9\.1 offer|^extension/RFC 7692`, worse: NotStrict},
		{setup: saying(withField("Sec-WebSocket-Extensions: x-unknown")), only: "server", flaw: "takes any extension", tests: `^extension/§9\.1 offer|^extension/RFC 7692`},
		{setup: saying(withField("Sec-WebSocket-Extensions: permessage-deflate")), only: "server", flaw: "ignores parameters", tests: `^extension/RFC 7692 §7.*no acceptance|^extension/RFC 7692 §7.* offer of .*server_`},
		{setup: saying(withField("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits")), only: "server", flaw: "answers what is illegal", tests: `^extension/RFC 7692`},
		{setup: saying(withField("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate")), only: "server", flaw: "accepts twice", tests: `^extension/RFC 7692`},
		{setup: saying(withField("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15")), only: "server", flaw: "bounds the client unasked", tests: `^extension/RFC 7692 §7.* offer of .*(deflate|takeover|server_max_window_bits=\d+)$`},
		{setup: fullOpening, only: "client", flaw: "opens for any answer", tests: giveUp, least: 65},
		{setup: small, only: "client", flaw: "opens for any answer", tests: `^extension/.*answer (without|with a larger)`},
		{setup: silent, only: "client", flaw: "opens for any answer", tests: `^extension/.*client_max_window_bits, which was not offered`},
		{setup: asking(replace("client_max_window_bits", "client_max_window_bits=7")), only: "client", flaw: "offers what is illegal", tests: `^extension/.*offers of permessage-deflate are legal`},
		{setup: fullOpening, only: "client", flaw: "sets RSV1", tests: `^extension/.*may be declined`},
		{setup: fullOpening, only: "client", flaw: "never echoes", tests: `^extension/RFC 7692 §7[.12]* answer permessage-deflate`, least: 20},
	}
}
