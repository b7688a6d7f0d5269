package conformance

import (
	"crypto/tls"
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
)

// A soundRun is a run against mutants without flaws.
type soundRun struct {
	name    string
	breed   breed
	options Options
	long    bool   // too long for the race detector
	raced   string // Run under the race detector, if it is another
	only    string // "server" or "client" if it is for one role
}

// soundRuns are what it takes for each test to have what it needs.
func soundRuns() []soundRun {
	names := []string{"chat", "superchat"}
	zip := &deflate.Config{WindowBits: 15}
	return []soundRun{
		{
			name: "with an unknown limit", long: true,
			breed: breed{limit: 16 << 20, subprotocols: names, compression: zip}, options: Options{Subprotocols: names},
		},
		{
			name: "with a limit", long: true,
			breed: breed{limit: 1 << 20, compression: zip}, options: Options{MaxMessage: 1 << 20, Run: "^limits/"},
		},
		{
			name:  "over TLS",
			breed: breed{secure: true}, options: Options{Run: "^transport/"}, raced: "^transport/§7",
		},
		{
			name: "that asks for small windows", only: "client", long: true,
			breed:   breed{compression: &deflate.Config{WindowBits: 15, PeerWindowBits: 10, PeerNoContextTakeover: true}},
			options: Options{Run: "^(extension|deflate)/"},
		},
		{
			name: "that does not let the server choose its window", only: "client",
			breed:   breed{compression: zip, request: replace("; client_max_window_bits", "")},
			options: Options{Run: "^extension/"},
		},
	}
}

// patience is the Timeout for endpoints that are right, on a machine that may be
// busy.
const patience = 4 * DefaultTimeout

// TestSound shows that an endpoint without flaws passes every test that it has
// what it takes for, and that it has that in one of the runs. Under the race
// detector the longest of them is left to a run without it.
func TestSound(t *testing.T) {
	for role, tests := range map[string][]Test{"server": ServerTests(), "client": ClientTests()} {
		passed := map[string]bool{}
		for _, run := range soundRuns() {
			if run.only != "" && run.only != role || raced && run.long {
				continue
			}
			t.Run(role+" "+run.name, func(t *testing.T) {
				run.options.Timeout = patience
				if raced && run.raced != "" {
					run.options.Run = run.raced
				}
				r, err := run.breed.check(t, role, &run.options)
				assert.NoError(t, err)
				run.again(t, role, r)
				t.Logf("%s in %v", r, r.Elapsed)
				for i := range r.Results {
					switch res := &r.Results[i]; res.Verdict {
					case Passed:
						passed[res.ID()] = true
					case Unsupported:
					default:
						t.Errorf("%s: %s: %s", res.ID(), res.Verdict, res.Problem)
					}
				}
			})
		}
		for _, test := range tests {
			if !passed[test.ID()] && !raced {
				t.Errorf("%s %s: no run passed it", role, test.ID())
			}
		}
	}
}

// tooLate finds in a problem that something did not come in time.
var tooLate = regexp.MustCompile(`within \d|did not read for|is still there|timeout`)

// again runs the tests once more that did not pass because the endpoint took too long, with
// more time: it may have been the machine that was busy.
func (run *soundRun) again(t *testing.T, role string, r *Report) {
	t.Helper()
	index := map[string]int{}
	var late []string
	for i := range r.Results {
		if res := &r.Results[i]; res.Verdict != Passed && tooLate.MatchString(res.Problem) {
			t.Logf("tried again: %s: %s", res.ID(), res.Problem)
			index[res.ID()], late = i, append(late, regexp.QuoteMeta(res.ID()))
		}
	}
	if late == nil {
		return
	}
	o := run.options
	o.Run, o.Timeout = "^("+strings.Join(late, "|")+")$", 8*patience
	more, err := run.breed.check(t, role, &o)
	assert.NoError(t, err)
	for _, res := range more.Results {
		r.Results[index[res.ID()]] = res
	}
}

// check runs tests against the breed in a role.
func (b *breed) check(t *testing.T, role string, o *Options) (*Report, error) {
	if role == "server" {
		if b.secure {
			o.TLS = &tls.Config{RootCAs: authority()}
		}
		o, tests, err := o.settle(ServerTests())
		if err != nil {
			return nil, err
		}
		s, err := newSite(serveMutants(t, b), o)
		if err != nil {
			return nil, err
		}
		return s.check(t.Context(), tests) // CheckServer would say that some cannot be tested at all
	}
	if b.secure {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate()}}
	}
	return dialAll(t.Context(), b.dial, o)
}
