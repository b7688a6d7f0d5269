package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// csvName is the file in the folder of results.
const csvName = "matrix.csv"

// columns of the file. What follows from the rounds is there for other programs: it is
// not read back.
var columns = []string{
	"workload", "library", "version", "unit", "p25", "median", "p75",
	"ratio_p25", "ratio", "ratio_p75", // to the reference
	"messages", "per_second", "latency_p50_us", "latency_p99_us", "latency_p999_us", "utilisation", "load_us", "problem", "rounds",
}

// A report is results and where they are from.
type report struct {
	about     []string // a line each: machine, date, commit, settings
	reference string   // library of the ratios
	results   results
}

// write writes the report as CSV, with comments before it that begin with "# ".
func (r *report) write(w io.Writer) error {
	for _, line := range append(r.about, "reference: "+r.reference) {
		if _, err := fmt.Fprintf(w, "# %s\n", line); err != nil {
			return err
		}
	}
	lines := [][]string{columns}
	for _, x := range r.results {
		own, ratio := x.quartiles(), quartiles{}
		if of := r.results.of(x.Workload).find(r.reference); of != nil {
			ratio = x.against(of)
		}
		rounds := make([]string, len(x.Rounds))
		for i, v := range x.Rounds {
			rounds[i] = decimal(v)
		}
		lines = append(lines, []string{
			x.Workload, x.Library, x.Version, x.Unit, decimal(own.p25), decimal(own.median), decimal(own.p75),
			decimal(ratio.p25), decimal(ratio.median), decimal(ratio.p75),
			strconv.FormatInt(x.Messages, 10), decimal(x.PerSecond), decimal(x.P50), decimal(x.P99), decimal(x.P999), decimal(x.Utilisation), decimal(x.Load),
			x.Problem, strings.Join(rounds, ";"),
		})
	}
	return csv.NewWriter(w).WriteAll(lines)
}

// decimal writes a number as short as it reads back, to four places.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', 4, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// readReport reads what write has written.
func readReport(from io.Reader) (*report, error) {
	r, in := new(report), bufio.NewReader(from)
	for {
		next, err := in.Peek(2)
		if err != nil || string(next) != "# " {
			break
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line[2:], "\n")
		if of, ok := strings.CutPrefix(line, "reference: "); ok {
			r.reference = of
		} else {
			r.about = append(r.about, line)
		}
	}
	lines, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 || !slices.Equal(lines[0], columns) {
		return nil, fmt.Errorf("the columns are not %s", strings.Join(columns, ","))
	}
	for _, line := range lines[1:] {
		x, err := readResult(line)
		if err != nil {
			return nil, err
		}
		r.results = append(r.results, x)
	}
	return r, nil
}

func readResult(line []string) (*result, error) {
	cell := func(name string) string { return line[slices.Index(columns, name)] }
	x := &result{
		Workload: cell("workload"), Library: cell("library"), Version: cell("version"), Unit: cell("unit"), Problem: cell("problem"),
	}
	var err error
	number := func(s string) float64 {
		v, e := strconv.ParseFloat(s, 64)
		if e != nil {
			err = e
		}
		return v
	}
	x.Messages = int64(number(cell("messages")))
	x.PerSecond, x.Utilisation = number(cell("per_second")), number(cell("utilisation"))
	x.Load = number(cell("load_us"))
	x.P50, x.P99, x.P999 = number(cell("latency_p50_us")), number(cell("latency_p99_us")), number(cell("latency_p999_us"))
	if s := cell("rounds"); s != "" {
		for v := range strings.SplitSeq(s, ";") {
			x.Rounds = append(x.Rounds, number(v))
		}
	}
	return x, err
}

// load reads the report of a folder.
func loadReport(dir string) (*report, error) {
	f, err := os.Open(filepath.Join(dir, csvName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := readReport(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return r, nil
}

// save writes the report into a folder.
func (r *report) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, csvName), r.write)
}

// writeFile has a file written.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
