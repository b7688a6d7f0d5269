package handshake

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestSelectSubprotocol(t *testing.T) {
	tests := []struct {
		name      string
		offered   []string
		supported []string
		want      string
	}{
		{"nothing offered, nothing supported", nil, nil, ""},
		{"nothing offered", nil, []string{"chat"}, ""},
		{"nothing supported", []string{"chat"}, nil, ""},
		{"the one offered", []string{"chat"}, []string{"chat"}, "chat"},
		{"none in common", []string{"a, b"}, []string{"c", "d"}, ""},
		{"our preference, not the client's", []string{"v1, v2"}, []string{"v2", "v1"}, "v2"},
		{"our second choice", []string{"v1, v0"}, []string{"v2", "v1"}, "v1"},
		{"split over lines", []string{"a", "b, c"}, []string{"c"}, "c"},
		{"preference over lines", []string{"a", "b"}, []string{"b", "a"}, "b"},
		{"white space", []string{" \ta \t,\tb "}, []string{"b"}, "b"},
		{"no white space", []string{"a,b"}, []string{"b"}, "b"},
		{"empty elements do not count", []string{",a,, b,", ""}, []string{"b"}, "b"},
		{"case matters", []string{"Chat"}, []string{"chat"}, ""},
		{"names that differ in case are two", []string{"chat, Chat"}, []string{"Chat"}, "Chat"},
		{"not a part of a name", []string{"chat2"}, []string{"chat"}, ""},
		{"odd but a token", []string{"duplex.v1.json, a!#$%&'*+-.^_`|~"}, []string{"a!#$%&'*+-.^_`|~"}, "a!#$%&'*+-.^_`|~"},
		{"a supported name that is no token", []string{"a"}, []string{"a, b", "", "a"}, "a"},
		{"supported twice", []string{"a"}, []string{"a", "a"}, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SelectSubprotocol(tt.offered, tt.supported)
			assert.NoError(t, err)
			assert.Equal(t, got, tt.want)
		})
	}
}

var badSubprotocols = []struct {
	name    string
	offered []string
	part    string
}{
	{"empty", []string{""}, "is empty"},
	{"white space", []string{" \t"}, "is empty"},
	{"commas", []string{",", ", ,"}, "is empty"},
	{"two words", []string{"chat room"}, `subprotocol "chat room"`},
	{"slash", []string{"chat/1"}, "not a token"},
	{"quoted", []string{`"chat"`}, "not a token"},
	{"parameter", []string{"chat;v=1"}, "not a token"},
	{"beyond ASCII", []string{"größe"}, "not a token"},
	{"control character", []string{"a\x00b"}, "not a token"},
	{"bad name behind a good one", []string{"chat, a b"}, "not a token"},
	{"bad name in another line", []string{"chat", "a@b"}, "not a token"},
	{"twice", []string{"chat, chat"}, `"chat" is listed twice`},
	{"twice over lines", []string{"a, chat", "b", "chat"}, `"chat" is listed twice`},
}

func TestSelectSubprotocolRefuses(t *testing.T) {
	for _, tt := range badSubprotocols {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SelectSubprotocol(tt.offered, []string{"chat"})
			assertError(t, err, 400, "RFC 6455 §4.1", tt.part)
			assert.Equal(t, got, "")
		})
	}
}

func TestSelectSubprotocolBoundsTheList(t *testing.T) {
	var names []string
	for i := range 257 {
		names = append(names, fmt.Sprintf("n%d", i))
	}
	got, err := SelectSubprotocol([]string{strings.Join(names[:256], ",")}, []string{"n255"})
	assert.NoError(t, err)
	assert.Equal(t, got, "n255")
	for _, offered := range [][]string{
		{strings.Join(names, ",")},
		{strings.Join(names[:256], ","), names[256]},
		{strings.Repeat("n,", 1<<18)},
	} {
		_, err = SelectSubprotocol(offered, []string{"n0"})
		assertError(t, err, 400, "RFC 6455 §4.1", "more than 256 subprotocols")
	}
}

func TestDuplicateInShortAndLongLists(t *testing.T) {
	for _, n := range []int{0, 1, 2, 16, 17, 1000} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("n%d", n-i))
		}
		before := slices.Clone(names)
		assert.Equal(t, duplicate(names), "")
		if n > 0 {
			assert.Equal(t, duplicate(append(names, names[n/2])), names[n/2])
		}
		assert.Equal(t, names, before)
	}
}

// FuzzSelectSubprotocol checks that what is chosen is offered and supported,
// that nothing supported before it is offered, and that it does not matter how
// the offer is split into lines.
func FuzzSelectSubprotocol(f *testing.F) {
	for _, tt := range badSubprotocols {
		f.Add(strings.Join(tt.offered, "\n"), "chat")
	}
	f.Add("a, b\nc", "c\nb")
	f.Fuzz(func(t *testing.T, offer, support string) {
		offered, supported := strings.Split(offer, "\n"), strings.Split(support, "\n")
		got, err := SelectSubprotocol(offered, supported)
		if err != nil {
			assertPrintable(t, err)
		}
		joined, joinedErr := SelectSubprotocol([]string{strings.Join(offered, ",")}, supported)
		assert.Equal(t, joined, got)
		assert.Equal(t, joinedErr == nil, err == nil)
		if got == "" {
			return
		}
		assert.True(t, isToken(got) && HasToken(offered, got), "was not offered: "+quote(got))
		for _, s := range supported[:slices.Index(supported, got)] {
			again, _ := SelectSubprotocol(offered, []string{s})
			assert.Equal(t, again, "")
		}
	})
}
