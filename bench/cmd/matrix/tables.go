package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/bench/plot"
)

// A section is workloads that stand in one table and one picture.
type section struct {
	title, picture, about string
	columns               []column
}

// A column is one workload.
type column struct{ head, workload string }

const cpuAbout = "Microseconds of the server's processor for a message, median of the rounds."

// sections are those of the page.
var sections = []section{
	{"Echo, one message in flight", "echo", cpuAbout, []column{
		{"64 B", "echo-64B-1x100"}, {"1 KiB", "echo-1KiB-1x100"}, {"16 KiB", "echo-16KiB-1x100"},
		{"64 KiB", "echo-64KiB-1x100"}, {"1 MiB", "echo-1MiB-1x100"}, {"12 KiB Chinese", "text-12KiB-1x100"},
	}},
	{"Echo, 16 messages in flight", "pipelined", cpuAbout, []column{
		{"64 B", "echo-64B-16x100"}, {"1 KiB", "echo-1KiB-16x100"}, {"16 KiB", "echo-16KiB-16x100"},
		{"64 KiB", "echo-64KiB-16x100"}, {"1 MiB", "echo-1MiB-16x100"},
	}},
	{"Echo on 10,000 connections", "many", cpuAbout, []column{
		{"64 B", "echo-64B-1x10000"}, {"1 KiB", "echo-1KiB-1x10000"}, {"64 B, 16 in flight", "echo-64B-16x10000"}, {"1 KiB, 16 in flight", "echo-1KiB-16x10000"},
	}},
	{"Fan-out", "fanout", "Microseconds of the server's processor for a delivery of 64 B to one connection, median of the rounds.", []column{
		{"to 1,000", "fan-1x1000"}, {"to 1,000, 32 outstanding", "fan-32x1000"}, {"to 10,000", "fan-1x10000"}, {"to 10,000, 32 outstanding", "fan-32x10000"},
	}},
	{"Compression and handshakes", "other", "Microseconds of the server's processor for a message of 1 KiB of JSON that is inflated and compressed, and for an opening handshake.", []column{
		{"no takeover", "deflate-no-takeover"}, {"takeover", "deflate-takeover"}, {"handshake", "handshake"},
	}},
	{"Memory of an idle connection", "memory", "Resident bytes of the server's process for a connection, after the handshake and after two messages of 512 B.", []column{
		{"handshake", "memory"}, {"messages", "memory" + after}, {"TLS, handshake", "memory-tls"}, {"TLS, messages", "memory-tls" + after},
	}},
}

// latencies are the workloads of the table of throughput and latency.
var latencies = []column{
	{"64 B, 1 in flight on 100 connections", "echo-64B-1x100"}, {"64 B, 16 in flight on 100 connections", "echo-64B-16x100"},
	{"64 B, 1 in flight on 10,000 connections", "echo-64B-1x10000"}, {"fan-out to 1,000", "fan-1x1000"},
}

// markdown returns everything that goes into the page. images is the folder of the
// pictures as seen from there.
func (r *report) markdown(images string) string {
	var b strings.Builder
	for _, line := range r.about {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\n### Targets\n\n" + targetTable(r.results))
	for _, s := range sections {
		if table := s.table(r); table != "" {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n\n![%s](%s/%s.svg)\n\n%s", s.title, s.about, s.title, images, s.picture, table)
		}
	}
	if table := latencyTable(r.results); table != "" {
		b.WriteString("\n### Throughput and latency\n\nThe load sends the next message when one is back, so both are those of a server that has all it can do.\n\n" + table)
	}
	b.WriteString(problems(r.results))
	return b.String()
}

// libraries returns the names in a section, in the order in which they were measured.
func (s *section) libraries(all results) (names []string) {
	for _, c := range s.columns {
		for _, r := range all.of(c.workload) {
			if !slices.Contains(names, r.Library) {
				names = append(names, r.Library)
			}
		}
	}
	return names
}

// table returns the section's table, "" if none of it was measured.
func (s *section) table(r *report) string {
	names := s.libraries(r.results)
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| library |")
	for _, c := range s.columns {
		fmt.Fprintf(&b, " %s |", c.head)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(s.columns)) + "\n")
	for _, name := range names {
		if strings.HasSuffix(name, twin) {
			continue
		}
		fmt.Fprintf(&b, "| %s |", name)
		for _, c := range s.columns {
			fmt.Fprintf(&b, " %s |", cell(r.results.of(c.workload), name))
		}
		b.WriteString("\n")
	}
	b.WriteString(s.noise(r))
	return b.String()
}

// cell returns the value of one library, the best one of all in bold.
func cell(all results, name string) string {
	r := all.find(name)
	if r == nil {
		return "–"
	}
	s := amount(median(r), r.Unit)
	if best := all.least(func(r *result) bool { return !strings.HasSuffix(r.Library, twin) }, median); best == r {
		s = "**" + s + "**"
	}
	return s
}

// noise returns the row of the library that took part twice, "" if there is none.
func (s *section) noise(r *report) string {
	var row strings.Builder
	fmt.Fprintf(&row, "| *noise: %s / itself* |", r.reference)
	measured := false
	for _, c := range s.columns {
		all := r.results.of(c.workload)
		one, two := all.find(r.reference), all.find(r.reference+twin)
		if one == nil || two == nil {
			row.WriteString(" – |")
			continue
		}
		measured = true
		q := two.against(one)
		fmt.Fprintf(&row, " *%.2f (%.2f–%.2f)* |", q.median, q.p25, q.p75)
	}
	if !measured {
		return ""
	}
	return row.String() + "\n"
}

// latencyTable returns one line for each workload and library.
func latencyTable(all results) string {
	var b strings.Builder
	for _, c := range latencies {
		for _, r := range all.of(c.workload) {
			if strings.HasSuffix(r.Library, twin) {
				continue
			}
			if b.Len() == 0 {
				b.WriteString("| workload | library | messages/s | p50 | p99 | p99.9 | server busy |\n|---|---|--:|--:|--:|--:|--:|\n")
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f | %s | %s | %s | %.0f %% |\n", c.head, r.Library, r.PerSecond,
				latency(r.P50), latency(r.P99), latency(r.P999), 100*r.Utilisation)
		}
	}
	return b.String()
}

// latency returns microseconds as people read them.
func latency(us float64) string {
	if us >= 1000 {
		return fmt.Sprintf("%.1f ms", us/1000)
	}
	return fmt.Sprintf("%.0f µs", us)
}

// problems returns what could not be measured, "" if there is nothing.
func problems(all results) string {
	var b strings.Builder
	for _, r := range all {
		if r.Problem != "" {
			fmt.Fprintf(&b, "- %s, %s: %s\n", r.Workload, r.Library, r.Problem)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n### What could not be measured\n\n" + b.String()
}

// charts returns the pictures by their names.
func (r *report) charts() map[string]*plot.Chart {
	charts := make(map[string]*plot.Chart)
	for _, s := range sections {
		c := &plot.Chart{Title: s.title, Subtitle: "Less is better; whiskers are the quartiles of the rounds."}
		for _, col := range s.columns {
			if bars := barsOf(r.results.of(col.workload)); len(bars) > 0 {
				c.Panels = append(c.Panels, plot.Panel{Title: col.head, Bars: bars})
			}
		}
		if len(c.Panels) > 0 {
			charts[s.picture] = c
		}
	}
	return charts
}

// barsOf returns the results of one workload, the best first.
func barsOf(all results) (bars []plot.Bar) {
	for _, r := range all {
		q := r.quartiles()
		b := plot.Bar{Name: r.Library, Value: q.median, Label: amount(q.median, r.Unit), Kind: plot.Foreign}
		if len(r.Rounds) > 1 {
			b.Low, b.High = q.p25, q.p75
		}
		switch {
		case strings.HasSuffix(r.Library, twin):
			continue
		case isOurs(r):
			b.Kind = plot.Ours
		case isPeer(r):
			b.Kind = plot.Peer
		}
		bars = append(bars, b)
	}
	slices.SortStableFunc(bars, func(a, b plot.Bar) int {
		switch {
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		}
		return 0
	})
	return bars
}
