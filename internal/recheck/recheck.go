// Package recheck runs the conformance suite for tests on machines that may be busy.
package recheck

import (
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// tooLate finds in a problem that something did not come in time.
var tooLate = regexp.MustCompile(`within \d|did not read for|is still there|timeout`)

// Run runs a check, and once more, with eight times the time, those of its tests that failed
// because the endpoint took too long: it may have been the machine that was busy. Other
// failures stand. o is not changed; each run of check has a copy of its own.
func Run(t *testing.T, o conformance.Options, check func(*conformance.Options) (*conformance.Report, error)) *conformance.Report {
	t.Helper()
	first := o
	r, err := check(&first)
	assert.NoError(t, err)
	index := map[string]int{}
	var late []string
	for i := range r.Results {
		if res := &r.Results[i]; res.Verdict == conformance.Failed && tooLate.MatchString(res.Problem) {
			t.Logf("tried again: %s: %s", res.ID(), res.Problem)
			index[res.ID()], late = i, append(late, regexp.QuoteMeta(res.ID()))
		}
	}
	if late == nil {
		return r
	}
	o.Run, o.Timeout = "^("+strings.Join(late, "|")+")$", 8*o.Timeout
	more, err := check(&o)
	assert.NoError(t, err)
	for _, res := range more.Results {
		r.Results[index[res.ID()]] = res
	}
	return r
}
