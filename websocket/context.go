package websocket

import (
	"context"
	"time"
)

// connContext is the context of a function run by Handler: done when the
// connection is over. It is a type of its own because a connection needs no help
// to interrupt its own reads when it ends, and a watch for that would cost a
// kilobyte per connection.
type connContext struct {
	conn   *Conn
	values context.Context //nolint:containedctx // where the values come from
}

func (x *connContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (x *connContext) Done() <-chan struct{} { return x.conn.doneChan() }

func (x *connContext) Err() error {
	x.conn.mu.Lock()
	defer x.conn.mu.Unlock()
	if x.conn.ended {
		return context.Canceled
	}
	return nil
}

func (x *connContext) Value(key any) any { return x.values.Value(key) }

func (x *connContext) String() string { return "websocket.Handler" }

// AfterFunc runs f in a goroutine once the connection is over. Package context
// calls it for contexts derived from this one, instead of waiting for Done in a
// goroutine.
func (x *connContext) AfterFunc(f func()) (stop func() bool) {
	c := x.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		go f()
		return func() bool { return false }
	}
	if c.afterEnd == nil {
		c.afterEnd = make(map[*func()]struct{})
	}
	c.afterEnd[&f] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.afterEnd[&f]
		delete(c.afterEnd, &f)
		return waiting
	}
}

// doneOf returns the channel whose closing is to interrupt c's reads and writes,
// nil if there is none to watch.
func (c *Conn) doneOf(ctx context.Context) <-chan struct{} {
	if x, ok := ctx.(*connContext); ok && x.conn == c {
		return nil
	}
	return ctx.Done()
}
