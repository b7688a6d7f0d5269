package wstest

import (
	"fmt"
	"sync/atomic"
)

// An Addr is the address of an end of a connection in memory. It has the form
// host:port, so that code that takes addresses apart works, and is unique
// enough to tell connections apart in an error message.
type Addr string

// Network returns "wstest".
func (Addr) Network() string { return "wstest" }

// String returns the address in the form host:port.
func (a Addr) String() string { return string(a) }

// counter numbers what has an address. One counter serves all of them, so that
// a number stands for one thing in the output of a test.
var counter atomic.Uint32

// nextPort returns the next number as a port, 1 to 65535.
func nextPort() uint32 { return (counter.Add(1)-1)%65535 + 1 }

func newAddr(host string, port uint32) Addr {
	return Addr(fmt.Sprintf("%s:%d", host, port))
}
