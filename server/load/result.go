package load

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What histograms tell apart: nanoseconds from 100 to ten minutes, with three
// digits. What takes longer counts as ten minutes.
const (
	shortest = 100
	longest  = int64(10 * time.Minute)
	figures  = 3
)

// NewHistogram returns an empty histogram of nanoseconds, as those of Results are.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(shortest, longest, figures)
}

// record adds a time in nanoseconds. A clock does not go backwards, but what is
// less than nothing by rounding is nothing.
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, 0), longest)) // it is within the range
}

// A Result is what came of a slice, or of several.
type Result struct {
	// Sent is how many messages were sent, Messages how many came in and were
	// right, and Bytes the payload of these. Of a fan-out Messages are
	// deliveries, of Open and Connect both are handshakes.
	Sent, Messages, Bytes int64

	// Ignored is how many messages came that nobody had asked for and that do no
	// harm: a greeting after the handshake, anything while connections are idle.
	Ignored int64

	// Unsent is how many messages were due at the rate, but could not be sent
	// before the end: the load could not keep up. Their latency is not in the
	// histogram.
	Unsent int64

	// Connections is how many were open at the end.
	Connections int

	// Elapsed is the time from the first message to the last one, waiting for
	// the end included.
	Elapsed time.Duration

	// Latency is the time from sending, or from when that was due at a fixed
	// rate, until the message came in, in nanoseconds. Late, at a fixed rate
	// only, is how long after it was due each message was sent: if it is not
	// small beside Latency, the load and not the server is what was measured.
	Latency, Late *hdrhistogram.Histogram

	// Problems is what went wrong, by kind.
	Problems []Problem

	// CPU is the processor time of the server's processes, and OwnCPU that of
	// this one, user and system. CPU is 0 if the processes are not known.
	CPU, OwnCPU time.Duration

	// Memory is the resident memory of the server's processes at the end, and
	// MemoryBefore at the beginning, in bytes; 0 if not known.
	Memory, MemoryBefore int64
}

// OK tells whether every message came back, once, in order and unharmed, and every
// connection lived.
func (r *Result) OK() bool { return len(r.Problems) == 0 }

// PerSecond returns how many messages came in each second.
func (r *Result) PerSecond() float64 { return perSecond(r.Messages, r.Elapsed) }

// BytesPerSecond returns how many bytes of payload came in each second.
func (r *Result) BytesPerSecond() float64 { return perSecond(r.Bytes, r.Elapsed) }

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// CPUPerMessage returns the processor time of the server for a message, 0 if it is
// not known.
func (r *Result) CPUPerMessage() time.Duration { return per(r.CPU, r.Messages) }

// OwnCPUPerMessage returns the processor time of this process for a message.
func (r *Result) OwnCPUPerMessage() time.Duration { return per(r.OwnCPU, r.Messages) }

func per(d time.Duration, n int64) time.Duration {
	if n <= 0 {
		return 0
	}
	return d / time.Duration(n)
}

// Quantile returns the latency in nanoseconds that q percent of the messages did
// not exceed, 0 if there were none.
func (r *Result) Quantile(q float64) float64 {
	if r.Latency == nil || r.Latency.TotalCount() == 0 {
		return 0
	}
	return float64(r.Latency.ValueAtQuantile(q))
}

// Clone returns a copy that shares nothing with r.
func (r *Result) Clone() *Result {
	c := *r
	c.Latency, c.Late = merge(nil, r.Latency), merge(nil, r.Late)
	c.Problems = slices.Clone(r.Problems)
	return &c
}

// Add adds the counts and the times of o, a later slice. Memory and Connections
// become those of o.
func (r *Result) Add(o *Result) {
	r.Sent += o.Sent
	r.Messages += o.Messages
	r.Bytes += o.Bytes
	r.Ignored += o.Ignored
	r.Unsent += o.Unsent
	r.Elapsed += o.Elapsed
	r.Latency = merge(r.Latency, o.Latency)
	r.Late = merge(r.Late, o.Late)
	r.Problems = mergeProblems(r.Problems, o.Problems)
	r.CPU += o.CPU
	r.OwnCPU += o.OwnCPU
	r.Connections, r.Memory = o.Connections, o.Memory
	if r.MemoryBefore == 0 {
		r.MemoryBefore = o.MemoryBefore
	}
}

// merge returns a with the times of b.
func merge(a, b *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	if b == nil {
		return a
	}
	if a == nil {
		a = NewHistogram()
	}
	a.Merge(b)
	return a
}
