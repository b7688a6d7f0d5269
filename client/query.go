package client

import (
	"context"
	"errors"
)

// A Query says which part of a topic's history to return. The zero value is the oldest
// there is.
type Query struct {
	After string // only what is behind this cursor
	Last  int    // only the newest so many, at most 1000; not together with After
	Limit int    // at most so many, 1 to 1000; default 100
}

// A History is a part of the history of a topic.
type History struct {
	Messages []Message
	At       string // go on behind it
	Gap      bool   // messages behind Query.After are lost, before the first of these
	More     bool   // there are more, behind At
}

// History returns messages that a topic has. Like Publish it tries until it has an
// answer or ctx is done.
func (c *Client) History(ctx context.Context, topic string, q Query) (History, error) {
	r := &request{Get: topic, After: q.After, Last: q.Last, Limit: q.Limit}
	f, err := c.request(ctx, r, &call{again: true})
	if err != nil {
		return History{}, err
	}
	for i := range f.messages {
		if f.messages[i].Topic == "" {
			f.messages[i].Topic = topic
		}
	}
	return History{Messages: f.messages, At: f.at, Gap: f.gap, More: f.more}, nil
}

// A Members is a page of who is present at a topic.
type Members struct {
	Count int      // how many there are
	Names []string // some of them, in order
	More  bool     // there are more, behind the last of these
}

// Who returns who is present at a topic: at most limit names, 100 if it is 0, that
// come behind after in the order of bytes. Like Publish it tries until it has an answer or
// ctx is done.
func (c *Client) Who(ctx context.Context, topic, after string, limit int) (Members, error) {
	f, err := c.request(ctx, &request{Who: topic, After: after, Limit: limit}, &call{again: true})
	if err != nil {
		return Members{}, err
	}
	return Members{Count: f.count, Names: f.who, More: f.more}, nil
}

// SetToken replaces the token, for this connection and all later ones, and returns
// when the server has accepted it. Without a connection it returns at once, and the
// next connection begins with it. Options.OnToken is asked for later connections all
// the same.
func (c *Client) SetToken(ctx context.Context, token string) error {
	c.mu.Lock()
	c.token = token
	open, err := c.link != nil, c.refused()
	c.mu.Unlock()
	if err != nil || !open {
		return err
	}
	_, err = c.request(ctx, &request{Auth: token}, &call{single: true, again: true})
	if errors.Is(err, errLost) {
		return nil // the next connection begins with it
	}
	return err
}
