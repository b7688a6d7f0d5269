package recheck_test

import (
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/internal/recheck"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// What came too late is tried again, with more time, and what was wrong stays so.
func TestRun(t *testing.T) {
	failed := func(name, problem string) conformance.Result {
		return conformance.Result{Name: name, Area: "framing", Verdict: conformance.Failed, Problem: problem}
	}
	var times []time.Duration
	var runs []string
	r := recheck.Run(t, conformance.Options{Run: "^framing/", Timeout: time.Second}, func(o *conformance.Options) (*conformance.Report, error) {
		times, runs = append(times, o.Timeout), append(runs, o.Run)
		late := failed("slow (one)", "nothing came within 1s")
		if len(runs) == 2 {
			late.Verdict = conformance.Passed
			return &conformance.Report{Results: []conformance.Result{late}}, nil
		}
		wrong := failed("wrong", "a frame with RSV1")
		return &conformance.Report{Results: []conformance.Result{wrong, late}}, nil
	})
	assert.Equal(t, times, []time.Duration{time.Second, 8 * time.Second})
	assert.Equal(t, runs, []string{"^framing/", `^(framing/slow \(one\))$`})
	assert.Equal(t, r.Results[0].Verdict, conformance.Failed)
	assert.Equal(t, r.Results[1].Verdict, conformance.Passed)
}
