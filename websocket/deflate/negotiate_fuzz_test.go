package deflate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// configOf makes a valid Config of two bytes.
func configOf(a, b byte) deflate.Config {
	bits := func(n byte) uint8 {
		if n %= 9; n == 0 {
			return 0
		}
		return n + 7
	}
	return deflate.Config{
		WindowBits: bits(a >> 1), NoContextTakeover: a&1 != 0,
		PeerWindowBits: bits(b >> 1), PeerNoContextTakeover: b&1 != 0,
	}
}

// seeds are header values worth starting from, one line each.
func seeds() []string {
	list := []string{
		"permessage-deflate",
		"permessage-deflate; client_max_window_bits, permessage-deflate",
		"x; y=1\npermessage-deflate; server_max_window_bits=\"9\"",
		"permessage-deflate; server_max_window_bits=16, permessage-deflate; server_no_context_takeover; client_max_window_bits=8",
		"Permessage-Deflate,permessage-deflate;client_no_context_takeover;server_max_window_bits=\"1\\0\"",
	}
	for _, tt := range accepts {
		list = append(list, tt.offer)
	}
	for _, bad := range badParams {
		list = append(list, "permessage-deflate; "+bad.params)
	}
	return list
}

// FuzzNegotiate throws headers at a server. If it accepts, it has accepted the
// first offer that it may, with an answer that is legal for this offer, says
// what was agreed, and keeps what the server wants; and a client that made the
// offer agrees to the same. If it declines, there was no offer it could take.
func FuzzNegotiate(f *testing.F) {
	for i, s := range seeds() {
		f.Add(s, byte(i), byte(i*7))
	}
	f.Fuzz(func(t *testing.T, lines string, a, b byte) {
		offers, err := handshake.ParseExtensions(strings.Split(lines, "\n"))
		if err != nil {
			return
		}
		c := configOf(a, b)
		p, answer, ok := c.Accept(offers)
		i := slices.IndexFunc(offers, func(e handshake.Extension) bool { return acceptable(c, e) })
		if !ok {
			assert.True(t, i < 0, "a good offer is declined")
			assert.Equal(t, p, deflate.Params{})
			return
		}
		assert.True(t, i >= 0, "a bad offer is accepted")
		if problem := judge(offers[i], answer); problem != "" {
			t.Fatalf("offer %q, answer %q: %s", text(offers[i]), text(answer), problem)
		}
		said, _ := collect(answer.Params)
		assert.Equal(t, p, meaning(said))
		assert.True(t, p.ServerNoContextTakeover || !c.NoContextTakeover, "our own takeover")
		assert.True(t, p.ClientNoContextTakeover || !c.PeerNoContextTakeover, "the client's takeover")
		assert.True(t, p.ClientMaxWindowBits <= limit(c.PeerWindowBits, 15), "the client's window")
		if _, named := said["server_max_window_bits"]; named {
			assert.True(t, p.ServerMaxWindowBits <= limit(c.WindowBits, deflate.DefaultWindowBits), "our own window")
		}
	})
}

// acceptable reports whether a server with c may take the offer: it is well
// formed, and lets the server have what c demands of the client.
func acceptable(c deflate.Config, e handshake.Extension) bool {
	if e.Name != "permessage-deflate" {
		return false
	}
	asked, problem := collect(e.Params)
	_, bounded := asked["client_max_window_bits"]
	return problem == "" && (bounded || limit(c.PeerWindowBits, 15) == 15)
}

// meaning returns the parameters that an answer stands for.
func meaning(said map[string]string) deflate.Params {
	_, server := said["server_no_context_takeover"]
	_, client := said["client_no_context_takeover"]
	return deflate.Params{
		ServerNoContextTakeover: server, ClientNoContextTakeover: client,
		ServerMaxWindowBits: limit(uint8(number(said["server_max_window_bits"])), 15),
		ClientMaxWindowBits: limit(uint8(number(said["client_max_window_bits"])), 15),
	}
}

// FuzzCheckAnswer throws headers at a client. It never accepts an answer that
// breaks a rule, never fails on one that breaks none, and takes its meaning.
func FuzzCheckAnswer(f *testing.F) {
	for i, s := range seeds() {
		f.Add(s, byte(i), byte(i*7))
	}
	f.Fuzz(func(t *testing.T, lines string, a, b byte) {
		list, err := handshake.ParseExtensions(strings.Split(lines, "\n"))
		if err != nil {
			return
		}
		c := configOf(a, b)
		p, ok, err := c.CheckAnswer(list)
		ours := slices.DeleteFunc(slices.Clone(list), func(e handshake.Extension) bool { return e.Name != deflate.Name })
		if len(ours) == 0 {
			assert.NoError(t, err)
			assert.True(t, !ok, "accepted without an answer")
			return
		}
		problem := "permessage-deflate is there twice"
		if len(ours) == 1 {
			problem = clientJudge(c.Offer(), ours[0])
		}
		if problem != "" {
			assert.True(t, !ok && err != nil, "an answer passed: "+problem)
			assertRule(t, err, "", "websocket: handshake: ")
			return
		}
		assert.NoError(t, err)
		assert.True(t, ok, "taken for declined")
		said, _ := collect(ours[0].Params)
		want := meaning(said)
		want.ClientNoContextTakeover = want.ClientNoContextTakeover || c.NoContextTakeover
		assert.Equal(t, p, want)
	})
}

// clientJudge is judge without what a server may do that the client need not
// mind: a bound for the client's window that is larger than its hint.
func clientJudge(offer, answer handshake.Extension) string {
	for i, p := range offer.Params {
		if p.Name == "client_max_window_bits" {
			offer.Params[i] = handshake.Param{Name: p.Name}
		}
	}
	return judge(offer, answer)
}
