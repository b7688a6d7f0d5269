package handshake

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// badExtensionLists are extensions that neither message of a handshake may
// carry.
var badExtensionLists = []struct {
	name string
	list []Extension
	part string
}{
	{"no name", []Extension{{}}, `extension "" is not a token`},
	{"list in a name", []Extension{{Name: "a, b"}}, `extension "a, b" is not a token`},
	{"parameter in a name", []Extension{{Name: "a;b"}}, "is not a token"},
	{"line break in a name", []Extension{{Name: "a\r\nX: y"}}, "is not a token"},
	{"no name in the second", []Extension{{Name: "a"}, {Name: ""}}, "is not a token"},
	{"parameter without a name", []Extension{{"a", []Param{{}}}}, `parameter "" of extension "a"`},
	{"value in a parameter", []Extension{{"a", []Param{{Name: "b=1"}}}}, `parameter "b=1" of extension "a"`},
	{"line break in a parameter", []Extension{{"a", []Param{{Name: "b"}, {Name: "b\r\nX: y"}}}}, "is not a token"},
	{"empty value", []Extension{{"a", []Param{{"b", "", true}}}}, `value "" of parameter "b"`},
	{"quotation marks in a value", []Extension{{"a", []Param{{"b", `"1"`, true}}}}, "is not a token"},
	{"line break in a value", []Extension{{"a", []Param{{"b", "1\r\nX: y", true}}}}, "is not a token"},
	{"value beyond ASCII", []Extension{{"a", []Param{{"b", "ä", true}}}}, "is not a token"},
}

func TestBadExtensionsAreNotSent(t *testing.T) {
	for _, tt := range badExtensionLists {
		t.Run(tt.name, func(t *testing.T) {
			o := goodOffer()
			o.Extensions = tt.list
			b, err := AppendRequest([]byte("before"), o)
			assertError(t, err, 0, "RFC 6455 §9.1", tt.part)
			assertPrintable(t, err)
			assert.Equal(t, string(b), "before")

			// To have been offered makes none of them any better.
			b, err = AppendResponse([]byte("before"), Accepted{Key: sampleKey, Offers: tt.list, Extensions: tt.list}, nil)
			assertError(t, err, 500, "RFC 6455 §9.1", tt.part)
			assertPrintable(t, err)
			assert.Equal(t, string(b), "before")
		})
	}
}

func TestAppendRequestExtensions(t *testing.T) {
	o := goodOffer()
	o.Extra = nil
	o.Extensions = []Extension{
		{"permessage-deflate", []Param{{"server_max_window_bits", "10", true}, {Name: "client_max_window_bits"}}},
		{Name: "permessage-deflate"},
		{Name: "x"},
	}
	b, err := AppendRequest(nil, o)
	assert.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(b), "\r\nSec-WebSocket-Protocol: chat, superchat\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate, x\r\n\r\n"),
		string(b))
}

func TestAppendResponseExtensions(t *testing.T) {
	offers := []Extension{{Name: "a"}, {"b", []Param{{Name: "c"}}}}
	tests := []struct {
		name     string
		accepted []Extension
		want     string
	}{
		{"declined", nil, ""},
		{"declined, not nil", []Extension{}, ""},
		{"one", []Extension{{Name: "b"}}, "Sec-WebSocket-Extensions: b\r\n"},
		{"all, in another order and with other parameters", []Extension{{"b", []Param{{"d", "1", true}}}, {Name: "a"}},
			"Sec-WebSocket-Extensions: b; d=1, a\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendResponse(nil, Accepted{Key: sampleKey, Subprotocol: "chat", Offers: offers, Extensions: tt.accepted},
				map[string][]string{"X": {"y"}})
			assert.NoError(t, err)
			assert.True(t, strings.HasSuffix(string(b), "\r\nSec-WebSocket-Protocol: chat\r\n"+tt.want+"X: y\r\n\r\n"), string(b))
		})
	}
}

func TestAppendResponseRefusesWhatWasNotOffered(t *testing.T) {
	tests := []struct {
		name             string
		offers, accepted []Extension
		part             string
	}{
		{"nothing offered", nil, []Extension{{Name: "a"}}, `extension "a" was not offered`},
		{"the second", []Extension{{Name: "a"}}, []Extension{{Name: "a"}, {Name: "b"}}, `extension "b" was not offered`},
		{"in another case", []Extension{{Name: "a"}}, []Extension{{Name: "A"}}, `extension "A" was not offered`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendResponse([]byte("before"), Accepted{Key: sampleKey, Offers: tt.offers, Extensions: tt.accepted}, nil)
			assertError(t, err, 500, "RFC 6455 §4.2.2", tt.part)
			assert.Equal(t, string(b), "before")
		})
	}
}

func TestCheckResponseExtensions(t *testing.T) {
	offered := []Extension{{Name: "a"}, {"a", []Param{{Name: "x"}}}, {Name: "b"}}
	tests := []struct {
		name   string
		values []string
		want   []Extension
		part   string
	}{
		{"none", nil, nil, ""},
		{"one", []string{"b"}, []Extension{{Name: "b"}}, ""},
		{"parameters are for the extension to judge", []string{"b; anything=1; anything=2"},
			[]Extension{{"b", []Param{{"anything", "1", true}, {"anything", "2", true}}}}, ""},
		{"so is a name that is there twice", []string{"a, a"}, []Extension{{Name: "a"}, {Name: "a"}}, ""},
		{"two lines", []string{"b", "a; x"}, []Extension{{Name: "b"}, {"a", []Param{{Name: "x"}}}}, ""},
		{"one that was not offered", []string{"c"}, nil, `extension "c", which was not offered`},
		{"one beside others", []string{"a, b", "c"}, nil, `extension "c"`},
		{"in another case", []string{"B"}, nil, `extension "B"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, o := goodResponse(), goodOffer()
			answer("Sec-Websocket-Extensions", tt.values...)(r)
			o.Extensions = offered
			got, err := CheckResponse(r, o)
			if tt.part != "" {
				assertError(t, err, 0, "RFC 6455 §4.1", tt.part)
				assert.Equal(t, got, Agreed{})
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, got, Agreed{Subprotocol: "chat", Extensions: tt.want})
		})
	}
}

// TestExtensionsMakeTheRoundTrip takes offers from the client to the server and
// one of them back.
func TestExtensionsMakeTheRoundTrip(t *testing.T) {
	o := &Offer{Host: "localhost", Target: "/", Key: sampleKey, Extensions: []Extension{
		{"permessage-deflate", []Param{{"server_max_window_bits", "10", true}, {Name: "client_max_window_bits"}}},
		{Name: "permessage-deflate"},
	}}
	b, err := AppendRequest(nil, o)
	assert.NoError(t, err)
	a, err := Check(request(t, b), nil)
	assert.NoError(t, err)
	assert.Equal(t, a.Offers, o.Extensions)
	assert.Equal(t, len(a.Extensions), 0)

	a.Extensions = a.Offers[:1]
	b, err = AppendResponse(nil, a, nil)
	assert.NoError(t, err)
	got, err := CheckResponse(response(t, b), o)
	assert.NoError(t, err)
	assert.Equal(t, got, Agreed{Extensions: o.Extensions[:1]})
}

func TestAppendResponseWithExtensionsAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 512)
	a := Accepted{Key: sampleKey, Offers: []Extension{{"a", []Param{{Name: "b"}}}}, Extensions: []Extension{{Name: "a"}}}
	n := testing.AllocsPerRun(100, func() { buf, _ = AppendResponse(buf[:0], a, nil) })
	assert.Equal(t, n, 0)
}
