package websocket

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A StatusCode says why a connection is closed (RFC 6455 §7.4).
type StatusCode = frame.StatusCode

// The registered status codes. 1005, 1006 and 1015 never stand in a close frame:
// they say that there was none, or nothing in it.
const (
	StatusNormalClosure      = frame.StatusNormalClosure
	StatusGoingAway          = frame.StatusGoingAway
	StatusProtocolError      = frame.StatusProtocolError
	StatusUnsupportedData    = frame.StatusUnsupportedData
	StatusNoStatusReceived   = frame.StatusNoStatusReceived
	StatusAbnormalClosure    = frame.StatusAbnormalClosure
	StatusInvalidPayload     = frame.StatusInvalidPayload
	StatusPolicyViolation    = frame.StatusPolicyViolation
	StatusMessageTooBig      = frame.StatusMessageTooBig
	StatusMandatoryExtension = frame.StatusMandatoryExtension
	StatusInternalError      = frame.StatusInternalError
	StatusServiceRestart     = frame.StatusServiceRestart
	StatusTryAgainLater      = frame.StatusTryAgainLater
	StatusBadGateway         = frame.StatusBadGateway
	StatusTLSHandshake       = frame.StatusTLSHandshake
)

// The errors of a connection.
type (
	// ProtocolError is a breach of the protocol by the peer.
	ProtocolError = proto.ProtocolError

	// MessageTooBigError means that the peer sent more than MaxMessage.
	MessageTooBigError = proto.MessageTooBigError

	// CloseError tells how a connection ended. Once it has, Read and Write
	// return one; after Close or CloseNow on this end it is also a
	// net.ErrClosed.
	CloseError = proto.CloseError

	// CloseFrame is what stood in a close frame.
	CloseFrame = proto.CloseFrame

	// HandshakeError says what is wrong with the peer's half of the opening
	// handshake.
	HandshakeError = handshake.Error
)

var (
	// ErrQueueFull is returned by Post and PostPrepared when more than
	// MaxQueue bytes wait for the network. The message was not queued.
	ErrQueueFull = errors.New("websocket: queue is full: the peer reads too slowly")

	// ErrConcurrentRead is returned by the reading methods when another
	// goroutine reads from the same connection.
	ErrConcurrentRead = errors.New("websocket: another goroutine is reading from this connection")

	// ErrNotUTF8 is returned for a text message that is not valid UTF-8.
	// Nothing was sent.
	ErrNotUTF8 = proto.ErrNotUTF8

	// ErrMessageType is returned for a message that is neither Text nor Binary.
	ErrMessageType = proto.ErrMessageType

	// ErrMessageDone is returned by a message's reader or writer that was
	// closed, or left for another message.
	ErrMessageDone = errors.New("websocket: this message was closed or left for another")
)

// Causes that stand in a CloseError.
var (
	errNoPong       = errors.New("websocket: peer is silent: no answer to a ping")
	errNoClose      = errors.New("websocket: no close frame within the close timeout")
	errWriteTimeout = errors.New("websocket: write timeout: the peer does not read")
)

// errClosing is what Write says between Close and the end of the connection.
var errClosing = fmt.Errorf("websocket: connection is closing: %w", net.ErrClosed)

// interrupted returns the error of an operation whose context is done.
func interrupted(operation string, err error) error {
	return fmt.Errorf("websocket: %s interrupted: %w", operation, err)
}

// isTimeout tells whether err says that a deadline passed.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// CloseStatus returns the status code in the peer's close frame if err, or one
// that it wraps, is a CloseError: 1005 if the close frame had none, 1006 if there
// was no close frame. It returns 0 for every other error.
func CloseStatus(err error) StatusCode {
	var e *CloseError
	switch {
	case !errors.As(err, &e):
		return 0
	case e.Received == nil:
		return StatusAbnormalClosure
	default:
		return e.Received.Code
	}
}
