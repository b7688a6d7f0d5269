package main

import (
	"github.com/duplexhq/duplex/bench/load"
)

// A result is what was measured of one library under one workload.
type result struct {
	Workload string
	Library  string
	Version  string
	Unit     string // of Rounds

	// Rounds are the main metric, one value for each round; of memory, one for
	// all. A round that failed is 0.
	Rounds []float64

	Messages    int64
	PerSecond   float64
	P50         float64 // latency, in microseconds
	P99         float64
	P999        float64
	Utilisation float64 // share of its processor that the server used
	Load        float64 // processor time of the load, for a message, in microseconds
	Problem     string  // why there is nothing, or less
}

// Units of results.
const (
	microseconds = "us"    // of the server's processor time, for a message
	bytesEach    = "bytes" // resident, for a connection
)

// after is behind the name of the workload of memory after messages.
const after = "-after-messages"

// quartiles returns those of the rounds that were measured.
func (r *result) quartiles() quartiles {
	return quartilesOf(ratios(r.Rounds, ones(len(r.Rounds))))
}

// against returns the ratio to another library, round by round.
func (r *result) against(o *result) quartiles { return quartilesOf(ratios(r.Rounds, o.Rounds)) }

func ones(n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = 1
	}
	return all
}

// finish fills in what the sum of all slices tells.
func (r *result) finish(sum *load.Result) {
	const us = 1e3
	r.Messages, r.PerSecond = sum.Messages, sum.PerSecond()
	if sum.Messages > 0 {
		r.Load = float64(sum.CPU) / us / float64(sum.Messages)
	}
	r.P50 = float64(sum.Latency.Quantile(0.5)) / us
	r.P99 = float64(sum.Latency.Quantile(0.99)) / us
	r.P999 = float64(sum.Latency.Quantile(0.999)) / us
}

// results are those of a run.
type results []*result

// of returns those of one workload that have a value.
func (all results) of(workload string) (some results) {
	for _, r := range all {
		if r.Workload == workload && r.quartiles().median > 0 {
			some = append(some, r)
		}
	}
	return some
}

// find returns the result of one library, or nil.
func (all results) find(library string) *result {
	for _, r := range all {
		if r.Library == library {
			return r
		}
	}
	return nil
}

// least returns the result with the lowest value of those that which chooses, or nil.
func (all results) least(which func(*result) bool, value func(*result) float64) (best *result) {
	for _, r := range all {
		if which(r) && value(r) > 0 && (best == nil || value(r) < value(best)) {
			best = r
		}
	}
	return best
}
