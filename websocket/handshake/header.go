package handshake

import (
	"maps"
	"slices"
	"strings"
)

// The headers of the handshake under their canonical names.
const (
	headerUpgrade    = "Upgrade"
	headerConnection = "Connection"
	headerOrigin     = "Origin"
	headerKey        = "Sec-Websocket-Key"
	headerVersion    = "Sec-Websocket-Version"
	headerAccept     = "Sec-Websocket-Accept"
	headerProtocol   = "Sec-Websocket-Protocol"
	headerExtensions = "Sec-Websocket-Extensions"
)

// version is the only version of the protocol there is, RFC 6455 §4.1.
const version = "13"

// appendHeader appends the lines of h, sorted by name so that the same header
// gives the same bytes. Only what checkHeader passed may come here.
func appendHeader(dst []byte, h map[string][]string) []byte {
	if len(h) == 0 {
		return dst
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			dst = appendLine(dst, name, value)
		}
	}
	return dst
}

func appendLine(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// checkHeader reports whether the headers of a program may stand in a
// handshake. It returns what is wrong with them, or "".
func checkHeader(h map[string][]string) string {
	for name, values := range h {
		if !isToken(name) {
			return "header name " + quote(name) + " is not a token"
		}
		if why := reserved(name); why != "" {
			return "header " + quote(name) + " cannot be set: " + why
		}
		for _, v := range values {
			if !isFieldValue(v) {
				return "the value of header " + quote(name) + " has a line break or another control character in it"
			}
		}
	}
	return ""
}

// reserved says why a program cannot set the header, or "" if it can.
func reserved(name string) string {
	const sec = "sec-websocket-"
	switch {
	case equalFold(name, headerProtocol):
		return "list the subprotocols in the options"
	case len(name) >= len(sec) && equalFold(name[:len(sec)], sec),
		equalFold(name, headerUpgrade),
		equalFold(name, headerConnection):
		return "the handshake sets it"
	// Neither message of the handshake has a body; a 101 with one of these is
	// forbidden by RFC 9112 §6.1 and RFC 9110 §8.6, and a GET with one would
	// turn the first frames into a body.
	case equalFold(name, "Content-Length"),
		equalFold(name, "Transfer-Encoding"),
		equalFold(name, "Trailer"):
		return "a handshake has no body"
	}
	return ""
}

// isFieldValue reports whether s can stand behind a header's colon
// (RFC 9110 §5.5): no control characters, above all no CR, LF or NUL, but tabs
// and any byte from 0x80 on.
func isFieldValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\t' || r == 0x7f
	})
}
