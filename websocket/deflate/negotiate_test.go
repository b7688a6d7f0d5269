package deflate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// parse reads header values as they come out of a request or an answer.
func parse(t testing.TB, values ...string) []handshake.Extension {
	t.Helper()
	list, err := handshake.ParseExtensions(values)
	assert.NoError(t, err)
	return list
}

// text writes an extension as it stands in a header.
func text(e handshake.Extension) string {
	return string(handshake.AppendExtension(nil, e))
}

// agreed is short for Params: server and client, and the bits of each.
func agreed(server, client bool, serverBits, clientBits uint8) deflate.Params {
	return deflate.Params{
		ServerNoContextTakeover: server, ClientNoContextTakeover: client,
		ServerMaxWindowBits: serverBits, ClientMaxWindowBits: clientBits,
	}
}

const (
	takeover   = false
	noTakeover = true
)

var accepts = []struct {
	name   string
	config deflate.Config
	offer  string
	want   string
	params deflate.Params
}{
	{"nothing said", deflate.Config{}, "permessage-deflate",
		"permessage-deflate", agreed(takeover, takeover, 15, 15)},
	{"as browsers offer", deflate.Config{}, "permessage-deflate; client_max_window_bits",
		"permessage-deflate", agreed(takeover, takeover, 15, 15)},
	{"RFC 7692 §7.1.3 a bound for the server, larger than ours", deflate.Config{WindowBits: 9},
		"permessage-deflate; client_max_window_bits; server_max_window_bits=10",
		"permessage-deflate; server_max_window_bits=9", agreed(takeover, takeover, 9, 15)},
	{"a bound for the server, smaller than ours", deflate.Config{WindowBits: 12}, "permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=8", agreed(takeover, takeover, 8, 15)},
	{"a bound for the server that bounds nothing", deflate.Config{WindowBits: 15}, "permessage-deflate; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=15", agreed(takeover, takeover, 15, 15)},
	{"a bound for the server and the default window", deflate.Config{}, "permessage-deflate; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=13", agreed(takeover, takeover, 13, 15)},
	{"a smaller window of our own needs no word", deflate.Config{WindowBits: 8}, "permessage-deflate",
		"permessage-deflate", agreed(takeover, takeover, 15, 15)},
	{"quoted value", deflate.Config{WindowBits: 15}, `permessage-deflate; server_max_window_bits="10"`,
		"permessage-deflate; server_max_window_bits=10", agreed(takeover, takeover, 10, 15)},

	{"no takeover for the server", deflate.Config{}, "permessage-deflate; server_no_context_takeover",
		"permessage-deflate; server_no_context_takeover", agreed(noTakeover, takeover, 15, 15)},
	{"no takeover of our own is said", deflate.Config{NoContextTakeover: true}, "permessage-deflate",
		"permessage-deflate; server_no_context_takeover", agreed(noTakeover, takeover, 15, 15)},
	{"the client's hint is taken", deflate.Config{}, "permessage-deflate; client_no_context_takeover",
		"permessage-deflate; client_no_context_takeover", agreed(takeover, noTakeover, 15, 15)},
	{"no takeover demanded of the client without a hint", deflate.Config{PeerNoContextTakeover: true}, "permessage-deflate",
		"permessage-deflate; client_no_context_takeover", agreed(takeover, noTakeover, 15, 15)},
	{"no takeover at all", deflate.Config{NoContextTakeover: true, PeerNoContextTakeover: true},
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover", agreed(noTakeover, noTakeover, 15, 15)},

	{"the client's window is bounded", deflate.Config{PeerWindowBits: 10}, "permessage-deflate; client_max_window_bits",
		"permessage-deflate; client_max_window_bits=10", agreed(takeover, takeover, 15, 10)},
	{"the client's hint is smaller than our bound", deflate.Config{PeerWindowBits: 10}, "permessage-deflate; client_max_window_bits=9",
		"permessage-deflate; client_max_window_bits=9", agreed(takeover, takeover, 15, 9)},
	{"the client's hint is larger than our bound", deflate.Config{PeerWindowBits: 10}, "permessage-deflate; client_max_window_bits=11",
		"permessage-deflate; client_max_window_bits=10", agreed(takeover, takeover, 15, 10)},
	{"the client's hint saves us window", deflate.Config{}, "permessage-deflate; client_max_window_bits=8",
		"permessage-deflate; client_max_window_bits=8", agreed(takeover, takeover, 15, 8)},
	{"the client's hint says nothing", deflate.Config{}, "permessage-deflate; client_max_window_bits=15",
		"permessage-deflate", agreed(takeover, takeover, 15, 15)},

	{"everything, in another order", deflate.Config{WindowBits: 15},
		"permessage-deflate; client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
		agreed(noTakeover, noTakeover, 10, 9)},

	{"the first offer wins", deflate.Config{}, "permessage-deflate; server_no_context_takeover, permessage-deflate",
		"permessage-deflate; server_no_context_takeover", agreed(noTakeover, takeover, 15, 15)},
	{"RFC 7692 §5.2 a fallback", deflate.Config{}, "permessage-deflate; use_y=1, permessage-deflate",
		"permessage-deflate", agreed(takeover, takeover, 15, 15)},
	{"a fallback on another line", deflate.Config{}, "permessage-deflate; x\npermessage-deflate; server_no_context_takeover",
		"permessage-deflate; server_no_context_takeover", agreed(noTakeover, takeover, 15, 15)},
	{"a fallback for what we cannot have", deflate.Config{PeerWindowBits: 11},
		"permessage-deflate; server_no_context_takeover, permessage-deflate; client_max_window_bits",
		"permessage-deflate; client_max_window_bits=11", agreed(takeover, takeover, 15, 11)},
	{"other extensions are passed over", deflate.Config{}, "x-webkit-deflate-frame, permessage-bzip2; a=1, permessage-deflate, mux",
		"permessage-deflate", agreed(takeover, takeover, 15, 15)},
}

func TestAccept(t *testing.T) {
	for _, tt := range accepts {
		t.Run(tt.name, func(t *testing.T) {
			assert.NoError(t, tt.config.Validate())
			offers := parse(t, strings.Split(tt.offer, "\n")...)
			p, answer, ok := tt.config.Accept(offers)
			assert.True(t, ok, "a good offer is declined")
			assert.Equal(t, text(answer), tt.want)
			assert.Equal(t, p, tt.params)
		})
	}
}

// badParams are parameters that are wrong in an offer and in an answer.
var badParams = []struct{ name, params, section, part string }{
	{"unknown parameter", "x", "RFC 7692 §7", `no parameter "x"`},
	{"unknown parameter with a value", "x=8", "RFC 7692 §7", `no parameter "x"`},
	{"unknown parameter behind a good one", "server_no_context_takeover; x", "RFC 7692 §7", `no parameter "x"`},
	{"parameter in another case", "Server_No_Context_Takeover", "RFC 7692 §7", "no parameter"},
	{"parameter with hyphens", "server-no-context-takeover", "RFC 7692 §7", "no parameter"},
	{"long unknown parameter", strings.Repeat("x", 1000), "RFC 7692 §7", "…"},
	{"server takeover with a value", "server_no_context_takeover=true", "RFC 7692 §7.1.1.1", `invalid value "true"`},
	{"client takeover with a value", "client_no_context_takeover=1", "RFC 7692 §7.1.1.2", `invalid value "1"`},
	{"server takeover twice", "server_no_context_takeover; server_no_context_takeover", "RFC 7692 §7", "twice"},
	{"client takeover twice", "client_no_context_takeover; client_no_context_takeover", "RFC 7692 §7", "twice"},
	{"server bits twice", "server_max_window_bits=10; server_max_window_bits=10", "RFC 7692 §7", "twice"},
	{"client bits twice", "client_max_window_bits=10; client_max_window_bits=11", "RFC 7692 §7", "twice"},
	{"client bits twice without values", "client_max_window_bits; client_max_window_bits", "RFC 7692 §7", "twice"},
	{"client bits with and without a value", "client_max_window_bits; client_max_window_bits=10", "RFC 7692 §7", "twice"},
	{"server bits without a value", "server_max_window_bits", "RFC 7692 §7.1.2.1", "has no value"},
}

// badBits are values that are no number of bits.
var badBits = []string{
	"0", "1", "7", "16", "17", "99", "100", "256", "264", "08", "09", "010", "015", "8.0", "8.", "+8", "-8", "1e1",
	"0xa", "0b1000", "eight", "8_", "18446744073709551624", "true", strings.Repeat("1", 500),
}

func TestAcceptDeclines(t *testing.T) {
	offers := []struct{ name, offer string }{
		{"no extension", ""},
		{"another extension", "permessage-bzip2"},
		{"name in another case", "Permessage-Deflate"},
		{"the frame extension of old", "x-webkit-deflate-frame"},
	}
	for _, bad := range badParams {
		offers = append(offers, struct{ name, offer string }{bad.name, "permessage-deflate; " + bad.params})
	}
	for _, value := range badBits {
		for _, param := range []string{"server_max_window_bits=", "client_max_window_bits="} {
			offers = append(offers, struct{ name, offer string }{param + value[:min(20, len(value))], "permessage-deflate; " + param + value})
		}
	}
	for _, tt := range offers {
		t.Run(tt.name, func(t *testing.T) {
			var list []handshake.Extension
			if tt.offer != "" {
				list = parse(t, tt.offer)
			}
			p, answer, ok := deflate.Config{}.Accept(list)
			assert.True(t, !ok, "accepted")
			assert.Equal(t, p, deflate.Params{})
			assert.Equal(t, answer, handshake.Extension{})
			// What is declined is passed over.
			_, answer, ok = deflate.Config{}.Accept(append(list, parse(t, "permessage-deflate")...))
			assert.True(t, ok, "a fallback is declined")
			assert.Equal(t, text(answer), "permessage-deflate")
		})
	}
}

// An empty value cannot be parsed, but a program may pass one.
func TestEmptyValuesAreInvalid(t *testing.T) {
	for _, name := range []string{"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"} {
		e := []handshake.Extension{{Name: deflate.Name, Params: []handshake.Param{{Name: name, HasValue: true}}}}
		_, _, ok := deflate.Config{}.Accept(e)
		assert.True(t, !ok, "accepted "+name)
		_, _, err := deflate.Config{}.CheckAnswer(e)
		assertRule(t, err, "", "invalid value")
	}
}

func TestAcceptDeclinesWhatItCannotHave(t *testing.T) {
	c := deflate.Config{PeerWindowBits: 14}
	for _, offer := range []string{
		"permessage-deflate",
		"permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
	} {
		_, _, ok := c.Accept(parse(t, offer))
		assert.True(t, !ok, "accepted "+offer)
	}
}

func TestParamsExtension(t *testing.T) {
	tests := []struct {
		p    deflate.Params
		want string
	}{
		{agreed(takeover, takeover, 15, 15), "permessage-deflate"},
		{agreed(noTakeover, takeover, 15, 8), "permessage-deflate; server_no_context_takeover; client_max_window_bits=8"},
		{agreed(takeover, noTakeover, 9, 15), "permessage-deflate; client_no_context_takeover; server_max_window_bits=9"},
		{agreed(noTakeover, noTakeover, 14, 10), "permessage-deflate; server_no_context_takeover; client_no_context_takeover; " +
			"server_max_window_bits=14; client_max_window_bits=10"},
	}
	for _, tt := range tests {
		assert.Equal(t, text(tt.p.Extension()), tt.want)
	}
}

func TestValidate(t *testing.T) {
	for n := range 256 {
		good := n == 0 || 8 <= n && n <= 15
		own, peer := deflate.Config{WindowBits: uint8(n)}.Validate(), deflate.Config{PeerWindowBits: uint8(n)}.Validate()
		assert.Equal(t, own == nil, good)
		assert.Equal(t, peer == nil, good)
	}
	assert.Equal(t, deflate.Config{WindowBits: 16}.Validate().Error(),
		"websocket: compression: WindowBits is 16: take 8 to 15, or 0 for 13")
	assert.Equal(t, deflate.Config{WindowBits: 9, PeerWindowBits: 7}.Validate().Error(),
		"websocket: compression: PeerWindowBits is 7: take 8 to 15, or 0 for 15")
}

// assertRule checks that err fails a handshake on the client with the section
// and the part, or with any section of RFC 7692 if section is "".
func assertRule(t testing.TB, err error, section, part string) {
	t.Helper()
	var e *handshake.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *handshake.Error", err)
	}
	assert.Equal(t, e.Status, 0)
	assert.True(t, strings.HasPrefix(e.Section, "RFC 7692 §"), "section "+e.Section)
	if section != "" {
		assert.Equal(t, e.Section, section)
	}
	assert.Contains(t, e.Error(), part)
	assert.True(t, len(e.Problem) < 600, "the error repeats too much of the peer's words")
	for _, r := range e.Error() {
		if r < ' ' || r == 0x7f || r > 0x7f && r != '§' && r != '…' {
			t.Fatalf("%q in error %q", r, e.Error())
		}
	}
}
