package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/duplexhq/duplex/websocket"
)

// A Client speaks to one server. Make it with New or Dial and Close it. All methods
// may be called from any number of goroutines at the same time.
type Client struct {
	url      string
	o        Options
	prefix   string // of the IDs of its messages
	ctx      context.Context
	cancel   context.CancelFunc
	starting sync.Once
	first    chan error    // how the first attempt to connect went
	finished chan struct{} // closed when run has returned

	mu       sync.Mutex
	state    State
	token    string
	lastID   uint64                   // of a request
	lastSub  uint64                   // number of a subscription
	link     *link                    // nil unless there is a connection for requests
	pending  map[uint64]*call         // requests that are not answered, by ID
	outgoing []*call                  // those of them that are to be sent over link, in order
	waiting  int                      // bytes of the messages that are to be stored
	stored   chan struct{}            // closed when there are no such messages, made by Close
	subs     map[string]*Subscription // by filter
	err      error                    // why it is closed, nil while it is not
	closing  bool
}

// New returns a Client that connects when it is first asked for something, and
// again whenever the connection is lost. The scheme of the URL is ws, wss, http
// or https; if it has no path, that is /ws. o may be nil. A Client whose URL makes no
// sense is closed from the beginning, and each call says why.
func New(url string, o *Options) *Client {
	c := &Client{
		prefix:   rand.Text()[:12] + ".", // 60 bits; the server keeps it with each message
		first:    make(chan error, 1),
		finished: make(chan struct{}),
		pending:  make(map[uint64]*call),
		subs:     make(map[string]*Subscription),
	}
	if o != nil {
		c.o = *o
	}
	c.o.MaxPending = cmp.Or(c.o.MaxPending, DefaultMaxPending)
	c.token = c.o.Token
	c.ctx, c.cancel = context.WithCancel(context.Background())
	var err error
	if c.url, err = completeURL(url); err != nil {
		c.fail(err)
		c.starting.Do(c.neverRun)
	}
	return c
}

// Dial returns a Client that is connected. It fails with the first attempt, if that
// fails, and with ctx; only afterwards the Client reconnects for ever. The error is a
// *DialError, or an *Error if the server did not accept the token.
func Dial(ctx context.Context, url string, o *Options) (*Client, error) {
	c := New(url, o)
	c.start()
	var err error
	select {
	case err = <-c.first:
	case <-c.finished: // the URL makes no sense
		err = c.State().Err
	case <-ctx.Done():
		err = fmt.Errorf("client: dial: %w", ctx.Err())
	}
	if err != nil {
		c.cancel()
		<-c.finished
		return nil, err
	}
	return c, nil
}

// State returns how it stands with the connection.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Close waits until what was published is stored, or ctx is done, and closes the
// connection with 1000. What is not stored by then may have been stored or not;
// its Publish returns [ErrClosed]. Subscriptions end when the events that they have
// are taken. The error is ctx's if something was not stored then, and why there is
// no connection any more if the Client was closed for that. Close may be called more than
// once.
func (c *Client) Close(ctx context.Context) error {
	err := c.flush(ctx)
	c.mu.Lock()
	l := c.link
	c.err = cmp.Or(c.err, ErrClosed)
	c.mu.Unlock()
	if l != nil && ctx.Err() == nil {
		stop := context.AfterFunc(ctx, func() { _ = l.conn.CloseNow() })
		_ = l.conn.Close(websocket.StatusNormalClosure, "")
		stop()
	}
	c.fail(ErrClosed)
	c.starting.Do(c.neverRun)
	<-c.finished
	return err
}

// neverRun is what run comes to if there is no connection to be made.
func (c *Client) neverRun() {
	c.retire()
	close(c.finished)
}

// flush takes no more requests and waits until no message waits to be stored.
func (c *Client) flush(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	if c.waiting == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.stored == nil {
		c.stored = make(chan struct{})
	}
	stored := c.stored
	c.mu.Unlock()
	select {
	case <-stored:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err // if the client was closed for good, they are not stored
	case <-ctx.Done():
		return c.interrupted(ctx)
	}
}

// start begins to connect, once.
func (c *Client) start() { c.starting.Do(func() { go c.run() }) }

// refused returns why nothing can be asked of the client, nil if it can. The caller
// holds mu.
func (c *Client) refused() error {
	if c.err == nil && c.closing {
		return ErrClosed
	}
	return c.err
}

// fail closes the client because of err. What is left is ended by retire.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		if err != ErrClosed { //nolint:errorlint // an error that wraps it says why
			c.state.Err = err
		}
	}
	c.mu.Unlock()
	c.cancel()
}

// retire ends everything that waits for something, when there will be no more
// connections.
func (c *Client) retire() {
	c.mu.Lock()
	if c.err == nil {
		c.err = ErrClosed // its Dial was given up
	}
	err := c.err
	calls := c.takePending()
	for _, s := range c.subs {
		s.end(err)
	}
	clear(c.subs)
	cause := c.state.Err
	if err == ErrClosed { //nolint:errorlint // as above
		cause = nil
	}
	c.state = State{Phase: Closed, Err: cause} // before anybody is told of an end
	c.mu.Unlock()
	for _, k := range calls {
		k.finish(nil, err)
	}
	c.setState(State{Phase: Closed, Err: cause})
}

// setState tells what has changed.
func (c *Client) setState(s State) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	if c.o.OnState != nil {
		c.o.OnState(s)
	}
}
