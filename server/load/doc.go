// Package load drives a WebSocket server and measures how it does: an echo with
// any number of messages in flight, messages at a fixed rate, fan-out to many
// subscribers, idle connections and a storm of handshakes.
//
// A [Set] is an open set of connections to one server. Each call of Echo, FanOut
// or Hold is one slice of work: it ends when everything sent has come back, so that
// slices of several servers can take turns in one run and be compared, whatever
// the machine does meanwhile ([Alternate]). [Connect] is the storm.
//
// Three things make the numbers worth trusting. Every message that comes in is
// compared with what was sent, byte by byte, with its place in the order: what is
// lost, doubled, out of order, altered or somebody else's is a [Problem]. At a
// fixed rate the schedule is made beforehand, and the latency of a message counts
// from the moment it was due, not from the one at which it could be sent: a server
// that stalls is seen as every one of its users would see it. And the load does not
// allocate for a message and takes less processor time than the servers it
// measures; Result.OwnCPU says how much.
//
// The processor time and the memory of the server's processes are read from /proc,
// on Linux only.
package load
