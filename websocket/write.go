package websocket

import (
	"context"
	"errors"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// Write sends p as one message in one frame. It returns when the network has taken
// it: the kernel, not yet the peer. Any number of goroutines may call it; messages
// of one goroutine arrive in the order they were written. p is neither kept nor
// changed.
//
// If ctx is done before the first byte goes out, nothing is sent and the
// connection stays usable. If it is done in the middle of a write, the connection
// is given up, for the rest of a frame would be missing. ErrMessageType and
// ErrNotUTF8 mean that nothing was sent. Any other error is a *CloseError, or a
// net.ErrClosed while the connection is closing.
//
// While a message of Writer is under way, Write waits for its end.
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	if len(p) > copyLimit {
		return c.writeLarge(ctx, t, p)
	}
	return c.write(ctx, len(p), func(dst []byte) ([]byte, error) {
		return c.machine.AppendMessage(dst, frame.Opcode(t), p)
	})
}

// Post queues p as one message and returns at once; the message goes out in the
// background, in order with other messages posted. p is copied. ErrQueueFull means
// that MaxQueue bytes wait already and that nothing was queued: the caller decides
// what a peer deserves that reads so slowly. The other errors are those of Write.
// Any number of goroutines may call it.
func (c *Conn) Post(t MessageType, p []byte) error {
	return c.post(t, p, func(dst []byte) ([]byte, error) {
		return c.machine.AppendMessage(dst, frame.Opcode(t), p)
	})
}

// write sends a message that add appends, of about n bytes.
func (c *Conn) write(ctx context.Context, n int, add func([]byte) ([]byte, error)) error {
	flusher, err := c.admit(ctx, n, false)
	if err != nil {
		return err
	}
	return c.send(ctx, flusher, add)
}

// writeLarge sends a message whose payload is not worth copying: it becomes the
// flusher and writes the payload from where it is.
func (c *Conn) writeLarge(ctx context.Context, t MessageType, p []byte) error {
	if t == Text && !validUTF8(p) {
		return ErrNotUTF8
	}
	if _, err := c.admit(ctx, len(p), true); err != nil {
		return err
	}
	b, key, err := c.machine.AppendHeader(c.out.bytes(), frame.Opcode(t), len(p))
	c.out.set(b)
	if err != nil {
		err = c.refusal(err)
		c.mu.Unlock()
	} else {
		err = c.flush(ctx, p, key)
	}
	c.passOn()
	return err
}

// admit waits until a message of about n bytes may be appended to the outbox. It
// returns with mu held, unless there is an error. The caller is the flusher if it
// asked for that, or if the outbox was so full that it had to wait for its turn.
func (c *Conn) admit(ctx context.Context, n int, asFlusher bool) (flusher bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, interrupted("write", err)
	}
	for {
		c.mu.Lock()
		if s := c.out.stream; s != nil && !c.ended {
			c.mu.Unlock()
			select {
			case <-s.done:
			case <-c.doneChan():
			case <-ctx.Done():
				return false, interrupted("write", ctx.Err())
			}
			continue
		}
		if !asFlusher && !c.crowded(n) {
			return false, nil
		}
		if err := c.becomeFlusher(ctx); err != nil {
			return false, err
		}
		if c.out.stream == nil || c.ended {
			return true, nil
		}
		c.mu.Unlock()
		c.passOn()
	}
}

// crowded tells that n more bytes are too many for the batch that waits. mu must
// be held.
func (c *Conn) crowded(n int) bool {
	return c.out.flushing && c.out.waiting()+n > batchSize
}

// send appends what add appends and returns when it was written. mu is held on
// entry and released.
func (c *Conn) send(ctx context.Context, flusher bool, add func([]byte) ([]byte, error)) error {
	o := &c.out
	off := o.waiting()
	b, err := add(o.bytes())
	o.set(b)
	if err != nil {
		err = c.refusal(err)
		c.mu.Unlock()
		if flusher {
			c.passOn()
		}
		return err
	}
	if !flusher && o.flushing {
		w := o.queue(off, len(b))
		c.mu.Unlock()
		t, err := c.wait(ctx, w)
		if !t.flush {
			return err
		}
		c.mu.Lock()
	}
	o.flushing = true
	err = c.flush(ctx, nil, 0)
	c.passOn()
	return err
}

// post appends what add appends and has it written in the background.
func (c *Conn) post(t MessageType, p []byte, add func([]byte) ([]byte, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	switch n := o.size(); {
	case c.ended:
		return c.closedError()
	case o.broken != nil:
		return o.broken
	case n > 0 && n+len(p) > c.settings.maxQueue:
		return ErrQueueFull
	case o.stream != nil:
		return o.postpone(t, p)
	}
	b, err := add(o.bytes())
	o.set(b)
	if err != nil {
		return c.refusal(err)
	}
	if c.needsFlusher() {
		go c.flushAll()
	}
	return nil
}

// postpone keeps a message until the fragmented one under way is done.
func (o *outbox) postpone(t MessageType, p []byte) error {
	switch {
	case t != Text && t != Binary:
		return ErrMessageType
	case t == Text && !validUTF8(p):
		return ErrNotUTF8
	}
	o.later = append(o.later, Message{Type: t, Data: slices.Clone(p)})
	o.laterLen += len(p)
	return nil
}

// refusal returns what the caller is told when the machine refused a message with
// err. mu must be held.
func (c *Conn) refusal(err error) error {
	if errors.Is(err, proto.ErrClosing) {
		return c.closedError()
	}
	return err
}

func validUTF8(p []byte) bool {
	var v frame.UTF8
	return v.Write(p) && v.Complete()
}

// transmit writes batch and then tail, masked with key on a client, in pieces of
// at most batchSize bytes. Only the flusher calls it.
func (c *Conn) transmit(ctx context.Context, batch *buffer, tail []byte, key uint32) error {
	c.out.watch.use(ctx)
	var head []byte
	if batch != nil {
		head = batch.b
	}
	for len(head) > batchSize {
		if err := c.writeBytes(head[:batchSize]); err != nil {
			return err
		}
		head = head[batchSize:]
	}
	switch {
	case len(tail) == 0:
		return c.writeBytes(head)
	case c.masks || c.reading.raw == nil:
		return c.writeCopied(head, tail, key)
	default:
		return c.writeVectored(batch, head, tail)
	}
}

// writeCopied joins head and tail in a buffer, piece by piece: to mask it, and
// because each write on TLS becomes a record of its own.
func (c *Conn) writeCopied(head, tail []byte, key uint32) error {
	buf := newBuffer()
	defer buf.free()
	buf.b = append(buf.b, head...)
	for len(tail) > 0 {
		n := min(batchSize-len(buf.b), len(tail))
		off := len(buf.b)
		buf.b = append(buf.b, tail[:n]...)
		if c.masks {
			key = frame.Mask(buf.b[off:], key)
		}
		if err := c.writeBytes(buf.b); err != nil {
			return err
		}
		buf.b, tail = buf.b[:0], tail[n:]
	}
	return nil
}

// writeVectored writes head and the first piece of tail in one system call, and
// the rest of tail from where it is. batch lends the space for the vector.
func (c *Conn) writeVectored(batch *buffer, head, tail []byte) error {
	n := min(batchSize, len(tail))
	batch.pair = [2][]byte{head, tail[:n]}
	batch.vector = batch.pair[:]
	c.armWrite()
	_, err := batch.vector.WriteTo(c.conn)
	batch.pair, batch.vector = [2][]byte{}, nil
	for tail = tail[n:]; err == nil && len(tail) > 0; tail = tail[n:] {
		n = min(batchSize, len(tail))
		err = c.writeBytes(tail[:n])
	}
	return err
}

func (c *Conn) writeBytes(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	c.armWrite()
	_, err := c.conn.Write(b)
	return err
}

func (c *Conn) armWrite() {
	if c.settings.writeTimeout > 0 {
		c.out.watch.arm(c.settings.writeTimeout)
	}
}
