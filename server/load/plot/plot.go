// Package plot draws how long messages took: as bars for a terminal, and as an SVG
// picture of the percentiles, in which the slowest one in a thousand has as much room
// as the fastest half.
package plot

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Series is the times of one server, in nanoseconds.
type Series struct {
	Name      string
	Histogram *hdrhistogram.Histogram
}

// eighths are the ends of a bar, by eighths of a cell.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// maxBars is how many bars there are at most.
const maxBars = 24

// Bars writes a bar for each range of times: how many messages took so long, and what
// part of all that is. The ranges end at 1, 2 or 5 of a unit, so each is about twice as
// wide as the one before. The lines have up to width columns.
func Bars(w io.Writer, h *hdrhistogram.Histogram, width int) error {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	all := ranges(h)
	most := int64(0)
	for _, r := range all {
		most = max(most, r.count)
	}
	const labels = 27 // columns beside the bar
	cells := max(width-labels, 8)
	var b strings.Builder
	for i, r := range all {
		up := "≤"
		if i == len(all)-1 {
			up = "max"
			r.end = h.Max()
		}
		part := 100 * float64(r.count) / float64(h.TotalCount())
		line := fmt.Sprintf("  %3s %8s  %s  %s", up, Duration(r.end), percent(part), bar(r.count, most, cells))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A span is a range of times with its messages.
type span struct {
	end   int64 // nanoseconds
	count int64
}

// ranges counts the messages in each range, from the fastest to the slowest one.
func ranges(h *hdrhistogram.Histogram) (all []span) {
	for end := firstEnd(h.Min()); ; end = nextEnd(end) {
		all = append(all, span{end: end})
		if end >= h.Max() {
			break
		}
	}
	for len(all) > maxBars { // the slowest ones share the last
		all = all[:len(all)-1]
		all[len(all)-1].end = h.Max()
	}
	i := 0
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		for i < len(all)-1 && bar.To > all[i].end {
			i++
		}
		all[i].count += bar.Count
	}
	return all
}

// firstEnd returns the end of the range that ns lies in, nextEnd that of the one after
// it: 1, 2, 5, 10, 20, 50 and so on.
func firstEnd(ns int64) int64 {
	end := int64(1000)
	for end < ns {
		end = nextEnd(end)
	}
	return end
}

func nextEnd(end int64) int64 {
	for lead := end; ; lead /= 10 {
		switch lead {
		case 1, 5:
			return end * 2
		case 2:
			return end / 2 * 5
		}
	}
}

// bar returns a bar of at most cells cells. What is not nothing is seen.
func bar(count, most int64, cells int) string {
	if count == 0 {
		return ""
	}
	n := max(1, int(math.Round(float64(count)/float64(most)*float64(cells*8))))
	return strings.Repeat("█", n/8) + eighths[n%8]
}

// percent returns a share in six columns. Little is not nothing, and almost all not all.
func percent(p float64) string {
	switch {
	case p == 0:
		return "     -"
	case p < 0.01:
		return "<0.01%"
	case p >= 99.995 && p < 100:
		return ">99.9%"
	case p >= 99.95:
		return fmt.Sprintf("%5.1f%%", p)
	default:
		return fmt.Sprintf("%5.2f%%", p)
	}
}

// Duration returns nanoseconds with three digits and a unit: 812 ns, 8.12 µs, 81.2 ms.
func Duration(ns int64) string {
	units := []struct {
		name string
		size float64
	}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}
	v := float64(ns)
	i := 0
	for i < len(units)-1 && v/units[i].size >= 999.5 {
		i++
	}
	v /= units[i].size
	switch {
	case i == 0 || v >= 99.95:
		return fmt.Sprintf("%.0f %s", v, units[i].name)
	case v >= 9.995:
		return fmt.Sprintf("%.1f %s", v, units[i].name)
	default:
		return fmt.Sprintf("%.2f %s", v, units[i].name)
	}
}

// durationOf is Duration for a time.Duration that is round: without needless zeros.
func durationOf(ns int64) string { return time.Duration(ns).String() }
