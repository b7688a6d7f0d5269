package deflate

import (
	"errors"

	"github.com/duplexhq/duplex/websocket/frame"
)

// errNotBegun is the error of a Decoder that has no message to inflate.
var errNotBegun = errors.New("websocket: the decoder has no message: call Begin first")

// What a peer can do wrong.
var (
	errBlockType     = breach("RFC 1951 §3.2.3", "compressed block of the reserved type 3")
	errStoredLength  = breach("RFC 1951 §3.2.4", "length of a stored block does not match its complement")
	errCounts        = breach("RFC 1951 §3.2.7", "more than 286 literal and length codes or more than 30 distance codes")
	errPreCode       = breach("RFC 1951 §3.2.7", "code for code lengths is not a complete prefix code")
	errRepeatNothing = breach("RFC 1951 §3.2.7", "first code length repeats one before it")
	errRepeatBeyond  = breach("RFC 1951 §3.2.7", "more code lengths than announced")
	errNoEnd         = breach("RFC 1951 §3.2.7", "block has no code for its end")
	errLitCode       = breach("RFC 1951 §3.2.2", "literal and length codes are not a complete prefix code")
	errDistCode      = breach("RFC 1951 §3.2.2", "distance codes are not a complete prefix code")
	errLitSymbol     = breach("RFC 1951 §3.2.6", "literal or length code that has no meaning")
	errDistSymbol    = breach("RFC 1951 §3.2.6", "distance code that has no meaning")
	errDistanceStart = breach("RFC 1951 §3.2.3", "distance reaches back beyond the first byte")
	errDistanceBits  = breach("RFC 7692 §7.1.2", "distance reaches back beyond the negotiated window")
	errCut           = breach("RFC 7692 §7.2.2", "compressed message ends inside a block")
)

func breach(section, problem string) *frame.ProtocolError {
	return &frame.ProtocolError{Code: frame.StatusInvalidPayload, Section: section, Problem: problem}
}
