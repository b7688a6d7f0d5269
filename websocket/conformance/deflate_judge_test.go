package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
)

// inflated returns what the suite says of compressed messages that an endpoint
// sends it, whose window is told by params for both directions.
func inflated(t *testing.T, params deflate.Params, payloads ...string) (messages []string, r Result) {
	test := Test{run: func(p *peer) {
		p.compress(params)
		for _, payload := range payloads {
			half := len(payload) / 2
			message := string(p.inflate([]byte(payload[:half]), false))
			messages = append(messages, message+string(p.inflate([]byte(payload[half:]), true)))
		}
	}}
	o, _, err := (*Options)(nil).settle([]Test{test})
	assert.NoError(t, err)
	return messages, test.conduct(t.Context(), o, Client, way{})
}

// TestInflateKeepsToWhatWasAgreed shows that an endpoint cannot send what the other
// end need not be able to inflate.
func TestInflateKeepsToWhatWasAgreed(t *testing.T) {
	plain := bothWindows(15)
	fresh := plain
	fresh.ServerNoContextTakeover = true
	whole := octets(600)
	huge, _ := bomb(2*maxFrame + 10_000)
	far := func(n int) []string {
		return []string{stored(whole).end(), after(whole).fixed(match(3, n)).end()}
	}
	for _, test := range []struct {
		name     string
		params   deflate.Params
		payloads []string
		problem  string // "" for none
	}{
		{"one message", plain, []string{helloFixed}, ""},
		{"reference to the message before", plain, []string{helloFixed, helloAgain}, ""},
		{"the same without takeover", fresh, []string{helloFixed, helloAgain}, "cannot be inflated"},
		{"no reference without takeover", fresh, []string{helloFixed, helloFixed}, ""},
		{"takeover of the other direction", deflate.Params{ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 8},
			[]string{helloFixed, helloAgain}, ""},
		{"the end of a window", bothWindows(9), far(512), ""},
		{"a byte behind the end of a window", bothWindows(9), far(513), "beyond the negotiated window"},
		{"a byte behind the end of a window in one message", bothWindows(9),
			[]string{stored(whole).fixed(match(3, 513)).end()}, "beyond the negotiated window"},
		{"the same with a window that is large enough", bothWindows(10), far(513), ""},
		{"no bytes", plain, []string{""}, "even an empty one has the byte 00"},
		{"the reserved type of block", plain, []string{deflated().begin(typeReserved).end()}, "reserved type"},
		{"a block that does not end", plain, []string{deflated().open(lits("Hello")).cut()}, "ends inside a block"},
		{"more than anything the suite sends", plain, []string{huge}, "more than 67108864 bytes"},
	} {
		if raced && test.payloads[0] == huge {
			continue // inflates to 128 MiB, by one goroutine
		}
		t.Run(test.name, func(t *testing.T) {
			got, r := inflated(t, test.params, test.payloads...)
			if test.problem != "" {
				assert.Equal(t, r.Verdict, Failed)
				assert.Contains(t, r.Problem, test.problem)
				return
			}
			assert.Equal(t, r.Problem, "")
			assert.Equal(t, len(got), len(test.payloads))
		})
	}
}

// TestWindowsThatAreNone shows that an answer with a window that cannot be ends the
// test and not the suite.
func TestWindowsThatAreNone(t *testing.T) {
	for _, n := range []uint8{0, 7, 16, 255} {
		_, r := inflated(t, bothWindows(n), helloFixed)
		assert.Equal(t, r.Verdict, Failed)
		assert.Contains(t, r.Problem, "none of 8 to 15 bits")
	}
}

// TestDeflateIsUnsupportedWithout shows that an endpoint without compression breaks
// no rule.
func TestDeflateIsUnsupportedWithout(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		r, err := (&breed{}).check(t, role, &Options{Run: "^deflate/"})
		assert.NoError(t, err)
		assert.True(t, len(r.Results) > 700, "the tests have shrunk below 700")
		assert.Equal(t, r.Count(Unsupported), len(r.Results))
	}
}

// TestDeflateTakesAnyParameters shows that no endpoint is judged by rules that were
// not agreed on, whatever it wants and can.
func TestDeflateTakesAnyParameters(t *testing.T) {
	configs := []deflate.Config{
		{WindowBits: 8, NoContextTakeover: true}, {PeerNoContextTakeover: true}, {PeerWindowBits: 10, WindowBits: 12},
	}
	if raced { // takes long for each
		configs = configs[:1]
	}
	for _, c := range configs {
		for _, role := range []string{"server", "client"} {
			t.Run(fmt.Sprintf("%s %+v", role, c), func(t *testing.T) {
				b := breed{compression: &c}
				r, err := b.check(t, role, &Options{Timeout: patience, Run: `^deflate/(RFC 7692 §(7\.1\.1 without|7\.1\.2 window|7\.2\.2)|.* messages of 5000 bytes)`})
				assert.NoError(t, err)
				for i := range r.Results {
					res := &r.Results[i]
					assert.True(t, res.Verdict == Passed || res.Verdict == Unsupported, res.ID()+": "+res.Problem)
				}
				assert.True(t, c.PeerWindowBits != 0 || r.Count(Passed) > 60, "too many are unsupported")
			})
		}
	}
}

// TestRefusalsAreJudgedByWhatIsKnown shows who may refuse a large message, and how.
func TestRefusalsAreJudgedByWhatIsKnown(t *testing.T) {
	verdicts := func(b breed, o Options) map[string]Verdict {
		o.Run = `^limits/§5\.2 binary`
		o.Timeout = patience
		r, err := b.check(t, "server", &o)
		assert.NoError(t, err)
		m := map[string]Verdict{}
		for _, res := range r.Results {
			name, _, _ := strings.Cut(strings.TrimPrefix(res.Name, "§5.2 binary of "), " in one")
			m[name] = res.Verdict
		}
		return m
	}
	b := breed{limit: 100_000}
	unknown := verdicts(b, Options{})
	assert.Equal(t, unknown["64 KiB"], Passed)
	assert.Equal(t, unknown["256 KiB"], Informational)
	assert.Equal(t, unknown["16 MiB"], Informational)
	known := verdicts(b, Options{MaxMessage: 1 << 20})
	assert.Equal(t, known["64 KiB"], Passed)
	assert.Equal(t, known["256 KiB"], Failed)
	assert.Equal(t, known["4 MiB"], Unsupported)
	b.flaws = []string{"drops the connection at a broken rule"}
	dropped := verdicts(b, Options{})
	assert.Equal(t, dropped["256 KiB"], Failed)
	assert.Equal(t, dropped["1 MiB"], Informational)
}

// TestTrafficEndsInTime shows that what is repeated stops when half of the time is
// over.
func TestTrafficEndsInTime(t *testing.T) {
	o := &Options{Timeout: time.Second}
	p := &peer{o: o, deadline: time.Now().Add(testLimit * o.Timeout)}
	assert.True(t, !p.late(), "late at once")
	p.deadline = time.Now().Add(testLimit*o.Timeout/2 - time.Millisecond)
	assert.True(t, p.late(), "not late after half of the time")
}
