package event

import (
	"os"
	"syscall"
	"unsafe"
)

// writevFD writes a and then b to a descriptor that does not block, as much as there is
// room for, in one system call.
func writevFD(fd int, a, b []byte) (int, error) {
	for {
		iov := [2]syscall.Iovec{{Base: unsafe.SliceData(a)}, {Base: unsafe.SliceData(b)}}
		iov[0].SetLen(len(a))
		iov[1].SetLen(len(b))
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), 2)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("writev", errno)
		}
	}
}
