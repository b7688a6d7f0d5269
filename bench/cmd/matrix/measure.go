package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/duplexhq/duplex/bench/load"
)

// Processors of the two sides, if they are pinned.
const (
	loadProcessor   = 0
	serverProcessor = 1
)

// A plan is what to measure and how.
type plan struct {
	workloads []workload
	libraries []library
	rounds    int
	slice     time.Duration
	idle      int // connections of which the memory is measured
	processor int // of the servers
	progress  io.Writer
}

// run measures all workloads, those with the same setup together.
func (p *plan) run(ctx context.Context) (all results, err error) {
	groups := make(map[setup][]workload)
	var setups []setup
	for _, w := range p.workloads {
		if w.kind == memory {
			w.setup.conns = p.idle
		}
		if groups[w.setup] == nil {
			setups = append(setups, w.setup)
		}
		groups[w.setup] = append(groups[w.setup], w)
	}
	for _, s := range setups {
		var timed []workload
		for _, w := range groups[s] {
			if w.kind == memory {
				all = append(all, p.memories(ctx, &w)...)
			} else {
				timed = append(timed, w)
			}
		}
		if len(timed) > 0 {
			all = append(all, p.group(ctx, s, timed)...)
		}
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
	}
	return all, nil
}

// say tells the person who waits.
func (p *plan) say(format string, args ...any) { _, _ = fmt.Fprintf(p.progress, format+"\n", args...) }

// contenders starts everybody who can do what the setup asks for, with connections.
func (p *plan) contenders(ctx context.Context, s setup) (all []*contender) {
	for _, l := range p.libraries {
		if l.best < s.compression {
			continue
		}
		c := &contender{library: l, setup: s}
		all = append(all, c)
		c.open(ctx, p.processor)
	}
	return all
}

// group measures the workloads of one setup. All servers run all the time.
func (p *plan) group(ctx context.Context, s setup, workloads []workload) (all results) {
	cs := p.contenders(ctx, s)
	defer func() {
		for _, c := range cs {
			c.stop()
		}
	}()
	for _, w := range workloads {
		if ctx.Err() != nil {
			return all
		}
		begun := time.Now()
		all = append(all, p.rounded(ctx, &w, cs)...)
		p.say("%-22s %3.0f s", w.name, time.Since(begun).Seconds())
	}
	return all
}

// rounded measures one workload: in each round everybody takes a turn.
func (p *plan) rounded(ctx context.Context, w *workload, cs []*contender) (all results) {
	sums := make([]load.Result, len(cs))
	busy := make([]time.Duration, len(cs))
	for _, c := range cs {
		if c.err != nil {
			c.open(ctx, p.processor)
		}
		all = append(all, &result{Workload: w.name, Library: c.name, Version: c.version, Unit: microseconds})
	}
	rounds := p.rounds
	if w.rounds > 0 {
		rounds = min(rounds, w.rounds)
	}
	for round := range rounds + 1 { // the first is for warming up
		for _, i := range order(len(cs), round) {
			if ctx.Err() != nil {
				return all
			}
			r, cpu := p.turn(w, cs[i])
			if round == 0 {
				continue
			}
			value := 0.0
			if r != nil && r.Messages > 0 {
				value = float64(cpu) / float64(r.Messages) / float64(time.Microsecond)
				sums[i].Add(r)
				busy[i] += cpu
			}
			all[i].Rounds = append(all[i].Rounds, value)
		}
	}
	for i, c := range cs {
		all[i].finish(&sums[i])
		if sums[i].Elapsed > 0 {
			all[i].Utilisation = float64(busy[i]) / float64(sums[i].Elapsed)
		}
		if c.err != nil {
			all[i].Problem = c.err.Error()
			p.say("%s, %s: %v", w.name, c.name, c.err)
		}
	}
	return all
}

// turn is one slice of one contender. It returns nil if that failed or had failed
// before.
func (p *plan) turn(w *workload, c *contender) (r *load.Result, cpu time.Duration) {
	if c.err != nil {
		return nil, 0
	}
	before, err := c.server.CPU()
	if err == nil {
		r, err = p.load(w, c)
	}
	if err == nil {
		var after time.Duration
		after, err = c.server.CPU()
		cpu = after - before
	}
	if err != nil {
		c.err = err
		return nil, 0
	}
	return r, cpu
}

func (p *plan) load(w *workload, c *contender) (*load.Result, error) {
	switch w.kind {
	case echo:
		return c.worker.Echo(&load.Echo{Message: w.Message, Depth: w.depth, Active: w.active, Duration: p.slice})
	case fan:
		return c.worker.FanOut(&load.FanOut{Message: w.Message, Outstanding: w.depth, Duration: p.slice})
	case handshake:
		return c.worker.Connect(c.target, &load.Storm{Duration: p.slice})
	}
	return nil, errors.New("no such workload")
}

// memories measures everybody's memory, one after the other.
func (p *plan) memories(ctx context.Context, w *workload) (all results) {
	begun := time.Now()
	for _, l := range p.libraries {
		if ctx.Err() != nil {
			break
		}
		idle, used, err := p.memory(ctx, w, l)
		r := &result{Workload: w.name, Library: l.name, Version: l.version, Unit: bytesEach, Rounds: []float64{idle}}
		q := &result{Workload: w.name + after, Library: l.name, Version: l.version, Unit: bytesEach, Rounds: []float64{used}}
		if err != nil {
			r.Problem, q.Problem = err.Error(), err.Error()
			p.say("%s, %s: %v", w.name, l.name, err)
		}
		all = append(all, r, q)
	}
	p.say("%-22s %3.0f s", w.name, time.Since(begun).Seconds())
	return all
}

// memory measures the resident memory that a connection costs: after its handshake,
// and after two messages more. Before each look the server gives back what it can, so
// that garbage and pools do not count; nor does what a server needs once.
func (p *plan) memory(ctx context.Context, w *workload, l library) (idle, used float64, err error) {
	c := &contender{library: l, setup: w.setup}
	defer c.stop()
	if err := c.start(ctx, p.processor); err != nil {
		return 0, 0, err
	}
	const visitors = 32
	if err := c.worker.Open(c.target, visitors, w.setup.tls); err != nil {
		return 0, 0, err
	}
	if err := exchange(c, w, visitors); err != nil {
		return 0, 0, err
	}
	var sizes [3]int64
	for i, step := range []func() error{
		func() error { return nil },
		c.connect,
		func() error { return exchange(c, w, w.setup.conns) },
	} {
		if err := step(); err != nil {
			return idle, used, err
		}
		if _, err := c.server.Free(); err != nil {
			return idle, used, err
		}
		if sizes[i], err = c.server.Resident(); err != nil {
			return idle, used, err
		}
	}
	// At the first look the visitors were still there; connect closed them.
	each := func(n int64) float64 {
		return max(1, float64(n-sizes[0])/float64(w.setup.conns-visitors))
	}
	return each(sizes[1]), each(sizes[2]), nil
}

// exchange has each connection send two messages.
func exchange(c *contender, w *workload, conns int) error {
	_, err := c.worker.Echo(&load.Echo{Message: w.Message, Active: min(conns, 100), Total: 2 * conns})
	return err
}
