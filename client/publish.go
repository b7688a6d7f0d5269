package client

import (
	"context"
	"errors"
	"strconv"
)

// A Receipt says where a message is.
type Receipt struct {
	At string // its cursor

	// Duplicate is set if it was stored before: by a try whose answer was lost,
	// or by an earlier call with the same Message.ID. At is then the position
	// of the first one.
	Duplicate bool
}

// Publish sends a message to a topic and returns when it is stored. Until then it
// tries, over as many connections as it takes, also if the server says that it cannot
// store it now; ctx bounds that, and a message whose ctx was done may be stored or not.
// Messages that one goroutine publishes are stored in that order. m.Data is not kept.
//
// The error is [ErrQueueFull], an *Error that says what the server does not like about
// it, [ErrTooLarge], ctx's, or [ErrClosed].
func (c *Client) Publish(ctx context.Context, topic string, m Message) (Receipt, error) {
	r, k, err := c.publication(topic, &m)
	if err != nil {
		return Receipt{}, err
	}
	f, err := c.request(ctx, r, k)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{f.at, f.duplicate}, nil
}

// PublishAsync is Publish for those who do not wait: it returns at once, with an error
// if the message was not taken, and otherwise calls done once when it is stored or not.
// Several messages then are under way at the same time. They are stored in the order
// of the calls, but one that the server could not store at first comes behind those
// that it could.
//
// done may be nil. It is called from a goroutine that reads for the Client, so it must
// not block, nor wait for another call to the Client. m.Data is not kept.
func (c *Client) PublishAsync(topic string, m Message, done func(Receipt, error)) error {
	r, k, err := c.publication(topic, &m)
	if err != nil {
		return err
	}
	k.done = func(f *frame, err error) {
		switch {
		case done == nil:
		case err != nil:
			done(Receipt{}, err)
		default:
			done(Receipt{f.at, f.duplicate}, nil)
		}
	}
	c.mu.Lock()
	if err = c.room(k); err == nil {
		err = c.enqueue(r, k)
	}
	c.mu.Unlock()
	if err == nil {
		c.start()
	}
	return err
}

// publication returns the request that publishes m.
func (c *Client) publication(topic string, m *Message) (*request, *call, error) {
	if topic == "" {
		return nil, nil, errors.New("client: the topic has no name")
	}
	if err := m.check(); err != nil {
		return nil, nil, err
	}
	r := &request{}
	r.setMessage(topic, m)
	return r, &call{bytes: messageOverhead + len(topic) + len(m.Data) + len(m.Key), again: true}, nil
}

// messageOverhead is what a message to be stored takes in memory beside its bytes.
const messageOverhead = 256

// room tells why a message is not taken. A message larger than the bound is, if it is
// alone. The caller holds mu.
func (c *Client) room(k *call) error {
	if err := c.refused(); err != nil {
		return err
	}
	if k.bytes > 0 && c.waiting > 0 && c.waiting+k.bytes > c.o.MaxPending {
		return ErrQueueFull
	}
	return nil
}

// messageID returns an ID for the message of a request.
func (c *Client) messageID(id uint64) string { return c.prefix + strconv.FormatUint(id, 36) }
