package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/websocket/conformance"
)

const (
	// maxMessage is the limit that the servers are set up with, in bytes.
	maxMessage = 16 << 20

	// trialTimeout bounds all tests of one library.
	trialTimeout = 10 * time.Minute
)

// subprotocols are those that servers speak in the tests about them. In all others
// they speak none: one library refuses clients that offer none of its own.
var subprotocols = []string{"chat.v2", "chat.v1"}

// A trial is the suite and how to run it.
type trial struct {
	pattern  string // of tests; "" for all
	verbose  bool
	progress io.Writer
}

// An outcome is what came of the tests of one library.
type outcome struct {
	peer   peers.Peer
	report *conformance.Report

	// crashes are the tests in which the server's process ended.
	crashes []string

	// picky is why a server that speaks subprotocols could not be tested: it
	// refuses clients that offer none of them. nil if it could.
	picky error

	// text is the report of the tests of UTF-8 with an application that
	// checks; nil where the library does.
	text *conformance.Report
}

// conduct runs the tests against a library.
func (t *trial) conduct(ctx context.Context, p peers.Peer) (o outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	o.peer = p
	options := peers.Options{MaxMessage: maxMessage, Compression: p.Best}
	o.report, o.crashes, err = check(ctx, p, options, t.pattern)
	if err != nil {
		return o, err
	}
	if needs := exactly(o.report, needsSubprotocol); needs != "" {
		speaking := options
		speaking.Subprotocols = subprotocols
		more, crashes, err := check(ctx, p, speaking, needs)
		switch {
		case ctx.Err() != nil:
			return o, err
		case err != nil:
			o.picky = err
		default:
			o.crashes = append(o.crashes, crashes...)
			merge(o.report, more, func(conformance.Result, conformance.Result) bool { return true })
		}
	}
	if text := exactly(o.report, aboutText); text != "" && !p.ChecksText {
		checking := options
		checking.CheckText = true
		if o.text, _, err = check(ctx, p, checking, text); err != nil {
			return o, err
		}
	}
	slices.Sort(o.crashes)
	t.show(o)
	return o, nil
}

// needsSubprotocol chooses the tests of a server that speaks subprotocols.
func needsSubprotocol(r *conformance.Result) bool {
	return r.Verdict == conformance.Unsupported && strings.Contains(r.Problem, "subprotocol")
}

// aboutText chooses the tests that an application can pass for its library.
func aboutText(r *conformance.Result) bool { return r.Area == "utf8" }

// show tells the person who waits.
func (t *trial) show(o outcome) {
	r := o.report
	_, _ = fmt.Fprintf(t.progress, "%-8s %d passed, %d not strict, %d failed, %d informational, %d unsupported, %d crashes\n",
		o.peer.Name, r.Count(conformance.Passed), r.Count(conformance.NotStrict), r.Count(conformance.Failed),
		r.Count(conformance.Informational), r.Count(conformance.Unsupported), len(o.crashes))
	if !t.verbose {
		return
	}
	for i := range r.Results {
		if r.Results[i].Verdict != conformance.Passed {
			t.showResult(&r.Results[i])
		}
	}
}

// shown is how much of what went over the wire is shown, in bytes of one exchange.
const shown = 200

func (t *trial) showResult(r *conformance.Result) {
	_, _ = fmt.Fprintf(t.progress, "\n%s: %s\n%s\n%s\n", r.Verdict, r.ID(), r.Rule, r.Problem)
	for _, e := range r.Log {
		from := "server"
		if e.Sent {
			from = "suite"
		}
		_, _ = fmt.Fprintf(t.progress, "  %s %q %s\n", from, e.Data[:min(len(e.Data), shown)], e.Note)
	}
}
