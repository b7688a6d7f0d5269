//go:build unix

package websocket

import (
	"net"
	"syscall"
)

// readReady reads from fd, and returns false to be called again once there is
// something to read. It really reads instead of only waiting: waiting alone would
// miss bytes that came before the wait began, because readiness is told once.
func (s *readSide) readReady(fd uintptr) bool {
	if s.direct == 0 && s.buf == nil {
		if s.buf = takeReadBuffer(); s.buf == nil {
			s.n = noBuffer
			return true
		}
	}
	n, err := syscall.Read(int(fd), s.room())
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), s.room())
	}
	if err == syscall.EAGAIN {
		s.release()
		return false
	}
	s.n = int32(max(n, 0))
	s.errno = errno(err)
	return true
}

// writeReady writes o.rest to fd, as much as there is room for. If that is not all
// and it is to be patient, it returns false to be called again once there is more.
func (o *outbox) writeReady(fd uintptr) bool {
	for len(o.rest) > 0 {
		n, err := syscall.Write(int(fd), o.rest)
		switch {
		case n > 0:
			o.rest = o.rest[n:]
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return !o.patient
		default:
			o.errno = int16(errno(err))
			return true
		}
	}
	return true
}

// errno returns the number of an error of package syscall, 0 if there is none.
func errno(err error) int32 {
	n, _ := err.(syscall.Errno) //nolint:errorlint // package syscall wraps nothing
	return int32(n)
}

// rawConn returns the descriptor beneath conn if using it is the same as using
// conn: so it is for plain TCP and Unix sockets, and nil for everything else.
func rawConn(conn net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	switch t := conn.(type) {
	case *net.TCPConn:
		raw, _ = t.SyscallConn()
	case *net.UnixConn:
		raw, _ = t.SyscallConn()
	}
	return raw
}
