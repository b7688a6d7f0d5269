package conformance

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// statusTrials answer with another status than 101. All else in the answer is
// right, so a client that does not look at the status goes wrong.
func statusTrials() (trials []trial) {
	for _, s := range []string{
		"200 OK", "201 Created", "204 No Content", "301 Moved Permanently", "304 Not Modified", "400 Bad Request", "401 Unauthorized",
		"403 Forbidden", "404 Not Found", "407 Proxy Authentication Required", "426 Upgrade Required",
		"500 Internal Server Error", "503 Service Unavailable", "599 Unknown",
	} {
		trials = append(trials, try("§4.1 answer "+s+" opens no connection", Must,
			"A client handles a status other than 101 as HTTP says, and has no WebSocket connection.", doesNotOpen,
			status("HTTP/1.1 "+s), add("Content-Length", "0"), add("Connection", "close")))
	}
	return trials
}

// statusLineTrials answer with a first line that is odd or none.
func statusLineTrials() (trials []trial) {
	const (
		rule   = "An answer that is not what a server's handshake must be makes a client fail the connection."
		reason = "What stands behind the status means nothing."
	)
	for _, l := range []struct{ what, line string }{
		{"that is no HTTP", "HELLO"}, {"of another protocol", "ICY 101 Switching Protocols"}, {"without a status", "HTTP/1.1"},
		{"with letters for a status", "HTTP/1.1 IOI Switching Protocols"}, {"with four digits for a status", "HTTP/1.1 1010 Switching Protocols"},
		{"with two digits for a status", "HTTP/1.1 10 Switching Protocols"}, {"that is binary", "\x81\x05Hello"},
		{"that is a request", "GET / HTTP/1.1"},
	} {
		trials = append(trials, try("§4.1 answer with a first line "+l.what, Must, rule, givesUp, status(l.line)))
	}
	return append(trials,
		try("RFC 9110 §15.2 answer 101 of HTTP/1.0", Should, "HTTP/1.0 has no answer 101, so a client should not take it for one.", givesUp,
			status("HTTP/1.0 101 Switching Protocols")),
		try("RFC 9112 §4 answer without words behind the status", Must, reason, goesOn, status("HTTP/1.1 101 ")),
		try("RFC 9112 §4 answer with other words behind the status", Must, reason, goesOn, status("HTTP/1.1 101 Web Socket Protocol Handshake")),
		try("RFC 9112 §4 answer with words that are not ASCII behind the status", Must, reason, goesOn, status("HTTP/1.1 101 Br\u00fccke")),
		try("RFC 9112 §4 answer with neither words nor a space behind the status", May, "A server must send the space, but clients mostly do without.",
			mostlyGoesOn, status("HTTP/1.1 101")),
	)
}

// wrongUpgradeTrials answer with a wrong Upgrade or Connection.
func wrongUpgradeTrials() (trials []trial) {
	const (
		upgrade    = "A client must fail the connection if the answer has no Upgrade, or one that is not websocket."
		connection = "A client must fail the connection if the answer has no Connection, or none with the token Upgrade in it."
		either     = "The values of Upgrade and Connection are compared without regard to case."
		list       = "Connection is a list, of which the token Upgrade may be any element."
	)
	trials = []trial{
		try("§4.1 answer without Upgrade", Must, upgrade, givesUp, del("Upgrade")),
		try("§4.1 answer with a Kelvin sign for the k of websocket", Must, upgrade, givesUp, set("Upgrade", "websoc\u212aet")),
		try("§4.1 answer with two Upgrades", Must, upgrade, givesUp, add("Upgrade", "x-other")),
		try("§4.1 answer without Connection", Must, connection, givesUp, del("Connection")),
		try("§4.1 answer with two Connections, Upgrade in the second", Must, list, goesOn, set("Connection", "keep-alive"), add("Connection", "Upgrade")),
	}
	for _, v := range []string{
		"", "websockets", "websocke", "x-websocket", "web socket", "h2c", `"websocket"`, "websocket/13", "websocket, x-other", "x-other, websocket",
	} {
		trials = append(trials, try("§4.1 answer with Upgrade "+quoted(v), Must, upgrade, givesUp, set("Upgrade", v)))
	}
	for _, v := range []string{"", "keep-alive", "close", "Upgraded", "x-upgrade", "websocket", `"Upgrade"`} {
		trials = append(trials, try("§4.1 answer with Connection "+quoted(v), Must, connection, givesUp, set("Connection", v)))
	}
	for _, v := range []string{"WebSocket", "WEBSOCKET", "wEbSoCkEt"} {
		trials = append(trials, try("§4.1 answer with Upgrade "+v, Must, either, goesOn, set("Upgrade", v)))
	}
	for _, v := range []string{"upgrade", "UPGRADE"} {
		trials = append(trials, try("§4.1 answer with Connection "+v, Must, either, goesOn, set("Connection", v)))
	}
	for _, v := range []string{"keep-alive, Upgrade", "Upgrade, keep-alive", "keep-alive,\tupgrade", ", Upgrade,"} {
		trials = append(trials, try("§4.1 answer with Connection "+quoted(v), Must, list, goesOn, set("Connection", v)))
	}
	return trials
}

// quoted returns s, in quotation marks if its ends would not be seen without.
func quoted(s string) string {
	if s == strings.TrimSpace(s) && s != "" && !strings.Contains(s, "\t") {
		return s
	}
	return strings.ReplaceAll(brief(s), `\t`, "TAB")
}

// wrongAcceptTrials answer with a wrong Sec-WebSocket-Accept.
func wrongAcceptTrials() (trials []trial) {
	const (
		name = "Sec-WebSocket-Accept"
		rule = "A client must fail the connection if Sec-WebSocket-Accept is missing or anything but the hash of its key."
		once = "Sec-WebSocket-Accept must not appear more than once in an answer (§11.3.3)."
	)
	// change makes another value of the right one.
	change := func(f func(right string) string) edit {
		return func(h *head) { set(name, f(h.values(name)[0]))(h) }
	}
	trials = []trial{
		try("§4.1 answer without Sec-WebSocket-Accept", Must, rule, givesUp, del(name)),
		try("§11.3.3 answer with the right accept twice", Should, once, givesUp, change(func(right string) string { return right }),
			func(h *head) { add(name, h.values(name)[0])(h) }),
		try("§11.3.3 answer with the right accept and a wrong one", Should, once, givesUp, add(name, handshake.AcceptKey(exampleKey))),
		try("§11.3.3 answer with a wrong accept and the right one", Should, once, givesUp, func(h *head) {
			right := h.values(name)[0]
			set(name, handshake.AcceptKey(exampleKey))(h)
			add(name, right)(h)
		}),
		try("§4.1 answer with white space around the accept", Must, "White space around Sec-WebSocket-Accept is ignored.", goesOn,
			change(func(right string) string { return " \t" + right + " \t " })),
	}
	for _, odd := range []struct {
		what string
		f    func(right string) string
	}{
		{"that is empty", func(string) string { return "" }},
		{"of another key", func(string) string { return handshake.AcceptKey(exampleKey) }},
		{"of an empty key", func(string) string { return handshake.AcceptKey("") }},
		{"that is no hash", func(string) string { return "hello" }},
		{"that lacks its last letter", func(right string) string { return right[:len(right)-1] }},
		{"that lacks its first letter", func(right string) string { return right[1:] }},
		{"with a letter more", func(right string) string { return right + "A" }},
		{"with the case of its letters swapped", swapCase},
		{"in small letters", strings.ToLower},
		{"in quotation marks", func(right string) string { return `"` + right + `"` }},
		{"in hexadecimal", func(right string) string {
			b, _ := base64.StdEncoding.DecodeString(right)
			return hex.EncodeToString(b)
		}},
		{"with a space inside", func(right string) string { return right[:10] + " " + right[10:] }},
		{"twice in one field", func(right string) string { return right + ", " + right }},
		{"with one bit changed", func(right string) string {
			b, _ := base64.StdEncoding.DecodeString(right)
			b[len(b)-1] ^= 1
			return base64.StdEncoding.EncodeToString(b)
		}},
	} {
		trials = append(trials, try("§4.1 answer with an accept "+odd.what, Must, rule, givesUp, change(odd.f)))
	}
	return trials
}

// wrongHashTests answer with what a server gets that makes of the key something
// else than the standard says.
func wrongHashTests() (tests []Test) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	decoded := func(key string) string {
		b, _ := base64.StdEncoding.DecodeString(key)
		return string(b)
	}
	hash := func(s string) string {
		sum := sha1.Sum([]byte(s))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	for _, wrong := range []struct {
		what string
		of   func(key string) string
	}{
		{"the key itself for an accept", func(key string) string { return key }},
		{"the hash of the key alone", func(key string) string { return hash(key) }},
		{"the hash of the decoded key and the GUID", func(key string) string { return hash(decoded(key) + guid) }},
		{"the hash of the GUID before the key", func(key string) string { return hash(guid + key) }},
		{"the hash with the GUID in small letters", func(key string) string { return hash(key + strings.ToLower(guid)) }},
	} {
		tests = append(tests, Test{
			Name: "§4.1 answer with " + wrong.what, Area: "opening", Level: Must,
			Rule: "Sec-WebSocket-Accept is the base64 form of the SHA-1 hash of the key as it stands, with the GUID behind it.",
			run: func(p *peer) {
				p.connect()
				key := p.hello().Header.Get("Sec-WebSocket-Key")
				p.write(p.answer(set("Sec-WebSocket-Accept", wrong.of(key))))
				givesUp(p)
			},
		})
	}
	return tests
}

// wrongFieldTrials answer with what was not offered, and with lines that are none.
func wrongFieldTrials() []trial {
	const (
		subprotocol = "A client must fail the connection if the answer has a subprotocol that it did not offer."
		invalid     = "A field value with a CR or NUL in it must be refused, or read with a space in its place."
		fold        = "A folded line must be read as if a space stood in place of the fold."
		grammar     = "Octets that are no HTTP message are not the answer of a server's handshake."
	)
	return []trial{
		try("§4.1 answer with a subprotocol that was not offered", Must, subprotocol, givesUp, set("Sec-WebSocket-Protocol", "x-unoffered.example")),
		try("§4.2.2 answer with an empty subprotocol", Must, "The empty string is no subprotocol, so a client must fail the connection.", givesUp,
			set("Sec-WebSocket-Protocol", "")),
		try("RFC 9110 §5.5 answer with a NUL in Upgrade", Must, invalid, givesUp, set("Upgrade", "web\x00socket")),
		try("RFC 9112 §2.2 answer with a CR in Upgrade", Must, invalid, givesUp, set("Upgrade", "web\rsocket")),
		try("RFC 9112 §2.2 answer with a CR in Connection", Must, invalid, givesUp, set("Connection", "Up\rgrade")),
		try("RFC 9112 §5.2 answer with Upgrade in a folded line", Must, fold, givesUp, del("Upgrade"), add("X-Folded", "a\r\n Upgrade: websocket")),
		try("RFC 9112 §5.2 answer with a folded line in a field of no meaning", Should, fold, goesOn, add("X-Folded", "a\r\n b")),
		try("RFC 9112 §5 answer with a line without a colon", Should, grammar, givesUp).as(insert("garbage")),
		try("RFC 9112 §5 answer with a line without a name", Should, grammar, givesUp).as(insert(": garbage")),
		try("RFC 9112 §5.1 answer with a space before a colon", May, "White space before a colon is not allowed. Only a proxy must remove it.",
			mostlyGoesOn, add("X-Odd ", "1")),
		try("RFC 9112 §2.2 answer with lines that end in LF", May, "A client may take an LF by itself for the end of a line.",
			mostlyGoesOn).as(func(head []byte) []byte { return bytes.ReplaceAll(head, []byte("\r\n"), []byte("\n")) }),
	}
}

// oddAnswerTrials are correct answers in an unusual form, or with something more.
func oddAnswerTrials() []trial {
	const (
		space   = "White space around a value is no part of it."
		name    = "Names of fields are the same in letters of either case."
		unknown = "Fields that a client does not know are ignored."
		nobody  = "An answer 101 ends with the empty line, whatever its fields announce."
	)
	pad := func(before, after string) edit {
		return values(func(v string) string { return before + v + after })
	}
	fields := func(n int) edit {
		return func(h *head) {
			for i := range n {
				add("X-Unknown-"+itoa(i), "value")(h)
			}
		}
	}
	return []trial{
		try("§4.1 correct answer", Must, "With a correct answer the connection is open.", goesOn),
		try("§4.1 names in small letters", Must, name, goesOn, names(strings.ToLower)),
		try("§4.1 names in capitals", Must, name, goesOn, names(strings.ToUpper)),
		try("§4.1 names with the case of each letter swapped", Must, name, goesOn, names(swapCase)),
		try("RFC 9112 §5.1 no space behind the colons", Must, space, goesOn).
			as(func(head []byte) []byte { return bytes.ReplaceAll(head, []byte(": "), []byte(":")) }),
		try("RFC 9112 §5.1 tabs and spaces around the values", Must, space, goesOn, pad("\t ", " \t ")),
		try("§4.1 fields in reverse order", Must, "The order of the fields is not important.", goesOn, func(h *head) { slices.Reverse(h.fields) }),
		try("§4.1 the fields that servers send", Must, unknown, goesOn,
			add("Date", "Thu, 01 Jan 2026 00:00:00 GMT"), add("Server", "example/1.0"), add("Set-Cookie", "a=1; Path=/"), add("Set-Cookie", "b=2"),
			add("Vary", "Origin"), add("Strict-Transport-Security", "max-age=1")),
		try("§4.1 50 fields that nobody knows", Must, unknown, goesOn, fields(50)),
		try("§4.1 field without a value", Must, unknown, goesOn, add("X-Unknown", "")),
		try("§4.1 field with letters that are not ASCII", Must, unknown, goesOn, add("X-Unknown", "gr\u00fc\u00dfe")),
		try("§4.1 field with octets that are not UTF-8", Must, unknown, goesOn, add("X-Unknown", "\xff\xfe\x80")),
		try("§4.1 Sec-WebSocket-Version in the answer", Must, "It belongs into refusals (§11.3.5). In a 101 it has no meaning.", goesOn,
			add("Sec-WebSocket-Version", "13")),
		try("RFC 6265 §6.1 cookie of 4 KiB in the answer", May, "Servers set cookies of 4096 bytes.", mostlyGoesOn, add("Set-Cookie", "a="+letters(4096))),
		try("RFC 9112 §6.3 Content-Length in the answer", Must, nobody, framesNotContent, add("Content-Length", "5")),
		try("RFC 9112 §6.3 Transfer-Encoding in the answer", Must, nobody, framesNotContent, add("Transfer-Encoding", "chunked")),
	}
}

// framesNotContent wants frames not to be taken for content. To give up at an
// answer that a server must not send is as good.
func framesNotContent(p *peer) {
	x := &p.exchange
	p.send(text("a frame, not content"))
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	p.must(len(x.messages) > 0 || x.closed != nil || p.end != nil, "%s neither answers a message nor gives up", p.endpoint())
	p.inform(len(x.messages) > 0, "%s gives up", p.endpoint())
}

// interimTrials send something before the answer.
func interimTrials() (trials []trial) {
	const rule = "A client must be able to read any number of answers with 1xx before the last one. 101 is the one it waits for."
	for _, before := range []struct{ what, head string }{
		{"100 Continue", "HTTP/1.1 100 Continue\r\n\r\n"},
		{"102 Processing", "HTTP/1.1 102 Processing\r\n\r\n"},
		{"103 Early Hints", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"},
		{"three times 103", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", 3)},
	} {
		trials = append(trials, try("RFC 9110 §15.2 "+before.what+" before the answer", Should, rule, goesOn).
			as(func(head []byte) []byte { return append([]byte(before.head), head...) }))
	}
	return trials
}

// endlessAnswerTrials answer without an end.
func endlessAnswerTrials() (trials []trial) {
	const (
		rule = "A client ought to limit how long a head may grow, and not read on for ever."
		size = 4 << 20 // bytes
	)
	cutEnd := func(more string) func([]byte) []byte {
		return func(head []byte) []byte {
			return append(bytes.TrimSuffix(head, []byte("\r\n")), strings.Repeat(more, size/len(more))...)
		}
	}
	return []trial{
		try("RFC 9110 §17.5 answer of 4 MiB without an end", Should, rule, givesUp).as(cutEnd("X-More: " + letters(1000) + "\r\n")),
		try("RFC 9110 §17.5 answer with a line of 4 MiB", Should, rule, givesUp).as(cutEnd(letters(1024))),
		try("RFC 9110 §17.5 answer that begins with a line of 4 MiB", Should, rule, givesUp).
			as(func([]byte) []byte { return []byte("HTTP/1.1 101 " + strings.Repeat(letters(1024), size/1024)) }),
		try("RFC 9110 §17.5 answer behind 10,000 times 103", Should, rule, givesUp).
			as(func([]byte) []byte {
				return bytes.Repeat([]byte("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"), 10_000)
			}),
	}
}
