//go:build !race

package conformance

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// raced says that the tests run under the race detector. What runs for long and
// finds no races is left out then.
const raced = false

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
				if want := f.want(res.Level); !f.seen(&res) {
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

// want returns the least verdict that a test of the level has to give.
func (f *flawed) want(level Level) Verdict { return min(f.worst(), level.worst()) }

// seen reports whether a test has found the flaw.
func (f *flawed) seen(res *Result) bool {
	return res.Verdict >= f.want(res.Level) && res.Verdict != Unsupported
}

// run runs the tests of a row against its mutant, and what did not find the flaw a few
// times more: some show it only if the mutant reads between two writes, or is slow to
// end, and a busy machine can be in the way of each.
func (f *flawed) run(t *testing.T, role string) (*Report, error) {
	report, err := f.once(t, role, f.tests)
	for range 5 {
		if err != nil {
			break
		}
		var missed []string
		for _, res := range report.Results {
			if !f.seen(&res) {
				missed = append(missed, regexp.QuoteMeta(res.ID()))
			}
		}
		if missed == nil || f.least > 0 && len(report.Results)-len(missed) >= f.least {
			break
		}
		t.Logf("%s %s: once more %q", role, f.flaw, missed)
		var more *Report
		more, err = f.once(t, role, "^("+strings.Join(missed, "|")+")$")
		if err != nil {
			break
		}
		for _, res := range more.Results {
			i := slices.IndexFunc(report.Results, func(r Result) bool { return r.ID() == res.ID() })
			report.Results[i] = res
		}
	}
	return report, err
}

// once runs the tests that match against the mutant of the row.
func (f *flawed) once(t *testing.T, role, tests string) (*Report, error) {
	b := f.setup
	b.flaws = append(slices.Clone(b.flaws), strings.Split(f.flaw, "; ")...)
	o := &Options{Run: tests, Timeout: 300 * time.Millisecond, Parallel: 64, MaxMessage: int64(b.limit), Subprotocols: b.subprotocols}
	if f.patient {
		o.Timeout = DefaultTimeout
	}
	return b.check(t, role, o)
}
