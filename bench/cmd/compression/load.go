package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/websocket"
)

// A client is one connection of the load.
type client struct {
	*websocket.Conn
	received *atomic.Int64 // bytes on the wire since the handshake
	next     int           // message
}

// counted is a transport that counts what is read from it.
type counted struct {
	net.Conn
	received *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// dial connects to a server. The client offers and does what browsers do: with
// compression, it compresses every message and keeps its context.
func dial(ctx context.Context, addr string, compression peers.Compression) (*client, error) {
	c := &client{received: new(atomic.Int64)}
	o := &websocket.DialOptions{
		MaxMessage: -1,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return counted{conn, c.received}, err
		},
	}
	if compression != peers.Off {
		o.Compression = &websocket.Compression{Threshold: -1, WindowBits: 15}
	}
	var err error
	if c.Conn, _, err = websocket.Dial(ctx, "ws://"+addr+"/", o); err != nil {
		return nil, err
	}
	c.received.Store(0)
	return c, nil
}

// echo sends n messages, each after the echo of the one before, and holds every
// echo against what was sent. It returns how many bytes of payload came back.
func (c *client) echo(ctx context.Context, from *corpus, n int) (payload int64, err error) {
	for range n {
		message := from.messages[c.next%len(from.messages)]
		c.next++
		if err := c.Write(ctx, from.kind, message); err != nil {
			return payload, err
		}
		kind, p, err := c.Read(ctx)
		if err != nil {
			return payload, err
		}
		if kind != from.kind || !bytes.Equal(p, message) {
			return payload, fmt.Errorf("the echo of message %d of %q is another message", c.next-1, from.name)
		}
		payload += int64(len(p))
	}
	return payload, nil
}

// A load is connections to one server.
type load []*client

// connect opens n connections, each of which begins with another message.
func connect(ctx context.Context, addr string, compression peers.Compression, n int) (load, error) {
	var l load
	for i := range n {
		c, err := dial(ctx, addr, compression)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		c.next = i * 17
		l = append(l, c)
	}
	return l, nil
}

func (l load) close() {
	for _, c := range l {
		_ = c.CloseNow()
	}
}

// echo has all connections send messages, n in all, and returns how many came back
// and the bytes of their payload and on the wire.
func (l load) echo(ctx context.Context, from *corpus, n int) (done int, payload, wire int64, err error) {
	each := max(1, n/len(l))
	var wg sync.WaitGroup
	sums, errs := make([]int64, len(l)), make([]error, len(l))
	for i, c := range l {
		wire -= c.received.Load()
		wg.Go(func() { sums[i], errs[i] = c.echo(ctx, from, each) })
	}
	wg.Wait()
	for i, c := range l {
		if errs[i] != nil {
			return 0, 0, 0, errs[i]
		}
		payload += sums[i]
		wire += c.received.Load()
	}
	return each * len(l), payload, wire, nil
}
