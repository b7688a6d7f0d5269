//go:build !unix

package load

// refusals are what the system says when there are no more connections to be had.
var refusals = map[error]string{
	windowsNoBuffers: "no port is left after 7 connections: connect from more source addresses",
}
