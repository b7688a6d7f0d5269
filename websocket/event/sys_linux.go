//go:build !386

package event

import (
	"os"
	"syscall"
	"unsafe"
)

// The system calls of the epoll driver. None of them waits, so they are made without
// telling the scheduler of Go, which costs more than some of them do.

const (
	epollExclusive = 1 << 28 // EPOLLEXCLUSIVE of linux/eventpoll.h
	soReusePort    = 15      // SO_REUSEPORT
)

// epollWait returns how many events there are.
func epollWait(ep int, events []syscall.EpollEvent) int {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case syscall.EINTR:
		default:
			return 0 // the descriptor is fine, so there is no other
		}
	}
}

// epollControl adds, changes or removes a descriptor.
func epollControl(ep, op, fd int, events uint32, gen int32) error {
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd), Pad: gen}
	if err := syscall.EpollCtl(ep, op, fd, &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// recvFD is readFD without the way through the file system.
func recvFD(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

// sendFD is writeFD without the way through the file system, and without a signal if the
// peer has left.
func sendFD(fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("send", errno)
		}
	}
}

// acceptFD accepts a connection whose descriptor does not block.
func acceptFD(fd int) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), 0, 0,
			syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// newEventFD returns a descriptor that wakes a loop when 8 bytes are written to it.
func newEventFD() (int, error) {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return 0, os.NewSyscallError("eventfd", errno)
	}
	return int(fd), nil
}

// duplicate returns a second descriptor for what fd stands for.
func duplicate(fd int) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return 0, os.NewSyscallError("fcntl", errno)
	}
	return int(n), nil
}
