// Command matrix holds Duplex against Go's other WebSocket libraries and against Bun,
// under many workloads, all in one run:
//
//	go run ./bench/cmd/matrix --out bench/results --page docs/explain/performance.md
//
// Each library runs as a server in a process of its own, on one processor, while the
// load runs on another. All servers of a workload are alive at the same time, and in
// each round each has its turn of some milliseconds, so that what disturbs the machine
// disturbs all alike. The main metric is the processor time of the server for a
// message. It writes a CSV file and pictures, and tables into a page, and wants Linux
// and a machine with two processors that does nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/bench/bun"
	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/bench/page"
	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
)

// command is the name that the marks in a page have.
const command = "bench/cmd/matrix"

func main() {
	process.ServeIfChild()
	load.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	only, libs, twice string
	rounds, idle      int
	slice             time.Duration
	quick, pin        bool
	out, page, from   string
}

func parse(args []string, stderr io.Writer) (*settings, error) {
	var s settings
	f := flag.NewFlagSet("matrix", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.only, "only", "", "regular expression; run the workloads that it matches")
	f.StringVar(&s.libs, "libs", "", "libraries, with commas between (default all, and bun if it is there)")
	f.StringVar(&s.twice, "reference", "gws", "library that all are compared with in the CSV file; it takes part twice, which shows the noise")
	f.IntVar(&s.rounds, "rounds", 12, "rounds in which everybody takes turns")
	f.DurationVar(&s.slice, "slice", 75*time.Millisecond, "length of a turn")
	f.IntVar(&s.idle, "idle", 10_000, "connections of which memory is measured")
	f.BoolVar(&s.quick, "quick", false, "only the main workloads, fewer and shorter rounds")
	f.BoolVar(&s.pin, "pin", runtime.GOOS == "linux" && runtime.NumCPU() > 1, "keep the load and the servers to a processor each")
	f.StringVar(&s.out, "out", "", "folder for the CSV file")
	f.StringVar(&s.page, "page", "", "page to write the tables into, between its marks; pictures go into img beside it")
	f.StringVar(&s.from, "from", "", "measure nothing; take the CSV file of this folder")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if min(s.rounds, s.idle) < 1 || s.slice <= 0 {
		return nil, errors.New("rounds, idle and slice must be above 0")
	}
	if s.quick {
		set := make(map[string]bool)
		f.Visit(func(f *flag.Flag) { set[f.Name] = true })
		if !set["rounds"] {
			s.rounds = 6
		}
		if !set["slice"] {
			s.slice = 50 * time.Millisecond
		}
	}
	return &s, nil
}

// run is the command.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	var r *report
	if s.from != "" {
		r, err = loadReport(s.from)
	} else {
		r, err = s.measure(ctx, stderr)
	}
	if r != nil && s.out != "" {
		err = errors.Join(err, r.save(s.out)) // of a run that was interrupted, what there is
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, r.markdown("img")); err != nil {
		return err
	}
	if s.page == "" {
		return nil
	}
	if err := page.Rewrite(s.page, command, r.markdown("img")); err != nil {
		return err
	}
	return r.draw(filepath.Join(filepath.Dir(s.page), "img"))
}

// draw writes the pictures into a folder.
func (r *report) draw(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, c := range r.charts() {
		err := writeFile(filepath.Join(dir, name+".svg"), func(w io.Writer) error {
			_, err := c.WriteTo(w)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measure runs the matrix.
func (s *settings) measure(ctx context.Context, progress io.Writer) (*report, error) {
	p := &plan{rounds: s.rounds, slice: s.slice, idle: s.idle, processor: process.Any, progress: progress}
	only, err := regexp.Compile(s.only)
	if err != nil {
		return nil, err
	}
	for _, w := range workloads() {
		if only.MatchString(w.name) && (w.quick || !s.quick) {
			p.workloads = append(p.workloads, w)
		}
	}
	if len(p.workloads) == 0 {
		return nil, fmt.Errorf("no workload matches %q", s.only)
	}
	if p.libraries, err = s.libraries(ctx, progress); err != nil {
		return nil, err
	}
	if s.pin {
		p.processor = serverProcessor
		if err := process.Pin(loadProcessor); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	all, err := p.run(ctx)
	about := append(origin(ctx), fmt.Sprintf("%d rounds, turns of %v, %v in all", s.rounds, s.slice, time.Since(begun).Round(time.Second)))
	return &report{about: about, reference: s.twice, results: all}, err
}

// libraries returns those that take part, and one of them twice.
func (s *settings) libraries(ctx context.Context, progress io.Writer) (all []library, err error) {
	var names []string
	if s.libs != "" {
		names = strings.Split(s.libs, ",")
	} else {
		for _, p := range peers.All() {
			names = append(names, p.Name)
		}
		names = append(names, bun.Name)
	}
	for _, name := range names {
		if name == bun.Name {
			if err := bun.Install(ctx); err != nil {
				_, _ = fmt.Fprintf(progress, "bun is left out: %v\n", err)
				continue
			}
		}
		l, err := libraryOf(name)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if i := slices.IndexFunc(all, func(l library) bool { return l.name == s.twice }); i >= 0 {
		again := all[i]
		again.name += twin
		all = append(all, again)
	}
	return all, nil
}

// origin returns where and when numbers were measured.
func origin(ctx context.Context) []string {
	cpu := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(info), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			cpu = strings.TrimLeft(line, "\t :")
		}
	}
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	return []string{
		fmt.Sprintf("%s, %d processors, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		fmt.Sprintf("%s, commit %s", time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit))),
	}
}
