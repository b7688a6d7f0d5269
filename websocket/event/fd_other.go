//go:build !unix

package event

import (
	"net"
	"syscall"
)

// rawConn returns nil: descriptors are not used here, and the functions below are never
// called.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readFD(int, []byte) (int, error)           { return 0, syscall.EINVAL }
func writeFD(int, []byte) (int, error)          { return 0, syscall.EINVAL }
func writevFD(int, []byte, []byte) (int, error) { return 0, syscall.EINVAL }
