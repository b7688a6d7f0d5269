package websocket

import (
	"context"
	"io"
	"iter"

	"github.com/duplexhq/duplex/websocket/proto"
)

// Read returns the next message. It blocks until the whole message is there, ctx
// is done, or the connection ends. The slice is the caller's; [Conn.Next] and
// [Conn.ReadInto] allocate none.
//
// A Read that ends with ctx's error leaves the connection as it was: the next
// Read goes on where this one stopped, in the middle of a message too. Any other
// error but ErrConcurrentRead is a *CloseError, and final.
//
// If a message got with Reader was not read to its end, the rest of it is dropped.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	if err := c.beginMessage(ctx, nil, false); err != nil {
		return 0, nil, err
	}
	return c.readMessage(ctx)
}

// Messages returns an iterator over the messages to come. After a normal end of
// the connection (the peer closed with 1000, 1001 or no code) it just ends; after
// any other its last pair holds the error. Leaving the loop leaves the connection
// usable.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			t, p, err := c.Read(ctx)
			switch {
			case err == nil:
				if !yield(Message{Type: t, Data: p}, nil) {
					return
				}
			case isFarewell(err):
				return
			default:
				yield(Message{}, err)
				return
			}
		}
	}
}

// isFarewell tells whether err says that the peer ended the connection because it
// had nothing more to say.
func isFarewell(err error) bool {
	switch CloseStatus(err) {
	case StatusNormalClosure, StatusGoingAway, StatusNoStatusReceived:
		return true
	default:
		return false
	}
}

// Reader returns the type of the next message and a reader of its bytes, which it
// yields as they come. The reader returns io.EOF at the end of the message, and
// ErrMessageDone once another message was asked for. ctx covers the reader too.
//
// If a message got with Reader was not read to its end, the rest of it is dropped.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	if err := c.beginRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.endRead()
	m := &c.reading.message
	if m.reader != nil {
		if err := c.leaveReader(ctx); err != nil {
			return 0, nil, err
		}
	}
	if m.kind == 0 { // otherwise a Read was interrupted in the middle of one
		p, err := c.piece(ctx)
		if err != nil {
			return 0, nil, err
		}
		m.bytes = p
	}
	m.reader = &messageReader{c: c, ctx: ctx}
	return m.kind, m.reader, nil
}

// nobody is the reader of a message whose rest is dropped.
var nobody messageReader

// leaveReader drops the rest of a message that was being read by a Reader.
func (c *Conn) leaveReader(ctx context.Context) error {
	m := &c.reading.message
	m.reader = &nobody
	for !m.last {
		if _, err := c.piece(ctx); err != nil {
			return err
		}
	}
	*m = message{}
	return nil
}

// A messageReader reads one message as it comes.
type messageReader struct {
	c   *Conn
	ctx context.Context //nolint:containedctx // io.Reader has no room for it
	eof bool
}

// Read reads bytes of the message, as io.Reader says.
func (r *messageReader) Read(p []byte) (int, error) {
	if r.eof {
		return 0, io.EOF
	}
	if err := r.c.beginRead(r.ctx); err != nil {
		return 0, err
	}
	defer r.c.endRead()
	m := &r.c.reading.message
	if m.reader != r {
		return 0, ErrMessageDone
	}
	for len(m.bytes) == 0 {
		if m.last {
			*m = message{}
			r.eof = true
			return 0, io.EOF
		}
		p, err := r.c.piece(r.ctx)
		if err != nil {
			return 0, err
		}
		m.bytes = p
	}
	n := copy(p, m.bytes)
	if m.bytes = m.bytes[n:]; len(m.bytes) == 0 {
		m.bytes = nil // even empty it would keep the whole read buffer from the collector
	}
	return n, nil
}

// CloseRead reads from now on, in a goroutine of its own, so that pings are
// answered and the end of the connection is noticed while the application only
// writes. A message is then a breach of what the application expects and closes
// the connection with 1008. The context returned is cancelled when the connection
// ends, or with ctx, which also stops the reading.
func (c *Conn) CloseRead(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _, err := c.Reader(ctx)
		if err == nil {
			_ = c.Close(StatusPolicyViolation, "no messages expected")
		}
	}()
	return ctx
}

// beginRead makes the caller the one who reads.
func (c *Conn) beginRead(ctx context.Context) error {
	if ctx.Err() != nil {
		return c.interrupted(ctx, "read")
	}
	c.mu.Lock()
	if c.dropping { // there is only the end to wait for
		c.mu.Unlock()
		select {
		case <-c.doneChan():
		case <-ctx.Done():
			return c.interrupted(ctx, "read")
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return c.machine.Ending()
	case c.readBusy:
		return ErrConcurrentRead
	}
	c.readBusy = true
	c.reading.message.expire()
	return nil
}

// endRead lets others read.
func (c *Conn) endRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBusy = false
	if c.ended {
		c.reading.watch.drop(c.conn)
	}
	if c.readFree != nil {
		close(c.readFree)
		c.readFree = nil
	}
}

// piece returns the next piece of the message, noting its type and whether it is the
// last, and answers on the way what the protocol makes us answer. It waits for
// bytes if need be. The piece is valid until the next call. An error is ctx's or
// says that the connection is over.
func (c *Conn) piece(ctx context.Context) ([]byte, error) {
	for {
		ev := c.machine.Next()
		if ev.Kind == proto.Data {
			m := &c.reading.message
			m.kind, m.last = MessageType(ev.Opcode), ev.Last
			if c.reading.replied {
				c.flushReplies()
			}
			return ev.Payload, nil
		}
		if ev.Kind != proto.None {
			if err := c.control(ev); err != nil {
				return nil, err
			}
			continue
		}
		c.flushBeforeWaiting()
		if _, err := c.fill(ctx, 0); err != nil {
			return nil, err
		}
	}
}

// control takes an event that is no piece of a message.
func (c *Conn) control(ev proto.Event) error {
	switch ev.Kind {
	case proto.Ping:
		c.answerPing(ev)
	case proto.Pong:
		c.pongReceived(ev.Payload)
	default:
		return c.finish(ev)
	}
	return nil
}
