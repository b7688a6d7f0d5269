package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// of returns a result.
func of(workload, library string, rounds ...float64) *result {
	return &result{
		Workload: workload, Library: library, Version: "v1", Unit: microseconds, Rounds: rounds,
		Messages: 1000, PerSecond: 2500.5, P50: 100, P99: 200, P999: 300, Utilisation: 0.9, Load: 1.5,
	}
}

func TestQuartiles(t *testing.T) {
	assert.Equal(t, quartilesOf(nil), quartiles{})
	assert.Equal(t, quartilesOf([]float64{7}), quartiles{7, 7, 7})
	assert.Equal(t, quartilesOf([]float64{4, 1, 3, 2, 5}), quartiles{2, 3, 4})
	assert.Equal(t, quartilesOf([]float64{1, 2}), quartiles{1.25, 1.5, 1.75})
}

// TestRatios shows that ratios are those of rounds, not of medians, and that rounds
// that failed do not count.
func TestRatios(t *testing.T) {
	assert.Equal(t, ratios([]float64{2, 9, 0, 4}, []float64{1, 3, 1, 0}), []float64{2, 3})
	// The machine was three times as slow in the second round and after it.
	a, b := of("w", "a", 10, 30, 30), of("w", "b", 20, 60, 60)
	assert.Equal(t, a.against(b), quartiles{0.5, 0.5, 0.5})
	assert.Equal(t, of("w", "c", 0, 4, 0).quartiles(), quartiles{4, 4, 4})
}

// TestOrder shows that everybody has a turn in each round, and the first of one round
// is the last of the next.
func TestOrder(t *testing.T) {
	assert.Equal(t, order(4, 0), []int{0, 1, 2, 3})
	assert.Equal(t, order(4, 1), []int{3, 2, 1, 0})
	assert.Equal(t, order(4, 2), order(4, 0))
}

func TestCSV(t *testing.T) {
	failed := of("x, y", "gws", 0, 0)
	failed.Problem = "it said \"no\",\nand went"
	r := &report{about: []string{"a machine, with commas", "a commit"}, reference: "gws", results: results{
		of("w", "gws", 8, 0.0625, 4), of("w", "duplex-epoll", 4, 0.03125, 1), failed,
		{Workload: "memory", Library: "gws", Unit: bytesEach, Rounds: []float64{11_000}},
	}}
	var b bytes.Buffer
	assert.NoError(t, r.write(&b))
	assert.Contains(t, b.String(), "w,duplex-epoll,v1,us,")
	assert.Contains(t, b.String(), ",0.375,0.5,0.5,") // the ratio to gws
	got, err := readReport(&b)
	assert.NoError(t, err)
	r.results[1].Rounds[1] = 0.0312 // four places
	assert.True(t, reflect.DeepEqual(got, r), "read back as something else")
}

func TestCSVRefuses(t *testing.T) {
	good := new(bytes.Buffer)
	assert.NoError(t, (&report{results: results{of("w", "gws", 1)}}).write(good))
	for _, text := range []string{
		"", "# only a comment\n", "a,b\n1,2\n",
		strings.Replace(good.String(), "2500.5", "fast", 1),
	} {
		_, err := readReport(strings.NewReader(text))
		assert.True(t, err != nil, "accepted "+text)
	}
}

func TestTargetRow(t *testing.T) {
	target := target{"echo", "w", epoll, cost, 0.80, 0.95, 0}
	all := results{of("w", epoll, 4, 8), of("w", "gws", 8, 16), of("w", "gorilla", 20, 20), of("w", "gws"+twin, 1, 1), of("w", "bun", 4, 8)}
	assert.Equal(t, target.row(all), "| echo | duplex-epoll | 6.00 µs | gws | 12.0 µs | 0.50 | ≤ 0.80 | 6.00 µs | 1.00 | ≤ 0.95 | **no** |\n")
	target.bun = 0
	assert.Contains(t, target.row(all), "| yes |")
	target.peer = 0.4
	assert.Contains(t, target.row(all), "| **no** |")
	assert.Equal(t, target.row(all[1:]), "") // ours was not measured
	assert.Contains(t, target.row(all[:1]), "| – | – | – | ≤ 0.40 |")

	size := of("w", epoll, 450)
	size.Unit = bytesEach
	limit := targetOf(500)
	assert.Contains(t, limit.row(results{size}), "| 450 B | – | – | – | ≤ 500 B |")
	assert.Contains(t, limit.row(results{size}), "| yes |")
	limit.bytes = 400
	assert.Contains(t, limit.row(results{size}), "| **no** |")
}

func targetOf(bytes float64) target { return target{"memory", "w", epoll, cost, 0, 0, bytes} }

// TestLatencyTarget shows that such a target is not about rounds.
func TestLatencyTarget(t *testing.T) {
	a, b := of("w", epoll, 4, 4), of("w", "gws", 4, 4)
	b.P99 = 8000
	target := target{"p99", "w", epoll, p99, 0.35, 0, 0}
	assert.Equal(t, target.row(results{a, b}), "| p99 | duplex-epoll | 200 µs | gws | 8.0 ms | 0.025 | ≤ 0.35 | – | – |  | yes |\n")
}

// TestMarkdown shows tables in which something is missing.
func TestMarkdown(t *testing.T) {
	failed := of("echo-1KiB-1x100", "nbio", 0)
	failed.Problem = "nothing has come"
	r := &report{about: []string{"a machine"}, reference: "gws", results: results{
		of("echo-64B-1x100", "duplex-epoll", 4, 4, 4), of("echo-64B-1x100", "gws", 8, 8, 8), of("echo-64B-1x100", "gws"+twin, 9, 8, 8),
		of("echo-1KiB-1x100", "gws", 3, 3, 3), failed,
	}}
	got := r.markdown("img")
	for _, want := range []string{
		"- a machine\n",
		"![Echo, one message in flight](img/echo.svg)",
		"| library | 64 B | 1 KiB | 16 KiB | 64 KiB | 1 MiB | 12 KiB Chinese |\n|---|--:|--:|--:|--:|--:|--:|\n" +
			"| duplex-epoll | **4.00 µs** | – | – | – | – | – |\n" +
			"| gws | 8.00 µs | **3.00 µs** | – | – | – | – |\n" +
			"| *noise: gws / itself* | *1.00 (1.00–1.06)* | – | – | – | – | – |\n",
		"| 64 B, 1 in flight on 100 connections | gws | 2500 | 100 µs | 200 µs | 300 µs | 90 % |",
		"- echo-1KiB-1x100, nbio: nothing has come\n",
	} {
		assert.Contains(t, got, want)
	}
	assert.True(t, !strings.Contains(got, "### Fan-out"), "a table of nothing")
	bars := r.charts()["echo"].Panels[0].Bars
	assert.Equal(t, len(bars), 2)
	assert.Equal(t, bars[0].Name, "duplex-epoll")
}

// TestSections shows that every workload stands in a table, and the tables name
// nothing else.
func TestSections(t *testing.T) {
	names := make(map[string]bool)
	for _, w := range workloads() {
		assert.True(t, !names[w.name], "a name twice: "+w.name)
		names[w.name] = true
		if w.kind == memory {
			names[w.name+after] = true
		}
	}
	shown := make(map[string]bool)
	for _, s := range sections {
		for _, c := range s.columns {
			assert.True(t, names[c.workload], "no such workload: "+c.workload)
			shown[c.workload] = true
		}
	}
	for name := range names {
		assert.True(t, shown[name], "in no table: "+name)
	}
	for _, x := range targets {
		assert.True(t, names[x.workload], "no such workload: "+x.workload)
	}
}

func TestAmounts(t *testing.T) {
	assert.Equal(t, amount(0.456, microseconds), "0.46 µs")
	assert.Equal(t, amount(45.67, microseconds), "45.7 µs")
	assert.Equal(t, amount(1234.5, microseconds), "1234 µs")
	assert.Equal(t, latency(999), "999 µs")
	assert.Equal(t, latency(1260), "1.3 ms")
	assert.Equal(t, amount(272, bytesEach), "272 B")
	assert.Equal(t, amount(4_640, bytesEach), "4.6 KB")
	assert.Equal(t, ratioWord(1.0/14), "0.071")
	assert.Equal(t, count(10_000), "10,000")
	assert.Equal(t, bytesName(1<<20, " "), "1 MiB")
}
