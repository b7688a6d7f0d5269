package conformance

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A Case is one conversation with the endpoint under test: what its peer sends
// and what must follow from it. Cases are data and are not to be changed.
type Case struct {
	// Name begins with the section of RFC 6455 that sets the rule, as in
	// "§5.5 ping between two fragments", or with that of another standard, as
	// in "RFC 7692 §6 RSV1 on ping". No two cases have the same.
	Name string

	// Level tells how binding the rule is.
	Level Level

	// MaxMessage is the largest message the endpoint is set up to accept, in
	// bytes of payload. 0 means that it has no limit.
	MaxMessage int64

	// Deflate, if not nil, is the compression that was negotiated.
	Deflate *deflate.Params

	// Sends is what the peer sends, in order.
	Sends []Piece

	// EOF tells that the peer ends the transport after the last piece, without
	// an error. Otherwise it stays silent.
	EOF bool

	// Sees is what the application must see, in order. A message counts when
	// its last byte is there.
	Sees []Event

	// Answers are the frames that must come back, in order.
	Answers []Answer

	// Ends tells how the connection must stand after all this.
	Ends End
}

// A Level is how binding a rule is (RFC 2119).
type Level uint8

// The levels. A rule of a Case that RFC 6455 does not set, but leaves to the
// prudence of an implementation, counts as Should.
const (
	Must Level = iota
	Should
	May // the standard leaves it open; told for information
)

var levelNames = [...]string{"MUST", "SHOULD", "MAY"}

// String returns "MUST", "SHOULD" or "MAY".
func (l Level) String() string { return levelNames[l] }

// MarshalText returns what String returns; in JSON a Level is that string.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Level) UnmarshalText(b []byte) error {
	i := slices.Index(levelNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("websocket: conformance: no level %q", b)
	}
	*l = Level(i)
	return nil
}

// A Role is a side of the connection.
type Role uint8

// The two roles. A client masks every frame it sends, a server none
// (RFC 6455 §5.1).
const (
	Client Role = iota
	Server
)

// String returns "client" or "server".
func (r Role) String() string { return [...]string{"client", "server"}[r] }

// Other returns the role of the peer.
func (r Role) Other() Role { return 1 - r }

// A Kind tells what an Event is.
type Kind uint8

// The kinds of events. All but Text and Binary may be out of sight for an
// application; a driver knows them nevertheless.
const (
	Text Kind = iota
	Binary
	Ping
	Pong
)

// String returns the kind's name in lower case.
func (k Kind) String() string { return [...]string{"text", "binary", "ping", "pong"}[k] }

// An Event is something the application sees: a whole message, or a control
// frame other than a close frame.
type Event struct {
	Kind    Kind
	Payload string
}

// String returns the kind and the payload, a long one cut.
func (e Event) String() string { return e.Kind.String() + " " + brief(e.Payload) }

// An Answer is a frame that comes back from the endpoint under test.
type Answer struct {
	Opcode  frame.Opcode     // OpPong or OpClose
	Payload string           // of a pong
	Code    frame.StatusCode // of a close frame, 1005 if it is empty; its reason does not count
}

// String returns the opcode and what counts of the frame.
func (a Answer) String() string {
	if a.Opcode == frame.OpClose {
		return "close " + a.Code.String()
	}
	return a.Opcode.String() + " " + brief(a.Payload)
}

// A State is where a connection stands.
type State uint8

// The states.
const (
	Open   State = iota // messages may go on
	Closed              // the closing handshake is complete
	GaveUp              // the endpoint gave up because of what the peer sent
	Lost                // the transport ended without a closing handshake
)

// String returns the state's name in lower case.
func (s State) String() string { return [...]string{"open", "closed", "failed", "lost"}[s] }

// An End is how a connection stands when the peer has sent all.
type End struct {
	State State

	// Code is the status in the peer's close frame if Closed (1005 if it is
	// empty), and the one in the endpoint's close frame if GaveUp.
	Code frame.StatusCode

	// Section is the rule the peer broke, as in "§5.2" of RFC 6455, or as in
	// "RFC 1951 §3.2.4". It is empty unless GaveUp, and if a limit was broken
	// and not a rule.
	Section string
}

// String returns the state, with code and section if there are any.
func (e End) String() string {
	switch {
	case e.Code == 0:
		return e.State.String()
	case e.Section == "":
		return fmt.Sprintf("%s with %s", e.State, e.Code)
	}
	return fmt.Sprintf("%s with %s (%s)", e.State, e.Code, e.Section)
}

// Cases returns the whole table, by area. The caller may keep it.
func Cases() []Case {
	return slices.Concat(
		framingCases(),
		reservedCases(),
		controlCases(),
		fragmentationCases(),
		utf8Cases(),
		closingCases(),
		limitCases(),
		deflateCases(),
	)
}

// brief returns s in quotes, or its beginning and its length if it is long.
func brief(s string) string {
	const most = 40
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
}
