// Package plot draws bar charts as SVG. They are read on light and on dark pages and
// need no script and no font of their own.
package plot

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A Chart is panels of bars, two beside each other.
type Chart struct {
	Title, Subtitle string
	Panels          []Panel
}

// A Panel is bars of one unit, on a scale of their own.
type Panel struct {
	Title string
	Bars  []Bar
}

// A Bar is one value, which is above 0.
type Bar struct {
	Name      string
	Value     float64
	Low, High float64 // drawn as a whisker; 0: none
	Label     string  // the value in words
	Kind      Kind
}

// Kind chooses the colour of a bar.
type Kind string

// The kinds.
const (
	Ours    Kind = "ours"
	Peer    Kind = "peer"
	Foreign Kind = "foreign" // from outside Go
)

// Sizes, in pixels.
const (
	panelWidth = 440
	margin     = 16
	nameWidth  = 112
	labelWidth = 76
	barHeight  = 18
	headHeight = 64 // of the chart
	titleSpace = 30 // of a panel
	axisSpace  = 14 // below the bars
	barSpace   = panelWidth - nameWidth - labelWidth - margin
	columns    = 2
)

const style = `text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#24292f}
.title{font-size:16px;font-weight:600}.sub{fill:#57606a}.panel{font-weight:600}.name{text-anchor:end}
.ours{fill:#0969da}.peer{fill:#afb8c1}.foreign{fill:#d4a72c}.whisker{stroke:#24292f;stroke-width:1;opacity:.6}.axis{stroke:#d0d7de}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.sub{fill:#8d96a0}.ours{fill:#4493f8}.peer{fill:#656c76}.foreign{fill:#bb8009}.whisker{stroke:#e6edf3}.axis{stroke:#3d444d}}
`

// WriteTo writes the chart.
func (c *Chart) WriteTo(w io.Writer) (int64, error) {
	p := &printer{}
	height := headHeight
	for row := range slices.Chunk(c.Panels, columns) {
		height += rowHeight(row)
	}
	width := columns*panelWidth + margin
	p.f(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, width, height, escape(c.Title))
	p.f("<style>%s</style>", style)
	p.text(margin, 26, "title", c.Title)
	p.text(margin, 46, "sub", c.Subtitle)
	y := headHeight
	for row := range slices.Chunk(c.Panels, columns) {
		for i := range row {
			p.panel(&row[i], margin+i*panelWidth, y)
		}
		y += rowHeight(row)
	}
	p.f("</svg>")
	n, err := io.WriteString(w, p.String())
	return int64(n), err
}

// rowHeight returns the height of panels beside each other.
func rowHeight(row []Panel) int {
	most := 0
	for _, p := range row {
		most = max(most, len(p.Bars))
	}
	return titleSpace + most*barHeight + axisSpace
}

// A printer collects the document.
type printer struct{ strings.Builder }

func (p *printer) f(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) text(x, y int, class, s string) {
	p.f(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, escape(s))
}

func (p *printer) panel(panel *Panel, x, y int) {
	s := scaleOf(panel.Bars)
	title := panel.Title
	if s.log {
		title += " (log scale)"
	}
	p.text(x, y+16, "panel", title)
	left, top := x+nameWidth, y+titleSpace-6
	p.f(`<path class="axis" d="M%d %dv%d"/>`, left, top, len(panel.Bars)*barHeight+4)
	for i, b := range panel.Bars {
		mid := top + 4 + i*barHeight + barHeight/2
		length := s.at(b.Value)
		p.text(left-6, mid+2, "name", b.Name)
		p.f(`<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="1"/>`, b.Kind, left, mid-barHeight/2+1, length, barHeight-5)
		end := length
		if b.Low > 0 && b.High > b.Low {
			end = max(end, s.at(b.High))
			p.f(`<path class="whisker" d="M%.1f %dH%.1f"/>`, float64(left)+s.at(b.Low), mid-1, float64(left)+s.at(b.High))
		}
		p.f(`<text x="%.1f" y="%d">%s</text>`, float64(left)+end+5, mid+2, escape(b.Label))
	}
}

// A scale turns values into lengths.
type scale struct {
	log          bool
	first, width float64 // value at length 0, and what the whole length stands for
}

// steep is the ratio of values from which on a scale is logarithmic: bars that differ
// more would leave nothing to see of the short ones.
const steep = 20

func scaleOf(bars []Bar) scale {
	least, most := math.Inf(1), 0.0
	for _, b := range bars {
		least, most = min(least, b.Value), max(most, b.Value, b.High)
	}
	if most > steep*least && least > 0 {
		first := math.Floor(math.Log10(least)*2-0.2) / 2 // so that the shortest bar has a length
		return scale{true, first, math.Log10(most) - first}
	}
	return scale{false, 0, most}
}

// at returns the length for a value, in pixels.
func (s scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(v)
	}
	if s.width <= 0 {
		return 0
	}
	return barSpace * min(max((v-s.first)/s.width, 0), 1)
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes anything
	return b.String()
}
