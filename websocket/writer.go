package websocket

import (
	"context"
	"errors"
	"io"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// Writer begins a message of unknown length and returns where to write it. What is
// written goes out in fragments of 16 KiB (RFC 6455 §5.4), the rest of it when the
// writer is closed; a message of up to 16 KiB is one frame. Whether the message is
// compressed is decided with the first fragment; a peer can inflate each one as
// soon as it has come. ctx covers the whole message: if it is done after a fragment
// was sent, the connection is given up.
//
// Messages of others wait until the writer is closed; pings, pongs and close
// frames do not. A writer that is never closed blocks them for ever. The writer
// itself may be used by one goroutine at a time.
func (c *Conn) Writer(ctx context.Context, t MessageType) (io.WriteCloser, error) {
	if t != Text && t != Binary {
		return nil, ErrMessageType
	}
	flusher, err := c.admit(ctx, 0, false)
	if err != nil {
		return nil, err
	}
	if flusher { // the outbox was full
		defer c.passOn()
	}
	defer c.mu.Unlock()
	if c.machine.State() != proto.Open {
		return nil, c.closedError()
	}
	return c.stream(ctx, t), nil
}

// stream begins a fragmented message. mu must be held, and no other be under way.
func (c *Conn) stream(ctx context.Context, t MessageType) *messageWriter {
	w := &messageWriter{c: c, ctx: ctx, kind: t, done: make(chan struct{})}
	c.out.stream = w
	return w
}

// writeFragments goes on with a message whose first fragment is the last in b, the
// outbox, and has p behind it. The caller is the flusher and holds mu, which is
// released.
func (c *Conn) writeFragments(ctx context.Context, t MessageType, b, p []byte) error {
	w := c.stream(ctx, t)
	w.begun = true
	c.out.set(b)
	err := c.flush(ctx, nil, 0)
	c.passOn()
	for err == nil && len(p) > 0 {
		n := min(copyLimit, len(p))
		err = w.sendFragment(p[:n], n == len(p))
		p = p[n:]
	}
	if err != nil {
		return w.giveUp(err)
	}
	w.finish(ErrMessageDone)
	return nil
}

// A messageWriter writes one message in fragments.
type messageWriter struct {
	c      *Conn
	ctx    context.Context //nolint:containedctx // io.Writer has no room for it
	kind   MessageType
	buf    *buffer
	begun  bool          // a fragment that is not the last was sent
	closed error         // what Write says once the message is over
	done   chan struct{} // closed when the message is over

	// Guarded by Conn.mu.
	later    []Message // posted meanwhile
	laterLen int       // bytes in later
}

// Write adds p to the message, as io.Writer says. p is not kept.
func (w *messageWriter) Write(p []byte) (int, error) {
	if w.closed != nil {
		return 0, w.closed
	}
	if w.buf == nil {
		w.buf = newBuffer()
	}
	for n := 0; ; {
		k := min(copyLimit-len(w.buf.b), len(p)-n)
		w.buf.b = append(w.buf.b, p[n:n+k]...)
		n += k
		if n == len(p) {
			return n, nil
		}
		if err := w.send(false); err != nil {
			return n, err
		}
	}
}

// Close sends the rest of the message and ends it. Closing twice is an error.
func (w *messageWriter) Close() error {
	if w.closed != nil {
		return w.closed
	}
	if err := w.send(true); err != nil {
		return err
	}
	w.finish(ErrMessageDone)
	return nil
}

// send sends what is in the buffer as one fragment.
func (w *messageWriter) send(fin bool) error {
	var p []byte
	if w.buf != nil {
		p = w.buf.b
	}
	if err := w.sendFragment(p, fin); err != nil {
		return w.giveUp(err)
	}
	if w.buf != nil {
		w.buf.b = w.buf.b[:0]
	}
	return nil
}

// giveUp ends the message because of err. If a part of it was sent, the connection
// cannot carry another and is given up too.
func (w *messageWriter) giveUp(err error) error {
	var ended *CloseError
	if w.begun && !errors.Is(err, errClosing) && !errors.As(err, &ended) {
		err = w.c.fail(err, nil)
	}
	w.finish(err)
	return err
}

// finish lets other messages pass.
func (w *messageWriter) finish(err error) {
	w.closed = err
	w.buf.free()
	w.buf = nil
	c, o := w.c, &w.c.out
	c.mu.Lock()
	defer c.mu.Unlock()
	o.stream = nil
	close(w.done)
	for _, m := range w.later {
		b, _ := c.machine.AppendMessage(o.bytes(), frame.Opcode(m.Type), m.Data)
		o.set(b)
	}
	if c.needsFlusher() {
		go c.flushAll()
	}
}

// sendFragment sends p as one frame of the message.
func (w *messageWriter) sendFragment(p []byte, fin bool) error {
	c, ctx := w.c, w.ctx
	if ctx.Err() != nil {
		return c.interrupted(ctx, "write")
	}
	c.mu.Lock()
	flusher := c.crowded(len(p))
	if flusher {
		if err := c.becomeFlusher(ctx); err != nil {
			return err
		}
	}
	b, err := c.machine.AppendFragment(c.out.bytes(), frame.Opcode(w.kind), p, fin)
	if err == nil && !fin {
		w.begun = true
	}
	return c.send(ctx, flusher, b, err)
}
