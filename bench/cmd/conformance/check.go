package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/websocket/conformance"
)

const (
	// parallel is how many tests run at the same time. Most of the time they
	// wait for something not to happen. Those that are repeated have more room.
	parallel, parallelAgain = 32, 24

	// attempts is how often a test that did not pass is repeated, attemptsQuick
	// how often if it takes no longer than quick, and attemptsFickle how often
	// if its verdict has changed. The best verdict counts: a close frame that a
	// reset overtakes now and then, or a machine that is busy, is no matter of
	// the library's rules. And what depends on chance should not change the
	// page from run to run.
	attempts, attemptsQuick, attemptsFickle = 2, 12, 40

	quick = 500 * time.Millisecond
)

// A checker runs tests against one library, set up in one way.
type checker struct {
	peer     peers.Peer
	options  peers.Options
	parallel int
	crashes  []string        // tests that ended the server's process
	fickle   map[string]bool // tests whose verdict has changed
}

// check runs the tests that match the pattern, and again those that did not pass. It
// returns the names of those that ended the server's process, too.
func check(ctx context.Context, p peers.Peer, o peers.Options, pattern string) (*conformance.Report, []string, error) {
	c := &checker{peer: p, options: o, parallel: parallel, fickle: make(map[string]bool)}
	r, err := c.run(ctx, pattern)
	c.parallel = parallelAgain
	for i := 0; err == nil; i++ {
		again := exactly(r, func(r *conformance.Result) bool { return c.again(r, i) })
		if again == "" {
			break
		}
		var second *conformance.Report
		if second, err = c.run(ctx, again); err == nil {
			merge(r, second, c.better)
		}
	}
	return r, c.crashes, err
}

// again tells whether to repeat a test that was repeated n times already.
func (c *checker) again(r *conformance.Result, n int) bool {
	switch {
	case settled(r.Verdict), slices.Contains(c.crashes, r.ID()):
		return false
	case c.fickle[r.ID()]:
		return n < attemptsFickle
	case r.Elapsed <= quick:
		return n < attemptsQuick
	default:
		return n < attempts
	}
}

// better tells whether a result is to replace an earlier one.
func (c *checker) better(was, is conformance.Result) bool {
	if is.Verdict != was.Verdict {
		c.fickle[is.ID()] = true
	}
	return is.Verdict < was.Verdict
}

// settled tells that a verdict stays: it passed, or could not be tested.
func settled(v conformance.Verdict) bool {
	return v == conformance.Passed || v == conformance.Unsupported
}

// run runs tests against a fresh server. If that ends of itself, it runs each half
// of them by itself, and so on, until it is found which test did it.
func (c *checker) run(ctx context.Context, pattern string) (*conformance.Report, error) {
	r, crashed, err := c.attempt(ctx, pattern)
	switch {
	case err != nil || !crashed:
		return r, err
	case len(r.Results) == 1:
		c.crashes = append(c.crashes, r.Results[0].ID())
		r.Results[0].Verdict = conformance.Failed
		r.Results[0].Problem = "the server's process ended"
		return r, nil
	}
	middle := len(r.Results) / 2
	for _, half := range [][]conformance.Result{r.Results[:middle], r.Results[middle:]} {
		part := exactly(&conformance.Report{Results: half}, func(*conformance.Result) bool { return true })
		again, err := c.run(ctx, part)
		if err != nil {
			return r, err
		}
		merge(r, again, func(conformance.Result, conformance.Result) bool { return true })
	}
	return r, nil
}

// attempt runs tests against a fresh server and tells whether that ended of itself.
func (c *checker) attempt(ctx context.Context, pattern string) (r *conformance.Report, crashed bool, err error) {
	server, err := process.Start(ctx, c.peer.Name, c.options, process.Any)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = server.Stop() }()
	r, err = conformance.CheckServer(ctx, "ws://"+server.Addr+"/", &conformance.Options{
		Run: pattern, Parallel: c.parallel, MaxMessage: c.options.MaxMessage, Subprotocols: c.options.Subprotocols,
	})
	return r, !server.Running(), err
}

// exactly returns a pattern that matches the tests chosen by which and no others,
// "" if there are none.
func exactly(r *conformance.Report, which func(*conformance.Result) bool) string {
	var ids []string
	for i := range r.Results {
		if which(&r.Results[i]) {
			ids = append(ids, regexp.QuoteMeta(r.Results[i].ID()))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return "^(" + strings.Join(ids, "|") + ")$"
}

// merge puts results of more in the place of those that r has, where better says so.
func merge(r, more *conformance.Report, better func(was, is conformance.Result) bool) {
	index := make(map[string]int, len(r.Results))
	for i := range r.Results {
		index[r.Results[i].ID()] = i
	}
	for _, is := range more.Results {
		if i, ok := index[is.ID()]; ok && better(r.Results[i], is) {
			r.Results[i] = is
		}
	}
}
