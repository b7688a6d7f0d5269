package event_test

import (
	"crypto/tls"
	"net"
	"runtime"

	"github.com/duplexhq/duplex/websocket/wstest"
)

// reset breaks a connection off, as far as its kind can: a Unix socket is reset if it is
// closed while bytes are unread.
func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	switch c := c.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0)
		_ = c.Close()
	case *wstest.PipeConn:
		_ = c.Reset()
	default:
		_ = c.Close()
	}
}

// liveBytes returns how many bytes are in use once what is not was collected, what is
// kept for reuse included.
func liveBytes() int {
	var m runtime.MemStats
	for range 3 { // pools take two rounds to forget
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
