package handshake

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// sampleKey is the key of the example in RFC 6455 §1.3.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// goodRequest returns the request of RFC 6455 §1.2, as far as a server without
// subprotocols is concerned.
func goodRequest() *Request {
	return &Request{
		Method: "GET", ProtoMajor: 1, ProtoMinor: 1, Host: "server.example.com",
		Header: map[string][]string{
			"Upgrade":               {"websocket"},
			"Connection":            {"Upgrade"},
			"Sec-Websocket-Key":     {sampleKey},
			"Sec-Websocket-Version": {"13"},
		},
	}
}

// set changes a header of the request; without values it takes it away.
func set(name string, values ...string) func(*Request) {
	return func(r *Request) {
		if r.Header[name] = values; values == nil {
			delete(r.Header, name)
		}
	}
}

func TestCheckAccepts(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Request)
		want   Accepted
	}{
		{"RFC 6455 §1.2", func(*Request) {}, Accepted{Key: sampleKey}},
		{"HTTP/1.2", func(r *Request) { r.ProtoMinor = 2 }, Accepted{Key: sampleKey}},
		{"Connection as Firefox sends it", set("Connection", "keep-alive, Upgrade"), Accepted{Key: sampleKey}},
		{"Connection in lower case on a second line", set("Connection", "keep-alive", "upgrade"), Accepted{Key: sampleKey}},
		{"Upgrade in another case", set("Upgrade", "WebSocket"), Accepted{Key: sampleKey}},
		{"Upgrade with alternatives", set("Upgrade", "h2c, websocket"), Accepted{Key: sampleKey}},
		{"Upgrade on two lines", set("Upgrade", "h2c", "websocket"), Accepted{Key: sampleKey}},
		{"white space", set("Sec-Websocket-Version", " 13\t"), Accepted{Key: sampleKey}},
		{"white space round the key", set("Sec-Websocket-Key", " "+sampleKey+" "), Accepted{Key: sampleKey}},
		{"key of zeros", set("Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="), Accepted{Key: "AAAAAAAAAAAAAAAAAAAAAA=="}},
		{"key with spare bits set", set("Sec-Websocket-Key", "/////////////////////w=="[:21]+"/=="),
			Accepted{Key: "//////////////////////=="}},
		{"Host with a port", func(r *Request) { r.Host = "localhost:8080" }, Accepted{Key: sampleKey}},
		{"Host is IPv6", func(r *Request) { r.Host = "[::1]:8080" }, Accepted{Key: sampleKey}},
		{"own origin", set("Origin", "http://server.example.com"), Accepted{Key: sampleKey}},
		{"listed origin", set("Origin", "https://app.example"), Accepted{Key: sampleKey}},
		{"subprotocol", set("Sec-Websocket-Protocol", "v1", "v2"), Accepted{Key: sampleKey, Subprotocol: "v2"}},
		{"subprotocols that are not spoken", set("Sec-Websocket-Protocol", "mqtt"), Accepted{Key: sampleKey}},
		{"extensions", set("Sec-Websocket-Extensions", "permessage-deflate; client_max_window_bits", "x"),
			Accepted{Key: sampleKey, Offers: []Extension{
				{"permessage-deflate", []Param{{Name: "client_max_window_bits"}}}, {Name: "x"},
			}}},
		{"a path", func(r *Request) { r.Target = "/a%23b?c=*" }, Accepted{Key: sampleKey}},
		{"an absolute target", func(r *Request) { r.Target = "http://example.com/a" }, Accepted{Key: sampleKey}},
		{"headers that are not ours", set("X-Anything", "\x00"), Accepted{Key: sampleKey}},
	}
	policy := &Policy{Subprotocols: []string{"v2", "v1"}, Origins: []string{"https://app.example"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := goodRequest()
			tt.change(r)
			got, err := Check(r, policy)
			assert.NoError(t, err)
			assert.Equal(t, got, tt.want)
		})
	}
	_, err := Check(goodRequest(), nil)
	assert.NoError(t, err)
}

var badRequests = []struct {
	name    string
	change  func(*Request)
	status  int
	section string
	part    string
}{
	{"POST", func(r *Request) { r.Method = "POST" }, 405, "RFC 6455 §4.2.1", `the method is "POST"`},
	{"HEAD", func(r *Request) { r.Method = "HEAD" }, 405, "RFC 6455 §4.2.1", "opened with GET"},
	{"method in lower case", func(r *Request) { r.Method = "get" }, 405, "RFC 6455 §4.2.1", "opened with GET"},
	{"no method", func(r *Request) { r.Method = "" }, 405, "RFC 6455 §4.2.1", "opened with GET"},
	{"HTTP/1.0", func(r *Request) { r.ProtoMinor = 0 }, 426, "RFC 6455 §4.2.1", "HTTP/1.0"},
	{"HTTP/0.9", func(r *Request) { r.ProtoMajor, r.ProtoMinor = 0, 9 }, 505, "RFC 6455 §4.2.1", "not over HTTP/0"},
	{"HTTP/2", func(r *Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, 505, "RFC 6455 §4.2.1", "not over HTTP/2"},
	{"an ordinary request", func(r *Request) { r.Header = nil }, 426, "RFC 6455 §4.2.1", "this URL speaks WebSocket"},
	{"Upgrade missing", set("Upgrade"), 426, "RFC 6455 §4.2.1", "this URL speaks WebSocket"},
	{"Upgrade to something else", set("Upgrade", "h2c"), 426, "RFC 6455 §4.2.1", "this URL speaks WebSocket"},
	{"Upgrade with a version", set("Upgrade", "websocket/13"), 426, "RFC 6455 §4.2.1", "this URL speaks WebSocket"},
	{"Upgrade with the Kelvin sign", set("Upgrade", "websoc\u212aet"), 426, "RFC 6455 §4.2.1", "this URL speaks WebSocket"},
	{"Connection missing", set("Connection"), 400, "RFC 6455 §4.2.1", "Connection does not list Upgrade"},
	{"Connection: close", set("Connection", "close"), 400, "RFC 6455 §4.2.1", "Connection does not list Upgrade"},
	{"Host missing", func(r *Request) { r.Host = "" }, 400, "RFC 6455 §4.2.1", "Host is missing"},
	{"Host malformed", func(r *Request) { r.Host = "a, b" }, 400, "RFC 9112 §3.2", `Host "a, b"`},
	{"Host with a user", func(r *Request) { r.Host = "u@a" }, 400, "RFC 9112 §3.2", "is not host[:port]"},
	{"version missing", set("Sec-Websocket-Version"), 400, "RFC 6455 §4.2.1", "Sec-WebSocket-Version is missing"},
	{"version 8", set("Sec-Websocket-Version", "8"), 426, "RFC 6455 §4.4", `version "8" is not supported; use 13`},
	{"version 14", set("Sec-Websocket-Version", "14"), 426, "RFC 6455 §4.4", "use 13"},
	{"version empty", set("Sec-Websocket-Version", ""), 426, "RFC 6455 §4.4", "use 13"},
	{"version 013", set("Sec-Websocket-Version", "013"), 426, "RFC 6455 §4.4", "use 13"},
	{"version 13.0", set("Sec-Websocket-Version", "13.0"), 426, "RFC 6455 §4.4", "use 13"},
	{"a list of versions", set("Sec-Websocket-Version", "13, 8"), 426, "RFC 6455 §4.4", "use 13"},
	{"version twice", set("Sec-Websocket-Version", "13", "13"), 426, "RFC 6455 §11.3.5", "sent 2 times"},
	{"target *", func(r *Request) { r.Target = "*" }, 400, "RFC 9112 §3.2", `"*" is neither a path nor a URL`},
	{"target of CONNECT", func(r *Request) { r.Target = "example.com:80" }, 400, "RFC 9112 §3.2", "neither a path nor a URL"},
	{"target with a fragment", func(r *Request) { r.Target = "/a?b#c" }, 400, "RFC 6455 §3", "has a fragment"},
	{"absolute target with a fragment", func(r *Request) { r.Target = "http://a/#" }, 400, "RFC 6455 §3", "has a fragment"},
	{"body", func(r *Request) { r.HasBody = true }, 400, "RFC 9110 §9.3.1", "body"},
	{"key missing", set("Sec-Websocket-Key"), 400, "RFC 6455 §4.2.1", "Sec-WebSocket-Key is missing"},
	{"key twice", set("Sec-Websocket-Key", sampleKey, sampleKey), 400, "RFC 6455 §11.3.1", "sent 2 times"},
	{"two keys in a line", set("Sec-Websocket-Key", sampleKey+", "+sampleKey), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key empty", set("Sec-Websocket-Key", ""), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key of 15 bytes", set("Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAA"), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key of 17 bytes", set("Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA="), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key of 18 bytes", set("Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAAAA"), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key without padding", set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key with line breaks", set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBu\r\n\r\nZQ=="), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key in the URL alphabet", set("Sec-Websocket-Key", "____________________-w=="), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"key is not base64", set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25j!Q=="), 400, "RFC 6455 §4.2.1", "16 bytes"},
	{"subprotocols malformed", set("Sec-Websocket-Protocol", "a b"), 400, "RFC 6455 §4.1", "not a token"},
	{"subprotocol twice", set("Sec-Websocket-Protocol", "a", "a"), 400, "RFC 6455 §4.1", "listed twice"},
	{"extensions malformed", set("Sec-Websocket-Extensions", "a;"), 400, "RFC 6455 §9.1", "a parameter has no name"},
	{"extensions empty", set("Sec-Websocket-Extensions", ""), 400, "RFC 6455 §9.1", "is empty"},
	{"foreign origin", set("Origin", "http://evil.example"), 403, "RFC 6455 §10.2", "AcceptOptions.Origins"},
	{"two origins", set("Origin", "http://server.example.com", "http://a"), 403, "RFC 6454 §7.3", "sent 2 times"},
	{"http page over TLS", func(r *Request) {
		r.Secure = true
		set("Origin", "http://server.example.com")(r)
	}, 403, "RFC 6455 §10.2", "not loaded over TLS"},
}

func TestCheckRefuses(t *testing.T) {
	upgrade := map[string][]string{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
	}
	for _, tt := range badRequests {
		t.Run(tt.name, func(t *testing.T) {
			r := goodRequest()
			tt.change(r)
			got, err := Check(r, &Policy{Subprotocols: []string{"a"}})
			e := assertError(t, err, tt.status, tt.section, tt.part)
			assertPrintable(t, err)
			assert.Equal(t, got, Accepted{})
			switch {
			case tt.status == 405:
				assert.Equal(t, e.Header, map[string][]string{"Allow": {"GET"}})
			case tt.status == 426:
				assert.Equal(t, e.Header, upgrade)
			case tt.name == "version missing":
				assert.Equal(t, e.Header, map[string][]string{"Sec-Websocket-Version": {"13"}})
			default:
				assert.Equal(t, e.Header, nil)
			}
		})
	}
}

// goodOffer returns the offer of RFC 6455 §1.2.
func goodOffer() *Offer {
	return &Offer{
		Host: "server.example.com", Target: "/chat", Key: sampleKey,
		Subprotocols: []string{"chat", "superchat"},
		Extra:        map[string][]string{"Origin": {"http://example.com"}, "Cookie": {"a=b", "c=d"}},
	}
}

func TestAppendRequest(t *testing.T) {
	const start = "GET /chat HTTP/1.1\r\n" +
		"Host: server.example.com\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Version: 13\r\n"
	o := goodOffer()
	b, err := AppendRequest([]byte("before "), o)
	assert.NoError(t, err)
	assert.Equal(t, string(b), "before "+start+
		"Sec-WebSocket-Protocol: chat, superchat\r\n"+
		"Cookie: a=b\r\nCookie: c=d\r\nOrigin: http://example.com\r\n\r\n")

	o.Subprotocols, o.Extra = nil, nil
	b, err = AppendRequest(nil, o)
	assert.NoError(t, err)
	assert.Equal(t, string(b), start+"\r\n")
}

func TestAppendRequestRefuses(t *testing.T) {
	type test struct {
		name    string
		change  func(*Offer)
		section string
		part    string
	}
	tests := []test{
		{"no key", func(o *Offer) { o.Key = "" }, "RFC 6455 §4.1", "16 bytes"},
		{"key with more behind it", func(o *Offer) { o.Key += "\r\nX: y" }, "RFC 6455 §4.1", "16 bytes"},
		{"subprotocol empty", func(o *Offer) { o.Subprotocols = []string{""} }, "RFC 6455 §4.1", "not a token"},
		{"subprotocol list", func(o *Offer) { o.Subprotocols = []string{"a, b"} }, "RFC 6455 §4.1", "not a token"},
		{"subprotocol line break", func(o *Offer) { o.Subprotocols = []string{"a\r\nX: y"} }, "RFC 6455 §4.1", "not a token"},
		{"subprotocol twice", func(o *Offer) { o.Subprotocols = []string{"a", "b", "a"} }, "RFC 6455 §4.1", "offered twice"},
		{"Host among the headers", func(o *Offer) { o.Extra["hOST"] = []string{"a"} }, "", "header Host cannot be set"},
	}
	for _, host := range badHosts {
		tests = append(tests, test{"host " + quote(host), func(o *Offer) { o.Host = host }, "RFC 6455 §4.1", "is not host[:port]"})
	}
	for _, target := range []string{
		"", "chat", "?x", "*", "http://server.example.com/chat", " /", "/a b", "/a\tb", "/a HTTP/1.1\r\nX: y",
		"/a\r", "/a\n", "/\x00", "/\x7f", "/größe", "/a#b", "#", "\x80",
	} {
		tests = append(tests, test{"target " + quote(target), func(o *Offer) { o.Target = target }, "RFC 6455 §3", "request target"})
	}
	for _, bad := range badExtras {
		tests = append(tests, test{"extra " + bad.name, func(o *Offer) { o.Extra = bad.extra }, "", bad.part})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := goodOffer()
			tt.change(o)
			b, err := AppendRequest([]byte("before"), o)
			assertError(t, err, 0, tt.section, tt.part)
			assertPrintable(t, err)
			assert.Equal(t, string(b), "before")
		})
	}
}

func TestAppendRequestTakesOddTargets(t *testing.T) {
	for _, target := range []string{"/", "//", "/?", "/a?b=c&d=%20", "/%00", `/{"x":[1|2]}`, "/http://x", "/;:@&=+$,~"} {
		o := goodOffer()
		o.Target = target
		b, err := AppendRequest(nil, o)
		assert.NoError(t, err)
		start, _ := parseHead(t, b)
		assert.Equal(t, start, "GET "+target+" HTTP/1.1")
	}
}

// request turns the bytes of a client into what a server sees of them.
func request(t testing.TB, b []byte) *Request {
	t.Helper()
	start, h := parseHead(t, b)
	method, rest, _ := strings.Cut(start, " ")
	_, proto, _ := strings.Cut(rest, " ")
	assert.Equal(t, proto, "HTTP/1.1")
	assert.Equal(t, len(h["Host"]), 1)
	r := &Request{Method: method, ProtoMajor: 1, ProtoMinor: 1, Host: h["Host"][0], Header: h}
	delete(h, "Host")
	return r
}

// FuzzCheck throws whole requests at Check. Lines of header are "Name: value".
// It must not panic, must not change the request, must give an answer with a
// status it is documented to give, and can only accept what AppendResponse can
// answer.
func FuzzCheck(f *testing.F) {
	const good = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: " + sampleKey
	f.Add("GET", 1, 1, "/chat", "example.com", good, false, false, "chat", "*")
	f.Add("GET", 1, 1, "http://example.com/", "example.com", good+"\nOrigin: https://example.com\nSec-WebSocket-Protocol: a, chat", false, true, "chat", "null")
	f.Add("GET", 1, 1, "", "[::1]:80", good+"\nOrigin: null\nSec-WebSocket-Extensions: a; b=\"c\"", false, false, "", "null")
	f.Add("POST", 2, 0, "*", "", "", true, false, "", "")
	f.Fuzz(func(t *testing.T, method string, major, minor int, target, host, header string, body, secure bool, sub, pattern string) {
		r := &Request{method, major, minor, target, host, make(map[string][]string), body, secure}
		for line := range strings.SplitSeq(header, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header[canonical(name)] = append(r.Header[canonical(name)], value)
		}
		before := maps.Clone(r.Header)
		a, err := Check(r, &Policy{Subprotocols: []string{sub}, Origins: []string{pattern}})
		assert.Equal(t, r.Header, before)
		if err != nil {
			assertPrintable(t, err)
			assert.True(t, slices.Contains([]int{400, 403, 405, 426, 505}, err.(*Error).Status), "an undocumented status")
			return
		}
		assert.True(t, method == "GET" && major == 1 && minor > 0 && target != "*" && host != "" && !body, "accepted a bad request")
		_, err = AppendResponse(nil, a, nil)
		assert.NoError(t, err)
	})
}

// FuzzAppendRequest checks that whatever a program puts into an offer, what is
// sent is a request with just the lines it should have, which a server with
// the same subprotocols accepts.
func FuzzAppendRequest(f *testing.F) {
	f.Add("example.com", "/chat?x=y", sampleKey, "chat", "permessage-deflate", "Cookie", "a=b")
	f.Add("a\r\nX: y", "/ HTTP/1.1\r\nX: y", sampleKey+"\r\n", "a\r\nb", "x,y", "X: y\r\nZ", "a\r\nX: y")
	f.Add("[::1]:80", "/", sampleKey, "a", "x;y=1", "Origin", "http://[::1]\x00")
	f.Fuzz(func(t *testing.T, host, target, key, sub, ext, name, value string) {
		e := Extension{ext, []Param{{Name: sub}, {ext, key, len(key)%2 == 0}}}
		o := &Offer{host, target, key, []string{sub}, []Extension{e}, map[string][]string{name: {value}}}
		b, err := AppendRequest(nil, o)
		if err != nil {
			assertPrintable(t, err)
			assert.Equal(t, len(b), 0)
			return
		}
		start, h := parseHead(t, b)
		assert.Equal(t, start, "GET "+target+" HTTP/1.1")
		assert.Equal(t, countLines(h), 8)
		assert.True(t, slices.Contains(h[canonical(name)], value), "the extra header is lost")
		a, err := Check(request(t, b), &Policy{Subprotocols: []string{sub}, Origins: []string{"*"}})
		assert.NoError(t, err)
		if !e.Params[1].HasValue {
			e.Params[1].Value = "" // which is not sent
		}
		assert.Equal(t, a, Accepted{Key: key, Subprotocol: sub, Offers: []Extension{e}})
	})
}
