package cli

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/server/load"
	"github.com/duplexhq/duplex/server/load/plot"
)

// report writes all forms of the report.
func (b *bench) report(interrupted bool) error {
	for _, f := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{b.JSON, func(w io.Writer) error { return b.writeJSON(w, interrupted) }},
		{b.SVG, b.writeSVG},
	} {
		switch f.file {
		case "":
		case "-":
			if err := f.write(b.env.Out); err != nil {
				return err
			}
		default:
			if err := createFile(f.file, f.write); err != nil {
				return err
			}
		}
	}
	return b.writeText(b.outputs(), interrupted)
}

// createFile writes a file.
func createFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

func (b *bench) writeSVG(w io.Writer) error {
	all := make([]plot.Series, len(b.sides))
	for i, s := range b.sides {
		all[i] = plot.Series{Name: s.target.URL, Histogram: s.result.Latency}
	}
	return plot.SVG(w, b.headline(), all...)
}

// headline says in one line what was done.
func (b *bench) headline() string {
	kind := "text"
	if b.Binary {
		kind = "binary"
	}
	if b.Content != load.Auto {
		kind += " (" + b.Content.String() + ")"
	}
	what := fmt.Sprintf("%s, %s", plural(b.Connections, "connection"), size(b.Size)+" "+kind)
	switch {
	case b.Scenario == "connect":
		return fmt.Sprintf("connect: %d at a time", b.Concurrency)
	case b.Scenario == "idle" && b.Touch > 0:
		return fmt.Sprintf("idle: %s, after %s on each", plural(b.Connections, "connection"), plural(int(b.Touch), "message"))
	case b.Scenario == "idle":
		return "idle: " + plural(b.Connections, "connection")
	case b.Rate > 0:
		what += fmt.Sprintf(", %s messages/s", rounded(float64(b.Rate)))
	case b.Scenario == "fanout":
		what += fmt.Sprintf(", %d outstanding", b.Outstanding)
	default:
		what += fmt.Sprintf(", %d in flight on each", b.Depth)
	}
	if b.Scenario == "fanout" {
		what += ", " + plural(b.Publishers, "publisher")
	}
	return b.Scenario + ": " + what
}

// A line is one line of the table: a name, the name of the ratio that belongs to it, ""
// for none, and what stands in it for a side.
type line struct {
	name, ratio string
	cell        func(*side) string
}

// writeText writes the report for a person.
func (b *bench) writeText(w io.Writer, interrupted bool) error {
	var t strings.Builder
	fmt.Fprintln(&t, b.headline())
	for i, s := range b.sides {
		fmt.Fprintf(&t, "%s%s%s\n", b.letter(i), escaped(s.target.URL), b.agreed(s))
	}
	if len(b.sides) > 1 && len(b.sides[0].rounds) > 0 {
		fmt.Fprintf(&t, "%d rounds, in each %s to either server\n", len(b.sides[0].rounds), b.turn())
	}
	t.WriteString("\n")
	b.writeTable(&t)
	if b.Plot {
		b.writePlots(&t, w)
	}
	b.writeProblems(&t)
	for _, n := range b.notes() {
		fmt.Fprintf(&t, "\nNote: %s\n", n)
	}
	fmt.Fprintf(&t, "\n%s\n", b.conclusion(interrupted, screen.IsTerminal(w) && os.Getenv("NO_COLOR") == ""))
	_, err := io.WriteString(w, t.String())
	return err
}

// letter returns the name of a side in front of something, "" if there is only one.
func (b *bench) letter(i int) string {
	if len(b.sides) == 1 {
		return ""
	}
	return string(rune('A'+i)) + "  "
}

// agreed says what was negotiated.
func (b *bench) agreed(s *side) string {
	switch {
	case s.extensions != "":
		return ", " + escaped(s.extensions)
	case b.Compress && s.set != nil:
		return ", without compression: the server declined it"
	default:
		return ""
	}
}

// writeTable writes the lines of the scenario, as far as something is known.
func (b *bench) writeTable(t *strings.Builder) {
	var rows [][]string
	if len(b.sides) > 1 {
		rows = append(rows, []string{"", "A", "B", "A / B  (middle half of the rounds)"})
	}
	for _, l := range b.lines() {
		row := []string{l.name}
		known := false
		for _, s := range b.sides {
			cell := l.cell(s)
			known = known || cell != "" && cell != "-"
			row = append(row, cell)
		}
		if len(b.sides) > 1 {
			row = append(row, b.ratio(l.ratio))
		}
		if known {
			rows = append(rows, row)
		}
	}
	widths := make([]int, 1+len(b.sides))
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, row := range rows {
		row[0] = pad(row[0], -widths[0])
		for i := 1; i < len(widths); i++ {
			row[i] = pad(row[i], widths[i])
		}
		fmt.Fprintln(t, strings.TrimRight("  "+strings.Join(row, "   "), " "))
	}
}

// pad makes s as wide as width says, to the right, or to the left if it is negative.
func pad(s string, width int) string {
	space := strings.Repeat(" ", max(0, max(width, -width)-utf8.RuneCountInString(s)))
	if width < 0 {
		return s + space
	}
	return space + s
}

// lines returns the table of the scenario.
func (b *bench) lines() []line {
	if b.Scenario == "idle" {
		return b.idleLines()
	}
	one := map[string]string{"echo": "message", "fanout": "delivery", "connect": "handshake"}[b.Scenario]
	all := []line{
		{plurals(one), "", func(s *side) string { return count(s.result.Messages) }},
		{"a second", "per_second", func(s *side) string { return rounded(s.result.PerSecond()) }},
	}
	switch b.Scenario {
	case "fanout":
		all = slices.Insert(all, 0, line{"published", "", func(s *side) string { return count(s.result.Sent) }})
		fallthrough
	case "echo":
		all = append(all, line{"payload a second", "", func(s *side) string { return memory(s.result.BytesPerSecond()) }})
	}
	for _, q := range []float64{50, 90, 99, 99.9, 100} {
		name := fmt.Sprintf("p%v", q)
		if q == 100 {
			name = "max"
		}
		all = append(all, line{"latency " + name, name, func(s *side) string { return nanoseconds(s.result.Quantile(q)) }})
	}
	late := func(q float64) func(s *side) string {
		return func(s *side) string {
			if s.result.Late == nil || s.result.Late.TotalCount() == 0 {
				return ""
			}
			return nanoseconds(float64(s.result.Late.ValueAtQuantile(q)))
		}
	}
	return append(all,
		line{"sent late p99", "", late(99)},
		line{"sent late max", "", late(100)},
		line{"server CPU a " + one, "server_cpu", func(s *side) string { return nanoseconds(float64(s.result.CPUPerMessage())) }},
		line{"server CPU in use", "", func(s *side) string { return used(s.result.CPU, s.result.Elapsed) }},
		line{"server memory", "", func(s *side) string { return known(s.result.Memory) }},
		line{"own CPU a " + one, "", func(s *side) string { return nanoseconds(float64(s.result.OwnCPUPerMessage())) }},
		line{"own CPU in use", "", func(s *side) string { return used(s.result.OwnCPU, s.result.Elapsed) }},
	)
}

func (b *bench) idleLines() []line {
	opening := func(f func(r *load.Result, s *side) string) func(*side) string {
		return func(s *side) string {
			if s.set == nil {
				return ""
			}
			return f(s.set.Opening(), s)
		}
	}
	return []line{
		{"open", "", func(s *side) string { return count(int64(s.result.Connections)) }},
		{"handshakes a second", "", opening(func(r *load.Result, _ *side) string { return rounded(r.PerSecond()) })},
		{"handshake p50", "", opening(func(r *load.Result, _ *side) string { return nanoseconds(r.Quantile(50)) })},
		{"handshake p99", "", opening(func(r *load.Result, _ *side) string { return nanoseconds(r.Quantile(99)) })},
		{"server CPU a handshake", "", opening(func(r *load.Result, _ *side) string { return nanoseconds(float64(r.CPUPerMessage())) })},
		{"server memory before", "", func(s *side) string { return known(s.empty) }},
		{"server memory when open", "", opening(func(r *load.Result, _ *side) string { return known(r.Memory) })},
		{"server memory at the end", "", func(s *side) string { return known(s.result.Memory) }},
		{"bytes a connection", "memory", func(s *side) string {
			if s.perConnection() == 0 {
				return ""
			}
			return count(int64(s.perConnection()))
		}},
		{"server CPU in use", "", func(s *side) string { return used(s.result.CPU, s.result.Elapsed) }},
	}
}

// known returns a number of bytes, "" for 0.
func known(n int64) string {
	if n == 0 {
		return ""
	}
	return memory(float64(n))
}

// used returns the part of one processor that was used, "" if it is not known.
func used(cpu, elapsed time.Duration) string {
	if cpu == 0 {
		return ""
	}
	return share(cpu, elapsed)
}

// writePlots draws the distributions.
func (b *bench) writePlots(t *strings.Builder, w io.Writer) {
	for i, s := range b.sides {
		if s.result.Latency == nil || s.result.Latency.TotalCount() == 0 || b.Scenario == "idle" {
			continue
		}
		fmt.Fprintf(t, "\n%slatency\n", b.letter(i))
		_ = plot.Bars(t, s.result.Latency, min(columns(w), 100)) // to a strings.Builder
	}
}

// writeProblems lists what went wrong.
func (b *bench) writeProblems(t *strings.Builder) {
	for i, s := range b.sides {
		for j, p := range s.result.Problems {
			if j == 0 {
				fmt.Fprintf(t, "\n%sproblems\n", b.letter(i))
			}
			fmt.Fprintf(t, "  %10s  %-10s  %s\n", count(p.Count), p.Kind, escaped(p.Example))
		}
	}
}

// conclusion is the last line.
func (b *bench) conclusion(interrupted, colour bool) string {
	const red, green, reset = "\x1b[31m", "\x1b[32m", "\x1b[0m"
	text, paint := b.verdict(), green
	if !b.ok() {
		paint = red
	}
	if interrupted {
		text = "Interrupted; until then: " + text
	}
	if !colour {
		return text
	}
	return paint + text + reset
}

// verdict says whether everything was right.
func (b *bench) verdict() string {
	var wrong, right int64
	for _, s := range b.sides {
		right += s.result.Messages
		for _, p := range s.result.Problems {
			wrong += p.Count
		}
	}
	switch {
	case wrong > 0:
		return plural(int(wrong), "problem") + ": these numbers are not those of a server that works."
	case b.Scenario == "connect":
		return "Every handshake succeeded."
	case b.Scenario == "idle":
		return "Every connection stayed open."
	case right == 0:
		return "Nothing was measured."
	case b.Scenario == "fanout":
		return "Every message reached every subscriber, once, in order and unharmed."
	default:
		return "Every message came back, once, in order and unharmed."
	}
}

// busy is the part of the processors from which on they are the limit.
const busy = 0.9

// notes says what to know about the numbers.
func (b *bench) notes() (all []string) {
	for i, s := range b.sides {
		r := s.result
		on := strings.TrimSpace(b.letter(i))
		if on != "" {
			on = " of " + on
		}
		if r.Unsent > 0 {
			all = append(all, fmt.Sprintf("%s%s were due and could not be sent in time; they are missing in the latency. The rate is more than this load can send.",
				plural(int(r.Unsent), "message"), on))
		}
		if r.Late != nil && r.Late.TotalCount() > 0 && float64(r.Late.ValueAtQuantile(99)) > r.Quantile(99)/2 {
			all = append(all, fmt.Sprintf("the load%s could not keep its schedule: much of the latency is its own.", on))
		}
		if r.Ignored > 0 && b.Scenario != "fanout" {
			all = append(all, fmt.Sprintf("%s%s came unasked and were ignored: a greeting, or the like.", plural(int(r.Ignored), "message"), on))
		}
		limit := time.Duration(float64(r.Elapsed) * float64(runtime.GOMAXPROCS(0)) * busy)
		if b.Rate == 0 && r.Elapsed > 0 && r.OwnCPU > limit {
			all = append(all, fmt.Sprintf("this load%s had no processor time left: it may be what was measured, and not the server.", on))
		}
	}
	return all
}
