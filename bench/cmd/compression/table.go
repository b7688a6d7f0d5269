package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/duplexhq/duplex/bench/peers"
)

// titles of the tables.
var titles = map[peers.Compression]string{
	peers.Takeover:   "With context takeover",
	peers.NoTakeover: "Without context takeover",
	peers.Off:        "Without compression",
}

// markdown returns one table for each mode.
func markdown(all []*contender) string {
	var b strings.Builder
	for _, mode := range modes {
		of := inMode(all, mode)
		if len(of) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n| library |", titles[mode])
		for _, c := range corpora() {
			fmt.Fprintf(&b, " %s |", c.name)
		}
		b.WriteString(" memory of a connection |\n|---|" + strings.Repeat("--:|", len(corpora())+1) + "\n")
		for _, c := range of {
			fmt.Fprintf(&b, "| %s |", c.name())
			for i := range c.results {
				fmt.Fprintf(&b, " %s · %.1f µs |", percent(c.results[i].ratio()), c.results[i].quantile(0.5))
			}
			fmt.Fprintf(&b, " %s · %s |\n", kilobytes(c.resident), kilobytes(c.heap))
		}
		b.WriteString(against(of))
	}
	return b.String()
}

// against returns the row that holds ours against the best of the others, "" if there
// is nothing to compare.
func against(of []*contender) string {
	isOurs := func(c *contender) bool { return c.peer.Ours() }
	i := slices.IndexFunc(of, isOurs)
	others := slices.DeleteFunc(slices.Clone(of), isOurs)
	if i < 0 || len(others) == 0 {
		return ""
	}
	ours := of[i] // set up in its own way
	best := func(value func(*contender) float64) float64 {
		least := value(others[0])
		for _, c := range others {
			least = min(least, value(c))
		}
		return value(ours) / least
	}
	var b strings.Builder
	b.WriteString("| *duplex-conn / best of the others* |")
	for i := range ours.results {
		fmt.Fprintf(&b, " %.2f · %.2f |",
			best(func(c *contender) float64 { return c.results[i].ratio() }),
			best(func(c *contender) float64 { return c.results[i].quantile(0.5) }))
	}
	fmt.Fprintf(&b, " %.2f · %.2f |\n",
		best(func(c *contender) float64 { return c.resident }), best(func(c *contender) float64 { return c.heap }))
	return b.String()
}

// inMode returns the contenders of one mode.
func inMode(all []*contender, mode peers.Compression) (of []*contender) {
	for _, c := range all {
		if c.mode == mode {
			of = append(of, c)
		}
	}
	return of
}

// percent returns a ratio as the tables show it.
func percent(ratio float64) string {
	if ratio < 0.1 {
		return fmt.Sprintf("%.1f %%", 100*ratio)
	}
	return fmt.Sprintf("%.0f %%", 100*ratio)
}

// kilobytes returns a number of bytes as the tables show it.
func kilobytes(n float64) string {
	if n < 99_950 {
		return fmt.Sprintf("%.1f KB", n/1000)
	}
	return fmt.Sprintf("%.0f KB", n/1000)
}

// writeCSV writes one line for each contender and corpus.
func writeCSV(w io.Writer, all []*contender) error {
	lines := [][]string{{
		"library", "version", "compression", "window_bits", "agreed", "corpus", "messages", "payload_bytes", "wire_bytes", "ratio",
		"cpu_us", "cpu_us_p25", "cpu_us_p75", "resident_bytes_per_connection", "heap_bytes_per_connection", "resident_bytes_at_rest",
	}}
	decimal := func(f float64) string { return strconv.FormatFloat(f, 'f', 4, 64) }
	whole := func(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }
	for _, c := range all {
		for i, from := range corpora() {
			r := &c.results[i]
			lines = append(lines, []string{
				c.peer.Name, c.peer.Version(), c.mode.String(), strconv.Itoa(c.bits), c.agreed, from.name, strconv.Itoa(r.messages),
				strconv.FormatInt(r.payload, 10), strconv.FormatInt(r.wire, 10), decimal(r.ratio()),
				decimal(r.quantile(0.5)), decimal(r.quantile(0.25)), decimal(r.quantile(0.75)), whole(c.resident), whole(c.heap), strconv.FormatInt(c.atRest, 10),
			})
		}
	}
	return csv.NewWriter(w).WriteAll(lines)
}
