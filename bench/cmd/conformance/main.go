// Command conformance runs the conformance suite against each library as a server
// and writes what came of it, as a page:
//
//	go run ./bench/cmd/conformance
//
// Run it from the root of the repository. The page has no dates and no times in
// it, so that it only changes when a library or the suite does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
)

// defaultLibs are the libraries of the page: fasthttp's is gorilla's in another server,
// and our own differ by no more than who waits for bytes.
const defaultLibs = "duplex-conn,coder,gobwas,gorilla,gws,nbio,xnet"

func main() {
	process.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the command.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	var (
		t    = trial{progress: stderr}
		out  string
		libs = strings.Split(defaultLibs, ",")
	)
	f := flag.NewFlagSet("conformance", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&out, "out", "docs/reference/peers-conformance.md", "file to write; - for standard output")
	f.StringVar(&t.pattern, "run", "", "regular expression on area/name that selects tests; the page is then a part")
	f.BoolVar(&t.verbose, "v", false, "print each test that did not pass, with what went over the wire")
	f.Func("lib", "libraries, with commas between (default "+defaultLibs+")", func(s string) error {
		libs = strings.Split(s, ",")
		return nil
	})
	if err := f.Parse(args); err != nil {
		return err
	}
	found, err := find(libs)
	if err != nil {
		return err
	}
	var all []outcome
	for _, p := range found {
		o, err := t.conduct(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		all = append(all, o)
	}
	if out == "-" {
		_, err := os.Stdout.WriteString(page(all))
		return err
	}
	return os.WriteFile(out, []byte(page(all)), 0o644)
}

// find returns the peers of those names.
func find(names []string) (found []peers.Peer, err error) {
	for _, name := range names {
		p, err := peers.Find(name)
		if err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	return found, nil
}
