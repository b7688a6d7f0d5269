package main

import (
	"fmt"
	"strings"

	"github.com/duplexhq/duplex/bench/bun"
)

// A target is what one of ours is to reach under a workload.
type target struct {
	what     string
	workload string
	ours     string
	metric   metric

	// The most that is allowed: of the best of Go's other libraries, of Bun, and
	// by itself in bytes. 0: no such target.
	peer, bun, bytes float64
}

// A metric is a way to look at a result.
type metric uint8

const (
	cost metric = iota // the main metric of its workload
	p99                // latency, in microseconds
)

// of returns the value.
func (m metric) of(r *result) float64 {
	if m == p99 {
		return r.P99
	}
	return median(r)
}

// word returns the value with its unit.
func (m metric) word(r *result) string {
	if m == p99 {
		return latency(r.P99)
	}
	return amount(median(r), r.Unit)
}

// median returns the median of the main metric.
func median(r *result) float64 { return r.quartiles().median }

// Names of ours.
const (
	conn  = "duplex-conn"
	event = "duplex-event"
	epoll = "duplex-epoll"
	given = "duplex-epoll-http"
)

// targets are all of them.
var targets = []target{
	{"echo 64 B, 1 in flight", "echo-64B-1x100", epoll, cost, 0.80, 0.95, 0},
	{"echo 64 B, 1 in flight", "echo-64B-1x100", event, cost, 0.95, 0, 0},
	{"echo 64 B, 1 in flight", "echo-64B-1x100", conn, cost, 0.95, 0, 0},
	{"echo 64 B, 16 in flight", "echo-64B-16x100", epoll, cost, 1.0 / 14, 0.50, 0},
	{"echo 64 B, 16 in flight", "echo-64B-16x100", event, cost, 0.1, 0, 0},
	{"echo 64 B, 16 in flight", "echo-64B-16x100", conn, cost, 0.1, 0, 0},
	{"echo 1 KiB", "echo-1KiB-1x100", epoll, cost, 0.75, 0.9, 0},
	{"echo 16 KiB", "echo-16KiB-1x100", epoll, cost, 0.55, 0.3, 0},
	{"echo 64 KiB", "echo-64KiB-1x100", epoll, cost, 0.62, 0.33, 0},
	{"echo 1 MiB", "echo-1MiB-1x100", epoll, cost, 0.80, 0.4, 0},
	{"12 KiB of Chinese text", "text-12KiB-1x100", epoll, cost, 0.25, 0.21, 0},
	{"fan-out to 1,000, 1 outstanding", "fan-1x1000", epoll, cost, 0.88, 0.95, 0},
	{"fan-out to 1,000, 32 outstanding", "fan-32x1000", epoll, cost, 0.1, 0.95, 0},
	{"memory, own listener", "memory" + after, epoll, cost, 0, 0.3, 500},
	{"memory, from net/http", "memory" + after, given, cost, 0, 0, 1600},
	{"memory, goroutine driver", "memory" + after, event, cost, 0, 0, 4500},
	{"memory, blocking Conn", "memory" + after, conn, cost, 0, 0, 4500},
	{"memory, TLS, blocking Conn", "memory-tls" + after, conn, cost, 0, 0, 16_000},
	{"memory, TLS, own listener", "memory-tls" + after, epoll, cost, 0, 0, 16_000},
	{"p99 at saturation, 100 connections", "echo-64B-1x100", epoll, p99, 0.35, 0.9, 0},
	{"handshake, own listener", "handshake", epoll, cost, 0.70, 0.90, 0},
}

// isPeer tells whether a result is of another library for Go.
func isPeer(r *result) bool {
	return !strings.HasPrefix(r.Library, "duplex-") && r.Library != bun.Name && !strings.HasSuffix(r.Library, twin)
}

// isOurs tells whether a result is of ours.
func isOurs(r *result) bool {
	return strings.HasPrefix(r.Library, "duplex-") && !strings.HasSuffix(r.Library, twin)
}

// targetTable returns the table of targets, met and not met.
func targetTable(all results) string {
	var b strings.Builder
	b.WriteString("| what | ours | | best of Go's others | | ratio | target | Bun | ratio | target | met |\n")
	b.WriteString("|---|---|--:|---|--:|--:|--:|--:|--:|--:|---|\n")
	for _, t := range targets {
		b.WriteString(t.row(all.of(t.workload)))
	}
	return b.String()
}

// row returns one line, "" if ours was not measured.
func (t *target) row(all results) string {
	ours := all.find(t.ours)
	if ours == nil {
		return ""
	}
	met := true
	peer := all.least(isPeer, t.metric.of)
	peerName, peerValue, peerRatio, peerTarget := t.compare(ours, peer, t.peer, &met)
	if t.bytes > 0 {
		peerTarget = "≤ " + amount(t.bytes, bytesEach)
		met = met && t.metric.of(ours) <= t.bytes
	}
	_, bunValue, bunRatio, bunTarget := t.compare(ours, all.find(bun.Name), t.bun, &met)
	word := "yes"
	if !met {
		word = "**no**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
		t.what, t.ours, t.metric.word(ours), peerName, peerValue, peerRatio, peerTarget, bunValue, bunRatio, bunTarget, word)
}

// compare returns the cells about another library, and notes if a target is missed.
func (t *target) compare(ours, other *result, most float64, met *bool) (name, value, ratio, wanted string) {
	if most > 0 {
		wanted = "≤ " + ratioWord(most)
	}
	if other == nil {
		return "–", "–", "–", wanted
	}
	q := ours.against(other)
	if t.metric != cost {
		all := t.metric.of(ours) / t.metric.of(other)
		q = quartiles{all, all, all} // not of rounds
	}
	*met = *met && (most == 0 || q.median <= most)
	ratio = ratioWord(q.median)
	if q.p25 != q.p75 {
		ratio += fmt.Sprintf(" (%s–%s)", ratioWord(q.p25), ratioWord(q.p75))
	}
	return other.Library, t.metric.word(other), ratio, wanted
}

// ratioWord returns a ratio as tables show it.
func ratioWord(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// amount returns a value with its unit.
func amount(v float64, unit string) string {
	switch {
	case unit == bytesEach && v < 1000:
		return fmt.Sprintf("%.0f B", v)
	case unit == bytesEach:
		return fmt.Sprintf("%.1f KB", v/1000)
	case v < 10:
		return fmt.Sprintf("%.2f µs", v)
	case v < 100:
		return fmt.Sprintf("%.1f µs", v)
	}
	return fmt.Sprintf("%.0f µs", v)
}
