package proto

import (
	"errors"
	"fmt"
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A ProtocolError is a breach of the protocol by the peer.
type ProtocolError = frame.ProtocolError

// A MessageTooBigError means that the peer began a message larger than the
// limit. It is answered with 1009.
type MessageTooBigError struct {
	Limit int64 // bytes

	// Compressed tells that the message did not inflate to more than Limit
	// bytes, but took more than 2 × Limit + 64 KiB in its compressed form: no
	// compressor needs that, only a peer that means no good.
	Compressed bool
}

// Error returns a sentence that names the limit and where it is set.
func (e *MessageTooBigError) Error() string {
	if e.Compressed {
		return fmt.Sprintf("websocket: compressed message takes more than %d bytes, the limit being %d%s",
			wireLimit(e.Limit), e.Limit, optionHint)
	}
	return fmt.Sprintf("websocket: message larger than the limit of %d bytes%s", e.Limit, optionHint)
}

// optionHint is for those who can set the option, and not sent to the peer.
const optionHint = " (option MaxMessage)"

// A CloseFrame is what stood in a close frame: Code is 1005 if it was empty.
type CloseFrame struct {
	Code   frame.StatusCode
	Reason string
}

// String returns the code with its name, and the reason in quotes if there is one.
func (f *CloseFrame) String() string {
	if f.Reason == "" {
		return f.Code.String()
	}
	return fmt.Sprintf("%s %q", f.Code, f.Reason)
}

// A CloseError tells how a connection ended: which close frames went over the
// wire, in which order, and what caused it. It unwraps to Cause and Local.
type CloseError struct {
	Received *CloseFrame // the peer's close frame, nil if none came
	Sent     *CloseFrame // our close frame, nil if none went out

	// ReceivedFirst tells that the peer began the closing handshake. It has
	// no meaning unless both close frames are there.
	ReceivedFirst bool

	// Cause is what made this end give up: a *ProtocolError or a
	// *MessageTooBigError for what the peer did, the transport's error if it
	// broke, a timeout's. It is nil after a complete closing handshake, and
	// when the transport simply ended.
	Cause error

	// Local is set by a driver when this end began the closing, to an error
	// by which its callers can tell: net.ErrClosed in package websocket.
	Local error
}

// Error returns a sentence such as
//
//	websocket: peer closed with 1001 going away; answered
//	websocket: closed with 1000 normal closure; peer answered 1000 normal closure
//	websocket: connection lost (no close frame): read tcp …: connection reset by peer
//	websocket: RSV2 or RSV3 set (RFC 6455 §5.2); closed with 1002 protocol error
func (e *CloseError) Error() string {
	var broken *frame.ProtocolError
	var tooBig *MessageTooBigError
	switch {
	case errors.As(e.Cause, &broken) || errors.As(e.Cause, &tooBig):
		if e.Sent == nil {
			return e.Cause.Error()
		}
		return fmt.Sprintf("%v; closed with %s", e.Cause, e.Sent.Code)
	case e.Received != nil && (e.ReceivedFirst || e.Sent == nil):
		s := "websocket: peer closed with " + e.Received.String()
		if e.Sent != nil {
			s += "; answered"
		}
		return s
	case e.Received != nil:
		return "websocket: closed with " + e.Sent.String() + "; peer answered " + e.Received.String()
	case e.Sent != nil:
		return "websocket: closed with " + e.Sent.String() + "; peer did not answer" + e.because()
	default:
		return "websocket: connection lost (no close frame)" + e.because()
	}
}

func (e *CloseError) because() string {
	if e.Cause == nil {
		return ""
	}
	return ": " + strings.TrimPrefix(e.Cause.Error(), "websocket: ")
}

// Unwrap returns those of Cause and Local that are set.
func (e *CloseError) Unwrap() []error {
	all := make([]error, 0, 2)
	for _, err := range [...]error{e.Cause, e.Local} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// violation returns a ProtocolError whose section is one of RFC 6455.
func violation(code frame.StatusCode, section, problem string) error {
	return &ProtocolError{Code: code, Section: "RFC 6455 " + section, Problem: problem}
}

// notUTF8 returns what a text message is refused with.
func notUTF8() error {
	return violation(frame.StatusInvalidPayload, "§8.1", "text is not valid UTF-8")
}

// misplacedRSV1 returns a ProtocolError about RSV1 where permessage-deflate gives
// it no meaning.
func misplacedRSV1(problem string) error {
	return &ProtocolError{Code: frame.StatusProtocolError, Section: "RFC 7692 §6", Problem: problem}
}

// failureCode returns the close code that answers err.
func failureCode(err error) frame.StatusCode {
	if e, ok := err.(*ProtocolError); ok { //nolint:errorlint // made by this package, never wrapped
		return e.Code
	}
	return frame.StatusMessageTooBig
}

// failureReason returns the reason that goes into the close frame for err: what
// was wrong, without the prefix, cut to what a close frame holds.
func failureReason(err error) string {
	s := strings.TrimPrefix(err.Error(), "websocket: ")
	s = strings.TrimSuffix(s, optionHint)
	for len(s) > frame.MaxReason {
		s = s[:strings.LastIndexByte(s, ' ')]
	}
	return s
}
