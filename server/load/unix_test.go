//go:build unix

package load

import "syscall"

// refusals are what the system says when there are no more connections to be had.
var refusals = map[error]string{
	syscall.EADDRNOTAVAIL: "no port is left after 7 connections: connect from more source addresses",
	syscall.EMFILE:        "ulimit -n",
}
