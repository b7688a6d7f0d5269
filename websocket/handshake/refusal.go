package handshake

import (
	"errors"
	"maps"
	"slices"
	"strconv"
)

// AppendRefusal appends the whole answer to a request that was refused with err: a
// status, the headers that go with it, and err.Error() in plain text for whoever
// looks at it. An *Error anywhere in err gives status and headers; other errors, and
// those of a client, are answered with 400. The connection ends behind it.
//
// Headers that the answer has anyway, those that announce a body, and those that
// cannot stand in a header are left out of Error.Header. The answer has no Date,
// which a server with a clock owes with every 4xx (RFC 9110 §6.6.1): put it into
// Error.Header.
func AppendRefusal(dst []byte, err error) []byte {
	status := statusBadRequest
	var header map[string][]string
	var e *Error
	// An answer with a status below 200 is not the last one.
	if errors.As(err, &e) && e.Status >= 200 && e.Status <= 999 {
		status, header = e.Status, e.Header
	}
	body := err.Error()
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason(status)...)
	dst = append(dst, "\r\nConnection: "...)
	// Whoever sends Upgrade lists it in Connection (RFC 9110 §7.8).
	if HasToken(header[headerConnection], "upgrade") {
		dst = append(dst, "Upgrade, "...)
	}
	dst = append(dst, "close\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"X-Content-Type-Options: nosniff\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)+len("\n")), 10)
	dst = append(dst, "\r\n"...)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		dst = appendRefusalHeader(dst, name, header[name])
	}
	dst = append(dst, "\r\n"...)
	dst = append(dst, body...)
	return append(dst, '\n')
}

// appendRefusalHeader appends the lines of one header, if it may stand there.
func appendRefusalHeader(dst []byte, name string, values []string) []byte {
	for _, set := range []string{
		headerConnection, "Content-Type", "X-Content-Type-Options", "Content-Length", "Transfer-Encoding", "Trailer",
	} {
		if equalFold(name, set) {
			return dst
		}
	}
	if !isToken(name) {
		return dst
	}
	for _, v := range values {
		if isFieldValue(v) {
			dst = appendLine(dst, name, v)
		}
	}
	return dst
}

// reason returns the words for a status in the first line of an answer. They mean
// nothing to a program (RFC 9112 §4).
func reason(status int) string {
	switch status {
	case statusBadRequest:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case statusForbidden:
		return "Forbidden"
	case 404:
		return "Not Found"
	case statusMethodNotAllowed:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 413:
		return "Request Entity Too Large"
	case statusTargetTooLong:
		return "Request URI Too Long"
	case statusUpgradeRequired:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case statusFieldsTooLarge:
		return "Request Header Fields Too Large"
	case statusInternalServerError:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case statusVersionNotSupported:
		return "HTTP Version Not Supported"
	}
	return "status code " + strconv.Itoa(status)
}
