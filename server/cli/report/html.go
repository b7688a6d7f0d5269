package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/duplexhq/duplex/websocket/conformance"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"log": func(log []conformance.Exchange) string {
		var b strings.Builder
		writeLog(&b, log)
		return b.String()
	},
	"class":   func(v conformance.Verdict) string { return strings.ReplaceAll(v.String(), " ", "-") },
	"seconds": func(res *conformance.Result) string { return fmt.Sprintf("%.3f s", res.Elapsed.Seconds()) },
}).Parse(pageSource))

// pageData is what the page shows.
type pageData struct {
	Report     *conformance.Report
	Conclusion string
	Verdicts   []conformance.Verdict
	Areas      []pageArea
	Remarkable []*conformance.Result
	Untested   []*untested
}

type pageArea struct {
	Name    string
	Counts  []int // of each verdict
	Results []*conformance.Result
}

// WriteHTML writes the report as one page that needs nothing else: a table of the
// areas, what did not pass with the bytes on the wire, and a list of all tests.
func WriteHTML(w io.Writer, r *conformance.Report) error {
	d := pageData{Report: r, Conclusion: conclusion(r), Verdicts: verdicts, Remarkable: remarkable(r), Untested: unsupported(r)}
	for _, a := range areas(r) {
		p := pageArea{Name: a.Name, Results: a.Results}
		for _, v := range verdicts {
			p.Counts = append(p.Counts, a.count(v))
		}
		d.Areas = append(d.Areas, p)
	}
	return page.Execute(w, d)
}
