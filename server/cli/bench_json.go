package cli

import (
	"encoding/json"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/duplexhq/duplex/server/load"
)

// A benchReport is the report as JSON. Times are in nanoseconds unless the name says
// seconds, sizes in bytes; docs/reference/bench.md describes it. Fields may be added.
type benchReport struct {
	Duplex      string        `json:"duplex"` // the version
	Scenario    string        `json:"scenario"`
	OK          bool          `json:"ok"`
	Interrupted bool          `json:"interrupted"`
	Error       string        `json:"error,omitempty"`
	Settings    benchSettings `json:"settings"`
	Servers     []benchServer `json:"servers"`
	Ratios      []ratio       `json:"ratios,omitempty"`
}

type benchSettings struct {
	Connections int     `json:"connections"`
	Duration    float64 `json:"duration_seconds"`
	WarmUp      float64 `json:"warm_up_seconds"`
	Type        string  `json:"type"`
	Size        int64   `json:"size"`
	Content     string  `json:"content"`
	Depth       int     `json:"depth"`
	Rate        float64 `json:"rate"` // 0: a message follows an answer
	Publishers  int     `json:"publishers"`
	Outstanding int     `json:"outstanding"`
	Touch       int64   `json:"touch"`
	Concurrency int     `json:"concurrency"`
	Compress    bool    `json:"compress"`
	Rounds      int     `json:"rounds,omitempty"` // with two servers
}

type benchServer struct {
	URL        string           `json:"url"`
	Extensions string           `json:"extensions,omitempty"`
	Opening    *benchHandshakes `json:"opening,omitempty"`

	benchResult
	Problems []load.Problem `json:"problems"`
	Latency  *benchTimes    `json:"latency,omitempty"`
	Late     *benchTimes    `json:"late,omitempty"`

	MemoryEmpty         int64   `json:"memory_empty,omitempty"` // before the first connection
	Memory              int64   `json:"memory,omitempty"`       // at the end
	MemoryPerConnection float64 `json:"memory_per_connection,omitempty"`

	Rounds []benchResult `json:"rounds,omitempty"`
}

type benchResult struct {
	Sent           int64   `json:"sent"`
	Messages       int64   `json:"messages"` // that came and were right; deliveries, handshakes
	Bytes          int64   `json:"bytes"`
	Ignored        int64   `json:"ignored"`
	Unsent         int64   `json:"unsent"`
	Connections    int     `json:"connections"`
	Seconds        float64 `json:"seconds"`
	PerSecond      float64 `json:"per_second"`
	CPU            int64   `json:"server_cpu"`
	CPUPerMessage  int64   `json:"server_cpu_per_message"`
	OwnCPU         int64   `json:"own_cpu"`
	MedianLatency  float64 `json:"p50"`
	HighestLatency float64 `json:"p99"`
}

type benchHandshakes struct {
	PerSecond     float64     `json:"per_second"`
	CPUPerMessage int64       `json:"server_cpu_per_handshake"`
	Memory        int64       `json:"memory,omitempty"`
	Latency       *benchTimes `json:"latency,omitempty"`
}

type benchTimes struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	Min   int64   `json:"min"`
	P50   int64   `json:"p50"`
	P90   int64   `json:"p90"`
	P99   int64   `json:"p99"`
	P999  int64   `json:"p99.9"`
	P9999 int64   `json:"p99.99"`
	Max   int64   `json:"max"`
}

// writeJSON writes the report as its types document.
func (b *bench) writeJSON(w io.Writer, interrupted bool) error {
	r := benchReport{
		Duplex: versionLine(), Scenario: b.Scenario, OK: b.ok() && b.err == nil, Interrupted: interrupted,
		Settings: b.settings(), Ratios: b.ratios,
	}
	if b.err != nil && !interrupted {
		r.Error = b.err.Error()
	}
	for _, s := range b.sides {
		r.Servers = append(r.Servers, s.json())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(&r)
}

func (b *bench) settings() benchSettings {
	s := benchSettings{
		Connections: b.Connections, Duration: b.Duration.Seconds(), WarmUp: b.WarmUp.Seconds(),
		Type: b.message().Type.String(), Size: int64(b.Size), Content: b.Content.String(),
		Depth: b.Depth, Rate: float64(b.Rate), Publishers: b.Publishers, Outstanding: b.Outstanding,
		Touch: b.Touch, Concurrency: b.Concurrency, Compress: b.Compress,
	}
	if b.Vs != "" {
		s.Rounds = b.Rounds
	}
	return s
}

func (s *side) json() benchServer {
	r := s.result
	j := benchServer{
		URL: s.target.URL, Extensions: s.extensions, benchResult: resultJSON(r),
		Problems: r.Problems, Latency: timesJSON(r.Latency), Late: timesJSON(r.Late),
		MemoryEmpty: s.empty, Memory: r.Memory, MemoryPerConnection: s.perConnection(),
	}
	if j.Problems == nil {
		j.Problems = []load.Problem{}
	}
	if s.set != nil {
		o := s.set.Opening()
		j.Opening = &benchHandshakes{o.PerSecond(), int64(o.CPUPerMessage()), o.Memory, timesJSON(o.Latency)}
	}
	for _, round := range s.rounds {
		j.Rounds = append(j.Rounds, resultJSON(round))
	}
	return j
}

func resultJSON(r *load.Result) benchResult {
	return benchResult{
		r.Sent, r.Messages, r.Bytes, r.Ignored, r.Unsent, r.Connections, r.Elapsed.Seconds(), r.PerSecond(),
		int64(r.CPU), int64(r.CPUPerMessage()), int64(r.OwnCPU), r.Quantile(50), r.Quantile(99),
	}
}

// timesJSON returns nil for no times.
func timesJSON(h *hdrhistogram.Histogram) *benchTimes {
	if h == nil || h.TotalCount() == 0 {
		return nil
	}
	at := h.ValueAtQuantile
	return &benchTimes{h.TotalCount(), h.Mean(), h.Min(), at(50), at(90), at(99), at(99.9), at(99.99), h.Max()}
}
