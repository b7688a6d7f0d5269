// Command topics measures the topics of a server, in about three minutes on a machine that
// does nothing else:
//
//	go run ./bench/cmd/topics -page docs/explain/performance.md
//
// It prints tables, and can write them into a page. The store is made in a folder of -dir,
// whose disk is what an fsync costs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/duplexhq/duplex/bench/page"
	"github.com/duplexhq/duplex/bench/topics"
)

// command is the name that the marks in a page have.
const command = "bench/cmd/topics"

func main() {
	topics.ServeIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("topics", flag.ContinueOnError)
	f.SetOutput(stderr)
	target := f.String("page", "", "page to write the tables into, between its marks")
	dir := f.String("dir", "", "folder to make the stores in (default: where temporary files go)")
	turn := f.Duration("turn", time.Second, "how long publishers have a turn")
	rounds := f.Int("rounds", 5, "rounds in which every way to keep messages takes turns")
	clients := f.Int("clients", 10_000, "clients that come back at once")
	if err := f.Parse(args); err != nil {
		return err
	}
	work, err := os.MkdirTemp(*dir, "duplex-topics-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	text, err := measure(ctx, work, *turn, *rounds, *clients)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, text); err != nil || *target == "" {
		return err
	}
	return page.Rewrite(*target, command, text)
}

// measure does everything and returns the tables.
func measure(ctx context.Context, dir string, turn time.Duration, rounds, clients int) (string, error) {
	var b strings.Builder
	published, err := topics.Publish(ctx, dir, []int{1, 64, 512}, turn, rounds)
	if err != nil {
		return "", err
	}
	writePublished(&b, published)
	reads, disturbed, err := topics.History(ctx, dir, topics.Volume{Topics: 10_000, Each: 100, Reads: 2000})
	if err != nil {
		return "", err
	}
	writeHistory(&b, reads, disturbed)
	costs, err := topics.Memory(ctx, dir, 100_000, time.Sleep)
	if err != nil {
		return "", err
	}
	b.WriteString("\n| what | bytes of heap, each of 100,000 |\n|---|--:|\n")
	for _, c := range costs {
		fmt.Fprintf(&b, "| %s | %.0f |\n", c.Thing, c.Bytes)
	}
	r, err := topics.Resume(ctx, dir, clients, 100)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "\n%d clients came back to a server that was killed, each with a cursor and %d messages of 200 bytes to catch up:\n"+
		"all were open after %.1f s, all had all after %.1f s. The server took %.1f s of processor time, %.1f µs for a message.\n",
		r.Clients, r.Missed, r.Open.Seconds(), r.All.Seconds(), r.CPU.Seconds(),
		float64(r.CPU.Microseconds())/float64(r.Clients*r.Missed))
	return b.String(), nil
}

func writePublished(b *strings.Builder, list []topics.Published) {
	b.WriteString("| messages of 200 bytes are kept | publishers | published per second | one waits, median | ratio to memory |\n|---|--:|--:|--:|--:|\n")
	for _, p := range list {
		fmt.Fprintf(b, "| %s | %d | %.0f | %v | %.3f |\n", p.Keeping, p.Publishers, p.PerSecond, p.Wait.Round(100*time.Nanosecond), p.Ratio)
	}
}

func writeHistory(b *strings.Builder, reads []topics.HistoryRead, disturbed []topics.Disturbance) {
	b.WriteString("\n| 100 messages of one topic out of a million, from | p50 | p99 |\n|---|--:|--:|\n")
	for _, r := range reads {
		fmt.Fprintf(b, "| %s | %v | %v |\n", r.From, r.P50.Round(time.Microsecond), r.P99.Round(time.Microsecond))
	}
	b.WriteString("\n| others that read history from the store without pause | reads per second | a publisher waits, p50 | p99 |\n|--:|--:|--:|--:|\n")
	for _, d := range disturbed {
		fmt.Fprintf(b, "| %d | %.0f | %v | %v |\n", d.Readers, d.Reads, d.P50.Round(time.Microsecond), d.P99.Round(time.Microsecond))
	}
}
