package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/duplexhq/duplex/internal/assert"
)

// histogram returns one with n[i] times of ns[i].
func histogram(pairs ...int64) *hdrhistogram.Histogram {
	h := hdrhistogram.New(100, int64(600e9), 3)
	for i := 0; i < len(pairs); i += 2 {
		_ = h.RecordValues(pairs[i], pairs[i+1])
	}
	return h
}

func TestDuration(t *testing.T) {
	for ns, want := range map[int64]string{
		0:                  "0 ns",
		812:                "812 ns",
		999:                "999 ns",
		1000:               "1.00 µs",
		8_124:              "8.12 µs",
		81_240:             "81.2 µs",
		999_400:            "999 µs",
		999_600:            "1.00 ms",
		12_345_678:         "12.3 ms",
		1_500_000_000:      "1.50 s",
		600_000_000_000:    "600 s",
		99_960_000:         "100 ms",
		9_996_000:          "10.0 ms",
		3_600_000_000_000:  "3600 s",
		86_400_000_000_000: "86400 s",
	} {
		assert.Equal(t, Duration(ns), want)
	}
}

func TestBars(t *testing.T) {
	var b strings.Builder
	assert.NoError(t, Bars(&b, histogram(150_000, 50, 300_000, 949, 4_000_000, 1), 60))
	assert.Equal(t, b.String(), `    ≤   200 µs   5.00%  █▊
    ≤   500 µs  94.90%  █████████████████████████████████
    ≤  1.00 ms       -
    ≤  2.00 ms       -
  max  4.00 ms   0.10%  ▏
`)
}

func TestBarsOfLittle(t *testing.T) {
	var b strings.Builder
	assert.NoError(t, Bars(&b, nil, 80))
	assert.NoError(t, Bars(&b, histogram(), 80))
	assert.Equal(t, b.String(), "")
	assert.NoError(t, Bars(&b, histogram(500, 1), 80))
	assert.Contains(t, b.String(), "100.0%  ███")
}

// However far apart the times are, the plot fits a screen and no message is left out.
func TestBarsFit(t *testing.T) {
	h := histogram(200, 7, 599e9, 3, 1e9, 1e6)
	var b strings.Builder
	assert.NoError(t, Bars(&b, h, 80))
	assert.True(t, strings.Count(b.String(), "\n") <= maxBars, b.String())
	for line := range strings.Lines(b.String()) {
		assert.True(t, utf8.RuneCountInString(line) <= 81, line)
	}
	n := int64(0)
	for _, r := range ranges(h) {
		n += r.count
	}
	assert.Equal(t, n, h.TotalCount())
	assert.Contains(t, b.String(), "<0.01%")
	assert.Contains(t, b.String(), ">99.9%")
}

func TestSVG(t *testing.T) {
	var b bytes.Buffer
	assert.NoError(t, SVG(&b, "echo <64 bytes>",
		Series{"ws://a/?x&y", histogram(150_000, 50, 300_000, 9949, 4_000_000, 1)},
		Series{"ws://b/", histogram(250_000, 500)},
		Series{"nothing", nil}))
	wellFormed(t, b.Bytes())
	assert.Equal(t, strings.Count(b.String(), "<polyline"), 2)
	for _, want := range []string{"echo &lt;64 bytes&gt;", "x&amp;y", ">99.99%<", ">50%<", ">100µs<", ">10ms<"} {
		assert.Contains(t, b.String(), want)
	}
}

// A picture of nothing, or of one time only, is still one.
func TestSVGOfLittle(t *testing.T) {
	for _, h := range []*hdrhistogram.Histogram{nil, histogram(), histogram(1_000_000, 1)} {
		var b bytes.Buffer
		assert.NoError(t, SVG(&b, "", Series{"a", h}))
		wellFormed(t, b.Bytes())
		assert.True(t, !strings.Contains(b.String(), "NaN") && !strings.Contains(b.String(), "Inf"), b.String())
	}
}

func wellFormed(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		assert.NoError(t, err)
	}
}
