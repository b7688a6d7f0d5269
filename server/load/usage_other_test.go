//go:build !linux

package load

// loopbacks is how many addresses of 127.0.0.0/8 can be used without being set up.
const loopbacks = 1
