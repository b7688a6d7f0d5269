package plot

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The picture, in its own units.
const (
	svgWidth, svgHeight  = 800, 420
	left, right          = 80, 24
	top, bottom          = 64, 56
	plotWidth            = svgWidth - left - right
	plotHeight           = svgHeight - top - bottom
	base                 = svgHeight - bottom
	pointsInEachTenth    = 40 // of a percentile: from 90 to 99 there are as many as from 99 to 99.9
	fewestInTheLastTenth = 1
)

// colours of the series, which can be told apart by people who see few colours too.
var colours = []string{"#0b6e99", "#d9730d", "#448361", "#9065b0"}

// SVG writes a picture of the percentiles: to the right ever slower messages, ten times
// fewer at each mark, and upwards their times, ten times longer at each line.
func SVG(w io.Writer, title string, all ...Series) error {
	f := newFrame(all)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15" fill="#111">%s</text>`+"\n", left, html.EscapeString(title))
	f.grid(&b)
	for i, s := range all {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<rect x="%d" y="36" width="12" height="12" fill="%s"/>`, left+i*plotWidth/len(all), colour)
		fmt.Fprintf(&b, `<text x="%d" y="46" fill="#333">%s</text>`+"\n", left+18+i*plotWidth/len(all), html.EscapeString(s.Name))
		if s.Histogram != nil && s.Histogram.TotalCount() > 0 {
			fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", colour, f.line(s))
		}
	}
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// A frame is what the axes show.
type frame struct {
	tenths   float64 // to the right: 1 is 90%, 2 is 99%, 3 is 99.9%
	low, top float64 // upwards: powers of ten, in nanoseconds
}

func newFrame(all []Series) frame {
	f := frame{tenths: 1, low: math.Inf(1), top: math.Inf(-1)}
	for _, s := range all {
		if s.Histogram == nil || s.Histogram.TotalCount() == 0 {
			continue
		}
		f.tenths = max(f.tenths, tenthsOf(s))
		f.low = min(f.low, math.Floor(math.Log10(float64(max(s.Histogram.Min(), 1)))))
		f.top = max(f.top, math.Ceil(math.Log10(float64(max(s.Histogram.Max(), 1)))))
	}
	if f.low >= f.top { // nothing, or all the same
		if math.IsInf(f.low, 0) {
			f.low = 3
		}
		f.top = f.low + 1
	}
	return f
}

// tenthsOf returns how far to the right a series goes: until one message is left.
func tenthsOf(s Series) float64 {
	return max(1, math.Log10(float64(s.Histogram.TotalCount())/fewestInTheLastTenth))
}

func (f frame) x(tenths float64) float64 { return left + tenths/f.tenths*plotWidth }

func (f frame) y(ns int64) float64 {
	v := math.Log10(float64(max(ns, 1)))
	return base - (v-f.low)/(f.top-f.low)*plotHeight
}

// grid writes the axes with their marks.
func (f frame) grid(b *bytes.Buffer) {
	for p := f.low; p <= f.top; p++ {
		ns := int64(math.Pow(10, p))
		y := f.y(ns)
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, left, y, left+plotWidth, y)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n", left-8, y+4, durationOf(ns))
	}
	for _, mark := range marks(f.tenths) {
		x := f.x(mark.tenths)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`, x, top, x, base)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%s</text>`+"\n", x, base+18, mark.name)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#333">percentile of messages: so many were as fast, or faster</text>`+"\n",
		left+plotWidth/2, svgHeight-14)
}

// A mark is a percentile on the axis.
type mark struct {
	tenths float64
	name   string
}

func marks(tenths float64) []mark {
	all := []mark{{0, "0%"}, {math.Log10(2), "50%"}}
	for n := 1; float64(n) <= tenths; n++ {
		name := "90"
		if n > 1 {
			name = "99"
		}
		if n > 2 {
			name += "." + strings.Repeat("9", n-2)
		}
		all = append(all, mark{float64(n), name + "%"})
	}
	return all
}

// line returns the points of a series.
func (f frame) line(s Series) string {
	var b strings.Builder
	end := tenthsOf(s)
	steps := int(end*pointsInEachTenth) + 1
	for i := range steps + 1 {
		tenths := end * float64(i) / float64(steps)
		quantile := 100 * (1 - math.Pow(10, -tenths))
		if i == steps {
			quantile = 100
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", f.x(tenths), f.y(s.Histogram.ValueAtQuantile(quantile)))
	}
	return strings.TrimSpace(b.String())
}
