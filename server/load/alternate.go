package load

import (
	"context"
	"slices"
)

// Alternate runs each slice once a round, in the opposite order in every second one,
// so that none always comes first, and that whatever else happens on the machine
// falls on all of them alike. results[i][r] is what slice i returned in round r. An
// error of a slice ends it; what there is until then is returned too, and all slices
// have the same number of results.
func Alternate(ctx context.Context, rounds int, work ...func(context.Context) (*Result, error)) (results [][]*Result, err error) {
	results = make([][]*Result, len(work))
	for round := range rounds {
		latest := make([]*Result, len(work))
		for i := range work {
			if round%2 == 1 {
				i = len(work) - 1 - i
			}
			if latest[i], err = work[i](ctx); err != nil {
				return results, err
			}
		}
		for i, r := range latest {
			results[i] = append(results[i], r)
		}
	}
	return results, nil
}

// Quartiles are the middle of some numbers and how far they spread: a quarter of
// them is less than P25, a quarter more than P75.
type Quartiles struct {
	P25    float64 `json:"p25"`
	Median float64 `json:"median"`
	P75    float64 `json:"p75"`
}

// Ratios returns the quartiles of of(a)/of(b), round by round. Rounds in which one
// of them is 0, which stands for unknown, are left out; n is how many are not.
func Ratios(a, b []*Result, of func(*Result) float64) (q Quartiles, n int) {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if x, y := of(a[i]), of(b[i]); x > 0 && y > 0 {
			ratios = append(ratios, x/y)
		}
	}
	return quartiles(ratios), len(ratios)
}

// quartiles returns those of the numbers, which it sorts; all are 0 if there are no
// numbers.
func quartiles(numbers []float64) Quartiles {
	if len(numbers) == 0 {
		return Quartiles{}
	}
	slices.Sort(numbers)
	at := func(q float64) float64 { // between the two nearest, in proportion
		place := q * float64(len(numbers)-1)
		low := int(place)
		high := min(low+1, len(numbers)-1)
		return numbers[low] + (place-float64(low))*(numbers[high]-numbers[low])
	}
	return Quartiles{at(0.25), at(0.5), at(0.75)}
}
