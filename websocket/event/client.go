package event

import (
	"context"
	"iter"
	"net/http"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A Client opens any number of connections and calls the functions of a Handler for what
// happens on them. Its methods may be called concurrently.
type Client struct {
	engine
	dial websocket.DialOptions
}

// NewClient returns a client. o may be nil; it must not be changed afterwards. A client
// that is done with needs a call of Shutdown.
func NewClient(h Handler, o *ClientOptions) *Client {
	if o == nil {
		o = &ClientOptions{}
	}
	c := &Client{}
	if o.Dial != nil {
		c.dial = *o.Dial
	}
	c.start(h, o.settings(&c.dial), proto.Client)
	return c
}

// Dial opens a connection to a server, as websocket.Dial does. data belongs to it, see
// Conn.Data. ctx bounds the dialing, not the connection. OnOpen is called in the
// connection's own time, so maybe after Dial has returned.
func (c *Client) Dial(ctx context.Context, url string, data any) (*Conn, *http.Response, error) {
	return c.DialWith(ctx, url, &c.dial, data)
}

// DialWith is Dial with other options for the opening handshake than the client's own:
// another source address, for example, or other headers. How the connection behaves is
// as the client's options say.
func (c *Client) DialWith(ctx context.Context, url string, o *websocket.DialOptions, data any) (*Conn, *http.Response, error) {
	t, resp, err := websocket.DialTransport(ctx, url, o)
	if err != nil {
		return nil, resp, err
	}
	conn, err := c.adopt(t, data)
	return conn, resp, err
}

// Len returns how many connections are open, or in the closing handshake.
func (c *Client) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// All returns an iterator over the connections open at the time of the call, in no order.
func (c *Client) All() iter.Seq[*Conn] { return c.all() }

// Shutdown closes every connection with 1001 and waits until each has answered or ctx is
// done; what is left then is dropped, and Shutdown returns ctx's error. Dial refuses from
// its call on.
func (c *Client) Shutdown(ctx context.Context) error { return c.shutdown(ctx) }
