// Package proto is one end of a WebSocket connection without the connection:
// RFC 6455 as a machine that does no I/O, reads no clock, starts no goroutine
// and allocates nothing while messages flow (but 125 bytes for a control frame
// that comes in pieces, until it is complete). It speaks the extension
// permessage-deflate, RFC 7692, if it is told that both ends agreed on it.
//
// Three verbs go in and three come out:
//
//	Receive(bytes)  ─┐              ┌─▶ Event      what the peer said
//	EOF()           ─┼─▶ Machine ───┼─▶ bytes      what to write, appended to a slice
//	AppendX(…)      ─┘              └─▶ Transport  what must happen to the connection
//
// A driver owns the transport. It reads into a buffer of its own, lends the
// buffer to the machine with [Machine.Receive], takes events with
// [Machine.Next] until there is none, and hands each event back to
// [Machine.Reply], which appends whatever the protocol makes us answer (a pong,
// a close frame) and says what must happen to the transport.
//
//	m.Receive(buf[:n])
//	for ev := m.Next(); ev.Kind != proto.None; ev = m.Next() {
//		if ev.Kind == proto.Data { … }
//		out, action = m.Reply(out, ev)
//	}
//
// # Concurrency
//
// A machine has two halves that share no memory: the receiving half (Receive,
// Next, EOF, Need, AtBoundary) and the sending half (the Append methods, Reply,
// State, Ending). Two goroutines may each use one half; within a half calls must
// not overlap. An Event is the only thing that crosses, and Reply is where it
// crosses.
//
// # Caveats
//
// The machine unmasks in place: the bytes lent to Receive are overwritten.
// Event.Payload points into them, or into a window of inflated bytes, and is valid
// until the next call of Next, Receive or EOF.
package proto
