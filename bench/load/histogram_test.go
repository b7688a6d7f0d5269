package load_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/internal/assert"
)

// near tells whether a duration is kept to within what Histogram promises.
func near(got, want time.Duration) bool {
	d := got - want
	return max(d, -d) <= want/60
}

func TestHistogram(t *testing.T) {
	var h load.Histogram
	assert.Equal(t, h.Quantile(0.5), time.Duration(0))
	for d := time.Duration(0); d < time.Minute; d = d*21/20 + 1 {
		var one load.Histogram
		one.Add(d, 3)
		assert.Equal(t, one.Count(), int64(3))
		assert.True(t, near(one.Quantile(0), d), d.String()+" is kept as "+one.Quantile(0).String())
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1)*time.Microsecond, 1)
	}
	h.Add(-time.Second, 1) // clocks
	assert.True(t, near(h.Quantile(0.5), 500*time.Microsecond), "median")
	assert.True(t, near(h.Quantile(0.99), 990*time.Microsecond), "p99")
	assert.True(t, near(h.Quantile(1), 1000*time.Microsecond), "most")
}

func TestHistogramJSON(t *testing.T) {
	var h, back, both load.Histogram
	for i := range 50 {
		h.Add(time.Duration(i*i)*time.Microsecond, i)
	}
	text, err := json.Marshal(&h)
	assert.NoError(t, err)
	assert.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, back.Count(), h.Count())
	again, err := json.Marshal(&back)
	assert.NoError(t, err)
	assert.Equal(t, string(again), string(text))
	both.Merge(&h)
	both.Merge(&back)
	assert.Equal(t, both.Count(), 2*h.Count())
	assert.Equal(t, both.Quantile(0.9), h.Quantile(0.9))
	assert.NoError(t, json.Unmarshal([]byte("[[-1,2],[999999,3]]"), &back)) // from elsewhere
	assert.Equal(t, back.Count(), int64(5))
	assert.True(t, json.Unmarshal([]byte(`{}`), &back) != nil, "accepted what is no list")
}
