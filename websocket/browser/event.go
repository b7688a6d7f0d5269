package browser

import (
	"strconv"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A ReadyState is the state of a WebSocket. The numbers are the standard's.
type ReadyState uint16

// The states, in the order in which a WebSocket goes through them.
const (
	Connecting ReadyState = 0 // the opening handshake is not done
	Open       ReadyState = 1 // messages flow both ways
	Closing    ReadyState = 2 // Close was called
	Closed     ReadyState = 3 // the connection ended, or never came about
)

// String returns the state's name in the standard, such as "CONNECTING".
func (s ReadyState) String() string {
	names := [...]string{"CONNECTING", "OPEN", "CLOSING", "CLOSED"}
	if int(s) < len(names) {
		return names[s]
	}
	return strconv.Itoa(int(s))
}

// A MessageEvent is a message that came.
type MessageEvent struct {
	Data   []byte // the payload; it is the handler's to keep and to change
	Binary bool   // a binary message; otherwise Data is UTF-8
}

// Text returns the payload as a string.
func (m MessageEvent) Text() string { return string(m.Data) }

// A StatusCode says why a connection was closed (RFC 6455 §7.4). It prints as
// "1001 going away".
type StatusCode = frame.StatusCode

// A CloseEvent tells how a connection ended.
type CloseEvent struct {
	// Code is what stood in the peer's close frame: 1005 if there was no code
	// in it, 1006 if there was no close frame.
	Code StatusCode

	// Reason stood beside it: UTF-8 of at most 123 bytes.
	Reason string

	// WasClean tells that the closing handshake was completed.
	WasClean bool
}

// abnormal is the end of a connection without a close frame.
var abnormal = CloseEvent{Code: frame.StatusAbnormalClosure}
