package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/server/load"
)

// A bench is one run of duplex bench.
type bench struct {
	*benchCommand
	env    Env
	sides  []*side
	ratios []ratio
	err    error // why it ended early
}

// A side is one of the servers that are measured.
type side struct {
	target *load.Target
	set    *load.Set // nil for connect
	result *load.Result
	rounds []*load.Result // with --vs

	handshakes atomic.Int64
	extensions string
	empty      int64 // memory of the server before the first connection
}

// Run measures and reports.
func (c *benchCommand) Run(env Env) error {
	signals, stop := env.watchSignals()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	interrupted := make(chan struct{})
	go func() {
		select {
		case <-signals:
			close(interrupted)
			cancel()
		case <-ctx.Done():
		}
	}()
	b := &bench{benchCommand: c, env: env}
	b.err = b.run(ctx)
	isInterrupted := false
	select {
	case <-interrupted:
		isInterrupted = true
	default:
	}
	if b.measured() {
		if err := b.report(isInterrupted); err != nil {
			return err
		}
	}
	switch {
	case isInterrupted:
		return &failure{status: statusInterrupted}
	case b.err != nil:
		return benchProblem(b.err)
	case !b.ok():
		return &failure{status: statusFailed}
	default:
		return nil
	}
}

// measured tells whether there is anything to report.
func (b *bench) measured() bool {
	for _, s := range b.sides {
		if s.result == nil {
			return false
		}
	}
	return len(b.sides) > 0
}

// ok tells whether nothing went wrong on any side.
func (b *bench) ok() bool {
	for _, s := range b.sides {
		if !s.result.OK() {
			return false
		}
	}
	return true
}

// benchProblem says why nothing could be measured, or not to the end.
func benchProblem(err error) error {
	var refused *load.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Hint() != "":
		return fmt.Errorf("%s (%s)", plain(refused.Err), refused.Hint())
	case errors.As(err, &refused):
		return dialProblem(refused.Err, refused.Response)
	case errors.Is(err, load.ErrNoConnections):
		return errors.New("no connection is left")
	default:
		return err
	}
}

// run does everything but the report.
func (b *bench) run(ctx context.Context) error {
	if err := b.prepare(); err != nil {
		return err
	}
	if b.Scenario == "connect" {
		return b.measure(ctx, b.storm)
	}
	defer b.close()
	for _, s := range b.sides {
		if err := b.open(ctx, s); err != nil {
			return err
		}
	}
	if b.Scenario == "idle" {
		return b.idle(ctx)
	}
	return b.measure(ctx, b.slice)
}

// prepare makes the sides.
func (b *bench) prepare() error {
	servers := []struct {
		url string
		pid []int
	}{{b.URL, b.PID}, {b.Vs, b.VsPID}}
	if b.Vs == "" {
		servers = servers[:1]
	}
	for _, server := range servers {
		t, err := b.target(server.url, server.pid)
		if err != nil {
			return err
		}
		if err := t.Processes.Check(); err != nil {
			return fmt.Errorf("--pid: %w", err)
		}
		s := &side{target: t, empty: t.Processes.Memory()}
		t.Handshakes = &s.handshakes
		b.sides = append(b.sides, s)
	}
	return nil
}

// open opens the connections of one side.
func (b *bench) open(ctx context.Context, s *side) error {
	what := fmt.Sprintf("opening %s to %s", plural(b.Connections, "connection"), s.target.URL)
	defer b.progress(what, 0, func() string {
		return count(s.handshakes.Load()) + " open"
	})()
	set, err := load.Open(ctx, s.target, b.Connections)
	if err != nil {
		return err
	}
	s.set, s.extensions = set, set.Extensions()
	return nil
}

// close closes what is open, and adds what came too late to the results.
func (b *bench) close() {
	for _, s := range b.sides {
		if s.set == nil {
			continue
		}
		late := &load.Result{Problems: s.set.Close(), Connections: b.Connections}
		if s.result != nil {
			late.Connections, late.Memory = s.result.Connections, s.result.Memory
			s.result.Add(late)
		}
	}
}

// A work measures one side for a while.
type work func(ctx context.Context, s *side, d time.Duration) (*load.Result, error)

// slice is the work of echo and fanout.
func (b *bench) slice(ctx context.Context, s *side, d time.Duration) (*load.Result, error) {
	if b.Scenario == "fanout" {
		return s.set.FanOut(ctx, &load.FanOut{
			Message: b.message(), Publishers: b.Publishers, Outstanding: b.Outstanding, Rate: float64(b.Rate), Duration: d,
		})
	}
	return s.set.Echo(ctx, &load.Echo{Message: b.message(), Depth: b.Depth, Rate: float64(b.Rate), Duration: d})
}

// storm is the work of connect.
func (b *bench) storm(ctx context.Context, s *side, d time.Duration) (*load.Result, error) {
	storm := &load.Storm{Workers: b.Concurrency, Duration: d}
	if b.Graceful {
		storm.Ending = load.Handshake
	}
	return load.Connect(ctx, s.target, storm)
}

// measure warms the sides up and lets them have their turns.
func (b *bench) measure(ctx context.Context, w work) error {
	if b.WarmUp > 0 {
		if err := b.warmUp(ctx, w); err != nil {
			return err
		}
	}
	defer b.progress("measuring", b.Duration, b.counts())()
	if len(b.sides) == 1 {
		r, err := w(ctx, b.sides[0], b.Duration)
		b.sides[0].take(r)
		return err
	}
	d := b.Duration / time.Duration(b.Rounds*len(b.sides))
	slices := make([]func(context.Context) (*load.Result, error), len(b.sides))
	for i, s := range b.sides {
		slices[i] = func(ctx context.Context) (*load.Result, error) { return w(ctx, s, d) }
	}
	results, err := load.Alternate(ctx, b.Rounds, slices...)
	for i, s := range b.sides {
		s.rounds = results[i]
		for _, r := range s.rounds {
			s.take(r)
		}
		if s.result == nil {
			s.take(&load.Result{})
		}
	}
	b.ratios = ratios(b.sides[0].rounds, b.sides[1].rounds)
	return err
}

// take adds a result, which may be nil.
func (s *side) take(r *load.Result) {
	switch {
	case r == nil:
	case s.result == nil:
		s.result = r.Clone()
	default:
		s.result.Add(r)
	}
}

// warmUp does the work without measuring it. What goes wrong in it counts.
func (b *bench) warmUp(ctx context.Context, w work) error {
	defer b.progress("warming up", b.WarmUp*time.Duration(len(b.sides)), b.counts())()
	for _, s := range b.sides {
		r, err := w(ctx, s, b.WarmUp)
		if r != nil && (err != nil || !r.OK()) {
			s.take(&load.Result{Problems: r.Problems, Connections: r.Connections})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// idle opens nothing more and waits.
func (b *bench) idle(ctx context.Context) error {
	for _, s := range b.sides {
		if b.Touch == 0 {
			continue
		}
		r, err := s.set.Echo(ctx, &load.Echo{Message: b.message(), Each: b.Touch})
		if r != nil && !r.OK() {
			s.take(&load.Result{Problems: r.Problems, Connections: r.Connections})
		}
		if err != nil {
			return err
		}
	}
	defer b.progress("holding", b.Duration*time.Duration(len(b.sides)), b.counts())()
	for _, s := range b.sides {
		r, err := s.set.Hold(ctx, b.Duration)
		s.take(r)
		if err != nil {
			return err
		}
	}
	if len(b.sides) == 2 {
		b.ratios = idleRatios(b.sides[0], b.sides[1])
	}
	return nil
}

// counts returns a function that says how far it is.
func (b *bench) counts() func() string {
	what := map[string]string{"echo": "message", "fanout": "delivery", "idle": "connection", "connect": "handshake"}[b.Scenario]
	before, at := b.done(), time.Now()
	return func() string {
		n := b.done()
		var wrong int64
		open := 0
		for _, s := range b.sides {
			if s.set != nil {
				_, w := s.set.Progress()
				wrong += w
				open += s.set.Len()
			}
		}
		text := fmt.Sprintf("%s/s", rounded(float64(n-before)/time.Since(at).Seconds()))
		before, at = n, time.Now()
		if b.Scenario == "idle" {
			text = count(int64(open)) + " open"
		} else {
			text = plurals(what) + " " + text
		}
		if wrong > 0 {
			text += fmt.Sprintf(", %s", plural(int(wrong), "problem"))
		}
		return text
	}
}

// done returns how many messages came, or how many handshakes succeeded.
func (b *bench) done() (n int64) {
	for _, s := range b.sides {
		if b.Scenario == "connect" {
			n += s.handshakes.Load()
		} else if s.set != nil {
			m, _ := s.set.Progress()
			n += m
		}
	}
	return n
}

// outputs returns where the text goes, which gives way to another form.
func (b *bench) outputs() io.Writer {
	if b.JSON == "-" || b.SVG == "-" {
		return b.env.Err
	}
	return b.env.Out
}
