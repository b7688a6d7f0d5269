package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// TextOptions says how much WriteText tells.
type TextOptions struct {
	Colour  bool // escape sequences of a terminal
	Verbose bool // the exchanges of every test that did not pass, and not only of failures
}

// WriteText writes the report for a person: a table of the areas, what could not be
// tested, what did not pass, the worst last, and the conclusion.
func WriteText(w io.Writer, r *conformance.Report, o TextOptions) error {
	var b strings.Builder
	p := painter{o.Colour}
	writeTable(&b, r)
	writeUntested(&b, r, p)
	notable := remarkable(r)
	slices.Reverse(notable) // the worst last, where the eye is
	for _, res := range notable {
		writeResult(&b, res, p, o.Verbose)
	}
	b.WriteString("\n")
	switch {
	case !r.OK():
		b.WriteString(p.paint(red, conclusion(r)))
	default:
		b.WriteString(p.paint(green, conclusion(r)))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeTable writes a line for each area.
func writeTable(b *strings.Builder, r *conformance.Report) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t")
	for _, v := range verdicts {
		fmt.Fprintf(t, "%s\t", v)
	}
	fmt.Fprintln(t)
	for _, a := range areas(r) {
		fmt.Fprintf(t, "%s\t", a.Name)
		for _, v := range verdicts {
			if n := a.count(v); n > 0 {
				fmt.Fprintf(t, "%d\t", n)
			} else {
				fmt.Fprint(t, "-\t")
			}
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // to a strings.Builder
}

// writeUntested writes a line for each reason why something was not tested.
func writeUntested(b *strings.Builder, r *conformance.Report, p painter) {
	for i, u := range unsupported(r) {
		if i == 0 {
			b.WriteString("\n")
		}
		problem, _, _ := strings.Cut(u.Problem, "\n")
		fmt.Fprintf(b, "%s  %s of %s: %s\n", p.paint(faint, "UNSUPPORTED"), plural(u.Count, "test"), u.Area, escape(problem))
	}
}

// writeResult writes what is to be said about one test.
func writeResult(b *strings.Builder, res *conformance.Result, p painter, verbose bool) {
	colour := yellow
	if res.Verdict == conformance.Failed {
		colour = red
	}
	fmt.Fprintf(b, "\n%s  %s/%s\n", p.paint(colour, strings.ToUpper(res.Verdict.String())), res.Area, res.Name)
	fmt.Fprintf(b, "  %s: %s\n", res.Level, res.Rule)
	for line := range strings.Lines(res.Problem) {
		fmt.Fprintf(b, "  %s\n", p.paint(colour, escape(strings.TrimSuffix(line, "\n"))))
	}
	if res.Verdict == conformance.Failed || verbose {
		writeLog(b, res.Log)
	}
}

// writeLog writes what went over the wire, the frames drawn.
func writeLog(b *strings.Builder, log []conformance.Exchange) {
	for i := range log {
		x := &log[i]
		who := "received"
		if x.Sent {
			who = "sent"
		}
		if len(x.Data) == 0 {
			fmt.Fprintf(b, "    %6.3f s  %s\n", x.At.Seconds(), escape(x.Note))
			continue
		}
		fmt.Fprintf(b, "    %6.3f s  %s %s", x.At.Seconds(), who, plural(len(x.Data), "byte"))
		if x.Note != "" {
			fmt.Fprintf(b, " (%s)", escape(x.Note))
		}
		b.WriteString("\n")
		for line := range strings.Lines(conformance.Draw(x)) {
			fmt.Fprintf(b, "              %s\n", escape(strings.TrimSuffix(line, "\n")))
		}
	}
}

// escape makes text that may come from the endpoint harmless.
func escape(s string) string { return string(screen.AppendText(nil, []byte(s))) }

// A painter puts colours on a terminal, or does not.
type painter struct{ on bool }

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (p painter) paint(colour, s string) string {
	if !p.on {
		return s
	}
	return colour + s + reset
}
