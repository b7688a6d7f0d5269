//go:build !unix

package websocket

import (
	"net"
	"syscall"
)

// readReady is never called: rawConn returns nil.
func (s *readSide) readReady(uintptr) bool { return true }

// writeReady is never called either.
func (o *outbox) writeReady(uintptr) bool { return true }

// rawConn returns nil: the descriptor is not used here.
func rawConn(net.Conn) syscall.RawConn { return nil }
