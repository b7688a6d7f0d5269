package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

const (
	answerTimeout = 30 * time.Second // for the answer to auth
	statusTaken   = 4009             // another connection took over: do not come back
)

// run keeps the client connected until it is closed.
func (c *Client) run() {
	defer close(c.finished)
	defer c.retire()
	for failed := 0; ; failed++ {
		c.setState(State{Phase: Connecting, Err: c.State().Err})
		l, err := c.connect()
		select {
		case c.first <- err:
		default:
		}
		if err == nil {
			opened := time.Now()
			err = c.serve(l)
			if time.Since(opened) >= stable {
				failed = 0
			}
		}
		if c.isOver() {
			return
		}
		if websocket.CloseStatus(err) == statusTaken {
			c.fail(&dismissed{err})
			return
		}
		wait := pace(err, failed)
		if l != nil && !l.comeBack.IsZero() {
			wait = max(time.Until(l.comeBack), 0)
		}
		if !c.pause(wait, err) {
			return
		}
	}
}

// isOver tells whether there is to be no other connection.
func (c *Client) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil || c.ctx.Err() != nil
}

// pause lets time pass, and returns false if the client is closed meanwhile.
func (c *Client) pause(wait time.Duration, err error) bool {
	c.setState(State{Phase: Waiting, RetryAt: time.Now().Add(wait), Err: err})
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// connect opens a connection and says who we are. With an error there may be a link all
// the same, which knows when the server wants to see us again.
func (c *Client) connect() (*link, error) {
	token, err := c.currentToken()
	if err != nil {
		return nil, &DialError{Err: err}
	}
	conn, resp, err := websocket.Dial(c.ctx, c.url, c.o.dial())
	if err != nil {
		return nil, &DialError{Response: resp, Err: err}
	}
	if conn.Subprotocol() != subprotocol {
		_ = conn.CloseNow()
		return nil, &DialError{Response: resp, Err: errors.New("the server does not speak " + subprotocol + ": the URL of one that does ends in /ws")}
	}
	l := &link{c: c, conn: conn, wake: make(chan struct{}, 1)}
	if err := l.authenticate(token); err != nil {
		_ = conn.CloseNow()
		return l, err
	}
	return l, nil
}

// currentToken returns the token for the next connection.
func (c *Client) currentToken() (string, error) {
	if c.o.OnToken != nil {
		token, err := c.o.OnToken(c.ctx)
		if err != nil {
			return "", fmt.Errorf("client: no token: %w", err)
		}
		c.mu.Lock()
		c.token = token
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token, nil
}

// authenticate sends the token, if there is one, and waits for the answer, because what
// comes behind it may be answered before it. A server that knows no tokens lets everybody
// in.
func (l *link) authenticate(token string) error {
	l.token = token
	if token == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.c.ctx, answerTimeout)
	defer cancel()
	c := l.c
	c.mu.Lock()
	c.lastID++
	r := &request{Auth: token, ID: c.lastID}
	c.mu.Unlock()
	p, err := r.encode()
	if err != nil {
		return err
	}
	if err := l.conn.Write(ctx, websocket.Text, p); err != nil {
		return err
	}
	for {
		t, p, err := l.conn.Next(ctx)
		if err != nil {
			return err
		}
		f, err := parseFrame(t, p)
		switch {
		case err != nil:
			return err
		case f.kind == okFrame && f.id == r.ID:
			return nil
		case f.kind == errFrame && f.problem.Code == CodeUnsupported:
			return nil
		case f.kind == errFrame:
			return f.problem
		case f.kind == byeFrame:
			l.bye(f.bye)
		}
	}
}
