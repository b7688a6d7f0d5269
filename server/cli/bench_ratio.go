package cli

import (
	"fmt"
	"time"

	"github.com/duplexhq/duplex/server/load"
)

// A ratio is how two servers compare in one respect: a number of the first divided by
// that of the second, round by round.
type ratio struct {
	Name string `json:"name"`
	load.Quartiles
	Rounds int `json:"rounds"` // with the number of both known
}

// respects are what servers are compared in.
var respects = []struct {
	name string
	of   func(*load.Result) float64
}{
	{"per_second", (*load.Result).PerSecond},
	{"p50", quantile(50)},
	{"p90", quantile(90)},
	{"p99", quantile(99)},
	{"p99.9", quantile(99.9)},
	{"server_cpu", func(r *load.Result) float64 { return float64(r.CPUPerMessage()) }},
}

func quantile(q float64) func(*load.Result) float64 {
	return func(r *load.Result) float64 { return r.Quantile(q) }
}

// ratios compares two servers.
func ratios(a, b []*load.Result) (all []ratio) {
	for _, r := range respects {
		if q, n := load.Ratios(a, b, r.of); n > 0 {
			all = append(all, ratio{r.name, q, n})
		}
	}
	return all
}

// idleRatios compares the memory of two servers.
func idleRatios(a, b *side) (all []ratio) {
	if x, y := a.perConnection(), b.perConnection(); x > 0 && y > 0 {
		all = append(all, ratio{"memory", load.Quartiles{P25: x / y, Median: x / y, P75: x / y}, 1})
	}
	return all
}

// perConnection returns the memory of the server for each connection, in bytes, 0 if it
// is not known.
func (s *side) perConnection() float64 {
	if s.empty == 0 || s.result == nil || s.result.Memory == 0 || s.result.Connections == 0 {
		return 0
	}
	return float64(s.result.Memory-s.empty) / float64(s.result.Connections)
}

// text returns the ratio with the range of half of the rounds.
func (r ratio) text() string {
	if r.Rounds < 2 {
		return times(r.Median)
	}
	return fmt.Sprintf("%s  (%s … %s)", times(r.Median), times(r.P25), times(r.P75))
}

// times returns a ratio with two digits behind the point, and more if it is small.
func times(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// ratio returns the text of the one with that name, "" if there is none.
func (b *bench) ratio(name string) string {
	for _, r := range b.ratios {
		if r.Name == name {
			return r.text()
		}
	}
	return ""
}

// turn is how long one server has its turn with --vs.
func (b *bench) turn() time.Duration {
	return (b.Duration / time.Duration(2*b.Rounds)).Round(time.Millisecond)
}
