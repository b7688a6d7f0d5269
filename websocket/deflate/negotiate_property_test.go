package deflate_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// configs yields a grid of configurations: both takeovers, and windows at the
// default, at both ends and in between.
func configs() iter.Seq[deflate.Config] {
	windows := []uint8{0, 8, 9, 13, 14, 15}
	return func(yield func(deflate.Config) bool) {
		for i := range 4 * len(windows) * len(windows) {
			c := deflate.Config{
				NoContextTakeover: i&1 != 0, PeerNoContextTakeover: i&2 != 0,
				WindowBits: windows[i/4%len(windows)], PeerWindowBits: windows[i/4/len(windows)],
			}
			if !yield(c) {
				return
			}
		}
	}
}

// limit returns n, or what 0 stands for.
func limit(n, unset uint8) uint8 {
	if n == 0 {
		return unset
	}
	return n
}

func TestAnyTwoEndsAgree(t *testing.T) {
	for client := range configs() {
		offer := client.Offer()
		assert.Equal(t, parse(t, text(offer)), []handshake.Extension{offer})
		for server := range configs() {
			p, answer, ok := server.Accept([]handshake.Extension{offer})
			if !ok {
				t.Fatalf("server %+v declines client %+v", server, client)
			}
			q, ok, err := client.CheckAnswer(parse(t, text(answer)))
			assert.NoError(t, err)
			assert.True(t, ok, "the client takes the answer for none")
			assert.Equal(t, q, p)
			assertKept(t, server, client, p)
			if problem := judge(offer, answer); problem != "" {
				t.Fatalf("offer %q, answer %q: %s", text(offer), text(answer), problem)
			}
		}
	}
}

// assertKept checks that p gives both ends what they want.
func assertKept(t *testing.T, server, client deflate.Config, p deflate.Params) {
	t.Helper()
	kept := p.ServerNoContextTakeover == (server.NoContextTakeover || client.PeerNoContextTakeover) &&
		p.ClientNoContextTakeover == (client.NoContextTakeover || server.PeerNoContextTakeover) &&
		p.ServerMaxWindowBits <= limit(client.PeerWindowBits, 15) &&
		p.ClientMaxWindowBits <= limit(server.PeerWindowBits, 15) &&
		p.ServerMaxWindowBits >= 8 && p.ClientMaxWindowBits >= 8
	if client.PeerWindowBits != 0 && client.PeerWindowBits < 15 {
		kept = kept && p.ServerMaxWindowBits <= limit(server.WindowBits, deflate.DefaultWindowBits)
	}
	if client.WindowBits != 0 && client.WindowBits < 15 {
		kept = kept && p.ClientMaxWindowBits <= client.WindowBits
	}
	if !kept {
		t.Fatalf("server %+v, client %+v: agreed %+v", server, client, p)
	}
}

// TestNegotiationIsIdempotent checks that nothing is remembered or changed: the
// same questions get the same answers, and the arguments stay as they were.
func TestNegotiationIsIdempotent(t *testing.T) {
	offers := parse(t, "permessage-deflate; x", `permessage-deflate; client_max_window_bits; server_max_window_bits="12"`)
	before := slices.Clone(offers)
	for c := range configs() {
		p, answer, ok := c.Accept(offers)
		p2, answer2, ok2 := c.Accept(offers)
		assert.Equal(t, p2, p)
		assert.Equal(t, answer2, answer)
		assert.Equal(t, ok2, ok)
		// The answer is the smallest offer that has itself for an answer.
		if c.PeerWindowBits == 0 {
			p3, _, ok := c.Accept([]handshake.Extension{p.Extension()})
			assert.True(t, ok, "what was agreed on is declined as an offer")
			assert.Equal(t, p3, p)
		}
		assert.Equal(t, c.Offer(), c.Offer())
	}
	assert.Equal(t, offers, before)
}

// judge holds an answer against an offer of permessage-deflate. It knows the
// rules of RFC 7692 §7.1 as they stand there, one by one, and nothing of how
// this package goes about them. It returns the rule that is broken, or "".
func judge(offer, answer handshake.Extension) string {
	asked, problem := collect(offer.Params)
	if problem != "" {
		return "an offer that must be declined: " + problem
	}
	said, problem := collect(answer.Params)
	if problem != "" {
		return "an answer the client must fail on: " + problem
	}
	if offer.Name != "permessage-deflate" || answer.Name != offer.Name {
		return "another extension"
	}
	if v, ok := said["client_max_window_bits"]; ok {
		hint, offered := asked["client_max_window_bits"]
		switch {
		case v == "":
			return "client_max_window_bits in an answer needs a value"
		case !offered:
			return "client_max_window_bits was not offered"
		case hint != "" && number(v) > number(hint):
			return "client_max_window_bits is larger than the hint, so the hint is neither ignored nor used"
		}
	}
	if _, ok := asked["server_no_context_takeover"]; ok {
		if _, ok := said["server_no_context_takeover"]; !ok {
			return "server_no_context_takeover is accepted without being answered"
		}
	}
	if bound, ok := asked["server_max_window_bits"]; ok {
		v, ok := said["server_max_window_bits"]
		if !ok || number(v) > number(bound) {
			return "server_max_window_bits is accepted and not kept"
		}
	}
	return ""
}

// collect makes a map of parameters whose values are in order by themselves.
func collect(params []handshake.Param) (map[string]string, string) {
	m := make(map[string]string)
	for _, p := range params {
		if _, ok := m[p.Name]; ok {
			return nil, p.Name + " is there twice"
		}
		m[p.Name] = p.Value
		switch {
		case strings.HasSuffix(p.Name, "_no_context_takeover"):
			if p.HasValue {
				return nil, p.Name + " takes no value"
			}
		case p.Name == "client_max_window_bits" && !p.HasValue:
		case strings.HasSuffix(p.Name, "_max_window_bits"):
			n := number(p.Value)
			if n < 8 || n > 15 || strconv.Itoa(n) != p.Value {
				return nil, fmt.Sprintf("%s is %q", p.Name, p.Value)
			}
		}
	}
	for name := range maps.Keys(m) {
		if !slices.Contains([]string{
			"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits",
		}, name) {
			return nil, name + " is not defined"
		}
	}
	return m, ""
}

// number returns the value of s, or 0 if it is no number.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
