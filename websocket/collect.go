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
	lent   bool           // bytes is what Next returned
	memory memory         // what bytes are in
	bytes  []byte         // what was received and not handed out
	reader *messageReader // nil if Read or Next collects it
}

// memory tells whose the bytes of a message are.
type memory uint8

const (
	inPlace memory = iota // the read buffer, or the machine
	pooled                // a block of the pool
	given                 // whoever gets the message
)

// A handing tells how a message is handed out.
type handing bool

const (
	copied handing = false // to memory of the caller
	lent   handing = true  // where it is
)

// readMessage returns the next message, lent or copied to buf, which is empty.
func (c *Conn) readMessage(ctx context.Context, buf []byte, how handing) (t MessageType, p []byte, err error) {
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
	if len(m.bytes) > 0 {
		m.moveTo(buf) // what a read that was interrupted has left
	}
	if err := c.collect(ctx, buf, how); err != nil {
		m.leave(buf)
		return 0, nil, err
	}
	t, p = m.kind, m.bytes
	if how == copied {
		p = m.copyTo(buf)
	} else {
		m.kind, m.last, m.lent = 0, false, true
	}
	if c.machine.Buffered() == 0 && !(m.lent && m.memory == inPlace) {
		c.reading.release() // the application may take its time now
	}
	return t, p, nil
}

// collect receives the pieces of a message until it is whole. One that is whole
// in the read buffer stays there.
func (c *Conn) collect(ctx context.Context, buf []byte, how handing) error {
	m := &c.reading.message
	for !m.last {
		if len(m.bytes) > 0 && c.machine.Need() >= directSize && c.machine.Buffered() == 0 {
			if err := c.readDirect(ctx, how); err != nil {
				return err
			}
			continue
		}
		p, err := c.piece(ctx)
		if err != nil {
			return err
		}
		if len(m.bytes) == 0 {
			if m.last {
				m.bytes, m.memory = p, inPlace
				return nil
			}
			if cap(buf) > 0 {
				m.bytes, m.memory = buf, given
			}
		}
		if cap(m.bytes)-len(m.bytes) < len(p) {
			m.grow(len(m.bytes)+len(p), c.machine.Need(), how)
		}
		m.bytes = append(m.bytes, p...)
	}
	return nil
}

// readDirect reads in the middle of a frame, straight to where the message is to
// stand.
func (c *Conn) readDirect(ctx context.Context, how handing) error {
	m, need := &c.reading.message, c.machine.Need()
	if cap(m.bytes) == len(m.bytes) {
		m.grow(len(m.bytes), need, how)
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

// grow gives the message room: have bytes of it were received, and need more are
// known to come. A peer gets no memory for bytes it only promised, but four times of
// what it sent.
//
// What is not the whole message yet is collected in blocks of the pool. A slice for
// good is allocated only once the rest of a large frame may have its room.
func (m *message) grow(have int, need int64, how handing) {
	old, most := *m, 4*(have+frame.MaxHeaderLen)
	total, whole := most, need <= int64(most-have)
	if whole {
		total = have + int(need)
	}
	m.bytes = nil
	if how == lent || !whole || need < int64(have) {
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

// copyTo ends the message and returns it in buf if it fits, or in a slice of its own.
func (m *message) copyTo(buf []byte) []byte {
	old := *m
	*m = message{}
	if old.memory == given {
		return old.bytes
	}
	p := append(buf, old.bytes...)
	old.free()
	return p
}

// moveTo makes the message stand in buf, if there is room for what was received.
func (m *message) moveTo(buf []byte) {
	if cap(buf) < len(m.bytes) {
		return
	}
	old := *m
	m.bytes, m.memory = append(buf, old.bytes...), given
	old.free()
}

// leave makes the message leave buf, whose owner has it back as the read was
// interrupted.
func (m *message) leave(buf []byte) {
	if len(m.bytes) > 0 && cap(buf) > 0 && &m.bytes[0] == &buf[:1][0] {
		m.bytes = slices.Clone(m.bytes)
	}
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
