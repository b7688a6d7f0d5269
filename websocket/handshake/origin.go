package handshake

import "strings"

const sectionOrigin = "RFC 6455 §10.2"

// CheckOrigin decides whether the page a browser opened the connection from
// may do so. origin are the values of the Origin headers of the request, host
// is its Host, secure says that it came over TLS, patterns are the origins that
// are allowed beside the server's own (see CheckOriginPattern). The error is an
// *Error with status 403.
//
// A request without an Origin header is allowed: only browsers send one, and
// only a browser can be made to act for a user behind the user's back.
//
// An origin is the server's own if its host and port are those of the Host
// header, a missing port standing for the default one of the origin's scheme,
// and if the page came at least as securely as the connection. Over TLS this
// means https: a page loaded over plain http can be anybody's who sits on the
// network. On a connection without TLS both http and https are good. A browser
// does not let an https page open a ws:// URL (mixed content), so where one
// arrives it left the browser as wss:// and a proxy before us ended the TLS.
//
// Hosts are compared in any case. An IPv6 address has to be written as browsers
// write it, in the compressed form of RFC 5952.
func CheckOrigin(origin []string, host string, secure bool, patterns []string) error {
	switch len(origin) {
	case 0:
		return nil
	case 1:
	default:
		return refuse(statusForbidden, "RFC 6454 §7.3", "Origin is sent %d times", len(origin))
	}
	text := trim(origin[0])
	o, ok := parseOrigin(text, false)
	if ok && o.isHost(host) && (o.scheme == "https" || o.scheme == "http" && !secure) {
		return nil
	}
	for _, pattern := range patterns {
		if pattern == "*" || pattern == "null" && text == "null" {
			return nil
		}
		if p, problem := parsePattern(pattern); ok && problem == "" && p.matches(o) {
			return nil
		}
	}
	return originError(text, o, ok, host)
}

// originError says what is wrong with an origin and what to do about it.
func originError(text string, o origin, ok bool, host string) error {
	switch {
	case !ok && text != "null":
		return refuse(statusForbidden, sectionOrigin,
			"origin %s is neither scheme://host[:port] nor null", quote(text))
	case ok && o.isHost(host) && o.scheme == "http":
		return refuse(statusForbidden, sectionOrigin,
			"origin %s is not allowed: the page was not loaded over TLS but the connection uses it; "+
				"load the page over https or list the origin in AcceptOptions.Origins", quote(text))
	default:
		return refuse(statusForbidden, sectionOrigin,
			"origin %s is not allowed for host %s; list it in AcceptOptions.Origins",
			quote(text), quote(host))
	}
}

// CheckOriginPattern reports whether a pattern for CheckOrigin is well formed;
// one that is not matches nothing. The error says how to write it. A pattern is
// one of
//
//	https://app.example.com  exactly this scheme, host and port
//	https://*.example.com    '*' stands for one or more characters within a label,
//	                         so neither example.com nor a.b.example.com match
//	http://192.168.0.*       '*' in the last label stands for a number of an IPv4
//	                         address, never for a name that anybody could register
//	https://*                a host that is '*' alone matches every host
//	http://localhost:*       '*' as the port matches every port
//	null                     pages without an origin: sandboxed frames, files
//	*                        any origin at all, also one that is malformed
//
// A missing port is the default one of the scheme: 80 for http, 443 for https.
func CheckOriginPattern(pattern string) error {
	if pattern == "*" || pattern == "null" {
		return nil
	}
	if _, problem := parsePattern(pattern); problem != "" {
		return refuse(statusInternalServerError, "", "origin pattern %s: %s", quote(pattern), problem)
	}
	return nil
}

// parsePattern parses a pattern that is neither "*" nor "null". It returns what
// is wrong with it, or "".
func parsePattern(pattern string) (p origin, problem string) {
	scheme, rest, found := strings.Cut(pattern, "://")
	p, ok := parseOrigin(pattern, true)
	switch {
	case !found:
		return p, "a scheme is missing: write https://host, http://host or both"
	case equalFold(scheme, "ws"), equalFold(scheme, "wss"):
		return p, "an origin is that of a page: write http:// for ws:// and https:// for wss://"
	case strings.ContainsAny(rest, "/?#@"):
		return p, "nothing but scheme://host[:port] can be in it"
	case strings.ContainsFunc(rest, func(r rune) bool { return r >= 0x80 }):
		return p, "write the host as browsers send it, in its xn-- form"
	case !ok:
		return p, "write scheme://host[:port]"
	case !p.hasSafeWildcard():
		return p, "a '*' in the last label would match names that anybody can register"
	}
	return p, ""
}

// An origin is a parsed Origin header (RFC 6454 §6.2), or a pattern for one.
// Scheme and host are in lower case. The port is "" if it was not given and the
// scheme has no default; in a pattern it may be "*".
type origin struct{ scheme, host, port string }

// parseOrigin takes apart scheme://host[:port], to which nothing may be added:
// no user, no path, not even the slash at the end. With wild, it may be a
// pattern.
func parseOrigin(s string, wild bool) (o origin, ok bool) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || !isScheme(scheme) {
		return origin{}, false
	}
	o.scheme = strings.ToLower(scheme)
	if rest == "" {
		// Some browsers send "file://" for a page from the disk.
		return o, o.scheme == "file"
	}
	o.host, o.port, ok = splitHost(rest, wild)
	if !ok || strings.HasSuffix(rest, ":") {
		return origin{}, false
	}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o, true
}

// isScheme reports whether s is a scheme of RFC 3986 §3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// isHost reports whether o names the host and port of a Host header.
func (o origin) isHost(s string) bool {
	host, port, ok := splitHost(s, false)
	if !ok {
		return false
	}
	if port == "" {
		port = defaultPort(o.scheme)
	}
	return o.host == host && o.port == port
}

// matches reports whether o, a pattern, covers page.
func (o origin) matches(page origin) bool {
	return o.scheme == page.scheme &&
		(o.port == "*" || o.port == page.port) &&
		matchHost(o.host, page.host)
}

// matchHost compares label by label, so that a '*' cannot reach over a dot.
func matchHost(pattern, host string) bool {
	if pattern == "*" {
		return host != ""
	}
	if strings.HasPrefix(host, "[") {
		return pattern == host // an IPv6 address has no labels
	}
	for {
		p, pRest, pMore := strings.Cut(pattern, ".")
		h, hRest, hMore := strings.Cut(host, ".")
		if pMore != hMore || !matchLabel(p, h) {
			return false
		}
		if !pMore {
			// Browsers take every host whose last label is a number for an IPv4
			// address, so a number here is no name (WHATWG URL §3.5).
			return !strings.Contains(p, "*") || isNumber(h)
		}
		pattern, host = pRest, hRest
	}
}

// matchLabel compares s with a pattern in which each '*' stands for one or more
// characters. Taking the leftmost place for each part between two of them is
// right: what follows has then the most room.
func matchLabel(pattern, s string) bool {
	part, rest, wild := strings.Cut(pattern, "*")
	if !strings.HasPrefix(s, part) {
		return false
	}
	s = s[len(part):]
	for wild {
		part, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return len(s) > len(part) && strings.HasSuffix(s, part)
		}
		if s == "" {
			return false
		}
		i := strings.Index(s[1:], part)
		if i < 0 {
			return false
		}
		s = s[1+i+len(part):]
	}
	return s == ""
}

// hasSafeWildcard reports whether a pattern with a '*' in its last label is one
// for IPv4 addresses, or for every host.
func (o origin) hasSafeWildcard() bool {
	last := o.host[strings.LastIndexByte(o.host, '.')+1:]
	if o.host == "*" || !strings.Contains(last, "*") {
		return true
	}
	labels := strings.Split(o.host, ".")
	for _, l := range labels {
		if !isNumber(strings.ReplaceAll(l, "*", "0")) {
			return false
		}
	}
	return len(labels) == 4
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
