//go:build unix

package event

import (
	"net"
	"os"
	"syscall"
)

// readFD reads from a descriptor that does not block. The error is a bare
// syscall.Errno for EAGAIN.
func readFD(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, b)
		switch err {
		case nil, syscall.EAGAIN:
			return n, err
		case syscall.EINTR:
		default:
			return 0, os.NewSyscallError("read", err)
		}
	}
}

// rawConn returns the descriptor beneath conn if using it is the same as using conn: so
// it is for plain TCP and Unix sockets, and nil for everything else.
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
