package websocket

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// Write sends p as one message in one frame, or if it is compressed and has more
// than 16 KiB in a frame for each 16 KiB. It returns when the network has taken
// it: the kernel, not yet the peer. Any number of goroutines may call it; messages
// of one goroutine arrive in the order they were written. p is neither kept nor
// changed.
//
// If ctx is done before p's turn has come, nothing is sent and the connection stays
// usable. If it is done while this call is writing, the connection is given up: the
// rest of a frame, or of the message, would be missing. If it is done while another
// call is writing p together with its own message, or after p was compressed with
// context takeover, the error is ctx's and the message arrives all the same.
// ErrMessageType and ErrNotUTF8 mean that nothing was sent. Any other error is
// a *CloseError, or a net.ErrClosed while the connection is closing.
//
// While a message of Writer is under way, Write waits for its end.
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	if len(p) > copyLimit {
		return c.writeLarge(ctx, t, p)
	}
	flusher, err := c.admit(ctx, len(p), false)
	if err != nil {
		return err
	}
	b, err := c.machine.AppendMessage(c.out.bytes(), frame.Opcode(t), p)
	return c.send(ctx, flusher, b, err)
}

// Post queues p as one message and returns at once; the message goes out in the
// background, in order with other messages posted, or with the next Write, or when the
// goroutine that reads has no more messages at hand. p is copied, and compressed at
// once if it is to be. ErrQueueFull means
// that MaxQueue bytes wait already and that nothing was queued: the caller decides
// what a peer deserves that reads so slowly. The other errors are those of Write.
// Any number of goroutines may call it.
func (c *Conn) Post(t MessageType, p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, err := c.admitPost(t, p); done {
		return err
	}
	b, err := c.machine.AppendMessage(c.out.bytes(), frame.Opcode(t), p)
	return c.post(b, err)
}

// writeLarge sends a message whose payload is not worth copying: it becomes the
// flusher and writes the payload from where it is. If the beginning of the message
// gets smaller by compression, the whole of it goes out compressed instead.
func (c *Conn) writeLarge(ctx context.Context, t MessageType, p []byte) error {
	if t == Text && !frame.ValidUTF8(p) {
		return ErrNotUTF8
	}
	if _, err := c.admit(ctx, len(p), true); err != nil {
		return err
	}
	op := frame.Opcode(t)
	if c.machine.DeflateBits(len(p)) > 0 {
		if b, ok, _ := c.machine.AppendSmaller(c.out.bytes(), op, p[:copyLimit], false); ok {
			return c.writeFragments(ctx, t, b, p[copyLimit:])
		}
	}
	b, key, err := c.machine.AppendHeader(c.out.bytes(), op, len(p))
	return c.sendLarge(ctx, b, p, key, err)
}

// sendLarge writes b, the outbox with the header of a frame, and tail behind it,
// masked with key on a client. err is what the machine said. The caller is the
// flusher and holds mu, which is released.
func (c *Conn) sendLarge(ctx context.Context, b, tail []byte, key uint32, err error) error {
	c.out.set(b)
	if err != nil {
		err = c.refusal(err)
		c.mu.Unlock()
	} else {
		err = c.flush(ctx, tail, key)
	}
	c.passOn()
	return err
}

// admit waits until a message of about n bytes may be appended to the outbox. It
// returns with mu held, unless there is an error. The caller is the flusher if it
// asked for that, or if the outbox was so full that it had to wait for its turn.
func (c *Conn) admit(ctx context.Context, n int, asFlusher bool) (flusher bool, err error) {
	if ctx.Err() != nil {
		return false, c.interrupted(ctx, "write")
	}
	for {
		c.mu.Lock()
		if s := c.out.stream; s != nil && !c.ended {
			c.mu.Unlock()
			select {
			case <-s.done:
			case <-c.doneChan():
			case <-ctx.Done():
				return false, c.interrupted(ctx, "write")
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

// send sees to it that b, the outbox with one more frame, is written, and returns
// when it was. err is what the machine said when the frame was appended. mu is held
// on entry and released.
func (c *Conn) send(ctx context.Context, flusher bool, b []byte, err error) error {
	o := &c.out
	off := o.waiting()
	o.set(b)
	if err != nil {
		err = c.refusal(err)
		c.mu.Unlock()
		if flusher {
			c.passOn()
		}
		return err
	}
	if !flusher && o.hasFlusher() {
		w := o.queue(off, len(b))
		c.mu.Unlock()
		t, err := c.wait(ctx, w)
		if !t.flush {
			return err
		}
		c.mu.Lock()
	}
	o.flushing, o.summoned = true, false
	err = c.flush(ctx, nil, 0)
	c.passOn()
	return err
}

// admitPost tells whether a message may be posted now. If not, it is done with:
// refused, or kept until the fragmented message under way ends. mu must be held.
func (c *Conn) admitPost(t MessageType, p []byte) (done bool, err error) {
	o := &c.out
	switch n := o.size(); {
	case c.machine.State() != proto.Open:
		return true, c.closedError()
	case o.broken != nil:
		return true, o.broken
	case n > 0 && n+len(p) > c.settings.maxQueue:
		return true, ErrQueueFull
	case o.stream != nil:
		return true, o.postpone(t, p)
	default:
		return false, nil
	}
}

// post sees to it that b, the outbox with one more frame, is written in the
// background. err is what the machine said when the frame was appended. mu must be
// held.
func (c *Conn) post(b []byte, err error) error {
	c.out.set(b)
	if err != nil {
		return c.refusal(err)
	}
	c.summonFlusher()
	return nil
}

// postpone keeps a message until the fragmented one under way is done.
func (o *outbox) postpone(t MessageType, p []byte) error {
	switch {
	case t != Text && t != Binary:
		return ErrMessageType
	case t == Text && !frame.ValidUTF8(p):
		return ErrNotUTF8
	}
	o.stream.later = append(o.stream.later, Message{Type: t, Data: slices.Clone(p)})
	o.stream.laterLen += len(p)
	return nil
}

// refusal returns what the caller is told when the machine refused a message with
// err. mu must be held.
func (c *Conn) refusal(err error) error {
	switch {
	case errors.Is(err, proto.ErrClosing):
		return c.closedError()
	case c.out.broken != nil: // and a message may be left in the middle
		return c.out.broken
	default:
		return err
	}
}

// transmit writes batch and then tail, masked with key on a client. Only the
// flusher calls it.
func (c *Conn) transmit(ctx context.Context, batch *buffer, tail []byte, key uint32) error {
	switch {
	case len(tail) == 0:
		return c.writePieces(ctx, batch.b)
	case c.masks || c.raw == nil:
		return c.writeCopied(ctx, batch, tail, key)
	default:
		return c.writeVectored(ctx, batch, tail)
	}
}

// writePieces writes b in pieces of at most batchSize bytes.
func (c *Conn) writePieces(ctx context.Context, b []byte) error {
	for len(b) > 0 {
		n := min(batchSize, len(b))
		if err := c.writeBytes(ctx, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// writeCopied writes batch, which has room, and tail in pieces that are copied: to
// mask them, and because each write on TLS becomes a record of its own.
func (c *Conn) writeCopied(ctx context.Context, batch *buffer, tail []byte, key uint32) error {
	for len(tail) > 0 {
		off := len(batch.b)
		n := min(max(batchSize-off, 0), len(tail))
		batch.b = append(batch.b, tail[:n]...)
		if c.masks {
			key = frame.Mask(batch.b[off:], key)
		}
		if err := c.writePieces(ctx, batch.b); err != nil {
			return err
		}
		batch.b, tail = batch.b[:0], tail[n:]
	}
	return nil
}

// writeVectored writes batch and the first piece of tail in one system call, and
// the rest of tail from where it is.
func (c *Conn) writeVectored(ctx context.Context, batch *buffer, tail []byte) error {
	n := min(batchSize, len(tail))
	batch.pair = [2][]byte{batch.b, tail[:n]}
	batch.vector = batch.pair[:]
	c.armWrite(ctx)
	_, err := batch.vector.WriteTo(c.conn)
	c.disarmWrite()
	batch.pair, batch.vector = [2][]byte{}, nil
	if err != nil {
		return err
	}
	return c.writePieces(ctx, tail[n:])
}

// writeBytes writes b. On a descriptor it tries at once, and arms a deadline only
// if the network has no room: most writes need neither a timer nor a context.
func (c *Conn) writeBytes(ctx context.Context, b []byte) error {
	if c.raw == nil {
		c.armWrite(ctx)
		_, err := c.conn.Write(b)
		c.disarmWrite()
		return err
	}
	o := &c.out
	o.rest, o.patient = b, false
	err := c.writeRaw()
	if err == nil && len(o.rest) > 0 {
		o.patient = true
		c.armWrite(ctx)
		err = c.writeRaw()
		c.disarmWrite()
	}
	o.rest = nil
	return err
}

func (c *Conn) writeRaw() error {
	o := &c.out
	o.errno = 0
	err := c.raw.Write(o.ready)
	if err == nil && o.errno != 0 {
		err = os.NewSyscallError("write", syscall.Errno(o.errno))
	}
	return err
}

// armWrite makes ctx and the write timeout interrupt the write that comes next.
func (c *Conn) armWrite(ctx context.Context) {
	c.out.watch.use(ctx, c.doneOf(ctx), c.conn)
	var deadline time.Time
	if t := c.settings.writeTimeout; t > 0 {
		deadline = time.Now().Add(t)
	}
	c.out.watch.arm(c.conn, deadline)
}

// disarmWrite takes the deadline back: one that passes later would fail writes that
// are not ours, such as those of TLS while it reads or closes.
func (c *Conn) disarmWrite() { c.out.watch.disarm(c.conn) }
