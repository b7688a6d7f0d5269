// Command compression measures what permessage-deflate costs and saves with each
// library that has it, all in one run:
//
//	go run ./bench/cmd/compression -page docs/explain/compression.md
//
// Each library runs as an echo server in a process of its own, on one processor,
// while the load runs on another. It prints tables, and can write them into a page
// and all numbers into a CSV file. It takes about two minutes and wants a machine
// with two processors that does nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/duplexhq/duplex/bench/page"
	"github.com/duplexhq/duplex/bench/process"
)

// command is the name that the marks in a page have.
const command = "bench/cmd/compression"

func main() {
	process.ServeIfChild()
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

// run is the command.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	p := plan{progress: stderr, scale: 1}
	var libs, target, table string
	f := flag.NewFlagSet("compression", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&libs, "lib", "duplex-conn,coder,gorilla,gws", "libraries, with commas between")
	f.IntVar(&p.rounds, "rounds", 9, "rounds in which everybody takes turns")
	f.IntVar(&p.conns, "conns", 32, "connections to a server while processor time is measured")
	f.IntVar(&p.idle, "idle", 500, "connections to a server while memory is measured")
	f.IntVar(&p.exchange, "exchange", 40, "messages on each of those before")
	f.IntVar(&p.bits, "bits", 12, "windows that ours is measured with beside its own; 0 for none")
	f.IntVar(&p.scale, "scale", 1, "divide the number of messages of a turn by this")
	f.BoolVar(&p.pin, "pin", runtime.GOOS == "linux" && runtime.NumCPU() > 1, "keep the load and the servers to a processor each")
	f.StringVar(&target, "page", "", "page to write the tables into, between its marks")
	f.StringVar(&table, "csv", "", "file to write all numbers to")
	if err := f.Parse(args); err != nil {
		return err
	}
	if min(p.rounds, p.conns, p.idle, p.exchange, p.scale) < 1 {
		return errors.New("all numbers must be at least 1")
	}
	p.libs = strings.Split(libs, ",")
	all, err := p.run(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(stderr)
	if _, err := io.WriteString(stdout, markdown(all)); err != nil {
		return err
	}
	if table != "" {
		if err := writeFile(table, all); err != nil {
			return err
		}
	}
	if target != "" {
		return page.Rewrite(target, command, markdown(all))
	}
	return nil
}

// writeFile writes the CSV file.
func writeFile(name string, all []*contender) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(writeCSV(f, all), f.Close())
}
