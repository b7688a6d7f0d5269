package load

import (
	"encoding/json"
	"math/bits"
	"slices"
	"time"
)

// A Histogram counts durations. It keeps them to within 1.6 %. The zero value is
// empty and ready.
type Histogram struct {
	counts []int64
	total  int64
}

const (
	subBits = 6 // of precision
	sub     = 1 << subBits
	buckets = (64 - subBits) * sub
)

// bucket returns where a duration is counted.
func bucket(ns uint64) int {
	if ns < sub {
		return int(ns)
	}
	shift := bits.Len64(ns) - subBits - 1
	return (shift+1)*sub + int(ns>>shift) - sub
}

// middle returns the middle of what is counted in a bucket.
func middle(i int) time.Duration {
	if i < sub {
		return time.Duration(i)
	}
	shift := i/sub - 1
	return time.Duration((i%sub+sub)<<shift + 1<<shift/2)
}

// Add counts n durations.
func (h *Histogram) Add(d time.Duration, n int) {
	if h.counts == nil {
		h.counts = make([]int64, buckets)
	}
	h.counts[bucket(uint64(max(d, 0)))] += int64(n)
	h.total += int64(n)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		if n > 0 {
			h.Add(middle(i), int(n))
		}
	}
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 { return h.total }

// Quantile returns the duration that a share q of all stay below, 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	left := int64(q * float64(h.total))
	for i, n := range h.counts {
		if left -= n; left < 0 {
			return middle(i)
		}
	}
	for i, n := range slices.Backward(h.counts) {
		if n > 0 {
			return middle(i)
		}
	}
	return 0
}

// MarshalJSON writes the buckets that are not empty, as pairs of number and count.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	pairs := [][2]int64{}
	for i, n := range h.counts {
		if n > 0 {
			pairs = append(pairs, [2]int64{int64(i), n})
		}
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Histogram) UnmarshalJSON(p []byte) error {
	var pairs [][2]int64
	if err := json.Unmarshal(p, &pairs); err != nil {
		return err
	}
	*h = Histogram{}
	for _, pair := range pairs {
		h.Add(middle(int(min(max(pair[0], 0), buckets-1))), int(pair[1]))
	}
	return nil
}
