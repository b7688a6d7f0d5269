package load

import "syscall"

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT, which package syscall does not
// name.
const ipBindAddressNoPort = 24

// bindLate makes the kernel choose the port when the socket connects and not when
// it is bound to its address: then one port serves a connection to every server.
// An old kernel that does not know this has fewer ports.
func bindLate(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	})
}
