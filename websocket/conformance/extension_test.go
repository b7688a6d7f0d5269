package conformance

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// termsOf reads the parameters of one extension.
func termsOf(t *testing.T, params string) (deflateTerms, string) {
	t.Helper()
	list, err := handshake.ParseExtensions([]string{"permessage-deflate" + params})
	assert.NoError(t, err)
	return readDeflateTerms(list[0].Params)
}

func TestReadDeflateTerms(t *testing.T) {
	for _, test := range []struct {
		params  string
		want    deflateTerms
		problem string
	}{
		{params: "", want: deflateTerms{}},
		{params: "; server_no_context_takeover", want: deflateTerms{serverFresh: true}},
		{params: "; client_no_context_takeover", want: deflateTerms{clientFresh: true}},
		{params: "; server_max_window_bits=8; client_max_window_bits", want: deflateTerms{serverBits: 8, clientBits: -1}},
		{params: `; server_max_window_bits="15"; client_max_window_bits=9`, want: deflateTerms{serverBits: 15, clientBits: 9}},
		{params: "; x", problem: "x is not defined (§7)"},
		{params: "; server_no_context_takeover; server_no_context_takeover", problem: "server_no_context_takeover is there twice (§7)"},
		{params: "; server_no_context_takeover=1", problem: "server_no_context_takeover has a wrong value (§7.1)"},
		{params: "; server_max_window_bits", problem: "server_max_window_bits has a wrong value (§7.1)"},
		{params: "; server_max_window_bits=7", problem: "server_max_window_bits has a wrong value (§7.1)"},
		{params: "; client_max_window_bits=16", problem: "client_max_window_bits has a wrong value (§7.1)"},
		{params: "; client_max_window_bits=08", problem: "client_max_window_bits has a wrong value (§7.1)"},
	} {
		got, problem := termsOf(t, test.params)
		assert.Equal(t, problem, test.problem)
		if problem == "" {
			assert.Equal(t, got, test.want)
		}
	}
}

// TestBadParams shows that the table of bad parameters is read as bad.
func TestBadParams(t *testing.T) {
	for _, b := range badParams {
		_, problem := termsOf(t, "; "+b.params)
		assert.True(t, problem != "", b.params+" is not bad")
	}
}

// TestMalformedExtensions shows that the other table is malformed.
func TestMalformedExtensions(t *testing.T) {
	for _, m := range malformedExtensions {
		_, err := handshake.ParseExtensions([]string{m.value})
		assert.True(t, err != nil, m.what+": is well formed")
	}
}

func TestBreach(t *testing.T) {
	for _, test := range []struct{ asked, said, want string }{
		{"", "", ""},
		{"", "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", ""},
		{"; server_no_context_takeover", "; server_no_context_takeover", ""},
		{"; server_no_context_takeover", "", "§7.1.1.1"},
		{"; client_no_context_takeover", "", ""},
		{"; server_max_window_bits=10", "; server_max_window_bits=10", ""},
		{"; server_max_window_bits=10", "; server_max_window_bits=8", ""},
		{"; server_max_window_bits=10", "; server_max_window_bits=11", "§7.1.2.1"},
		{"; server_max_window_bits=10", "", "§7.1.2.1"},
		{"", "; client_max_window_bits=10", "§7.1.2.2"},
		{"; client_max_window_bits", "; client_max_window_bits", "§7.1.2.2"},
		{"; client_max_window_bits", "; client_max_window_bits=8", ""},
		{"; client_max_window_bits=9", "; client_max_window_bits=15", ""},
		{"; client_max_window_bits=9", "", ""},
	} {
		asked, _ := termsOf(t, test.asked)
		said, _ := termsOf(t, test.said)
		got := said.breach(asked)
		if test.want == "" {
			assert.Equal(t, got, "")
			continue
		}
		assert.True(t, strings.Contains(got, test.want), "asked"+test.asked+" said"+test.said+": "+got)
	}
}
