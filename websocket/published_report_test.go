package websocket_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
)

var update = flag.Bool("update", false, "write the results into CONFORMANCE.md")

// notStrict says why a test does not simply pass. The keys are regular expressions
// on "role area/name".
var notStrict = map[string]string{
	`client extension/RFC 7692 §7\.1\.2\.2 answer with client_max_window_bits, which was not offered`: "Our client always offers it, as browsers do.",
}

// A standing is what came of each test, by "role area/name": the worst of all runs
// in which it had what it needs.
type standing map[string]conformance.Result

func (s standing) add(role string, res *conformance.Result) {
	key := role + " " + res.ID()
	before, ok := s[key]
	if !ok || before.Verdict == conformance.Unsupported || res.Verdict != conformance.Unsupported && res.Verdict > before.Verdict {
		s[key] = *res
	}
}

// The results stand in CONFORMANCE.md between these two lines.
const (
	conformanceFile = "../CONFORMANCE.md"
	resultsBegin    = "<!-- results: written by go test ./websocket -run TestPublishedSuite -update -->\n"
	resultsEnd      = "<!-- results end -->\n"
)

// compare holds the results against CONFORMANCE.md, or writes them there.
func (s standing) compare(t *testing.T) {
	t.Helper()
	want := s.areas() + "\n" + s.sections() + "\n" + s.remarks(t)
	b, err := os.ReadFile(conformanceFile)
	assert.NoError(t, err)
	before, rest, ok := strings.Cut(string(b), resultsBegin)
	shown, after, ok2 := strings.Cut(rest, resultsEnd)
	assert.True(t, ok && ok2, "the lines around the results are missing")
	if *update {
		assert.NoError(t, os.WriteFile(conformanceFile, []byte(before+resultsBegin+want+resultsEnd+after), 0o644))
		return
	}
	assert.True(t, shown == want, "CONFORMANCE.md shows other results: run go test ./websocket -run TestPublishedSuite -update\n"+want)
}

// A tally counts verdicts.
type tally [conformance.Unsupported + 1]int

// tallies counts the verdicts of a role by key.
func (s standing) tallies(role string, key func(*conformance.Result) string) map[string]*tally {
	counts := map[string]*tally{}
	for id, res := range s {
		if !strings.HasPrefix(id, role) {
			continue
		}
		k := key(&res)
		if counts[k] == nil {
			counts[k] = new(tally)
		}
		counts[k][res.Verdict]++
	}
	return counts
}

// row returns a row of a table.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// header returns the head of a table.
func header(cells ...string) string {
	return row(cells...) + strings.Repeat("|---", len(cells)) + "|\n"
}

// count returns a number, or a dash for none.
func count(n int) string {
	if n == 0 {
		return "–"
	}
	return strconv.Itoa(n)
}

// passedOf returns how many passed of how many, or a dash if there are none.
func (c *tally) passedOf() string {
	if c == nil {
		return "–"
	}
	all := 0
	for _, n := range c {
		all += n
	}
	return fmt.Sprintf("%d of %d", c[conformance.Passed], all)
}

// areas is the table of all verdicts by area.
func (s standing) areas() string {
	var b strings.Builder
	verdicts := []conformance.Verdict{
		conformance.Passed, conformance.NotStrict, conformance.Informational, conformance.Unsupported, conformance.Failed,
	}
	for _, role := range []string{"server", "client"} {
		counts := s.tallies(role, func(res *conformance.Result) string { return res.Area })
		fmt.Fprintf(&b, "## Our %s\n\n", role)
		head, all := []string{"area"}, new(tally)
		for _, v := range verdicts {
			head = append(head, v.String())
		}
		b.WriteString(header(head...))
		for _, area := range slices.Sorted(maps.Keys(counts)) {
			cells := []string{area}
			for _, v := range verdicts {
				cells = append(cells, count(counts[area][v]))
				all[v] += counts[area][v]
			}
			b.WriteString(row(cells...))
		}
		cells := []string{"all"}
		for _, v := range verdicts {
			cells = append(cells, count(all[v]))
		}
		b.WriteString(row(cells...) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var sectionOfName = regexp.MustCompile(`^(?:RFC (\d+) )?§([\d.]*\d)`)

// section returns the section a test is about, "RFC 6455 §5.2".
func section(res *conformance.Result) string {
	m := sectionOfName.FindStringSubmatch(res.Name)
	if m == nil {
		return "?"
	}
	return "RFC " + cmp.Or(m[1], "6455") + " §" + m[2]
}

// sections is the table of what passed by section.
func (s standing) sections() string {
	server, client := s.tallies("server", section), s.tallies("client", section)
	names := slices.Collect(maps.Keys(server))
	names = append(names, slices.Collect(maps.Keys(client))...)
	slices.SortFunc(names, compareSections)
	var b strings.Builder
	b.WriteString("## By section\n\n" + header("section", "server passes", "client passes"))
	for _, name := range slices.Compact(names) {
		b.WriteString(row(name, server[name].passedOf(), client[name].passedOf()))
	}
	return b.String()
}

var numbers = regexp.MustCompile(`\d+`)

// compareSections orders sections by number, those of RFC 6455 first.
func compareSections(a, b string) int {
	parts := func(s string) (n []int) {
		for _, d := range numbers.FindAllString(s, -1) {
			i, _ := strconv.Atoi(d)
			n = append(n, i)
		}
		if n[0] == 6455 {
			n[0] = 0
		}
		return n
	}
	return slices.Compare(parts(a), parts(b))
}

// remarks is the list of what does not simply pass, with the reason of each.
func (s standing) remarks(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("## What does not simply pass\n")
	rest := maps.Clone(s)
	maps.DeleteFunc(rest, func(_ string, res conformance.Result) bool { return res.Verdict == conformance.Passed })
	for _, pattern := range slices.Sorted(maps.Keys(notStrict)) {
		expr := regexp.MustCompile(pattern)
		b.WriteString("\n" + notStrict[pattern] + "\n\n")
		n := len(rest)
		for _, id := range slices.Sorted(maps.Keys(rest)) {
			if expr.MatchString(id) {
				res := rest[id]
				fmt.Fprintf(&b, "- %s (%s): %s\n", id, res.Level, res.Verdict)
				delete(rest, id)
			}
		}
		assert.True(t, len(rest) < n, "nothing needs the reason for "+pattern)
	}
	for id, res := range rest {
		t.Errorf("%s: %s, and no reason is given in notStrict: %s", id, res.Verdict, res.Problem)
	}
	return b.String()
}
