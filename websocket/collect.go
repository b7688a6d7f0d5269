package websocket

import (
	"context"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// directSize is how many bytes of a message must be missing to read them straight to
// where the message is to stand. Fewer are cheaper to copy from a read buffer, which
// takes what comes behind them too.
const directSize = 4 << 10

// message is the message being read, or the one that is lent.
type message struct {
	kind   MessageType    // 0 between messages
	last   bool           // its last piece was received
	lend   bool           // it is for Next
	lent   bool           // bytes is what Next returned
	memory memory         // what bytes are in
	bytes  []byte         // what was received and not handed out
	reader *messageReader // nil if it is collected
}

// memory tells whose the bytes of a message are.
type memory uint8

const (
	inPlace  memory = iota // the read buffer, or the machine
	pooled                 // a block of the pool
	borrowed               // the buffer that the caller of ReadInto passed
	given                  // a slice that whoever gets the message will own
)

// beginMessage makes the caller the one who reads a message, to be lent or to be
// copied to buf, which is empty. A message that an interrupted read has left goes on.
func (c *Conn) beginMessage(ctx context.Context, buf []byte, lend bool) error {
	if err := c.beginRead(ctx); err != nil {
		return err
	}
	m := &c.reading.message
	if m.reader != nil {
		if err := c.leaveReader(ctx); err != nil {
			c.endRead()
			return err
		}
	}
	m.lend = lend
	if cap(buf) > 0 && cap(buf) >= len(m.bytes) {
		buf = append(buf, m.bytes...)
		m.free()
		m.bytes, m.memory = buf, borrowed
	}
	return nil
}

// readMessage collects the message that was begun until it is whole, and returns it.
// Its frame is small because a goroutine that waits has it on its stack.
func (c *Conn) readMessage(ctx context.Context) (MessageType, []byte, error) {
	m := &c.reading.message
	for !m.last {
		if len(m.bytes) > 0 && c.machine.Need() >= directSize && c.machine.Buffered() == 0 {
			if err := c.readDirect(ctx); err != nil {
				return c.interruptMessage(err)
			}
			continue
		}
		p, err := c.piece(ctx)
		if err != nil {
			return c.interruptMessage(err)
		}
		m.add(p, c.machine.Need())
	}
	return c.handOut()
}

// handOut returns the message, which is whole, and lets others read.
func (c *Conn) handOut() (MessageType, []byte, error) {
	m := &c.reading.message
	t, p, held := m.kind, slices.Clip(m.bytes), false
	switch {
	case m.lend:
		held = m.memory == inPlace
		m.kind, m.last, m.lent = 0, false, true
	case m.memory == pooled:
		p = append([]byte{}, p...)
		m.free()
		fallthrough
	default:
		*m = message{}
	}
	if !held && c.machine.Buffered() == 0 {
		c.reading.release() // the application may take its time now
	}
	c.endRead()
	return t, p, nil
}

// interruptMessage returns err, with which a piece of the message was awaited, and lets
// others read. The caller of ReadInto has its buffer back.
func (c *Conn) interruptMessage(err error) (MessageType, []byte, error) {
	if m := &c.reading.message; m.memory == borrowed {
		m.bytes, m.memory = append([]byte(nil), m.bytes...), given
	}
	c.endRead()
	return 0, nil, err
}

// readDirect reads in the middle of a frame, straight to where the message is to
// stand.
func (c *Conn) readDirect(ctx context.Context) error {
	m, need := &c.reading.message, c.machine.Need()
	if cap(m.bytes) == len(m.bytes) {
		m.grow(len(m.bytes), need)
	}
	c.flushBeforeWaiting()
	room := min(int64(cap(m.bytes)-len(m.bytes)), need, 1<<30)
	n, err := c.fill(ctx, int(room))
	if err != nil {
		return err
	}
	if _, err := c.piece(ctx); err != nil {
		return err
	}
	m.bytes = m.bytes[:len(m.bytes)+n]
	return nil
}

// add appends a piece of the message, behind which the current frame has need bytes
// more. A message that lies whole in the read buffer and is to be lent stays there.
func (m *message) add(p []byte, need int64) {
	switch {
	case m.last && m.lend && len(m.bytes) == 0:
		m.bytes, m.memory = p, inPlace
		return
	case m.last && m.bytes == nil:
		m.bytes, m.memory = append([]byte{}, p...), given
		return
	case cap(m.bytes)-len(m.bytes) < len(p):
		m.grow(len(m.bytes)+len(p), need)
	}
	m.bytes = append(m.bytes, p...)
}

// grow gives the message room: have bytes of it were received, and need more are
// known to come. A peer gets no memory for bytes it only promised, but four times of
// what it sent.
//
// What is not the whole message yet is collected in blocks of the pool. A slice for
// good is allocated only once the rest of a large frame may have its room.
func (m *message) grow(have int, need int64) {
	old, most := *m, 4*(have+frame.MaxHeaderLen)
	total, whole := most, need <= int64(most-have)
	if whole {
		total = have + int(need)
	}
	m.bytes = nil
	if m.lend || !whole || need < int64(have) {
		m.bytes, m.memory = takeBlock(total, most), pooled
	}
	if m.bytes == nil {
		// More frames may follow this one: the next room is twice the last one.
		total = max(total, min(most, 2*cap(old.bytes)))
		m.bytes, m.memory = make([]byte, 0, total), given
	}
	m.bytes = append(m.bytes, old.bytes...)
	old.free()
}

// expire ends the loan of the message.
func (m *message) expire() {
	if m.lent {
		poison(m.bytes)
		m.free()
		*m = message{}
	}
}

// free gives the bytes back if they are of the pool.
func (m *message) free() {
	if m.memory == pooled {
		freeBlock(m.bytes)
	}
}
