package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/duplexhq/duplex/websocket/conformance"
)

// The elements of JUnit's XML that all its readers know.
type (
	testSuites struct {
		XMLName  xml.Name    `xml:"testsuites"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Suites   []testSuite `xml:"testsuite"`
	}
	testSuite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     string     `xml:"time,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Time    string   `xml:"time,attr"`
		Failure *message `xml:"failure,omitempty"`
		Skipped *message `xml:"skipped,omitempty"`
		Output  string   `xml:"system-out,omitempty"`
	}
	message struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML. A MUST that was broken is a failure.
// A test that could not be made, because the endpoint does not support what it is
// about, is skipped. What was only noted stands in the output of its test.
func WriteJUnit(w io.Writer, r *conformance.Report) error {
	all := testSuites{
		Name:     "WebSocket conformance of " + clean(r.Endpoint),
		Tests:    len(r.Results),
		Failures: r.Count(conformance.Failed),
		Skipped:  r.Count(conformance.Unsupported),
		Time:     seconds(r.Elapsed.Seconds()),
	}
	for _, a := range areas(r) {
		s := testSuite{
			Name:     a.Name,
			Tests:    len(a.Results),
			Failures: a.count(conformance.Failed),
			Skipped:  a.count(conformance.Unsupported),
		}
		total := 0.0
		for _, res := range a.Results {
			s.Cases = append(s.Cases, junitCase(res))
			total += res.Elapsed.Seconds()
		}
		s.Time = seconds(total)
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitCase(res *conformance.Result) testCase {
	c := testCase{Class: res.Area, Name: res.Name, Time: seconds(res.Elapsed.Seconds())}
	problem := clean(res.Problem)
	switch res.Verdict {
	case conformance.Failed:
		var text strings.Builder
		fmt.Fprintf(&text, "%s (%s)\n%s\n", res.Rule, res.Level, problem)
		writeLog(&text, res.Log)
		c.Failure = &message{Message: problem, Text: clean(text.String())}
	case conformance.Unsupported:
		c.Skipped = &message{Message: problem}
	case conformance.NotStrict, conformance.Informational:
		c.Output = fmt.Sprintf("%s: %s", res.Verdict, problem)
	case conformance.Passed:
	}
	return c
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// clean takes out what XML cannot hold.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if c == utf8.RuneError || c < ' ' && c != '\n' && c != '\t' {
			return '\uFFFD'
		}
		return c
	}, s)
}
