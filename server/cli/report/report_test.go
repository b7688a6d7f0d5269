package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/cli/report"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// evil is what an endpoint could send to get at whoever reads the report.
const evil = "\x1b[2J<script>alert(1)</script>]]>\x00"

// sample is a report with every verdict, in two areas.
func sample() *conformance.Report {
	return &conformance.Report{
		Endpoint: "ws://localhost:8080/echo",
		Role:     "server",
		Started:  time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Elapsed:  1500 * time.Millisecond,
		Results: []conformance.Result{
			{Name: "§5.2 a text", Area: "framing", Rule: "Text is sent back.", Verdict: conformance.Passed},
			{
				Name: "§5.5.1 a close frame with one byte", Area: "closing", Rule: "A code has two bytes.",
				Verdict: conformance.Failed, Problem: "it was answered with " + evil,
				Log: []conformance.Exchange{
					{Sent: true, Data: []byte{0x88, 0x81, 1, 2, 3, 4, 5}},
					{Data: []byte{0x88, 0x02, 0x03, 0xe8}, At: time.Millisecond},
					{Note: "endpoint closed TCP " + evil, At: 2 * time.Millisecond},
				},
			},
			{
				Name: "§7.1.7 the code", Area: "closing", Rule: "A close frame says why.",
				Level: conformance.Should, Verdict: conformance.NotStrict, Problem: "there was none",
				Log: []conformance.Exchange{{Note: "a note that only --verbose shows"}},
			},
			{
				Name: "§10.2 a foreign origin", Area: "opening", Rule: "It may be refused.",
				Level: conformance.May, Verdict: conformance.Informational, Problem: "it was accepted",
			},
			{
				Name: "RFC 7692 §7 a window", Area: "deflate", Rule: "The window is kept.",
				Verdict: conformance.Unsupported, Problem: "the extension was declined",
			},
		},
	}
}

// passed is a report in which all is well.
func passed() *conformance.Report {
	r := sample()
	r.Results = r.Results[:1]
	return r
}

func text(t *testing.T, r *conformance.Report, o report.TextOptions) string {
	t.Helper()
	var b strings.Builder
	assert.NoError(t, report.WriteText(&b, r, o))
	return b.String()
}

func TestText(t *testing.T) {
	got := text(t, sample(), report.TextOptions{})
	for _, want := range []string{
		"FAILED  closing/§5.5.1 a close frame with one byte\n  MUST: A code has two bytes.\n",
		"NOT STRICT  closing/§7.1.7 the code\n  SHOULD: A close frame says why.\n  there was none\n",
		"INFORMATIONAL  opening/§10.2 a foreign origin\n",
		"\n\nUNSUPPORTED  1 test of deflate: the extension was declined\n",
		"0.000 s  sent 7 bytes\n",
		"0.001 s  received 4 bytes\n",
		"close",
		"5 tests in 1.5 s: 1 passed, 1 not strict, 1 informational, 1 unsupported, 1 failed\n",
	} {
		assert.Contains(t, got, want)
	}
	assert.True(t, !strings.Contains(got, "a text"), "a test that passed is told at length")
	assert.True(t, !strings.Contains(got, "only --verbose"), "exchanges of tests that did not fail are shown")
	assert.True(t, strings.Index(got, "INFORMATIONAL") < strings.Index(got, "NOT STRICT") &&
		strings.Index(got, "NOT STRICT") < strings.Index(got, "FAILED"), "the worst is not the last")
	assert.Contains(t, text(t, sample(), report.TextOptions{Verbose: true}), "only --verbose")
}

func TestTextTable(t *testing.T) {
	got := text(t, sample(), report.TextOptions{})
	head, _, _ := strings.Cut(got, "\n\n")
	lines := strings.Split(head, "\n")
	assert.Equal(t, len(lines), 5)
	assert.Equal(t, strings.Fields(lines[0]), []string{"passed", "not", "strict", "informational", "unsupported", "failed"})
	assert.Equal(t, strings.Fields(lines[1]), []string{"framing", "1", "-", "-", "-", "-"})
	assert.Equal(t, strings.Fields(lines[2]), []string{"closing", "-", "1", "-", "-", "1"})
	assert.Equal(t, strings.Fields(lines[3]), []string{"opening", "-", "-", "1", "-", "-"})
	assert.Equal(t, strings.Fields(lines[4]), []string{"deflate", "-", "-", "-", "1", "-"})
}

func TestTextGathersReasons(t *testing.T) {
	r := passed()
	for _, problem := range []string{"a", "b", "b"} {
		r.Results = append(r.Results, conformance.Result{Area: "deflate", Verdict: conformance.Unsupported, Problem: problem})
	}
	got := text(t, r, report.TextOptions{})
	assert.Contains(t, got, "\n\nUNSUPPORTED  1 test of deflate: a\nUNSUPPORTED  2 tests of deflate: b\n")

	for _, problem := range []string{"c", "d", "d"} {
		r.Results = append(r.Results, conformance.Result{Area: "deflate", Verdict: conformance.Unsupported, Problem: problem})
	}
	got = text(t, r, report.TextOptions{})
	assert.Contains(t, got, "\n\nUNSUPPORTED  6 tests of deflate: a, and 3 reasons more\n\n")
}

func TestTextIsHarmless(t *testing.T) {
	got := text(t, sample(), report.TextOptions{Verbose: true})
	assert.True(t, !strings.ContainsAny(got, "\x1b\x00"), "the endpoint reaches the terminal")
	assert.Contains(t, got, "<script>") // but it is seen
}

func TestTextInColours(t *testing.T) {
	assert.Contains(t, text(t, sample(), report.TextOptions{Colour: true}), "\x1b[31mFAILED\x1b[0m")
	assert.Contains(t, text(t, passed(), report.TextOptions{Colour: true}), "\x1b[32m1 test in")
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	assert.NoError(t, report.WriteJSON(&b, sample()))
	var back conformance.Report
	assert.NoError(t, json.Unmarshal(b.Bytes(), &back))
	assert.Equal(t, len(back.Results), 5)
	assert.Equal(t, back.Results[1].Verdict, conformance.Failed)
	assert.Equal(t, back.Results[1].Log[0].Data, []byte{0x88, 0x81, 1, 2, 3, 4, 5})
	assert.Equal(t, back.Endpoint, sample().Endpoint)
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	assert.NoError(t, report.WriteJUnit(&b, sample()))
	var back struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Name     string `xml:"name,attr"`
			Failures int    `xml:"failures,attr"`
			Cases    []struct {
				Class   string `xml:"classname,attr"`
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Skipped *struct{} `xml:"skipped"`
				Output  string    `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	assert.NoError(t, xml.Unmarshal(b.Bytes(), &back))
	assert.Equal(t, []int{back.Tests, back.Failures, back.Skipped}, []int{5, 1, 1})
	assert.Equal(t, len(back.Suites), 4)
	closing := back.Suites[1]
	assert.Equal(t, closing.Name, "closing")
	assert.Equal(t, closing.Failures, 1)
	failed, noted := closing.Cases[0], closing.Cases[1]
	assert.Equal(t, failed.Class, "closing")
	assert.True(t, failed.Failure != nil && noted.Failure == nil, "the failures are wrong")
	assert.Contains(t, failed.Failure.Message, "alert(1)")
	assert.Contains(t, failed.Failure.Text, "A code has two bytes.")
	assert.Contains(t, failed.Failure.Text, "sent 7 bytes")
	assert.Contains(t, noted.Output, "not strict: there was none")
	assert.True(t, back.Suites[3].Cases[0].Skipped != nil, "an unsupported test is not skipped")
}

func TestHTML(t *testing.T) {
	var b strings.Builder
	assert.NoError(t, report.WriteHTML(&b, sample()))
	got := b.String()
	assert.Contains(t, got, "ws://localhost:8080/echo")
	assert.Contains(t, got, "5 tests in 1.5 s")
	assert.Contains(t, got, "§5.5.1 a close frame with one byte")
	assert.Contains(t, got, "sent 7 bytes")
	assert.True(t, !strings.Contains(got, "<script>"), "the endpoint gets into the page")
	assert.Equal(t, strings.Count(got, "<article"), 3)
	assert.Contains(t, got, "<li>1 of deflate: the extension was declined</li>")
}

func TestHTMLOfSuccess(t *testing.T) {
	var b strings.Builder
	assert.NoError(t, report.WriteHTML(&b, passed()))
	assert.True(t, !strings.Contains(b.String(), "What did not pass"), "there is a chapter about nothing")
}

// A brokenWriter takes n bytes and no more.
type brokenWriter struct{ n int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, bytes.ErrTooLarge
	}
	return len(p), nil
}

func TestWriteErrorsAreTold(t *testing.T) {
	for _, n := range []int{0, 100} {
		assert.ErrorIs(t, report.WriteText(&brokenWriter{n}, sample(), report.TextOptions{}), bytes.ErrTooLarge)
		assert.ErrorIs(t, report.WriteJSON(&brokenWriter{n}, sample()), bytes.ErrTooLarge)
		assert.ErrorIs(t, report.WriteJUnit(&brokenWriter{n}, sample()), bytes.ErrTooLarge)
		assert.ErrorIs(t, report.WriteHTML(&brokenWriter{n}, sample()), bytes.ErrTooLarge)
	}
}

func TestBar(t *testing.T) {
	var b strings.Builder
	bar := report.NewBar(&b, func() int { return 60 })
	failed := &conformance.Result{Name: "a name so long that it does not fit into the line", Area: "utf8", Verdict: conformance.Failed}
	bar.Update(conformance.Progress{Done: 1, Total: 4, Result: failed})
	assert.Contains(t, b.String(), "\r██████░░░░░░░░░░░░░░░░░░ 1/4, 1 failed  utf8/")
	assert.Contains(t, b.String(), "…\x1b[K")

	b.Reset()
	bar.Update(conformance.Progress{Done: 2, Total: 4, Result: failed}) // too soon
	assert.Equal(t, b.String(), "")
	bar.Update(conformance.Progress{Done: 4, Total: 4}) // the last is always drawn
	assert.Contains(t, b.String(), strings.Repeat("█", 24)+" 4/4, 2 failed")

	b.Reset()
	bar.Clear()
	assert.Equal(t, b.String(), "\r\x1b[K")
}
