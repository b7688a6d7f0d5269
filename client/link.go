package client

import (
	"context"
	"errors"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

const (
	batch      = 64 << 10         // bytes of requests that are taken at once
	byeTimeout = 10 * time.Second // for the close that bye announces
)

// A link is one connection.
type link struct {
	c     *Client
	conn  *websocket.Conn
	ctx   context.Context // ends with the connection
	wake  chan struct{}   // something is to be sent
	token string          // that the server was given

	// leaving is set when the server said that it will close; comeBack is when
	// it wants to be connected to again. Both belong to Client.mu.
	leaving  bool
	comeBack time.Time
}

// signal says that there is something to send.
func (l *link) signal() { signal(l.wake) }

// serve uses a connection until it ends, and returns how it did.
func (c *Client) serve(l *link) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	l.ctx = ctx
	defer context.AfterFunc(c.ctx, func() { _ = l.conn.CloseNow() })()
	for token, ok := c.attach(l); !ok; token, ok = c.attach(l) {
		if err := l.authenticate(token); err != nil {
			_ = l.conn.CloseNow()
			return err
		}
	}
	c.setState(State{Phase: Open})
	written := make(chan struct{})
	go func() { defer close(written); l.write() }()
	err := l.read()
	cancel()
	_ = l.conn.CloseNow()
	<-written
	c.detach(err)
	return err
}

// attach makes l the connection for requests: first subscriptions, then the others
// in their order. If there is another token by now, it returns that, to be given to the
// server first.
func (c *Client) attach(l *link) (token string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != l.token {
		return c.token, false
	}
	waiting := c.ordered()
	c.link, c.outgoing = l, nil
	for _, s := range c.sortedSubs() {
		if s.phase == detached {
			s.ask()
		}
	}
	for _, k := range waiting {
		if k.timer != nil {
			k.timer.Stop()
		}
		c.outgoing = append(c.outgoing, k)
	}
	l.signal()
	return "", true
}

// detach takes back what was asked over a connection that has ended with err.
func (c *Client) detach(err error) {
	c.mu.Lock()
	c.link, c.outgoing = nil, nil
	var large *call
	if websocket.CloseStatus(err) == websocket.StatusMessageTooBig {
		large = c.takeLargest()
	}
	var lost []*call
	for _, k := range c.ordered() {
		k.sent = false
		if k.single {
			c.take(k.id)
			lost = append(lost, k)
		}
	}
	for _, s := range c.subs {
		s.detach()
	}
	c.mu.Unlock()
	if large != nil {
		large.finish(nil, ErrTooLarge)
	}
	for _, k := range lost {
		k.finish(nil, errLost)
	}
}

// write sends requests until the connection ends.
func (l *link) write() {
	for {
		select {
		case <-l.wake:
		case <-l.ctx.Done():
			return
		}
		for frames := l.takeOutgoing(); len(frames) > 0; frames = l.takeOutgoing() {
			for _, p := range frames {
				err := l.conn.Post(websocket.Text, p)
				if errors.Is(err, websocket.ErrQueueFull) {
					err = l.conn.Write(l.ctx, websocket.Text, p)
				}
				if err != nil {
					return // reading says why
				}
			}
		}
	}
}

// takeOutgoing returns some of the requests that are to be sent, and takes them for
// sent.
func (l *link) takeOutgoing() (frames [][]byte) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.leaving {
		return nil // it may not look at them, and the next one gets them all
	}
	size := 0
	for len(c.outgoing) > 0 && size < batch {
		k := c.outgoing[0]
		c.outgoing = c.outgoing[1:]
		if _, ok := c.pending[k.id]; !ok {
			continue // nobody waits for it any longer
		}
		k.sent = true
		frames = append(frames, k.frame)
		size += len(k.frame)
		if k.done == nil {
			c.take(k.id) // nobody ever did
		}
	}
	return frames
}

// read does what the server says until the connection ends.
func (l *link) read() error {
	for {
		t, p, err := l.conn.Next(l.ctx)
		if err != nil {
			return err
		}
		f, err := parseFrame(t, p)
		if err == nil {
			err = l.handle(f)
		}
		if err != nil {
			return l.refuse(err)
		}
	}
}

// refuse closes the connection to a server that does not keep the protocol, or that
// says that we do not.
func (l *link) refuse(err error) error {
	_ = l.conn.Close(websocket.StatusPolicyViolation, "this is not "+subprotocol)
	return err
}

// handle does what one frame says.
func (l *link) handle(f *frame) error {
	c := l.c
	switch f.kind {
	case messageFrame:
		l.deliver(f, Event{Type: MessageEvent, Message: f.message})
	case gapFrame:
		l.deliver(f, Event{Type: GapEvent, Message: Message{Topic: f.filter, At: f.at}})
	case presenceFrame:
		l.deliver(f, Event{Type: PresenceEvent, Message: Message{Topic: f.filter}, Presence: &f.presence})
	case endFrame:
		c.ended(f)
	case okFrame, errFrame, subscribedFrame:
		return c.answer(f)
	case byeFrame:
		l.bye(f.bye)
	}
	return nil
}

// bye sends no more requests and waits until the server closes, which has said when
// to come back.
func (l *link) bye(retry time.Duration) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if !l.leaving {
		l.leaving, l.comeBack = true, time.Now().Add(retry)
		time.AfterFunc(byeTimeout, func() { _ = l.conn.CloseNow() })
	}
}
