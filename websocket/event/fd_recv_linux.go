//go:build !386

package event

import (
	"os"
	"syscall"
	"unsafe"
)

// tcpINQ is TCP_INQ of linux/tcp.h: a socket option, and the type of the control message
// that it has recvmsg add.
const tcpINQ = 36

// tellsRest asks a TCP socket to tell with each read whether that was all. It returns
// false if it does not.
func tellsRest(fd int) bool {
	return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpINQ, 1) == nil
}

// A tally is the control message: how many bytes are left to read. It is 1 at least
// if the peer has ended its direction.
type tally struct {
	header syscall.Cmsghdr
	bytes  int32
	_      [4]byte
}

// readRest is readFD for a socket for which tellsRest was called. It also tells whether
// there is more to read, be it the end.
func readRest(fd int, b []byte) (n int, more bool, err error) {
	for {
		var left tally
		iov := syscall.Iovec{Base: unsafe.SliceData(b)}
		iov.SetLen(len(b))
		m := syscall.Msghdr{Iov: &iov, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&left))}
		m.SetControllen(int(unsafe.Sizeof(left)))
		n, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), 0)
		switch errno {
		case 0:
			told := m.Controllen >= syscall.SizeofCmsghdr+4 && left.header.Type == tcpINQ
			return int(n), !told || left.bytes > 0, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, false, syscall.EAGAIN
		default:
			return 0, false, os.NewSyscallError("recvmsg", errno)
		}
	}
}

// writeSocket writes to a descriptor that does not block, as much as there is room for.
func writeSocket(fd int, b []byte) (int, error) { return sendFD(fd, b) }
