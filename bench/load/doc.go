// Package load is the other side of a measurement: connections to one server, and
// what is done with them in one slice of time. It is made to cost less than the
// fastest server, so that it is the server that is measured:
//
//   - one thread with epoll and the raw system calls, no goroutine for a connection;
//   - frames that are masked once and sent many times. That is no client for the
//     world: keys are to be unpredictable (RFC 6455 §5.3). A server cannot tell;
//   - replies to all that came in one read leave in one write;
//   - every byte that comes back is held against the bytes that must come, where a
//     server sends a message as one frame many messages at a time.
//
// It takes two thirds of the time that a client takes that keeps all the rules
// (github.com/duplexhq/duplex/server/load), and it has nothing to do with the library
// that is measured.
//
// At the end of a slice nothing is in flight, so that the server's clocks can be
// read. A [Worker] is a set of connections in a process of its own, because there is
// a limit to the descriptors of one process. All of it needs Linux.
package load
