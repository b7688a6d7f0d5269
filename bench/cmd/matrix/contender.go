package main

import (
	"context"

	"github.com/duplexhq/duplex/bench/bun"
	"github.com/duplexhq/duplex/bench/load"
	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
)

// A library is one that takes part.
type library struct {
	name    string // in tables
	lib     string // of bench/peers, or bun
	version string
	best    peers.Compression
}

// twin marks the name of a library that takes part twice: what lies between the two
// is noise.
const twin = " again"

// libraryOf returns the library of that name.
func libraryOf(name string) (library, error) {
	if name == bun.Name {
		return library{name, name, bun.Version(), peers.Takeover}, nil
	}
	p, err := peers.Find(name)
	return library{name, p.Name, p.Version(), p.Best}, err
}

// A contender is a library with its server and the load on it.
type contender struct {
	library
	setup  setup
	server *process.Process
	worker *load.Worker
	target *load.Target
	err    error // why it takes no part any more in what is measured now
}

// options returns how its server is set up.
func (c *contender) options() peers.Options {
	o := peers.Options{Compression: c.setup.compression}
	if c.setup.tls {
		o.TLS = process.SelfSigned
	}
	return o
}

// start starts the server and its load, without connections.
func (c *contender) start(ctx context.Context, processor int) (err error) {
	if c.server, err = process.Start(ctx, c.lib, c.options(), processor); err != nil {
		return err
	}
	c.target = &load.Target{Addr: c.server.Addr, Path: c.setup.path}
	if c.setup.compression != peers.Off {
		c.target.Extensions = "permessage-deflate; client_max_window_bits"
	}
	c.worker, err = load.Start(ctx)
	return err
}

// connect opens the connections of the setup.
func (c *contender) connect() error {
	if c.setup.conns == 0 {
		return nil
	}
	return c.worker.Open(c.target, c.setup.conns, c.setup.tls)
}

// stop ends both.
func (c *contender) stop() {
	if c.worker != nil {
		_ = c.worker.Stop()
	}
	if c.server != nil {
		_ = c.server.Stop()
	}
	c.worker, c.server = nil, nil
}

// open starts both with the connections of the setup, anew if there was an error.
func (c *contender) open(ctx context.Context, processor int) {
	c.stop()
	if c.err = c.start(ctx, processor); c.err == nil {
		c.err = c.connect()
	}
}
