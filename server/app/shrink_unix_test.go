//go:build unix

package app_test

import "syscall"

// shrink makes the receive buffer of a socket small, so that it is full soon.
func shrink(raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	}); e != nil {
		return e
	}
	return err
}
