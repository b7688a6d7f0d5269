package websocket

import (
	"context"
	"sync/atomic"

	"github.com/duplexhq/duplex/websocket/proto"
)

// pongBacklog is how many pongs may wait for the network. Of further ones only
// the newest is kept, as RFC 6455 §5.5.3 allows: a peer that pings without reading
// cannot make us hoard answers.
const pongBacklog = 16

// An outbox holds the frames that wait for the network and knows who brings them
// there. It is guarded by Conn.mu.
//
// There is at most one flusher. Whoever appends a frame while there is none
// becomes it, takes the whole batch and writes it with mu released; whoever
// appends meanwhile waits. When the flusher is done it hands its office to the
// first who waits, whose batch then holds the frames of all others who came in
// between: many frames leave in one system call, and nobody flushes for long.
// Bytes that nobody waits for (pongs, Post, close frames) are flushed by a
// goroutine that is summoned for them. Until it begins, everybody else may take its
// place who can write at once: a Write, and the reader before it waits for the peer.
// So what is posted while the reader has messages to hand out leaves in one system
// call, and no later than the goroutine gets to run.
type outbox struct {
	buf      *buffer // frames appended since the last batch was taken, nil if none
	inflight int     // bytes of the batch being written
	first    *waiter // those who wait, in the order they came
	last     *waiter
	free     atomic.Pointer[waiter] // kept for reuse while there is a flusher
	flushing bool                   // there is a flusher
	summoned bool                   // it is a goroutine that has not begun yet
	starting bool                   // there is such a goroutine, maybe for nothing
	patient  bool                   // writeReady waits for room instead of giving up
	pongs    uint8                  // in buf
	errno    int16                  // the flusher's: the syscall.Errno of what went wrong, 0 if nothing
	lastPong *buffer                // of those beyond pongBacklog
	stream   *messageWriter         // the fragmented message under way
	broken   *CloseError            // what the transport said when a write failed

	// What follows belongs to the flusher.

	watch   watch
	ready   func(fd uintptr) bool // writeReady, made once
	flusher func()                // flushSummoned, made once
	rest    []byte                // what it is to write
}

// A waiter is a goroutine that waits for its frame to be written or for its turn
// to flush.
type waiter struct {
	turn     chan turn // capacity 1
	state    waiterState
	off, end int // its frame in outbox.buf; end is 0 if it appended none
	next     *waiter
}

type waiterState uint8

const (
	queued   waiterState = iota // in the list
	inFlight                    // its frame is being written
	chosen                      // it is the flusher now
)

// A turn is what a waiter is told.
type turn struct {
	flush bool // it is the flusher now
	err   error
}

// size returns how many bytes wait or are being written.
func (o *outbox) size() int {
	n := o.waiting() + o.inflight
	if o.stream != nil {
		n += o.stream.laterLen
	}
	return n
}

// waiting returns how many bytes wait in buf.
func (o *outbox) waiting() int {
	if o.buf == nil {
		return 0
	}
	return len(o.buf.b)
}

// bytes returns what to append frames to; set takes it back.
func (o *outbox) bytes() []byte {
	if o.buf == nil {
		o.buf = newBuffer()
	}
	return o.buf.b
}

func (o *outbox) set(b []byte) {
	o.buf.b = b
	if len(b) == 0 {
		o.buf.free()
		o.buf = nil
	}
}

// queue adds a waiter whose frame is buf[off:end].
func (o *outbox) queue(off, end int) *waiter {
	w := o.newWaiter()
	w.state, w.off, w.end, w.next = queued, off, end, nil
	if o.last == nil {
		o.first = w
	} else {
		o.last.next = w
	}
	o.last = w
	return w
}

// newWaiter returns a waiter that is free, or a new one. They are kept here and not
// in a pool of the whole program, as a channel may not be shared by the bubbles of
// testing/synctest. mu must be held.
func (o *outbox) newWaiter() *waiter {
	for w := o.free.Load(); w != nil; w = o.free.Load() {
		if o.free.CompareAndSwap(w, w.next) {
			return w
		}
	}
	return &waiter{turn: make(chan turn, 1)}
}

// freeWaiter keeps w for reuse. It needs no lock: only newWaiter takes waiters out,
// so that w.next stays true until the swap.
func (o *outbox) freeWaiter(w *waiter) {
	for {
		w.next = o.free.Load()
		if o.free.CompareAndSwap(w.next, w) {
			return
		}
	}
}

// remove takes w out of the list.
func (o *outbox) remove(w *waiter) {
	var before *waiter
	for x := o.first; x != w; x = x.next {
		before = x
	}
	if before == nil {
		o.first = w.next
	} else {
		before.next = w.next
	}
	if o.last == w {
		o.last = before
	}
}

// cut takes w's frame out of buf.
func (o *outbox) cut(w *waiter) {
	n := w.end - w.off
	if w.end == 0 || n == 0 {
		return
	}
	b := o.buf.b
	o.set(append(b[:w.off], b[w.end:]...))
	for x := o.first; x != nil; x = x.next {
		if x.end > w.end {
			x.off, x.end = x.off-n, x.end-n
		}
	}
}

// takeBatch takes the frames that wait and the waiters whose frames these are.
// Waiters without a frame stay.
func (o *outbox) takeBatch() (*buffer, *waiter) {
	var taken, kept, takenLast, keptLast *waiter
	for w := o.first; w != nil; {
		next := w.next
		w.next = nil
		if w.end > 0 {
			w.state = inFlight
			taken, takenLast = appendWaiter(taken, takenLast, w)
		} else {
			kept, keptLast = appendWaiter(kept, keptLast, w)
		}
		w = next
	}
	o.first, o.last = kept, keptLast
	b := o.buf
	o.buf, o.pongs = nil, 0
	if b != nil {
		o.inflight = len(b.b)
	}
	return b, taken
}

func appendWaiter(first, last, w *waiter) (newFirst, newLast *waiter) {
	if last == nil {
		return w, w
	}
	last.next = w
	return first, w
}

// tell tells w and those behind it that their frames were written, or what went wrong.
func (w *waiter) tell(err error) {
	for w != nil {
		next := w.next
		w.turn <- turn{err: err}
		w = next
	}
}

// takeBack takes w's frame out of the outbox if it can still be done without. If not
// it goes out with what comes next. mu must be held.
func (c *Conn) takeBack(w *waiter) {
	if w.end > 0 && c.machine.Retractable(c.out.buf.b[w.off:w.end]) {
		c.out.cut(w)
	}
}

// wait waits for w's turn. If ctx is done first and w's frame has not been taken
// by a flusher, the frame is taken back and nothing of it will be sent.
func (c *Conn) wait(ctx context.Context, w *waiter) (turn, error) {
	select {
	case t := <-w.turn:
		c.out.freeWaiter(w)
		return t, t.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	switch w.state {
	case queued:
		c.out.remove(w)
		c.takeBack(w)
		c.out.freeWaiter(w)
		c.mu.Unlock()
	case chosen:
		<-w.turn
		c.takeBack(w)
		c.out.freeWaiter(w)
		c.mu.Unlock()
		c.passOn()
	case inFlight:
		// The frame is on its way and will arrive whole. The flusher still
		// holds w, so it does not go back to the pool.
		c.mu.Unlock()
	}
	return turn{}, c.interrupted(ctx, "write")
}

// flush writes what waits, and tail after it, which may be nil: payload that was
// not worth copying, whose header waits, and that is to be masked with key on a
// client. The caller is the flusher and holds mu, which flush releases.
func (c *Conn) flush(ctx context.Context, tail []byte, key uint32) error {
	batch, told := c.out.takeBatch()
	c.out.inflight += len(tail)
	broken := c.out.broken
	c.mu.Unlock()

	var err error
	switch {
	case broken != nil:
		err = broken
	case batch != nil:
		if len(tail) == 0 && len(batch.b) <= batchSize {
			err = c.writeBytes(ctx, batch.b)
		} else {
			err = c.transmit(ctx, batch, tail, key)
		}
	}
	batch.free()
	if err != nil && broken == nil {
		err = c.writeFailed(ctx, err)
	}
	told.tell(err)
	return err
}

// passOn ends the caller's time as the flusher: the first waiter takes over, or a
// goroutine if there are only bytes.
func (c *Conn) passOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leave() {
		c.out.flushing = false
		c.summonFlusher()
	}
}

// leave ends the caller's time as the flusher, unless bytes wait and nobody who
// could take over: then it returns true and the caller goes on. mu must be held.
func (c *Conn) leave() bool {
	o := &c.out
	o.inflight = 0
	if o.lastPong != nil {
		b, _ := c.machine.AppendPong(o.bytes(), o.lastPong.b)
		o.set(b)
		o.lastPong.free()
		o.lastPong = nil
	}
	switch w := o.first; {
	case w != nil:
		o.remove(w)
		w.state = chosen
		w.turn <- turn{flush: true}
	case o.buf != nil:
		return true
	default:
		o.flushing = false
		o.free.Store(nil)
		if c.ended {
			o.watch.drop(c.conn)
		}
	}
	return false
}

// flushAll is the flusher of bytes nobody waits for.
func (c *Conn) flushAll() {
	c.mu.Lock()
	for more := true; more; more = c.leave() {
		_ = c.flush(context.Background(), nil, 0)
		c.mu.Lock()
	}
	c.mu.Unlock()
}

// summonFlusher sees to it that a goroutine becomes the flusher if bytes wait and
// nobody brings them to the network. mu must be held.
func (c *Conn) summonFlusher() {
	o := &c.out
	if o.flushing || o.buf == nil {
		return
	}
	o.flushing, o.summoned = true, true
	if !o.starting {
		o.starting = true
		go o.flusher()
	}
}

// flushSummoned is the goroutine that was summoned, unless another has taken its
// place.
func (c *Conn) flushSummoned() {
	c.mu.Lock()
	mine := c.out.summoned
	c.out.starting, c.out.summoned = false, false
	c.mu.Unlock()
	if mine {
		c.flushAll()
	}
}

// needsFlusher tells whether bytes wait and nobody brings them to the network yet,
// and if so makes the caller the flusher. mu must be held.
func (c *Conn) needsFlusher() bool {
	if c.out.buf == nil || c.out.hasFlusher() {
		return false
	}
	c.out.flushing, c.out.summoned = true, false
	return true
}

// hasFlusher tells that there is a flusher whose place nobody can take.
func (o *outbox) hasFlusher() bool { return o.flushing && !o.summoned }

// becomeFlusher waits until the caller is the flusher. mu is held on entry, and on
// return if there is no error.
func (c *Conn) becomeFlusher(ctx context.Context) error {
	if !c.out.hasFlusher() {
		c.out.flushing, c.out.summoned = true, false
		return nil
	}
	w := c.out.queue(0, 0)
	c.mu.Unlock()
	if _, err := c.wait(ctx, w); err != nil {
		return err
	}
	c.mu.Lock()
	return nil
}

// writeFailed decides what a failed write means. A write cut off leaves half a
// frame behind, and the connection is over. When the transport itself failed, the
// reader finds out too, but after what the peer sent before, which may say why.
func (c *Conn) writeFailed(ctx context.Context, err error) error {
	cut := isTimeout(err)
	switch {
	case cut && ctx.Err() != nil:
		err = interrupted("write", ctx.Err())
	case cut:
		err = errWriteTimeout
	}
	c.mu.Lock()
	state := c.machine.State()
	if cut && (state == proto.Open || state == proto.Closing) {
		c.mu.Unlock()
		return c.fail(err, nil)
	}
	defer c.mu.Unlock()
	if cut {
		c.drop() // the reader is ending the connection and needs it no longer
	}
	if c.ended {
		return c.machine.Ending()
	}
	c.out.broken = &CloseError{Cause: err}
	return c.out.broken
}
