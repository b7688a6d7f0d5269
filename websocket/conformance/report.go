package conformance

import (
	"fmt"
	"strings"
	"time"
)

// A Report is what came of a run. Its form in JSON has the names in the tags below
// and is kept: a Level and a Verdict are the strings they print as, durations are
// numbers of nanoseconds, and bytes are in base64.
type Report struct {
	Endpoint string        `json:"endpoint"` // the server's URL, or where clients were waited for
	Role     string        `json:"role"`     // of the endpoint: "server" or "client"
	Started  time.Time     `json:"started"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Results  []Result      `json:"results"` // in the order of the tests
}

// A Result is what came of a Test.
type Result struct {
	Name    string        `json:"name"`
	Area    string        `json:"area"`
	Rule    string        `json:"rule"`
	Level   Level         `json:"level"`
	Verdict Verdict       `json:"verdict"`
	Problem string        `json:"problem,omitempty"` // what is wrong, one thing on a line; empty if it passed
	Log     []Exchange    `json:"log,omitempty"`     // what went over the wire, in order
	Elapsed time.Duration `json:"elapsed_ns"`
}

// An Exchange is something that went over the wire, or a remark on it. Draw shows
// it to a person.
type Exchange struct {
	// Sent tells who sent Data, or did what Note says: the suite, or else the
	// endpoint.
	Sent bool `json:"sent"`

	// Data are the bytes, those inside TLS if there is TLS. Of many it is the
	// beginning, and Note says so. It is empty if there is only a remark.
	Data []byte `json:"data,omitempty"`

	// Head is how many bytes, from the front, belong to HTTP, and Rest how
	// many behind them to a frame that began in an exchange before. Frames
	// follow. Both count bytes that were left off, too.
	Head int `json:"head,omitempty"`
	Rest int `json:"rest,omitempty"`

	// At is when, since the test began.
	At time.Duration `json:"at_ns"`

	// Note is a remark, such as "half-closed" or "endpoint closed TCP".
	Note string `json:"note,omitempty"`
}

// ID returns area/name.
func (r *Result) ID() string { return r.Area + "/" + r.Name }

// Count returns how many tests had the verdict v.
func (r *Report) Count(v Verdict) (n int) {
	for i := range r.Results {
		if r.Results[i].Verdict == v {
			n++
		}
	}
	return n
}

// OK reports whether no test Failed.
func (r *Report) OK() bool { return r.Count(Failed) == 0 }

// String returns the counts in a line.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d tests", r.Role, r.Endpoint, len(r.Results))
	for _, v := range []Verdict{Passed, NotStrict, Informational, Unsupported, Failed} {
		fmt.Fprintf(&b, ", %d %s", r.Count(v), v)
	}
	return b.String()
}

// String returns the verdict and what is wrong, the rule, and what went over the
// wire, in some lines without a newline at the end.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Verdict, r.Name)
	for l := range strings.Lines(r.Problem) {
		fmt.Fprintf(&b, "\n  %s", printable(strings.TrimSuffix(l, "\n"), 1000))
	}
	fmt.Fprintf(&b, "\n%s: %s", r.Level, r.Rule)
	for i := range r.Log {
		b.WriteString("\n" + r.Log[i].String())
	}
	return b.String()
}

// String returns when it was, who sent how much, the remark, and the bytes as Draw
// shows them, in some lines without a newline at the end.
func (x *Exchange) String() string {
	who := "endpoint"
	if x.Sent {
		who = "suite"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%7.3f s  %s", x.At.Seconds(), who)
	if len(x.Data) > 0 {
		fmt.Fprintf(&b, " sent %d bytes", len(x.Data))
	}
	if x.Note != "" {
		b.WriteString(": " + printable(x.Note, 1000))
	}
	for l := range strings.Lines(Draw(x)) {
		b.WriteString("\n    " + strings.TrimSuffix(l, "\n"))
	}
	return b.String()
}
