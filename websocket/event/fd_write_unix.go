//go:build unix && (!linux || 386)

package event

import (
	"os"
	"syscall"
)

// writeFD writes to a descriptor that does not block, as much as there is room for.
func writeFD(fd int, b []byte) (total int, err error) {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		switch {
		case n > 0:
			total += n
			if n < len(b) {
				return total, nil // there is no room for more
			}
			b = b[n:]
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return total, nil
		default:
			return total, os.NewSyscallError("write", err)
		}
	}
	return total, nil
}
