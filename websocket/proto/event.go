package proto

import "github.com/duplexhq/duplex/websocket/frame"

// A Kind tells what an Event is.
type Kind uint8

// The kinds of events.
const (
	None    Kind = iota // nothing more in what was received: receive more
	Data                // a piece of a text or binary message
	Ping                // a ping frame, to be answered
	Pong                // a pong frame, asked for or not
	Close               // the peer's close frame
	Failure             // the peer broke a rule or a limit: Err says which
	End                 // the transport ended: no byte will follow
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"none", "data", "ping", "pong", "close", "failure", "end"}[k]
}

// An Event is something the peer did.
//
// Payload points into the bytes lent to Receive, or into memory of the machine,
// and is valid until the next call on the receiving half. Only the bytes lent to
// Receive may be written to.
type Event struct {
	Kind Kind

	// First and Last tell that a Data event is the first or the last piece
	// of its message; one that is both holds the whole message. The last
	// piece of a compressed message is empty.
	First, Last bool

	// Opcode of the message: OpText or OpBinary. Set for Data.
	Opcode frame.Opcode

	// Code is the peer's close status: 1005 if its close frame had none. For
	// a Failure it is the code to answer with. Set for Close and Failure.
	Code frame.StatusCode

	// Payload is the piece of a message, the payload of a ping or pong, or
	// the reason of a close frame.
	Payload []byte

	// Err is a *ProtocolError or a *MessageTooBigError for a Failure, and
	// what the transport said for an End (nil if it just ended).
	Err error
}
