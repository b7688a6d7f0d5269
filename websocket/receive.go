package websocket

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
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
type readSide struct {
	conn    net.Conn
	machine *proto.Machine
	watch   watch
	message message

	buf  *readBuffer // holds bytes lent to the machine, nil if none
	into []byte      // where the next bytes land; nil: in a fresh buf

	raw   syscall.RawConn // nil if waiting on the descriptor will not do
	ready func(fd uintptr) bool
	n     int // what the last call of ready read
	err   error
	idle  [frame.MaxHeaderLen]byte

	replied bool // answers were appended to the outbox
}

func (s *readSide) init(c *Conn) {
	s.conn, s.machine = c.conn, &c.machine
	s.watch.conn = c.conn
	if s.raw = rawConn(c.conn); s.raw != nil {
		s.ready = s.readReady
	}
}

// receive reads once and lends what came to the machine.
func (s *readSide) receive(into []byte) (int, error) {
	s.release()
	s.into = into
	if s.raw != nil {
		return s.receiveReady()
	}
	b := into
	switch {
	case b != nil:
	case s.machine.AtBoundary():
		b = s.idle[:]
	default:
		b = s.take()
	}
	n, err := s.conn.Read(b)
	if n > 0 {
		s.machine.Receive(b[:n])
		return n, nil
	}
	s.release()
	return 0, err
}

// receiveReady is receive on a descriptor.
func (s *readSide) receiveReady() (int, error) {
	s.n, s.err = 0, nil
	if err := s.raw.Read(s.ready); err != nil {
		return 0, err
	}
	if s.n <= 0 {
		s.release()
		if s.err == nil {
			return 0, io.EOF
		}
		return 0, os.NewSyscallError("read", s.err)
	}
	b := s.into
	if b == nil {
		b = s.buf[:]
	}
	s.machine.Receive(b[:s.n])
	return s.n, nil
}

// take takes a buffer from the pool and returns it whole.
func (s *readSide) take() []byte {
	s.buf, _ = readBuffers.Get().(*readBuffer)
	return s.buf[:]
}

// release gives the buffer back. All that was lent to the machine is parsed.
func (s *readSide) release() {
	if s.buf != nil {
		readBuffers.Put(s.buf)
		s.buf = nil
	}
}
