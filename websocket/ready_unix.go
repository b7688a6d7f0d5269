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
	b := s.into
	if b == nil {
		b = s.take()
	}
	for {
		s.n, s.err = syscall.Read(int(fd), b)
		switch s.err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			s.release()
			return false
		}
		return true
	}
}

// rawConn returns the descriptor beneath conn if waiting on it is the same as
// waiting for bytes of conn: so it is for plain TCP and Unix sockets, and nil for
// everything else.
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
