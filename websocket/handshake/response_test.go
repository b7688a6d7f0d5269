package handshake

import (
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// sampleAccept answers sampleKey, RFC 6455 §1.3.
const sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

func TestAcceptKey(t *testing.T) {
	tests := []struct{ name, key, want string }{
		{"RFC 6455 §1.3", sampleKey, sampleAccept},
		{"RFC 6455 §4.1 bytes 1 to 16", "AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="},
		{"longer than any key", strings.Repeat("A", 100), "WXqNWiGhe0+utGv47+HlLjR7KVw="},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, AcceptKey(tt.key), tt.want) })
	}
}

func TestAppendResponse(t *testing.T) {
	const start = "HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	tests := []struct {
		name  string
		a     Accepted
		extra map[string][]string
		want  string
	}{
		{"bare", Accepted{Key: sampleKey}, nil, start + "\r\n"},
		{"subprotocol", Accepted{Key: sampleKey, Subprotocol: "chat"}, nil, start + "Sec-WebSocket-Protocol: chat\r\n\r\n"},
		{"extra headers", Accepted{Key: sampleKey, Subprotocol: "chat"}, map[string][]string{"X-B": {"1"}, "Set-Cookie": {"b=1", "a=2"}},
			start + "Sec-WebSocket-Protocol: chat\r\nSet-Cookie: b=1\r\nSet-Cookie: a=2\r\nX-B: 1\r\n\r\n"},
		{"Host and Origin mean nothing in an answer", Accepted{Key: sampleKey}, map[string][]string{"Host": {"a"}},
			start + "Host: a\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendResponse([]byte("before "), tt.a, tt.extra)
			assert.NoError(t, err)
			assert.Equal(t, string(b), "before "+tt.want)
		})
	}
}

func TestAppendResponseRefuses(t *testing.T) {
	for _, tt := range badExtras {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendResponse([]byte("before"), Accepted{Key: sampleKey}, tt.extra)
			assertError(t, err, 500, "", tt.part)
			assert.Equal(t, string(b), "before")
		})
	}
	for _, name := range []string{"a b", "a\r\nX: y", "a,b", "é"} {
		b, err := AppendResponse([]byte("before"), Accepted{Key: sampleKey, Subprotocol: name}, nil)
		assertError(t, err, 500, "RFC 6455 §4.1", "is not a token")
		assert.Equal(t, string(b), "before")
	}
}

func TestAppendResponseAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 512)
	a := Accepted{Key: sampleKey, Subprotocol: "chat"}
	n := testing.AllocsPerRun(100, func() { buf, _ = AppendResponse(buf[:0], a, nil) })
	assert.Equal(t, n, 0)
}

// goodResponse returns the answer of RFC 6455 §1.2, which chooses chat.
func goodResponse() *Response {
	return &Response{
		Status: 101, ProtoMajor: 1, ProtoMinor: 1,
		Header: map[string][]string{
			"Upgrade":                {"websocket"},
			"Connection":             {"Upgrade"},
			"Sec-Websocket-Accept":   {sampleAccept},
			"Sec-Websocket-Protocol": {"chat"},
		},
	}
}

// answer changes a header of the response; without values it takes it away.
func answer(name string, values ...string) func(*Response) {
	return func(r *Response) {
		if r.Header[name] = values; values == nil {
			delete(r.Header, name)
		}
	}
}

func TestCheckResponseAccepts(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Response)
		want   string
	}{
		{"RFC 6455 §1.2", func(*Response) {}, "chat"},
		{"the other subprotocol", answer("Sec-Websocket-Protocol", "superchat"), "superchat"},
		{"no subprotocol", answer("Sec-Websocket-Protocol"), ""},
		{"HTTP/1.2", func(r *Response) { r.ProtoMinor = 2 }, "chat"},
		{"Upgrade in another case", answer("Upgrade", "WebSocket"), "chat"},
		{"Connection in lower case", answer("Connection", "upgrade"), "chat"},
		{"Connection with more", answer("Connection", "keep-alive", "Upgrade, x"), "chat"},
		{"white space", func(r *Response) {
			answer("Upgrade", " websocket\t")(r)
			answer("Sec-Websocket-Accept", " "+sampleAccept+"\t")(r)
			answer("Sec-Websocket-Protocol", " chat ")(r)
		}, "chat"},
		{"headers that are not ours", answer("X-Anything", "\x00"), "chat"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := goodResponse()
			tt.change(r)
			got, err := CheckResponse(r, goodOffer())
			assert.NoError(t, err)
			assert.Equal(t, got, Agreed{Subprotocol: tt.want})
		})
	}
}

var badResponses = []struct {
	name    string
	change  func(*Response)
	section string
	part    string
}{
	{"200", func(r *Response) { r.Status = 200 }, "RFC 6455 §4.1", "answered with status 200 instead of 101"},
	{"403", func(r *Response) { r.Status = 403 }, "RFC 6455 §4.1", "answered with status 403 instead of 101"},
	{"100", func(r *Response) { r.Status = 100 }, "RFC 6455 §4.1", "answered with status 100 instead of 101"},
	{"426 for another version", func(r *Response) {
		r.Status = 426
		answer("Sec-Websocket-Version", "8, 7")(r)
	}, "RFC 6455 §4.4", `status 426 instead of 101; it speaks version "8, 7" of WebSocket, not 13`},
	{"426 for our version", func(r *Response) {
		r.Status = 426
		answer("Sec-Websocket-Version", "8", "13")(r)
	}, "RFC 6455 §4.1", "answered with status 426 instead of 101"},
	{"HTTP/1.0", func(r *Response) { r.ProtoMinor = 0 }, "RFC 6455 §4.1", "HTTP/1.0"},
	{"HTTP/0.9", func(r *Response) { r.ProtoMajor, r.ProtoMinor = 0, 9 }, "RFC 6455 §4.1", "HTTP/0.9"},
	{"no headers", func(r *Response) { r.Header = nil }, "RFC 6455 §4.1", "Upgrade is missing"},
	{"Upgrade missing", answer("Upgrade"), "RFC 6455 §4.1", "Upgrade is missing"},
	{"Upgrade to something else", answer("Upgrade", "h2c"), "RFC 6455 §4.1", `"h2c", not websocket`},
	{"Upgrade with more", answer("Upgrade", "websocket, h2c"), "RFC 6455 §4.1", "not websocket"},
	{"Upgrade twice", answer("Upgrade", "websocket", "websocket"), "RFC 6455 §4.1", "not websocket"},
	{"Upgrade empty", answer("Upgrade", ""), "RFC 6455 §4.1", "not websocket"},
	{"Connection missing", answer("Connection"), "RFC 6455 §4.1", "does not list Upgrade"},
	{"Connection: close", answer("Connection", "close"), "RFC 6455 §4.1", "does not list Upgrade"},
	{"accept missing", answer("Sec-Websocket-Accept"), "RFC 6455 §4.1", "Sec-WebSocket-Accept is missing"},
	{"accept empty", answer("Sec-Websocket-Accept", ""), "RFC 6455 §4.1", "does not belong to our key"},
	{"accept twice", answer("Sec-Websocket-Accept", sampleAccept, sampleAccept), "RFC 6455 §11.3.3", "2 times"},
	{"accept of another key", answer("Sec-Websocket-Accept", AcceptKey("x")), "RFC 6455 §4.1", "does not belong to our key"},
	{"accept in another case", answer("Sec-Websocket-Accept", strings.ToLower(sampleAccept)), "RFC 6455 §4.1", "does not belong"},
	{"the key itself", answer("Sec-Websocket-Accept", sampleKey), "RFC 6455 §4.1", "does not belong to our key"},
	{"extension", answer("Sec-Websocket-Extensions", "permessage-deflate"), "RFC 6455 §4.1", `extension "permessage-deflate", which was not offered`},
	{"extension behind empty lines", answer("Sec-Websocket-Extensions", "", "x"), "RFC 6455 §4.1", `extension "x"`},
	{"extensions malformed", answer("Sec-Websocket-Extensions", "a;"), "RFC 6455 §9.1", "a parameter has no name"},
	{"extensions empty", answer("Sec-Websocket-Extensions", ""), "RFC 6455 §9.1", "is empty"},
	{"foreign subprotocol", answer("Sec-Websocket-Protocol", "mqtt"), "RFC 6455 §4.1", `subprotocol "mqtt", which was not offered`},
	{"subprotocol in another case", answer("Sec-Websocket-Protocol", "Chat"), "RFC 6455 §4.1", "which was not offered"},
	{"subprotocol empty", answer("Sec-Websocket-Protocol", ""), "RFC 6455 §4.1", "which was not offered"},
	{"both subprotocols", answer("Sec-Websocket-Protocol", "chat, superchat"), "RFC 6455 §4.1", "which was not offered"},
	{"both subprotocols on two lines", answer("Sec-Websocket-Protocol", "chat", "superchat"), "RFC 6455 §11.3.4", "2 times"},
}

func TestCheckResponseRefuses(t *testing.T) {
	for _, tt := range badResponses {
		t.Run(tt.name, func(t *testing.T) {
			r := goodResponse()
			tt.change(r)
			got, err := CheckResponse(r, goodOffer())
			e := assertError(t, err, 0, tt.section, tt.part)
			assertPrintable(t, err)
			assert.Equal(t, e.Header, nil)
			assert.Equal(t, got, Agreed{})
		})
	}
	o := goodOffer()
	o.Subprotocols = nil
	_, err := CheckResponse(goodResponse(), o)
	assertError(t, err, 0, "RFC 6455 §4.1", `subprotocol "chat", which was not offered`)
}

// response turns the bytes of a server into what a client sees of them.
func response(t testing.TB, b []byte) *Response {
	t.Helper()
	start, h := parseHead(t, b)
	assert.Equal(t, start, "HTTP/1.1 101 Switching Protocols")
	return &Response{Status: 101, ProtoMajor: 1, ProtoMinor: 1, Header: h}
}

func TestBothEndsAgree(t *testing.T) {
	tests := []struct {
		name            string
		offered, spoken []string
		want            string
	}{
		{"no subprotocols", nil, nil, ""},
		{"client only", []string{"a"}, nil, ""},
		{"server only", nil, []string{"a"}, ""},
		{"server's choice", []string{"a", "b"}, []string{"b", "a"}, "b"},
		{"none in common", []string{"a"}, []string{"b"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &Offer{Host: "localhost:8080", Target: "/", Key: sampleKey, Subprotocols: tt.offered}
			b, err := AppendRequest(nil, o)
			assert.NoError(t, err)
			a, err := Check(request(t, b), &Policy{Subprotocols: tt.spoken})
			assert.NoError(t, err)
			b, err = AppendResponse(nil, a, map[string][]string{"Set-Cookie": {"a=b"}})
			assert.NoError(t, err)
			got, err := CheckResponse(response(t, b), o)
			assert.NoError(t, err)
			assert.Equal(t, got.Subprotocol, tt.want)
			assert.Equal(t, a.Subprotocol, tt.want)
		})
	}
}

// FuzzCheckResponse throws whole answers at CheckResponse. Lines of header are
// "Name: value". It must not panic and can only return what was offered.
func FuzzCheckResponse(f *testing.F) {
	const good = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: " + sampleAccept
	f.Add(101, 1, 1, good)
	f.Add(101, 1, 1, good+"\nSec-WebSocket-Protocol: superchat")
	f.Add(101, 1, 1, good+"\nSec-WebSocket-Extensions: a; b=\"c\"")
	f.Add(426, 1, 0, "Sec-WebSocket-Version: 8")
	f.Fuzz(func(t *testing.T, status, major, minor int, header string) {
		r := &Response{status, major, minor, make(map[string][]string)}
		for line := range strings.SplitSeq(header, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header[canonical(name)] = append(r.Header[canonical(name)], value)
		}
		o := goodOffer()
		o.Extensions = []Extension{{Name: "a"}, {Name: "permessage-deflate"}}
		got, err := CheckResponse(r, o)
		if err != nil {
			assertPrintable(t, err)
			assert.Equal(t, err.(*Error).Status, 0)
			assert.Equal(t, got, Agreed{})
			return
		}
		assert.True(t, got.Subprotocol == "" || slices.Contains(o.Subprotocols, got.Subprotocol), "a subprotocol that was not offered")
		assert.True(t, status == 101 && major >= 1 && strings.Contains(header, sampleAccept), "a bad answer passed")
		for _, e := range got.Extensions {
			assert.True(t, e.Name == "a" || e.Name == "permessage-deflate", "an extension that was not offered")
		}
		assert.Equal(t, len(got.Extensions) > 0, len(r.Header["Sec-Websocket-Extensions"]) > 0)
	})
}

// FuzzAppendResponse checks that whatever a program adds to an answer, it has
// just the lines it should have, and a client that offered the subprotocol
// takes it.
func FuzzAppendResponse(f *testing.F) {
	f.Add(sampleKey, "chat", "permessage-deflate", "Set-Cookie", "a=b")
	f.Add("x\r\nX: y", "a\r\nX: y", "a\r\nX: y", "X: y\r\nZ", "a\r\n\r\nb")
	f.Add("", "", "", "X", "\x00")
	f.Fuzz(func(t *testing.T, key, sub, ext, name, value string) {
		list := []Extension{{ext, []Param{{ext, ext, true}}}}
		want := 6
		if sub == "" {
			want--
		}
		if ext == "" {
			list, want = nil, want-1
		}
		a := Accepted{key, sub, list, list}
		b, err := AppendResponse(nil, a, map[string][]string{name: {value}})
		if err != nil {
			assertPrintable(t, err)
			assert.Equal(t, len(b), 0)
			return
		}
		r := response(t, b)
		assert.Equal(t, countLines(r.Header), want)
		assert.True(t, slices.Contains(r.Header[canonical(name)], value), "the extra header is lost")
		got, err := CheckResponse(r, &Offer{Key: key, Subprotocols: []string{sub}, Extensions: list})
		assert.NoError(t, err)
		assert.Equal(t, got, Agreed{sub, list})
	})
}

// BenchmarkServer measures what a server spends on the handshake of a browser,
// without reading the request and writing the answer.
func BenchmarkServer(b *testing.B) {
	r := goodRequest()
	r.Header["Origin"] = []string{"https://server.example.com"}
	r.Header["Sec-Websocket-Protocol"] = []string{"chat, superchat"}
	r.Header["Sec-Websocket-Extensions"] = []string{"permessage-deflate; client_max_window_bits"}
	p := &Policy{Subprotocols: []string{"superchat", "chat"}}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		a, err := Check(r, p)
		if err != nil {
			b.Fatal(err)
		}
		if buf, err = AppendResponse(buf[:0], a, nil); err != nil {
			b.Fatal(err)
		}
	}
}
