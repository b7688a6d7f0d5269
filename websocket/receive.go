package websocket

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/duplexhq/duplex/websocket/frame"
)

// readSide is what the reading goroutine owns. It holds no buffer while it waits
// for a peer that is idle:
//
//   - On a TCP or Unix socket it waits inside RawConn.Read and takes a buffer
//     only when the descriptor has something.
//   - On everything else, TLS above all, it waits with room for one frame header
//     and takes a buffer when the header shows that more follows. It must not
//     wait on the descriptor beneath TLS, which may already have handed over the
//     records that TLS still holds.
//
// A goroutine that waits also has a stack, 2 KiB if nothing on its way ever needed
// more. So the way from Read to the system call is short, its frames are small,
// and memory is allocated near its upper end.
type readSide struct {
	watch   watch
	message message

	buf  *readBuffer               // holds bytes lent to the machine, nil if none
	idle *[frame.MaxHeaderLen]byte // where an idle peer is awaited without raw

	ready   func(fd uintptr) bool // readReady, made once
	errno   int32                 // the syscall.Errno of what went wrong there, 0 if nothing
	n       int32                 // how many bytes came, or noBuffer
	direct  int32                 // how many to put behind the message's bytes; 0: use buf
	replied bool                  // answers were appended to the outbox
}

// noBuffer says that there are bytes to read and no buffer in the pool.
const noBuffer = -1

// fill waits for bytes and lends them to the machine: at most direct bytes that land
// behind those of the message, which has room for them, or any number in a buffer
// if direct is 0. It returns how many there are.
func (c *Conn) fill(ctx context.Context, direct int) (int, error) {
	s := &c.reading
	s.direct = int32(direct)
	s.watch.use(ctx, c.doneOf(ctx), c.conn)
	s.release()
	c.machine.Receive(nil) // even empty, what it was lent would be kept from the collector
	for {
		c.activity.Add(1)
		var n int
		var err error
		if c.raw != nil {
			n, err = c.receiveRaw()
		} else {
			n, err = c.receive()
		}
		c.activity.Add(1)
		if n > 0 {
			c.note(heard)
			return n, nil
		}
		if err != nil {
			return 0, c.receiveFailed(ctx, err)
		}
	}
}

// receiveRaw reads from the descriptor. It may return 0 and no error: try again.
func (c *Conn) receiveRaw() (int, error) {
	s := &c.reading
	s.n, s.errno = 0, 0
	if err := c.raw.Read(s.ready); err != nil {
		return 0, err
	}
	switch {
	case s.n > 0:
		c.machine.Receive(s.room()[:s.n])
		return int(s.n), nil
	case s.n == noBuffer:
		s.buf = new(readBuffer)
		return 0, nil
	case s.errno != 0:
		return 0, os.NewSyscallError("read", syscall.Errno(s.errno))
	default:
		return 0, io.EOF
	}
}

// receive reads from a transport that is no plain socket.
func (c *Conn) receive() (int, error) {
	s := &c.reading
	var into []byte
	switch {
	case s.direct > 0:
		into = s.room()
	case !c.machine.AtBoundary():
		if s.buf = takeReadBuffer(); s.buf == nil {
			s.buf = new(readBuffer)
		}
		into = s.buf[:]
	default:
		if s.idle == nil {
			s.idle = new([frame.MaxHeaderLen]byte)
		}
		into = s.idle[:]
	}
	n, err := c.conn.Read(into)
	if n > 0 {
		c.machine.Receive(into[:n])
		return n, nil
	}
	s.release()
	return 0, err
}

// receiveFailed decides what a failed read means: that ctx is done, after which
// another read may follow, or that the connection is over.
func (c *Conn) receiveFailed(ctx context.Context, err error) error {
	if isTimeout(err) && ctx.Err() != nil {
		c.note(starved)
		return c.interrupted(ctx, "read")
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return c.finish(c.machine.EOF(err))
}

// room returns where bytes are to land.
func (s *readSide) room() []byte {
	if s.direct > 0 {
		end := len(s.message.bytes)
		return s.message.bytes[end : end+int(s.direct)]
	}
	return s.buf[:]
}

// release gives the buffer back. All that was lent to the machine is parsed.
func (s *readSide) release() {
	if s.buf != nil {
		readBuffers.Put(s.buf)
		s.buf = nil
	}
}

// disown leaves what is lent to the application to the collector: another goroutine
// closes the connection, maybe while the application is at its message.
func (s *readSide) disown() {
	if s.message.lent {
		s.message, s.buf, s.idle = message{}, nil, nil
	}
}
