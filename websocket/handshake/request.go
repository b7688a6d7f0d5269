package handshake

import (
	"encoding/base64"
	"strings"
)

// Sections of RFC 6455 that most of the errors name.
const (
	sectionClient = "RFC 6455 §4.1"
	sectionServer = "RFC 6455 §4.2.1"
)

// A Request is what a server has to know of a request to open a WebSocket.
// Check only reads it.
type Request struct {
	// Method is the request's method in upper case.
	Method string
	// ProtoMajor and ProtoMinor are the two numbers of the HTTP version.
	ProtoMajor, ProtoMinor int
	// Target is the request target as it stands in the request line, or "" if it is
	// not known and need not be checked.
	Target string
	// Host is the Host header, or the host of an absolute request target, which
	// takes precedence over the header (RFC 9112 §3.2.2).
	Host string
	// Header holds all other headers under their canonical names.
	Header map[string][]string
	// HasBody is true if the request has a body, or announces one.
	HasBody bool
	// Secure is true if the request arrived over TLS.
	Secure bool
}

// A Policy is what a server wants. The zero value, like a nil *Policy, speaks
// no subprotocol and takes connections of its own pages only.
type Policy struct {
	// Subprotocols are the names the server speaks, the preferred one first.
	Subprotocols []string
	// Origins are patterns for the pages that may connect beside the server's
	// own; see CheckOriginPattern.
	Origins []string
}

// Accepted is what AppendResponse needs of a request that Check passed.
type Accepted struct {
	// Key is the client's Sec-WebSocket-Key.
	Key string
	// Subprotocol is the chosen subprotocol, or "".
	Subprotocol string
	// Offers are the extensions that the client offers, the preferred one first.
	// One name may stand there several times, with other parameters each time.
	Offers []Extension
	// Extensions are those the server uses, in the order in which it applies
	// them to what it sends. Check leaves it nil, which declines every offer;
	// whoever knows an extension fills it, with names from Offers only.
	Extensions []Extension
}

// Check holds a client's request against every rule of RFC 6455 §4.2.1 and
// against the policy. The error is an *Error with the status to answer with:
//
//	400  a required header is missing or malformed, or the request has a body
//	403  the page's origin is not allowed, §10.2
//	405  the method is not GET; Header has Allow
//	426  the request is HTTP/1.0, no WebSocket handshake at all, or one for
//	     another version; Header has Upgrade, Connection, Sec-WebSocket-Version
//	505  the request is not HTTP/1.x
//
// Nothing is answered or kept: what Check does with r and p ends when it
// returns, except that the strings of Accepted share their memory.
func Check(r *Request, p *Policy) (Accepted, error) {
	return check(r, p, &extensionList{})
}

// check is Check, with memory for what the client offers.
func check(r *Request, p *Policy, l *extensionList) (Accepted, error) {
	if p == nil {
		p = &Policy{}
	}
	if err := checkUpgrade(r); err != nil {
		return Accepted{}, err
	}
	if err := checkTarget(r.Target); err != nil {
		return Accepted{}, err
	}
	key, err := checkKey(r)
	if err != nil {
		return Accepted{}, err
	}
	subprotocol, err := SelectSubprotocol(r.Header[headerProtocol], p.Subprotocols)
	if err != nil {
		return Accepted{}, err
	}
	offers, err := l.parse(r.Header[headerExtensions])
	if err != nil {
		return Accepted{}, err
	}
	if err := CheckOrigin(r.Header[headerOrigin], r.Host, r.Secure, p.Origins); err != nil {
		return Accepted{}, err
	}
	return Accepted{Key: key, Subprotocol: subprotocol, Offers: offers}, nil
}

// checkUpgrade checks items 1, 3 and 4 of §4.2.1: that this is a request for a
// WebSocket at all.
func checkUpgrade(r *Request) error {
	switch {
	// 505 is about the major version (RFC 9110 §15.6.6). A 426 would have to
	// carry Upgrade (§15.5.22), which HTTP/2 and later forbid (RFC 9113 §8.2.2).
	case r.ProtoMajor != 1:
		return refuse(statusVersionNotSupported, sectionServer,
			"this URL speaks WebSocket over HTTP/1.1, not over HTTP/%d", r.ProtoMajor)
	case r.Method != "GET":
		return refuse(statusMethodNotAllowed, sectionServer,
			"the method is %s; a WebSocket is opened with GET", quote(r.Method)).with("Allow", "GET")
	// The major version is right, so it is not 505. RFC 9110 §7.8 has us ignore
	// any Upgrade of an HTTP/1.0 request, which leaves an ordinary one.
	case r.ProtoMinor < 1:
		return refuse(statusUpgradeRequired, sectionServer,
			"the request is HTTP/1.0; a WebSocket is opened with HTTP/1.1").withUpgrade()
	case !HasToken(r.Header[headerUpgrade], "websocket"):
		return refuse(statusUpgradeRequired, sectionServer,
			"this URL speaks WebSocket and the request has no \"Upgrade: websocket\"; "+
				"open it with a WebSocket client, and if that was one, "+
				"see whether a proxy in between passes Upgrade on").withUpgrade()
	// The client does ask for WebSocket, but whoever sends Upgrade has to list
	// it in Connection, RFC 9110 §7.8.
	case !HasToken(r.Header[headerConnection], "upgrade"):
		return refuse(statusBadRequest, sectionServer,
			"Connection does not list Upgrade; see whether a proxy in between removes it")
	}
	return nil
}

// checkTarget checks item 1 of §4.2.1: that a resource is asked for, by its path or by
// its whole URL (RFC 9112 §3.2). A fragment never goes over the wire (RFC 6455 §3).
func checkTarget(target string) error {
	switch {
	case strings.Contains(target, "#"):
		return refuse(statusBadRequest, "RFC 6455 §3", "the request target %s has a fragment", quote(target))
	case target == "" || strings.HasPrefix(target, "/") || strings.Contains(target, "://"):
		return nil
	default:
		return refuse(statusBadRequest, "RFC 9112 §3.2",
			"the request target %s is neither a path nor a URL", quote(target))
	}
}

// checkKey checks items 2, 5 and 6 of §4.2.1 and that there is no body.
func checkKey(r *Request) (key string, err error) {
	if _, _, ok := splitHost(r.Host, false); !ok {
		if r.Host == "" {
			return "", refuse(statusBadRequest, sectionServer, "Host is missing")
		}
		return "", refuse(statusBadRequest, "RFC 9112 §3.2", "Host %s is not host[:port]", quote(r.Host))
	}
	if err := checkVersion(r.Header[headerVersion]); err != nil {
		return "", err
	}
	// Bytes behind the request are frames. A body would stand where they should,
	// and has no meaning in a GET; a way to smuggle, says RFC 9110 §9.3.1.
	if r.HasBody {
		return "", refuse(statusBadRequest, "RFC 9110 §9.3.1", "a handshake with a body")
	}
	switch keys := r.Header[headerKey]; len(keys) {
	case 0:
		return "", refuse(statusBadRequest, sectionServer, "Sec-WebSocket-Key is missing")
	case 1:
		key = trim(keys[0])
	default:
		return "", refuse(statusBadRequest, "RFC 6455 §11.3.1",
			"Sec-WebSocket-Key is sent %d times", len(keys))
	}
	if !isKey(key) {
		return "", refuse(statusBadRequest, sectionServer,
			"Sec-WebSocket-Key %s is not the base64 form of 16 bytes", quote(key))
	}
	return key, nil
}

// checkVersion checks Sec-WebSocket-Version. A client that asks for another
// version gets 426 and is told ours, §4.2.2 item 4 and §4.4. A client that asks
// for none has left out a required header, for which §4.2.1 has 400; there is
// nothing to negotiate, but the answer still names our version.
func checkVersion(values []string) error {
	switch {
	case len(values) == 0:
		return refuse(statusBadRequest, sectionServer,
			"Sec-WebSocket-Version is missing").withVersion()
	case len(values) > 1:
		return refuse(statusUpgradeRequired, "RFC 6455 §11.3.5",
			"Sec-WebSocket-Version is sent %d times", len(values)).withUpgrade()
	case trim(values[0]) != version:
		return refuse(statusUpgradeRequired, "RFC 6455 §4.4",
			"WebSocket version %s is not supported; use 13", quote(values[0])).withUpgrade()
	}
	return nil
}

// isKey reports whether key is the base64 form of 16 bytes. The four bits that
// the last digit has to spare need not be zero: some clients make their keys of
// random digits.
func isKey(key string) bool {
	const keyLen = 24
	if len(key) != keyLen {
		return false
	}
	var b [18]byte
	// The decoder skips line breaks, but with one there are too few digits left.
	n, err := base64.StdEncoding.Decode(b[:], []byte(key))
	return err == nil && n == 16
}

// An Offer is a client's side of a handshake. Neither function that takes one
// changes it.
type Offer struct {
	// Host is the Host header: host[:port], the port only if it is not the
	// default one, an IPv6 address in brackets and without a zone.
	Host string
	// Target is the path and query of the URL, escaped; it begins with a slash.
	Target string
	// Key is the base64 form of 16 random bytes, new for each handshake.
	Key string
	// Subprotocols are the names to offer, the preferred one first.
	Subprotocols []string
	// Extensions are those to offer, the preferred one first. One name may stand
	// there several times, with other parameters each time.
	Extensions []Extension
	// Extra are further headers, Cookie or Authorization for example. Those of
	// the handshake itself cannot be set here.
	Extra map[string][]string
}

// AppendRequest appends the request of RFC 6455 §4.1 to dst, from the request
// line to the empty line, the extra headers sorted by name. If the offer cannot
// be sent as it is, dst comes back unchanged, with an *Error that has status 0.
func AppendRequest(dst []byte, o *Offer) ([]byte, error) {
	if err := o.check(); err != nil {
		return dst, err
	}
	dst = append(dst, "GET "...)
	dst = append(dst, o.Target...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendLine(dst, "Host", o.Host)
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\n"...)
	dst = appendLine(dst, "Sec-WebSocket-Key", o.Key)
	dst = appendLine(dst, "Sec-WebSocket-Version", version)
	if len(o.Subprotocols) > 0 {
		dst = appendLine(dst, "Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	dst = appendExtensions(dst, o.Extensions)
	dst = appendHeader(dst, o.Extra)
	return append(dst, "\r\n"...), nil
}

// check refuses what would break a rule, or out of the request line.
func (o *Offer) check() error {
	if _, _, ok := splitHost(o.Host, false); !ok {
		return fail(sectionClient, "host %s is not host[:port]", quote(o.Host))
	}
	if !isTarget(o.Target) {
		return fail("RFC 6455 §3", "request target %s is not an escaped path and query that begins with '/'",
			quote(o.Target))
	}
	if !isKey(o.Key) {
		return fail(sectionClient, "the key is not the base64 form of 16 bytes")
	}
	for _, name := range o.Subprotocols {
		if !isToken(name) {
			return fail(sectionClient, "subprotocol %s is not a token", quote(name))
		}
	}
	if name := duplicate(o.Subprotocols); name != "" {
		return fail(sectionClient, "subprotocol %s is offered twice", quote(name))
	}
	if problem := checkExtensions(o.Extensions); problem != "" {
		return fail(sectionExtensions, "%s", problem)
	}
	for name := range o.Extra {
		if equalFold(name, "Host") {
			return fail("", "header Host cannot be set: give the host in the options")
		}
	}
	if problem := checkHeader(o.Extra); problem != "" {
		return fail("", "%s", problem)
	}
	return nil
}

// isTarget reports whether s can stand in a request line as a resource name,
// RFC 6455 §3: visible ASCII from the first slash on and without a fragment.
func isTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '#' {
			return false
		}
	}
	return strings.HasPrefix(s, "/")
}
