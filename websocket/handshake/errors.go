package handshake

import (
	"fmt"
	"strconv"
)

// The status codes a server answers a failed handshake with.
const (
	statusBadRequest          = 400
	statusForbidden           = 403
	statusMethodNotAllowed    = 405
	statusTargetTooLong       = 414
	statusUpgradeRequired     = 426
	statusFieldsTooLarge      = 431
	statusInternalServerError = 500
	statusVersionNotSupported = 505
)

// An Error says why a handshake failed.
type Error struct {
	// Status is the HTTP status the server answers with. It is 0 on the client.
	Status int
	// Section is the rule that was broken, "RFC 6455 §4.2.1" for example, or ""
	// if none is: a header that the program itself must not set has no section.
	Section string
	// Problem is one sentence without a full stop. It may quote what the peer
	// sent, escaped and cut to a sensible length, and so is safe to print.
	Problem string
	// Header holds headers, under canonical names, that have to stand in the
	// answer beside Status: Allow, Upgrade, Connection, Sec-Websocket-Version.
	// It may be nil. It belongs to the caller.
	Header map[string][]string
}

// Error returns the problem and the rule in one line:
//
//	websocket: handshake: Sec-WebSocket-Key is missing (RFC 6455 §4.2.1)
func (e *Error) Error() string {
	s := "websocket: handshake: " + e.Problem
	if e.Section != "" {
		s += " (" + e.Section + ")"
	}
	return s
}

// refuse makes the error for an answer of the server.
func refuse(status int, section, format string, args ...any) *Error {
	return &Error{Status: status, Section: section, Problem: fmt.Sprintf(format, args...)}
}

// fail makes the error of a client, which answers nothing.
func fail(section, format string, args ...any) *Error {
	return refuse(0, section, format, args...)
}

// with adds a header to the answer.
func (e *Error) with(name, value string) *Error {
	if e.Header == nil {
		e.Header = make(map[string][]string)
	}
	e.Header[name] = []string{value}
	return e
}

// withVersion tells the client which version to come back with, §4.4.
func (e *Error) withVersion() *Error {
	return e.with(headerVersion, version)
}

// withUpgrade tells the client what to upgrade to, as 426 demands
// (RFC 9110 §15.5.22), and in which version.
func (e *Error) withUpgrade() *Error {
	return e.with(headerUpgrade, "websocket").with(headerConnection, "Upgrade").withVersion()
}

// maxQuoted bounds in bytes what an error repeats of the peer's words.
const maxQuoted = 100

// quote makes text of the peer fit to stand in an error.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
