package handshake

import (
	"strconv"
	"strings"
)

// splitHost takes apart host[:port] as it stands in a Host header or in an
// origin (RFC 3986 §3.2, without user information). The host comes back in
// lower case, an IPv6 address in its brackets; the port without the colon, ""
// if there is none. With wild, a '*' may stand in the host, and as the port.
func splitHost(s string, wild bool) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']') + 1
		host, port = s[:end], s[end:]
		ok = isIPv6(host)
	} else {
		host, port = s, ""
		if i := strings.IndexByte(s, ':'); i >= 0 {
			host, port = s[:i], s[i:]
		}
		ok = isName(host, wild)
	}
	// An empty port is legal, "example.com:", and means the default one.
	if port != "" {
		if port[0] != ':' {
			return "", "", false
		}
		port = port[1:]
	}
	if !ok || port != "" && !isPort(port) && !(wild && port == "*") {
		return "", "", false
	}
	return strings.ToLower(host), port, true
}

// isName reports whether s is a host name or an IPv4 address: the reg-name of
// RFC 3986 §3.2.2 without ',' and '*'. A comma is what is left of two Host
// headers joined by a careless proxy, and the star is our wildcard; neither is
// in any name that resolves.
func isName(s string, wild bool) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case isLetter(c), isDigit(c), strings.IndexByte("-._~!$&'()+;=", c) >= 0:
		case c == '*' && wild:
		case c == '%' && i+2 < len(s) && isHexDigit(s[i+1]) && isHexDigit(s[i+2]):
		default:
			return false
		}
	}
	return true
}

// isIPv6 reports whether s looks like an IPv6 address in brackets. It checks
// the alphabet and not the grammar, which is enough to know where it ends; two
// addresses are equal if they are written alike. Zones ("%eth0") mean
// something on one machine only and never go out (RFC 6874 §4).
func isIPv6(s string) bool {
	if len(s) < len("[::]") || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	s = s[1 : len(s)-1]
	for i := range len(s) {
		if !isHexDigit(s[i]) && s[i] != ':' && s[i] != '.' {
			return false
		}
	}
	return strings.Count(s, ":") >= 2
}

func isPort(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
