// Package conformance holds what a WebSocket endpoint must do, as data: one
// table of cases, each named by the section of RFC 6455 that asks for it.
//
// A [Case] says what a peer sends, frame by frame, what the application behind
// the endpoint must see, which frames must come back and how the connection
// must stand at the end. It says it for both roles: [Case.AppendWire] builds the
// bytes as a client or as a server would send them. Whoever runs a case writes
// down what happened in an [Outcome] and lets [Case.Check] judge it.
//
// The package knows no endpoint and does no I/O, so the same table serves the
// protocol machine, the connections built on it, and anybody's server or client.
//
// # Caveats
//
// The endpoint under test never closes by itself in these cases: how a closing
// handshake goes that it begins is not part of the table. Nor is the opening
// handshake.
package conformance
