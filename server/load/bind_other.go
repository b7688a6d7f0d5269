//go:build !linux

package load

import "syscall"

// bindLate does nothing here: the port is chosen when the socket is bound.
func bindLate(_, _ string, _ syscall.RawConn) error { return nil }
