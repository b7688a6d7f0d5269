package handshake

import (
	"bufio"
	"bytes"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// chromium is the request of Chromium for a WebSocket, with the cookies of a session.
const chromium = "GET /chat?room=42 HTTP/1.1\r\n" +
	"Host: app.example.com\r\n" +
	"Connection: Upgrade\r\n" +
	"Pragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\n" +
	"Origin: https://app.example.com\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n" +
	"Cookie: session=6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b; theme=dark\r\n" +
	"Sec-WebSocket-Key: " + sampleKey + "\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
	"\r\n"

// get is a request with these field lines, behind a Host.
func get(lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
}

// start is a request with this line.
func start(line string) string { return line + "\r\nHost: a\r\n\r\n" }

// headers are header fields.
type headers = map[string][]string

// goodHeads are heads that are well formed, and what is in them. Whether they open a
// WebSocket is another matter.
var goodHeads = []struct {
	name, wire string
	want       Request
}{
	{"RFC 9112 §2.1 the least there can be", get(), Request{"GET", 1, 1, "/", "a", headers{}, false, false}},
	{"Chromium", chromium, Request{"GET", 1, 1, "/chat?room=42", "app.example.com", headers{
		"Connection": {"Upgrade"}, "Pragma": {"no-cache"}, "Cache-Control": {"no-cache"},
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"},
		"Upgrade":    {"websocket"}, "Origin": {"https://app.example.com"}, "Sec-Websocket-Version": {"13"},
		"Accept-Encoding": {"gzip, deflate, br, zstd"}, "Accept-Language": {"en-GB,en-US;q=0.9,en;q=0.8"},
		"Cookie":            {"session=6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b; theme=dark"},
		"Sec-Websocket-Key": {sampleKey}, "Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"},
	}, false, false}},
	{"RFC 9112 §2.2 empty line in front", "\r\n" + get(), Request{"GET", 1, 1, "/", "a", headers{}, false, false}},
	{"RFC 9112 §2.3 HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", Request{"GET", 1, 0, "/", "", headers{}, false, false}},
	{"RFC 9112 §2.3 HTTP/1.2", start("GET / HTTP/1.2"), Request{"GET", 1, 2, "/", "a", headers{}, false, false}},
	{"RFC 9113 §3.4 preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", Request{"PRI", 2, 0, "*", "", headers{}, false, false}},
	{"RFC 9110 §9.1 any method", start("M-SEARCH!#$ / HTTP/1.1"), Request{"M-SEARCH!#$", 1, 1, "/", "a", headers{}, false, false}},
	{"long method", start(letterA(100) + " / HTTP/1.1"), Request{letterA(100), 1, 1, "/", "a", headers{}, false, false}},
	{"RFC 9112 §3.2.1 path and query", start("GET /a%2Fb/?c=%&d=%zz HTTP/1.1"), Request{"GET", 1, 1, "/a%2Fb/?c=%&d=%zz", "a", headers{}, false, false}},
	{"RFC 9112 §3.2.2 absolute target", start("GET http://b:80/c?d HTTP/1.1"), Request{"GET", 1, 1, "http://b:80/c?d", "b:80", headers{}, false, false}},
	{"RFC 9112 §3.2.2 without a path", start("GET HTTP://b HTTP/1.1"), Request{"GET", 1, 1, "HTTP://b", "b", headers{}, false, false}},
	{"RFC 9112 §3.2.2 with a query behind the host", start("GET http://b?http://c/ HTTP/1.1"), Request{"GET", 1, 1, "http://b?http://c/", "b", headers{}, false, false}},
	{"RFC 9110 §4.2.4 user in the target is for Check to refuse", start("GET http://b@c HTTP/1.1"),
		Request{"GET", 1, 1, "http://b@c", "b@c", headers{}, false, false}},
	{"RFC 9112 §3.2.3 authority of CONNECT", start("CONNECT b:80 HTTP/1.1"), Request{"CONNECT", 1, 1, "b:80", "a", headers{}, false, false}},
	{"RFC 9112 §3.2.4 asterisk", start("OPTIONS * HTTP/1.1"), Request{"OPTIONS", 1, 1, "*", "a", headers{}, false, false}},
	{"RFC 9110 §7.2 empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Request{"GET", 1, 1, "/", "", headers{}, false, false}},
	{"RFC 9112 §5.1 white space round a value", get("X: \t b c\t "), Request{"GET", 1, 1, "/", "a", headers{"X": {"b c"}}, false, false}},
	{"RFC 9112 §5.1 no white space", get("X:b"), Request{"GET", 1, 1, "/", "a", headers{"X": {"b"}}, false, false}},
	{"RFC 9112 §5.1 colons in a value", get("X: :b:"), Request{"GET", 1, 1, "/", "a", headers{"X": {":b:"}}, false, false}},
	{"RFC 9110 §5.1 case of names", get("x-ABC-dEF: 1", "X-Abc-Def: 2", "-x--y-: 3"),
		Request{"GET", 1, 1, "/", "a", headers{"X-Abc-Def": {"1", "2"}, "-X--Y-": {"3"}}, false, false}},
	{"RFC 9110 §5.1 signs in a name", get("a_B.1`|~!#$%&'*+^: 1"), Request{"GET", 1, 1, "/", "a", headers{"A_b.1`|~!#$%&'*+^": {"1"}}, false, false}},
	{"RFC 9110 §5.3 order of values", get("X: 1", "Y: 2", "x: 3", "Y: 4", "X: 5"),
		Request{"GET", 1, 1, "/", "a", headers{"X": {"1", "3", "5"}, "Y": {"2", "4"}}, false, false}},
	{"names of the same length and ends", get("Ab: 1", "Ba: 2", "Ab: 3", "Ba: 4"),
		Request{"GET", 1, 1, "/", "a", headers{"Ab": {"1", "3"}, "Ba": {"2", "4"}}, false, false}},
	{"RFC 9110 §5.5 empty values", get("X:", "X: \t"), Request{"GET", 1, 1, "/", "a", headers{"X": {"", ""}}, false, false}},
	{"RFC 9110 §5.5 bytes beyond ASCII", get("X: \x80\xffgr\u00fc\u00dfe, und ein Tab:\t."),
		Request{"GET", 1, 1, "/", "a", headers{"X": {"\x80\xffgr\u00fc\u00dfe, und ein Tab:\t."}}, false, false}},
	{"RFC 9110 §8.6 Content-Length of 0", get("Content-Length: 0", "content-length: 0"),
		Request{"GET", 1, 1, "/", "a", headers{"Content-Length": {"0", "0"}}, false, false}},
	{"RFC 9112 §6.2 Content-Length", get("Content-Length: 007"), Request{"GET", 1, 1, "/", "a", headers{"Content-Length": {"007"}}, true, false}},
	{"RFC 9112 §6.1 Transfer-Encoding in HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		Request{"GET", 1, 0, "/", "", headers{"Transfer-Encoding": {"chunked"}}, true, false}},
	{"RFC 9112 §6.1 Transfer-Encoding", get("Transfer-Encoding: x", "Content-Length: 0"),
		Request{"GET", 1, 1, "/", "a", headers{"Content-Length": {"0"}, "Transfer-Encoding": {"x"}}, true, false}},
}

// badHeads are heads that are not well formed.
var badHeads = []struct {
	name, wire    string
	status        int
	section, part string
}{
	{"RFC 8446 §5.1 hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "RFC 9112 §3", "does not begin with a method"},
	{"RFC 4253 §4.2 greeting of SSH", "SSH-2.0-OpenSSH_10.0\r\n\r\n", 400, "RFC 9112 §3", "does not begin with a method"},
	{"two empty lines in front", "\r\n\r\n" + get(), 400, "RFC 9112 §3", "does not begin with a method"},
	{"LF in front", "\n" + get(), 400, "RFC 9112 §3", "does not begin with a method"},
	{"CR in front", "\r" + get(), 400, "RFC 9112 §3", "does not begin with a method"},
	{"space in front", " " + get(), 400, "RFC 9112 §3", "does not begin with a method"},
	{"no method", start("/ HTTP/1.1"), 400, "RFC 9112 §3", "does not begin with a method"},
	{"method that is no token", start("GE(T / HTTP/1.1"), 400, "RFC 9112 §3", "does not begin with a method"},
	{"method that ends in something else", start(letterA(100) + "( / HTTP/1.1"), 400, "RFC 9112 §3", "does not begin with a method"},
	{"method alone", start("GET"), 400, "RFC 9112 §3", "does not begin with a method"},
	{"tabs for spaces", start("GET\t/\tHTTP/1.1"), 400, "RFC 9112 §3", "does not begin with a method"},
	{"no version", start("GET /"), 400, "RFC 9112 §3", `the request line "GET /" is not`},
	{"no target", start("GET HTTP/1.1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"empty target", start("GET  HTTP/1.1"), 400, "RFC 9112 §3.2", "is neither a path nor a URL"},
	{"two spaces", start("GET  / HTTP/1.1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"two targets", start("GET / / HTTP/1.1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"space behind the line", start("GET / HTTP/1.1 "), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version without a dot", start("GET / HTTP/1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version in small letters", start("GET / http/1.1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version of three numbers", start("GET / HTTP/1.1.1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version of two digits", start("GET / HTTP/1.10"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version of letters", start("GET / HTTP/a.b"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version with one letter", start("GET / HTTP/1.x"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.3 version with a comma", start("GET / HTTP/1,1"), 400, "RFC 9112 §3", "is not a method, a target and a version"},
	{"RFC 9112 §2.2 CR in the first line", start("GET /\r HTTP/1.1"), 400, "RFC 9112 §3.2", `"/\r" is not escaped`},
	{"NUL in the target", start("GET /\x00 HTTP/1.1"), 400, "RFC 9112 §3.2", "is not escaped"},
	{"target beyond ASCII", start("GET /gr\u00fc HTTP/1.1"), 400, "RFC 9112 §3.2", "is not escaped"},
	{"half an escape", start("GET /a%2 HTTP/1.1"), 400, "RFC 9112 §3.2", "half an escape"},
	{"escape that is none", start("GET /%41%4x?b HTTP/1.1"), 400, "RFC 9112 §3.2", "half an escape"},
	{"escape that ends in the query", start("GET /%4?1 HTTP/1.1"), 400, "RFC 9112 §3.2", "half an escape"},
	{"relative path", start("GET a HTTP/1.1"), 400, "RFC 9112 §3.2", "is neither a path nor a URL"},
	{"URL in a query", start("GET a?b://c HTTP/1.1"), 400, "RFC 9112 §3.2", "is neither a path nor a URL"},
	{"URL without a scheme", start("GET ://c HTTP/1.1"), 400, "RFC 9112 §3.2", "is neither a path nor a URL"},
	{"URL without a host", start("GET http:///c HTTP/1.1"), 400, "RFC 9112 §3.2", "is neither a path nor a URL"},
	{"RFC 9112 §3.2 no Host", "GET / HTTP/1.1\r\nX: Host: a\r\n\r\n", 400, "RFC 9112 §3.2", "Host is missing"},
	{"RFC 9112 §3.2 no Host but a URL", "GET http://a/ HTTP/1.1\r\n\r\n", 400, "RFC 9112 §3.2", "Host is missing"},
	{"RFC 9112 §3.2 two Hosts", get("Host: a"), 400, "RFC 9112 §3.2", "Host is sent 2 times"},
	{"RFC 9112 §3.2 two Hosts in other letters", get("X: b", "hOST: c"), 400, "RFC 9112 §3.2", "Host is sent 2 times"},
	{"RFC 9112 §3.2 two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "RFC 9112 §3.2", "Host is sent 2 times"},
	{"RFC 9112 §3.2 two empty Hosts", "GET / HTTP/1.1\r\nHost:\r\n" + "Host:\r\n\r\n", 400, "RFC 9112 §3.2", "Host is sent 2 times"},
	{"RFC 9112 §2.2 LF behind the first line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "RFC 9112 §2.2", "LF without CR"},
	{"RFC 9112 §2.2 LF behind a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, "RFC 9112 §2.2", "LF without CR"},
	{"RFC 9112 §2.2 LFs only", "GET / HTTP/1.1\nHost: a\n\n", 400, "RFC 9112 §2.2", "LF without CR"},
	{"RFC 9112 §2.2 empty line that is an LF", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "RFC 9112 §2.2", "LF without CR"},
	{"RFC 9112 §2.2 CR in a value", get("X: a\rb"), 400, "RFC 9110 §5.5", `header "X" has a control character`},
	{"RFC 9112 §2.2 two CRs before an LF", get("X: a\r"), 400, "RFC 9110 §5.5", "control character"},
	{"RFC 9112 §2.2 space before all fields", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "RFC 9112 §5.2", "is folded"},
	{"RFC 9112 §5.2 folded line", get("X: a", " b"), 400, "RFC 9112 §5.2", `" b" is folded`},
	{"RFC 9112 §5.2 folded with a tab", get("X: a", "\tUpgrade: websocket"), 400, "RFC 9112 §5.2", "is folded"},
	{"RFC 9112 §5.2 line of spaces", get("X: a", "  "), 400, "RFC 9112 §5.2", "is folded"},
	{"RFC 9112 §5.1 space before the colon", get("X : a"), 400, "RFC 9112 §5.1", `"X : a" has white space before the colon`},
	{"RFC 9112 §5.1 tabs before the colon", get("X \t: a"), 400, "RFC 9112 §5.1", "white space before the colon"},
	{"RFC 9112 §5 no colon", get("garbage"), 400, "RFC 9112 §5", `"garbage" has no colon`},
	{"RFC 9112 §5 no name", get(": a"), 400, "RFC 9112 §5", `": a" does not begin with a name`},
	{"RFC 9110 §5.1 space in a name", get("X Y: a"), 400, "RFC 9112 §5", "does not begin with a name"},
	{"RFC 9110 §5.1 brackets in a name", get("X(: a"), 400, "RFC 9112 §5", "does not begin with a name"},
	{"RFC 9110 §5.1 NUL in a name", get("X\x00: a"), 400, "RFC 9112 §5", `"X\x00: a" does not begin with a name`},
	{"RFC 9110 §5.1 name beyond ASCII", get("\u00d6: a"), 400, "RFC 9112 §5", "does not begin with a name"},
	{"RFC 9110 §5.5 NUL in a value", get("X: a\x00b"), 400, "RFC 9110 §5.5", "control character"},
	{"RFC 9110 §5.5 DEL in a value", get("X: long enough\x7f for a word"), 400, "RFC 9110 §5.5", "control character"},
	{"RFC 9110 §5.5 escape in a value", get("X: \x1b[2J"), 400, "RFC 9110 §5.5", "control character"},
	{"RFC 9110 §5.5 NUL in Host", "GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n", 400, "RFC 9110 §5.5", "control character"},
	{"RFC 9112 §6.3 Content-Length of letters", get("Content-Length: five"), 400, "RFC 9112 §6.3", `Content-Length "five" is not one number`},
	{"RFC 9112 §6.3 Content-Length with a sign", get("Content-Length: +5"), 400, "RFC 9112 §6.3", "not one number"},
	{"RFC 9112 §6.3 Content-Length below 0", get("Content-Length: -1"), 400, "RFC 9112 §6.3", "not one number"},
	{"RFC 9112 §6.3 Content-Length empty", get("Content-Length:"), 400, "RFC 9112 §6.3", "not one number"},
	{"RFC 9112 §6.3 Content-Length listed", get("Content-Length: 5, 5"), 400, "RFC 9112 §6.3", "not one number"},
	{"RFC 9110 §8.6 Content-Length beyond 63 bits", get("Content-Length: 9223372036854775808"), 400, "RFC 9112 §6.3", "not one number"},
	{"RFC 9112 §6.3 two Content-Lengths", get("Content-Length: 0", "Content-Length: 5"), 400, "RFC 9112 §6.3", "not one number"},
	{"RFC 6585 §5 too many fields", get(slices.Repeat([]string{"X: a"}, MaxFields)...), 431, "RFC 6585 §5", "more than 100 header fields"},
	{"RFC 6585 §5 value too long", get("X: " + letterA(MaxHead)), 431, "RFC 6585 §5", "more than 16384 bytes"},
	{"RFC 6585 §5 name too long", get(letterA(MaxHead)), 431, "RFC 6585 §5", "more than 16384 bytes"},
	{"RFC 9110 §15.5.15 target too long", start("GET /" + letterA(MaxHead) + " HTTP/1.1"), 414, "RFC 9110 §15.5.15", "more than 16384 bytes"},
	{"RFC 9110 §15.5.15 method too long", letterA(MaxHead), 414, "RFC 9110 §15.5.15", "more than 16384 bytes"},
}

// letterA returns n letters.
func letterA(n int) string { return strings.Repeat("A", n) }

func TestParse(t *testing.T) {
	var h Head // one for all: nothing of a request may be left for the next
	for _, tt := range goodHeads {
		t.Run(tt.name, func(t *testing.T) {
			for _, behind := range []string{"", "\x81\x85", "\r\n\r\n", get()} {
				b := []byte(tt.wire + behind)
				n, err := h.Parse(b, 0)
				assert.NoError(t, err)
				assert.Equal(t, n, len(tt.wire))
				assert.Equal(t, h.Request, tt.want)
				assert.Equal(t, string(b), tt.wire+behind)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	var h Head
	for _, tt := range badHeads {
		t.Run(tt.name, func(t *testing.T) {
			n, err := h.Parse([]byte(tt.wire), 0)
			assertError(t, err, tt.status, tt.section, tt.part)
			assertPrintable(t, err)
			assert.Equal(t, n, 0)
		})
	}
}

// parseInTwo parses b in two calls. It returns the same as one.
func parseInTwo(h *Head, b []byte, cut int) (int, error) {
	n, err := h.Parse(b[:cut], 0)
	if n > 0 || err != nil {
		return n, err
	}
	return h.Parse(b, cut)
}

// parseByBytes parses b in one call for each byte. used is how many that were.
func parseByBytes(h *Head, b []byte) (used, n int, err error) {
	for used < len(b) && n == 0 && err == nil {
		used++
		n, err = h.Parse(b[:used], used-1)
	}
	return used, n, err
}

func TestParseInAnyChunks(t *testing.T) {
	var h Head
	for _, tt := range goodHeads {
		t.Run(tt.name, func(t *testing.T) {
			b := []byte(tt.wire)
			for cut := range b {
				n, err := h.Parse(b[:cut], 0)
				assert.NoError(t, err)
				assert.Equal(t, n, 0)
				n, err = parseInTwo(&h, b, cut)
				assert.NoError(t, err)
				assert.Equal(t, n, len(b))
				assert.Equal(t, h.Request, tt.want)
			}
			used, n, err := parseByBytes(&h, b)
			assert.NoError(t, err)
			assert.Equal(t, used, len(b))
			assert.Equal(t, n, len(b))
			assert.Equal(t, h.Request, tt.want)
		})
	}
	for _, tt := range badHeads {
		t.Run(tt.name, func(t *testing.T) {
			b := []byte(tt.wire)
			_, want := h.Parse(b, 0)
			for cut := 0; cut < len(b); cut += 1 + cut/100 {
				n, err := parseInTwo(&h, b, cut)
				assert.Equal(t, err, want)
				assert.Equal(t, n, 0)
			}
			_, n, err := parseByBytes(&h, b)
			assert.Equal(t, err, want)
			assert.Equal(t, n, 0)
		})
	}
}

// TestParseRefusesEarly checks how many bytes it takes to refuse.
func TestParseRefusesEarly(t *testing.T) {
	tests := []struct {
		name, wire string
		want       int
	}{
		{"hello of TLS", "\x16\x03\x01", 1},
		{"version 2 of the PROXY protocol", "\r\n\r\n\x00\r\nQUIT\n", 4},
		{"version 1 of the PROXY protocol", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(), 36},
		{"command of Redis", "*1\r\n$4\r\nPING\r\n", 3},
		{"HTTP/0.9", "GET /\r\n", 7},
		{"LF", "GET / HTTP/1.1\n" + letterA(100), 15},
		{"bad line", get("a b") + letterA(100), len(get("a b")) - 2},
		{"bad first field", "GET / HTTP/1.1\r\nX Y: Z\r\n" + letterA(100), 24},
		{"too long", get("X: " + letterA(2*MaxHead)), MaxHead},
		{"request line too long", start("GET /" + letterA(2*MaxHead)), MaxHead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			used, n, err := parseByBytes(new(Head), []byte(tt.wire))
			assert.True(t, err != nil, "not refused")
			assert.Equal(t, n, 0)
			assert.Equal(t, used, tt.want)
		})
	}
}

// TestParseDoesNotLookAgain breaks lines that Parse has looked at: it notices only when it
// has the whole head. So a head that comes byte by byte is read twice, not a thousand times.
func TestParseDoesNotLookAgain(t *testing.T) {
	var h Head
	b := []byte(strings.TrimSuffix(get("X: "+letterA(100)), "\r\n") + "Y: b\r\nZ: c")
	seen := len(b) - len(": b\r\nZ: c")
	n, err := h.Parse(b[:seen], 0)
	assert.NoError(t, err)
	assert.Equal(t, n, 0)
	clear(b[:seen-len("\r\nY")])
	for i := seen + 1; i <= len(b); i++ {
		n, err = h.Parse(b[:i], i-1)
		assert.NoError(t, err)
		assert.Equal(t, n, 0)
	}
	_, err = h.Parse(append(b, "\r\n\r\n"...), len(b))
	assertError(t, err, 400, "RFC 9112 §3", "does not begin with a method")
}

func TestParseTakesAnySeen(t *testing.T) {
	var h Head
	for seen, want := range map[int]int{
		math.MinInt: len(chromium), 0: len(chromium), len(chromium) - 1: len(chromium), math.MaxInt: 0,
	} {
		n, err := h.Parse([]byte(chromium), seen)
		assert.NoError(t, err)
		assert.Equal(t, n, want)
	}
}

func TestParseLimits(t *testing.T) {
	var h Head
	full := get("X: " + letterA(MaxHead-len(get("X: "))))
	assert.Equal(t, len(full), MaxHead)
	n, err := h.Parse([]byte(full+"frames"), 0)
	assert.NoError(t, err)
	assert.Equal(t, n, MaxHead)
	n, err = h.Parse([]byte(get("X: A"+letterA(MaxHead-len(get("X: "))))), 0)
	assertError(t, err, 431, "RFC 6585 §5", "more than 16384 bytes")
	assert.Equal(t, n, 0)

	lines := slices.Repeat([]string{"x-one: a"}, MaxFields-1) // and Host
	_, err = h.Parse([]byte(get(lines...)), 0)
	assert.NoError(t, err)
	assert.Equal(t, len(h.Request.Header["X-One"]), MaxFields-1)
	_, err = h.Parse([]byte(get(append(lines, "x-one: a")...)), 0)
	assertError(t, err, 431, "RFC 6585 §5", "more than 100 header fields")
}

func TestParseLeavesSecure(t *testing.T) {
	h := Head{Request: Request{Secure: true, HasBody: true}}
	_, err := h.Parse([]byte(get()), 0)
	assert.NoError(t, err)
	assert.True(t, h.Request.Secure, "Secure is lost")
	assert.True(t, !h.Request.HasBody, "there is no body")
}

// TestHeadDoesNotGrow checks that a Head keeps what one request needs, not what all did.
func TestHeadDoesNotGrow(t *testing.T) {
	var h Head
	b := []byte(get("x-one: 1", "x-one: 2", "x-two: 3", "sec-websocket-extensions: a; b, c; d"))
	for range 1000 {
		_, err := h.Parse(b, 0)
		assert.NoError(t, err)
		_, err = h.offers.parse(h.Request.Header["Sec-Websocket-Extensions"])
		assert.NoError(t, err)
	}
	assert.True(t, cap(h.names) < 2*len(b) && cap(h.values) == MaxFields, "the memory for the header grows")
	assert.True(t, cap(h.offers.list) <= 4 && cap(h.offers.params) <= 4, "the memory for the offers grows")
}

// TestHeadOpens goes all the way from a request to the answer, for two in turn.
func TestHeadOpens(t *testing.T) {
	var h Head
	h.Request.Secure = true
	for _, tt := range []struct {
		wire   string
		offers []Extension
	}{
		{chromium, []Extension{{"permessage-deflate", []Param{{Name: "client_max_window_bits"}}}}},
		{strings.Replace(chromium, "permessage-deflate; client_max_window_bits", "a; b; c=1, d, e; f", 1),
			[]Extension{{"a", []Param{{Name: "b"}, {"c", "1", true}}}, {Name: "d"}, {"e", []Param{{Name: "f"}}}}},
		{strings.Replace(chromium, "Sec-WebSocket-Extensions", "X", 1), nil},
	} {
		_, err := h.Parse([]byte(tt.wire), 0)
		assert.NoError(t, err)
		a, err := h.Check(nil)
		assert.NoError(t, err)
		assert.Equal(t, a, Accepted{Key: sampleKey, Offers: tt.offers})
		same, err := Check(&h.Request, nil)
		assert.NoError(t, err)
		assert.Equal(t, same, a)
		out, err := AppendResponse(nil, a, nil)
		assert.NoError(t, err)
		assert.Contains(t, string(out), "\r\nSec-WebSocket-Accept: "+sampleAccept+"\r\n")
	}
	_, err := h.Parse([]byte(get()), 0)
	assert.NoError(t, err)
	_, err = h.Check(nil)
	assertError(t, err, 426, "RFC 6455 §4.2.1", "this URL speaks WebSocket")
}

// BenchmarkOpening compares the opening of a connection, from the bytes of the request to
// those of the answer, with Head and with the parser of net/http.
func BenchmarkOpening(b *testing.B) {
	in, out := []byte(chromium), make([]byte, 0, 512)
	run := func(name string, open func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := open(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var h Head
	run("Parse", func() error {
		_, err := h.Parse(in, 0)
		return err
	})
	run("Head", func() (err error) {
		out, err = open(&h, in, out[:0])
		return err
	})
	r := bytes.NewReader(nil)
	br := bufio.NewReader(r)
	run("http", func() error {
		r.Reset(in)
		br.Reset(r)
		req, err := http.ReadRequest(br)
		if err != nil {
			return err
		}
		a, err := Check(fromHTTP(req), nil)
		if err != nil {
			return err
		}
		out, err = AppendResponse(out[:0], a, nil)
		return err
	})
}

// open appends the answer to the request in b.
func open(h *Head, b, dst []byte) ([]byte, error) {
	if _, err := h.Parse(b, 0); err != nil {
		return dst, err
	}
	a, err := h.Check(nil)
	if err != nil {
		return dst, err
	}
	return AppendResponse(dst, a, nil)
}

// fromHTTP is what a server on net/http sees of a request.
func fromHTTP(r *http.Request) *Request {
	return &Request{
		Method: r.Method, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, Target: r.RequestURI,
		Host: r.Host, Header: r.Header, HasBody: r.ContentLength != 0,
	}
}
