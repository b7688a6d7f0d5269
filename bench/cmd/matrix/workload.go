package main

import (
	"fmt"
	"strconv"

	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/bench/peers"
)

// A kind is what is measured.
type kind uint8

const (
	echo      kind = iota // processor time of a message that comes back
	fan                   // processor time of a delivery
	handshake             // processor time of an opening handshake
	memory                // memory of an idle connection
)

// A workload is one row of tables for each library.
type workload struct {
	name  string // for --only and in the CSV file
	title string
	kind  kind
	setup setup
	load.Message
	depth  int // messages of a connection in flight, or outstanding in a fan-out
	active int // connections with messages in flight; 0: all
	rounds int // at most; 0: as many as there are
	quick  bool
}

// A setup is how servers are started and connections opened. Workloads with the same
// setup share them.
type setup struct {
	path        string
	conns       int
	compression peers.Compression
	tls         bool
}

// inFlight bounds the payload on its way in an echo, in bytes: what is beyond would
// be a test of the kernel's buffers.
const inFlight = 16 << 20

// longRounds are enough where a turn takes seconds, because so much is in flight at its
// end.
const longRounds = 4

// workloads returns the whole matrix.
func workloads() (all []workload) {
	for _, depth := range []int{1, 16} {
		for _, size := range []int{64, 1 << 10, 16 << 10, 64 << 10, 1 << 20} {
			all = append(all, echoOf(size, depth, 100))
		}
	}
	for _, depth := range []int{1, 16} {
		for _, size := range []int{64, 1 << 10} {
			all = append(all, echoOf(size, depth, 10_000))
		}
	}
	chinese := echoOf(12<<10, 1, 100)
	chinese.name, chinese.title = "text-12KiB-1x100", "echo of 12 KiB of Chinese text, 1 in flight on 100 connections"
	chinese.Content, chinese.quick = load.Chinese, true
	all = append(all, chinese)
	for _, conns := range []int{1000, 10_000} {
		for _, outstanding := range []int{1, 32} {
			all = append(all, fanOf(conns, outstanding))
		}
	}
	for _, c := range []peers.Compression{peers.NoTakeover, peers.Takeover} {
		all = append(all, workload{
			name: "deflate-" + c.String(), title: "echo of 1 KiB of JSON, compressed, " + c.String(), kind: echo,
			setup: setup{conns: 100, compression: c}, Message: load.Message{Content: load.JSON, Size: 1 << 10, Deflate: true}, depth: 1,
		})
	}
	all = append(all, workload{name: "handshake", title: "opening handshake", kind: handshake, quick: true})
	for _, tls := range []bool{false, true} {
		w := workload{name: "memory", title: "idle connection", kind: memory, setup: setup{conns: 10_000, tls: tls}, rounds: 1}
		if tls {
			w.name, w.title = "memory-tls", "idle connection, TLS"
		}
		w.Message, w.quick = load.Message{Content: load.Random, Size: 512}, !tls
		all = append(all, w)
	}
	return all
}

func echoOf(size, depth, conns int) workload {
	w := workload{
		name:  fmt.Sprintf("echo-%s-%dx%d", bytesName(size, ""), depth, conns),
		title: fmt.Sprintf("echo of %s, %d in flight on %s connections", bytesName(size, " "), depth, count(conns)),
		kind:  echo, setup: setup{conns: conns}, Message: load.Message{Content: load.Random, Size: size}, depth: depth,
		active: min(conns, max(1, inFlight/(size*depth))),
		quick:  conns == 100 && (size == 64 || depth == 1),
	}
	if conns > 1000 {
		w.active = 1000 / min(depth, 2)
	}
	if depth*conns > 100_000 {
		w.rounds = longRounds
	}
	return w
}

func fanOf(conns, outstanding int) workload {
	rounds := 0
	if conns*outstanding > 100_000 {
		rounds = longRounds
	}
	return workload{
		name:  fmt.Sprintf("fan-%dx%d", outstanding, conns),
		title: fmt.Sprintf("fan-out of 64 B to %s, %d outstanding", count(conns), outstanding),
		kind:  fan, setup: setup{path: "/fan", conns: conns}, Message: load.Message{Content: load.Random, Size: 64}, depth: outstanding,
		quick: conns == 1000, rounds: rounds,
	}
}

// bytesName returns a size with its unit.
func bytesName(n int, space string) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d%sMiB", n>>20, space)
	case n >= 1<<10:
		return fmt.Sprintf("%d%sKiB", n>>10, space)
	}
	return fmt.Sprintf("%d%sB", n, space)
}

// count returns a number as people write it.
func count(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
