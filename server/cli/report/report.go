// Package report shows what a conformance run found: as text for a person at a
// terminal, as a page for a browser, and as JSON and JUnit XML for programs. All
// forms hold the same facts, and none of them lets the endpoint under test write
// to the terminal or into the page: whatever it sent is escaped.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/conformance"
)

// verdicts is the order in which the forms count them.
var verdicts = []conformance.Verdict{
	conformance.Passed,
	conformance.NotStrict,
	conformance.Informational,
	conformance.Unsupported,
	conformance.Failed,
}

// An area is one chapter of a report.
type area struct {
	Name    string
	Results []*conformance.Result
}

// count returns how many results have a verdict.
func (a *area) count(v conformance.Verdict) (n int) {
	for _, r := range a.Results {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// areas returns the chapters in the order of their first results.
func areas(r *conformance.Report) (all []*area) {
	byName := map[string]*area{}
	for i := range r.Results {
		res := &r.Results[i]
		a := byName[res.Area]
		if a == nil {
			a = &area{Name: res.Area}
			byName[res.Area] = a
			all = append(all, a)
		}
		a.Results = append(a.Results, res)
	}
	return all
}

// remarkable returns the results that a reader wants to see one by one, the worst
// first: all but those that passed and those that were not tested.
func remarkable(r *conformance.Report) (all []*conformance.Result) {
	for i := range r.Results {
		switch r.Results[i].Verdict {
		case conformance.Passed, conformance.Unsupported:
		default:
			all = append(all, &r.Results[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *conformance.Result) int {
		return cmp.Compare(b.Verdict, a.Verdict)
	})
	return all
}

// untested is what could not be tested in one area for one reason.
type untested struct {
	Area, Problem string
	Count         int
}

// unsupported returns what could not be tested. Hundreds of tests may have the same
// reason.
func unsupported(r *conformance.Report) (all []*untested) {
	for i := range r.Results {
		res := &r.Results[i]
		if res.Verdict != conformance.Unsupported {
			continue
		}
		at := slices.IndexFunc(all, func(u *untested) bool { return u.Area == res.Area && u.Problem == res.Problem })
		if at < 0 {
			at = len(all)
			all = append(all, &untested{Area: res.Area, Problem: res.Problem})
		}
		all[at].Count++
	}
	return gathered(all)
}

// gathered puts the reasons of an area into one if there are many: then they are
// variations, such as all the offers that a server declines.
func gathered(all []*untested) (short []*untested) {
	const many = 3
	reasons, first := map[string]int{}, map[string]*untested{}
	for _, u := range all {
		reasons[u.Area]++
	}
	for _, u := range all {
		switch n := reasons[u.Area]; {
		case n <= many:
			short = append(short, u)
		case first[u.Area] != nil:
			first[u.Area].Count += u.Count
		default:
			u.Problem += fmt.Sprintf(", and %d reasons more", n-1)
			first[u.Area] = u
			short = append(short, u)
		}
	}
	return short
}

// conclusion is the last line of a report: how many tests ended how.
func conclusion(r *conformance.Report) string {
	counts := make([]string, 0, len(verdicts))
	for _, v := range verdicts {
		if n := r.Count(v); n > 0 || v == conformance.Passed || v == conformance.Failed {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return fmt.Sprintf("%s in %.1f s: %s", plural(len(r.Results), "test"), r.Elapsed.Seconds(), strings.Join(counts, ", "))
}

// plural returns a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// WriteJSON writes the whole report with all exchanges, as its type documents.
func WriteJSON(w io.Writer, r *conformance.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
