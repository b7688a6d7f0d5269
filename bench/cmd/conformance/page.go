package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/conformance"
)

// A writer builds the page.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

const opening = `# Go's WebSocket servers and the conformance suite

This page is written by a command; do not edit it. From the root of the repository,

    go run ./bench/cmd/conformance

starts each library as an echo server in a process of its own, runs the tests of
[websocket/conformance](../../websocket/conformance) against it, the same that ` + "`duplex check`" + ` runs against any server, and writes
the page anew. It has no times in it and changes only if a library or the suite does.

- A test **fails** if the server breaks a MUST of RFC 6455, RFC 7692 or the RFCs of HTTP; it is **not strict** if the server
  does not keep a SHOULD, or keeps a MUST in a way that the RFCs advise against, such as dropping TCP without a close frame.
  **Informational** is a difference on which the RFCs are silent; **unsupported** is a test of something that the server does
  not offer or that is not set up here: compression for some, TLS for all.
- Each server is written as the documentation of its library recommends for correctness, with the text check on where the
  library has one, limits set, and as much compression as it can: see [bench/peers](../../bench/peers), a file for each. What a
  library does not offer is not added.
- A test that does not pass is repeated on a fresh server, more often if it is a quick one, and the best result counts. A few
  results depend on chance all the same, most of them those of nbio: a number may differ by one or two from run to run.
- Numbers of failed tests say little about which library is better: one missing check can fail three hundred of them, and some
  checks of HTTP are not the library's but those of the HTTP server it runs in, net/http for all but nbio. The lists below the
  tables say what is missing. For a closer look, ` + "`go run ./bench/cmd/conformance -lib NAME -v -out -`" + ` prints each test that
  did not pass with what went over the wire.
`

// page returns the page.
func page(all []outcome) string {
	w := new(writer)
	w.WriteString(opening)
	w.versions(all)
	w.areas(all)
	w.text(all)
	for _, o := range all {
		w.peer(o)
	}
	return w.String()
}

// versions writes what was tested, and how much of it passed.
func (w *writer) versions(all []outcome) {
	w.line("\n## What was tested\n")
	w.line("| library | version | compression | passed | not strict | failed | informational | unsupported |")
	w.line("|---|---|---|--:|--:|--:|--:|--:|")
	for _, o := range all {
		version := cmp.Or(o.peer.Version(), "this repository")
		r := o.report
		w.line("| %s (%s) | %s | %s | %d | %d | %d | %d | %d |", o.peer.Name, o.peer.Module, version, o.peer.Best,
			r.Count(conformance.Passed), r.Count(conformance.NotStrict), r.Count(conformance.Failed),
			r.Count(conformance.Informational), r.Count(conformance.Unsupported))
	}
}

// A tally counts the verdicts of tests.
type tally [conformance.Unsupported + 1]int

// judged returns how many tests say something about rules.
func (t tally) judged() int {
	return t[conformance.Passed] + t[conformance.NotStrict] + t[conformance.Failed]
}

// String returns passed / not strict / failed of all, or what there is instead.
func (t tally) String() string {
	if t.judged() == 0 {
		return "–"
	}
	if t.judged() == t[conformance.Passed] {
		return fmt.Sprintf("all %d", t.judged())
	}
	return fmt.Sprintf("%d / %d / %d of %d", t[conformance.Passed], t[conformance.NotStrict], t[conformance.Failed], t.judged())
}

// tallies counts the verdicts in each area.
func tallies(r *conformance.Report) map[string]tally {
	m := make(map[string]tally)
	for i := range r.Results {
		t := m[r.Results[i].Area]
		t[r.Results[i].Verdict]++
		m[r.Results[i].Area] = t
	}
	return m
}

// areas writes the table of all libraries.
func (w *writer) areas(all []outcome) {
	w.line("\n## By area\n")
	w.line("Passed / not strict / failed, of all tests with one of these results.\n")
	head, rule := "| area |", "|---|"
	columns := make([]map[string]tally, len(all))
	names := make(map[string]bool)
	for i, o := range all {
		head += " " + o.peer.Name + " |"
		rule += "---|"
		columns[i] = tallies(o.report)
		for area := range columns[i] {
			names[area] = true
		}
	}
	w.line("%s\n%s", head, rule)
	for _, area := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(w, "| %s |", area)
		for _, c := range columns {
			fmt.Fprintf(w, " %v |", c[area])
		}
		w.line("")
	}
}

// text writes the table of those that leave text to the application.
func (w *writer) text(all []outcome) {
	without := slices.DeleteFunc(slices.Clone(all), func(o outcome) bool { return o.text == nil })
	if len(without) == 0 {
		return
	}
	w.line("\n## Text that is checked by the application\n")
	w.line("These libraries hand over text messages without a look at whether they are UTF-8, which RFC 6455 §8.1 makes the endpoint's")
	w.line("duty. An application can check each message with `utf8.Valid` and close with 1007; this is what the area utf8 looks like then.\n")
	w.line("| library | as it comes | with `utf8.Valid` in the application |")
	w.line("|---|---|---|")
	for _, o := range without {
		w.line("| %s | %s | %s |", o.peer.Name, tallies(o.report)["utf8"], tallies(o.text)["utf8"])
	}
}

// peer writes what one library does not keep.
func (w *writer) peer(o outcome) {
	w.line("\n## %s", o.peer.Name)
	if n := len(o.crashes); n > 0 {
		w.line("\n**%s ended the whole process**, with all its connections; they count as failed.", tests(n))
	}
	if o.picky != nil {
		w.line("\nSet up with subprotocols it refuses clients that offer none of them, so the tests of subprotocols were not run.")
	}
	perfect := true
	for _, l := range lists {
		rules := group(o.report, l.holds)
		w.rules(l.title, rules)
		perfect = perfect && len(rules) == 0
	}
	if perfect {
		w.line("\nKeeps every rule that was tested, and every recommendation.")
	}
}

// A list is a part of what is said of a library.
type list struct {
	title string
	holds func(*conformance.Result) bool
}

// lists are all parts, the worst first.
var lists = []list{
	{"What the RFCs demand and it does not do:", func(r *conformance.Result) bool {
		return r.Verdict == conformance.Failed
	}},
	{"What the RFCs demand and it does, but not as they recommend (TCP ends without a close frame, or it has another code, or it comes late):",
		func(r *conformance.Result) bool {
			return r.Verdict == conformance.NotStrict && r.Level == conformance.Must
		}},
	{"What the RFCs recommend and it does not do:", func(r *conformance.Result) bool {
		return r.Verdict == conformance.NotStrict && r.Level != conformance.Must
	}},
	{"What the RFCs leave open and it does in its own way:", func(r *conformance.Result) bool {
		return r.Verdict == conformance.Informational
	}},
}

// rules writes a list of rules, each with its sections and the number of tests.
func (w *writer) rules(title string, broken []brokenRule) {
	if len(broken) == 0 {
		return
	}
	w.line("\n%s\n", title)
	for _, b := range broken {
		w.line("- %s: %s (%s)", join(b.sections), b.rule, tests(b.tests))
	}
}

// tests returns "1 test" or "5 tests".
func tests(n int) string {
	if n == 1 {
		return "1 test"
	}
	return fmt.Sprintf("%d tests", n)
}

// A brokenRule is a sentence of a standard that tests had to do with.
type brokenRule struct {
	rule     string
	sections []string // of the standards, sorted
	tests    int
}

// group returns the rules of some tests, in the order of their sections.
func group(r *conformance.Report, holds func(*conformance.Result) bool) []brokenRule {
	byRule := make(map[string]*brokenRule)
	for i := range r.Results {
		result := &r.Results[i]
		if !holds(result) {
			continue
		}
		b := byRule[result.Rule]
		if b == nil {
			b = &brokenRule{rule: result.Rule}
			byRule[result.Rule] = b
		}
		b.tests++
		if s := section(result.Name); !slices.Contains(b.sections, s) {
			b.sections = append(b.sections, s)
		}
	}
	var all []brokenRule
	for _, b := range byRule {
		slices.Sort(b.sections)
		all = append(all, *b)
	}
	slices.SortFunc(all, func(a, b brokenRule) int {
		return cmp.Or(slices.Compare(a.sections, b.sections), strings.Compare(a.rule, b.rule))
	})
	return all
}

// join puts sections together, the name of a standard once: "§5.1, RFC 7692 §6, §7.1".
func join(sections []string) string {
	var b strings.Builder
	last := ""
	for i, s := range sections {
		if i > 0 {
			b.WriteString(", ")
		}
		standard, number, _ := strings.Cut(s, "§")
		if standard != last {
			b.WriteString(standard)
		}
		last = standard
		b.WriteString("§" + number)
	}
	return b.String()
}

// section returns the section with which the name of a test begins: "§5.2", or
// "RFC 7692 §7.1" if it is not of RFC 6455.
func section(name string) string {
	_, number, _ := strings.Cut(name, "§")
	before := strings.TrimSuffix(name, "§"+number)
	number, _, _ = strings.Cut(number, " ")
	return before + "§" + number
}
