package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
)

// A plan is what to measure and how much of it.
type plan struct {
	libs     []string
	rounds   int // in which everybody takes turns
	conns    int // connections to a server while processor time is measured
	idle     int // connections to a server while memory is measured
	exchange int // messages on each of those before
	bits     int // windows that ours is measured with, too; 0 for none
	scale    int // divides the number of messages of a slice
	pin      bool
	progress io.Writer
}

// modes are the ways to compress, in the order of the tables.
var modes = []peers.Compression{peers.Takeover, peers.NoTakeover, peers.Off}

// processors of the two sides, if they are pinned.
const (
	loadProcessor   = 0
	serverProcessor = 1
)

// A contender is one library in one mode.
type contender struct {
	peer    peers.Peer
	mode    peers.Compression
	bits    int    // of the windows; 0 for the library's own
	agreed  string // extensions
	server  *process.Process
	load    load
	results []result // one for each corpus

	atRest         int64   // resident bytes of the server without connections
	resident, heap float64 // bytes for each connection
}

// name is that of the library, and how it is set up if not in its own way.
func (c *contender) name() string {
	if c.bits == 0 {
		return c.peer.Name
	}
	return fmt.Sprintf("%s, %d bits", c.peer.Name, c.bits)
}

// A result is what was measured with one corpus.
type result struct {
	messages      int
	payload, wire int64
	cpu           []float64 // microseconds of the server for a message, one for each round
}

// ratio returns the bytes that the server sent for a byte of payload.
func (r *result) ratio() float64 { return float64(r.wire) / float64(r.payload) }

// quantile returns a value that a share q of the rounds stay below.
func (r *result) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(r.cpu))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// run measures everything.
func (p *plan) run(ctx context.Context) ([]*contender, error) {
	if p.pin {
		if err := process.Pin(loadProcessor); err != nil {
			return nil, err
		}
	}
	all, err := p.contenders()
	if err != nil {
		return nil, err
	}
	if err := p.processorTime(ctx, all); err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := p.memory(ctx, c); err != nil {
			return nil, fmt.Errorf("%s, %v: %w", c.name(), c.mode, err)
		}
	}
	return all, nil
}

// contenders returns each library in each mode that it can do.
func (p *plan) contenders() (all []*contender, err error) {
	for _, mode := range modes {
		for _, name := range p.libs {
			peer, err := peers.Find(name)
			if err != nil {
				return nil, err
			}
			if mode > peer.Best {
				continue
			}
			all = append(all, &contender{peer: peer, mode: mode})
			if mode == peers.Takeover && p.bits > 0 && peer.Ours() {
				all = append(all, &contender{peer: peer, mode: mode, bits: p.bits})
			}
		}
	}
	return all, nil
}

// start runs the contender's server and connects to it.
func (p *plan) start(ctx context.Context, c *contender) (*process.Process, error) {
	processor := process.Any
	if p.pin {
		processor = serverProcessor
	}
	return process.Start(ctx, c.peer.Name, peers.Options{Compression: c.mode, WindowBits: c.bits}, processor)
}

// processorTime measures ratios and processor time. All servers run all the time,
// and in each round each has its turn with each corpus, so that what disturbs the
// machine disturbs all alike.
func (p *plan) processorTime(ctx context.Context, all []*contender) (err error) {
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for _, c := range all {
		if c.server, err = p.start(ctx, c); err != nil {
			return err
		}
		if c.load, err = connect(ctx, c.server.Addr, c.mode, p.conns); err != nil {
			return fmt.Errorf("%s, %v: %w", c.name(), c.mode, err)
		}
		c.agreed = c.load[0].Extensions()
		c.results = make([]result, len(corpora()))
	}
	for i, from := range corpora() {
		for round := range p.rounds + 1 {
			_, _ = fmt.Fprintf(p.progress, "\r%-14s round %d of %d ", from.name, round, p.rounds)
			for turn := range all {
				c := all[(turn+round)%len(all)]
				r, err := p.slice(ctx, c, &from)
				if err != nil {
					return fmt.Errorf("%s, %v: %w", c.name(), c.mode, err)
				}
				if round > 0 { // the first is for warming up
					c.results[i].add(r)
				}
			}
		}
	}
	_, _ = fmt.Fprintln(p.progress)
	return nil
}

// stop ends what processorTime has started, as far as it came.
func (c *contender) stop() {
	c.load.close()
	if c.server != nil {
		_ = c.server.Stop()
	}
}

// slice is one turn of a contender.
func (p *plan) slice(ctx context.Context, c *contender, from *corpus) (r result, err error) {
	before, err := c.server.Usage()
	if err != nil {
		return r, err
	}
	if r.messages, r.payload, r.wire, err = c.load.echo(ctx, from, from.per/p.scale); err != nil {
		return r, err
	}
	after, err := c.server.Usage()
	spent := float64(after.CPU-before.CPU) / float64(time.Microsecond)
	r.cpu = []float64{spent / float64(r.messages)}
	return r, err
}

func (r *result) add(more result) {
	r.messages += more.messages
	r.payload += more.payload
	r.wire += more.wire
	r.cpu = append(r.cpu, more.cpu...)
}

// memory measures what connections cost that have exchanged messages and are silent
// now: the memory of a fresh server before and after, garbage collected.
func (p *plan) memory(ctx context.Context, c *contender) error {
	_, _ = fmt.Fprintf(p.progress, "\rmemory: %-16s %-12s", c.name(), c.mode)
	server, err := p.start(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }()
	from := &corpora()[1]
	// Some connections that come and go first: what a server needs once is not
	// what a connection costs.
	if err := p.visit(ctx, server, c, from); err != nil {
		return err
	}
	before, err := server.Free()
	if err != nil {
		return err
	}
	l, err := connect(ctx, server.Addr, c.mode, p.idle)
	if err != nil {
		return err
	}
	defer l.close()
	if _, _, _, err := l.echo(ctx, from, p.exchange*len(l)); err != nil {
		return err
	}
	after, err := server.Free()
	c.atRest = before.Resident
	c.resident = float64(after.Resident-before.Resident) / float64(p.idle)
	c.heap = float64(after.Heap-before.Heap) / float64(p.idle)
	return err
}

// visit opens some connections, uses them and closes them.
func (p *plan) visit(ctx context.Context, server *process.Process, c *contender, from *corpus) error {
	l, err := connect(ctx, server.Addr, c.mode, p.conns)
	if err != nil {
		return err
	}
	defer l.close()
	_, _, _, err = l.echo(ctx, from, p.exchange*len(l))
	return err
}
