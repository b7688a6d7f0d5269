package main

import "slices"

// quartiles are of a number of values.
type quartiles struct{ p25, median, p75 float64 }

// quartilesOf returns zeros for no values.
func quartilesOf(values []float64) quartiles {
	if len(values) == 0 {
		return quartiles{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return quartiles{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}
}

// quantile returns the value that a share q of sorted values stay below, between two
// of them if need be.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// ratios returns a[i]/b[i] for each round in which both were measured.
func ratios(a, b []float64) (all []float64) {
	for i := range min(len(a), len(b)) {
		if a[i] > 0 && b[i] > 0 {
			all = append(all, a[i]/b[i])
		}
	}
	return all
}

// order returns the numbers 0 to n-1 in the order in which contenders take their turn
// in a round: turned round each time, so that what changes steadily harms nobody.
func order(n, round int) []int {
	turns := make([]int, n)
	for i := range turns {
		turns[i] = i
	}
	if round%2 == 1 {
		slices.Reverse(turns)
	}
	return turns
}
