package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func draw(t *testing.T, c *Chart) string {
	var b strings.Builder
	n, err := c.WriteTo(&b)
	assert.NoError(t, err)
	assert.Equal(t, n, int64(b.Len()))
	return b.String()
}

// TestWellFormed reads what is written as XML, names with marks of XML in them.
func TestWellFormed(t *testing.T) {
	s := draw(t, &Chart{
		Title: `a < b & "c"`, Subtitle: "µs",
		Panels: []Panel{
			{Title: "<1>", Bars: []Bar{{Name: "x&y", Value: 3, Low: 2, High: 5, Label: "3 µs", Kind: Ours}, {Name: "z", Value: 4, Kind: Peer}}},
			{Title: "empty"},
			{Title: "steep", Bars: []Bar{{Name: "x", Value: 0.5, Kind: Foreign}, {Name: "y", Value: 5000, Kind: Peer}}},
		},
	})
	elements := map[string]int{}
	var words strings.Builder
	for d := xml.NewDecoder(strings.NewReader(s)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		assert.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			elements[e.Name.Local]++
		case xml.CharData:
			words.Write(e)
		}
	}
	assert.Equal(t, elements["rect"], 4)
	assert.Equal(t, elements["svg"], 1)
	assert.Equal(t, elements["path"], 3+1) // axes and a whisker
	for _, want := range []string{`a < b & "c"`, "x&y", "3 µs", "steep (log scale)"} {
		assert.Contains(t, words.String(), want)
	}
	assert.Contains(t, s, "prefers-color-scheme:dark")
}

func TestScale(t *testing.T) {
	linear := scaleOf([]Bar{{Value: 1}, {Value: 10, High: 19}})
	assert.Equal(t, linear.log, false)
	assert.Equal(t, linear.at(19), float64(barSpace))
	assert.Equal(t, linear.at(9.5), float64(barSpace)/2)
	steep := scaleOf([]Bar{{Value: 1}, {Value: 1000}})
	assert.Equal(t, steep.log, true)
	assert.Equal(t, steep.at(1000), float64(barSpace))
	assert.True(t, steep.at(1) > 0, "the shortest bar cannot be seen")
	assert.True(t, steep.at(100)-steep.at(10)-(steep.at(1000)-steep.at(100)) < 1e-9, "not logarithmic")
	assert.Equal(t, scaleOf(nil).at(1), 0.0)
}

// TestLayout shows that panels stand beside and below each other without overlap.
func TestLayout(t *testing.T) {
	panel := Panel{Title: "p", Bars: []Bar{{Name: "a", Value: 1, Kind: Ours}, {Name: "b", Value: 2, Kind: Peer}}}
	one := draw(t, &Chart{Panels: []Panel{panel}})
	two := draw(t, &Chart{Panels: []Panel{panel, panel}})
	three := draw(t, &Chart{Panels: []Panel{panel, panel, panel}})
	head := func(s string) string { return strings.SplitN(s, "viewBox", 2)[0] }
	assert.Equal(t, head(one), head(two))
	assert.True(t, head(two) != head(three), "the third panel has no place")
}
