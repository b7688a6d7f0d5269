//go:build !linux || 386

package event

import (
	"net"

	"github.com/duplexhq/duplex/websocket"
)

// loops is the epoll driver, which needs Linux, on a machine that has a system call for
// each operation on sockets. All its methods may be called with nil
// and leave everything to the portable driver.
type loops struct{}

// A spot is where the epoll driver keeps a Conn.
type spot struct{}

func newLoops(*engine) *loops { return nil }

func (*loops) adopt(*websocket.Transport, any) (*Conn, error) { return nil, nil }
func (*loops) serve(*Server, net.Listener) (bool, error)      { return false, nil }
func (*loops) listen(string) ([]net.Listener, error)          { return nil, nil }
func (*loops) conns(into []*Conn) []*Conn                     { return into }
func (*loops) tick()                                          {}
func (*loops) stop()                                          {}
func (*loops) wake()                                          {}
