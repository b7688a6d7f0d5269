package load

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestAlternate(t *testing.T) {
	var order string
	slice := func(name string) func(context.Context) (*Result, error) {
		return func(context.Context) (*Result, error) {
			order += name
			return &Result{Sent: int64(len(order))}, nil
		}
	}
	got, err := Alternate(t.Context(), 3, slice("a"), slice("b"))
	assert.NoError(t, err)
	assert.Equal(t, order, "abbaab")
	var sent [2][]int64
	for i := range got {
		for _, r := range got[i] {
			sent[i] = append(sent[i], r.Sent)
		}
	}
	assert.Equal(t, sent, [2][]int64{{1, 4, 5}, {2, 3, 6}})
}

// An error ends it, and no slice has more results than the others.
func TestAlternateFails(t *testing.T) {
	failed, n := errors.New("no more"), 0
	got, err := Alternate(t.Context(), 5, func(context.Context) (*Result, error) {
		return &Result{}, nil
	}, func(context.Context) (*Result, error) {
		if n++; n == 3 {
			return nil, failed
		}
		return &Result{}, nil
	})
	assert.ErrorIs(t, err, failed)
	assert.Equal(t, len(got[0]), 2)
	assert.Equal(t, len(got[1]), 2)
}

func TestRatios(t *testing.T) {
	results := func(sent ...int64) (all []*Result) {
		for _, n := range sent {
			all = append(all, &Result{Sent: n})
		}
		return all
	}
	of := func(r *Result) float64 { return float64(r.Sent) }
	q, n := Ratios(results(1, 4, 0, 9, 10), results(1, 2, 7, 3, 2), of)
	assert.Equal(t, n, 4)
	assert.Equal(t, q, Quartiles{1.75, 2.5, 3.5}) // of 1, 2, 3 and 5
	q, n = Ratios(results(0), results(1), of)
	assert.Equal(t, n, 0)
	assert.Equal(t, q, Quartiles{})
	q, _ = Ratios(results(3), results(2), of)
	assert.Equal(t, q, Quartiles{1.5, 1.5, 1.5})
}

func TestResultAdd(t *testing.T) {
	a := &Result{Sent: 1, Messages: 1, Bytes: 10, Elapsed: time.Second, MemoryBefore: 5, Memory: 6,
		Problems: []Problem{{Lost, 1, "first"}}}
	b := &Result{Sent: 2, Messages: 2, Bytes: 20, Elapsed: time.Second, CPU: 6, OwnCPU: 9, MemoryBefore: 6, Memory: 7,
		Latency: NewHistogram(), Problems: []Problem{{Duplicate, 1, "again"}, {Lost, 2, "second"}}}
	record(b.Latency, 1000)
	record(b.Latency, longest*2)
	record(b.Latency, -1)
	a.Add(b)
	assert.Equal(t, a.PerSecond(), 1.5)
	assert.Equal(t, a.BytesPerSecond(), 15.0)
	assert.Equal(t, a.CPUPerMessage(), 2)
	assert.Equal(t, a.OwnCPUPerMessage(), 3)
	assert.Equal(t, a.Memory-a.MemoryBefore, 2)
	assert.Equal(t, a.Problems, []Problem{{Duplicate, 1, "again"}, {Lost, 3, "first"}})
	assert.True(t, a.Quantile(100) >= float64(longest) && a.Quantile(50) < 1100, "the times are wrong")
	assert.Equal(t, new(Result).PerSecond()+new(Result).Quantile(50)+float64(new(Result).CPUPerMessage()), 0)
	assert.Equal(t, Lost.String(), "lost")
	assert.Equal(t, Kind(99).String()+Content(99).String(), "unknownunknown")
}
