package frame

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A StatusCode says why a connection is closed (RFC 6455 §7.4). The codes 3000
// to 3999 are for libraries and frameworks, 4000 to 4999 for applications.
type StatusCode uint16

// The status codes of the IANA registry "WebSocket Close Code Number"
// (RFC 6455 §7.4.1 and §11.7).
const (
	StatusNormalClosure      StatusCode = 1000
	StatusGoingAway          StatusCode = 1001
	StatusProtocolError      StatusCode = 1002
	StatusUnsupportedData    StatusCode = 1003
	StatusNoStatusReceived   StatusCode = 1005 // never sent: the close frame was empty
	StatusAbnormalClosure    StatusCode = 1006 // never sent: there was no close frame
	StatusInvalidPayload     StatusCode = 1007
	StatusPolicyViolation    StatusCode = 1008
	StatusMessageTooBig      StatusCode = 1009
	StatusMandatoryExtension StatusCode = 1010 // sent by clients only
	StatusInternalError      StatusCode = 1011
	StatusServiceRestart     StatusCode = 1012
	StatusTryAgainLater      StatusCode = 1013
	StatusBadGateway         StatusCode = 1014
	StatusTLSHandshake       StatusCode = 1015 // never sent: TLS failed
)

// MaxReason is the size in bytes of the longest close reason: what a control
// frame holds beside the 2 bytes of the status code (RFC 6455 §5.5.1).
const MaxReason = MaxControlPayload - 2

var statusNames = map[StatusCode]string{
	StatusNormalClosure:      "normal closure",
	StatusGoingAway:          "going away",
	StatusProtocolError:      "protocol error",
	StatusUnsupportedData:    "unsupported data",
	StatusNoStatusReceived:   "no status received",
	StatusAbnormalClosure:    "abnormal closure",
	StatusInvalidPayload:     "invalid payload",
	StatusPolicyViolation:    "policy violation",
	StatusMessageTooBig:      "message too big",
	StatusMandatoryExtension: "mandatory extension",
	StatusInternalError:      "internal error",
	StatusServiceRestart:     "service restart",
	StatusTryAgainLater:      "try again later",
	StatusBadGateway:         "bad gateway",
	StatusTLSHandshake:       "TLS handshake",
}

// String returns the number and, for a registered code, its name, as in
// "1001 going away" or "4000".
func (c StatusCode) String() string {
	s := strconv.Itoa(int(c))
	if name, ok := statusNames[c]; ok {
		s += " " + name
	}
	return s
}

// Sendable reports whether c may stand in a close frame: 1000 to 1003, 1007 to
// 1014 and 3000 to 4999. The others are reserved, only stand for the absence
// of a code, or are not registered (RFC 6455 §7.4).
func (c StatusCode) Sendable() bool {
	return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}

// ParseClose reads the payload of a close frame (RFC 6455 §5.5.1). The reason
// shares the memory of p; it is nil if there is none. An empty payload means
// StatusNoStatusReceived. That p fits into a control frame is for the caller to
// check.
//
// The error is a *ProtocolError: status 1002 for a payload of 1 byte or a code
// that must not be sent, 1007 for a reason that is not UTF-8. The code and the
// reason are then 0 and nil.
func ParseClose(p []byte) (code StatusCode, reason []byte, err error) {
	switch len(p) {
	case 0:
		return StatusNoStatusReceived, nil, nil
	case 1:
		return 0, nil, &ProtocolError{
			Code:    StatusProtocolError,
			Section: "RFC 6455 §5.5.1",
			Problem: "close frame with a payload of 1 byte",
		}
	}
	code = StatusCode(p[0])<<8 | StatusCode(p[1])
	if !code.Sendable() {
		return 0, nil, &ProtocolError{
			Code:    StatusProtocolError,
			Section: "RFC 6455 §7.4",
			Problem: "close frame with the illegal status code " + strconv.Itoa(int(code)),
		}
	}
	if len(p) == 2 {
		return code, nil, nil
	}
	if !utf8.Valid(p[2:]) {
		return 0, nil, &ProtocolError{
			Code:    StatusInvalidPayload,
			Section: "RFC 6455 §5.5.1, §8.1",
			Problem: "close reason is not valid UTF-8",
		}
	}
	return code, p[2:], nil
}

// AppendClosePayload appends the payload of a close frame to dst and returns
// the extended slice. StatusNoStatusReceived stands for an empty payload:
// nothing is appended.
//
// It returns an error, and dst as it was, if code is not Sendable, if reason
// is longer than MaxReason bytes or not valid UTF-8, or if there is a reason
// without a code (RFC 6455 §5.5.1 and §7.4).
func AppendClosePayload(dst []byte, code StatusCode, reason string) ([]byte, error) {
	switch {
	case code == StatusNoStatusReceived && reason == "":
		return dst, nil
	case code == StatusNoStatusReceived:
		return dst, errors.New("websocket: a close reason needs a status code: use 1000 instead of 1005")
	case !code.Sendable():
		return dst, fmt.Errorf("websocket: status code %d must not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999", code)
	case len(reason) > MaxReason:
		return dst, fmt.Errorf("websocket: close reason of %d bytes: shorten it to %d", len(reason), MaxReason)
	case !utf8.ValidString(reason):
		return dst, errors.New("websocket: close reason is not valid UTF-8")
	}
	dst = append(dst, byte(code>>8), byte(code))
	return append(dst, reason...), nil
}
