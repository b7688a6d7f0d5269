package conformance

import (
	"crypto/tls"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
)

// A soundRun is a run against mutants without flaws.
type soundRun struct {
	name    string
	breed   breed
	options Options
	only    string // "server" or "client" if it is for one role
}

// soundRuns are what it takes for each test to have what it needs.
func soundRuns() []soundRun {
	names := []string{"chat", "superchat"}
	zip := &deflate.Config{WindowBits: 15}
	return []soundRun{
		{
			name:  "with an unknown limit",
			breed: breed{limit: 16 << 20, subprotocols: names, compression: zip}, options: Options{Subprotocols: names},
		},
		{
			name:  "with a limit",
			breed: breed{limit: 1 << 20, compression: zip}, options: Options{MaxMessage: 1 << 20, Run: "^limits/"},
		},
		{
			name:  "over TLS",
			breed: breed{secure: true}, options: Options{Run: "^transport/"},
		},
		{
			name: "that asks for small windows", only: "client",
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

// TestSound shows that an endpoint without flaws passes every test that it has
// what it takes for, and that it has that in one of the runs.
func TestSound(t *testing.T) {
	for role, tests := range map[string][]Test{"server": ServerTests(), "client": ClientTests()} {
		passed := map[string]bool{}
		for _, run := range soundRuns() {
			if run.only != "" && run.only != role {
				continue
			}
			t.Run(role+" "+run.name, func(t *testing.T) {
				r, err := run.breed.check(t, role, &run.options)
				assert.NoError(t, err)
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
			if !passed[test.ID()] {
				t.Errorf("%s %s: no run passed it", role, test.ID())
			}
		}
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

// TestEachTestCanFail runs each mutant against the tests that have to find its
// flaw, and shows that no test is left that finds none.
func TestEachTestCanFail(t *testing.T) {
	found := map[string]bool{}
	for trial := range trials(t) {
		f := trial.flawed
		t.Run(trial.role+" "+f.flaw, func(t *testing.T) {
			assert.NoError(t, trial.err)
			missed := 0
			for _, res := range trial.report.Results {
				want := min(f.worst(), res.Level.worst())
				if res.Verdict < want || res.Verdict == Unsupported {
					missed++
					if f.least == 0 {
						t.Errorf("%s: %s, want %s: %s", res.ID(), res.Verdict, want, res.Problem)
					}
				}
				if res.Verdict == res.Level.worst() {
					found[trial.role+" "+res.ID()] = true
				}
			}
			if seen := len(trial.report.Results) - missed; seen < f.least {
				t.Errorf("%d tests see it, want %d", seen, f.least)
			}
		})
	}
	for role, tests := range map[string][]Test{"server": ServerTests(), "client": ClientTests()} {
		for _, test := range tests {
			if !found[role+" "+test.ID()] {
				t.Errorf("%s %s: no mutant fails it", role, test.ID())
			}
		}
	}
}

// A mutation is a row of flaws and what came of it for one role.
type mutation struct {
	*flawed
	role   string
	report *Report
	err    error
}

// trials runs all rows, several at a time as most of that is waiting.
func trials(t *testing.T) <-chan mutation {
	results := make(chan mutation)
	slots := make(chan struct{}, 6)
	var wg sync.WaitGroup
	for _, f := range flaws() {
		for _, role := range []string{"server", "client"} {
			if f.only != "" && f.only != role {
				continue
			}
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				r, err := f.run(t, role)
				results <- mutation{&f, role, r, err}
			})
		}
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	return results
}

func (f *flawed) worst() Verdict {
	if f.worse == Passed {
		return Failed
	}
	return f.worse
}

// run runs the tests of a row against its mutant.
func (f *flawed) run(t *testing.T, role string) (*Report, error) {
	b := f.setup
	b.flaws = append(slices.Clone(b.flaws), strings.Split(f.flaw, "; ")...)
	o := &Options{Run: f.tests, Timeout: 300 * time.Millisecond, Parallel: 64, MaxMessage: int64(b.limit), Subprotocols: b.subprotocols}
	if f.patient {
		o.Timeout = DefaultTimeout
	}
	return b.check(t, role, o)
}
