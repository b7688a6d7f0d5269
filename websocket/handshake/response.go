package handshake

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/base64"
	"slices"
)

// guid is what both ends append to the key, RFC 6455 §1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AcceptKey returns the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key,
// RFC 6455 §4.2.2, item 5. It shows that the other end speaks WebSocket and
// guards nothing (§10.8).
func AcceptKey(key string) string {
	return string(appendAcceptKey(nil, key))
}

func appendAcceptKey(dst []byte, key string) []byte {
	in := append(make([]byte, 0, 64), key...)
	in = append(in, guid...)
	var sum [sha1.Size]byte
	// A program that runs with GODEBUG=fips140=only would panic here, though
	// SHA-1 stands for no security in this place.
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(in) })
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// AppendResponse appends the whole 101 of RFC 6455 §4.2.2 to dst, up to and
// with the empty line: what comes behind it are frames. extra are headers of
// the program, Set-Cookie for example, sorted by name; their names have to be
// tokens, their values free of control characters, and none of them may be one
// that the handshake sets itself or that announces a body. If that is not so,
// dst comes back unchanged, with an *Error that has status 500. The same goes
// for an extension that was not offered (§4.2.2, item 5), and for one with a
// name, parameter or value that is no token.
func AppendResponse(dst []byte, a Accepted, extra map[string][]string) ([]byte, error) {
	if a.Subprotocol != "" && !isToken(a.Subprotocol) {
		return dst, refuse(statusInternalServerError, sectionClient,
			"subprotocol %s is not a token", quote(a.Subprotocol))
	}
	if problem := checkExtensions(a.Extensions); problem != "" {
		return dst, refuse(statusInternalServerError, sectionExtensions, "%s", problem)
	}
	if name := stranger(a.Extensions, a.Offers); name != "" {
		return dst, refuse(statusInternalServerError, "RFC 6455 §4.2.2",
			"extension %s was not offered", quote(name))
	}
	if problem := checkHeader(extra); problem != "" {
		return dst, refuse(statusInternalServerError, "", "%s", problem)
	}
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = appendAcceptKey(dst, a.Key)
	dst = append(dst, "\r\n"...)
	if a.Subprotocol != "" {
		dst = appendLine(dst, "Sec-WebSocket-Protocol", a.Subprotocol)
	}
	dst = appendExtensions(dst, a.Extensions)
	dst = appendHeader(dst, extra)
	return append(dst, "\r\n"...), nil
}

// A Response is what a client has to know of a server's answer. CheckResponse
// only reads it.
type Response struct {
	// Status is the HTTP status code.
	Status int
	// ProtoMajor and ProtoMinor are the two numbers of the HTTP version.
	ProtoMajor, ProtoMinor int
	// Header holds the headers under their canonical names.
	Header map[string][]string
}

// Agreed is what a server's answer settles beside the fact that it answers.
type Agreed struct {
	// Subprotocol is the one the server chose, or "".
	Subprotocol string
	// Extensions are those the server uses, in the order in which it applies
	// them to what it sends. Each has a name that was offered. What its
	// parameters may be is for the extension to judge, before the first frame.
	Extensions []Extension
}

// CheckResponse holds a server's answer to an offer against every rule of
// RFC 6455 §4.1, items 1 to 6 of the second list, and returns what the server
// chose. With an error, which is an *Error with status 0, the client has to
// drop the connection.
func CheckResponse(r *Response, o *Offer) (Agreed, error) {
	if err := checkSwitch(r); err != nil {
		return Agreed{}, err
	}
	if err := checkAccept(r.Header[headerAccept], o.Key); err != nil {
		return Agreed{}, err
	}
	extensions, err := checkExtensionAnswer(r.Header[headerExtensions], o.Extensions)
	if err != nil {
		return Agreed{}, err
	}
	subprotocol, err := checkSubprotocol(r.Header[headerProtocol], o.Subprotocols)
	if err != nil {
		return Agreed{}, err
	}
	return Agreed{subprotocol, extensions}, nil
}

// checkSwitch checks that the server changes to WebSocket: items 1 to 3.
func checkSwitch(r *Response) error {
	switch upgrade := r.Header[headerUpgrade]; {
	case r.Status != 101:
		if v := r.Header[headerVersion]; len(v) > 0 && !HasToken(v, version) {
			return fail("RFC 6455 §4.4",
				"the server answered with status %d instead of 101; it speaks version %s of WebSocket, not 13",
				r.Status, quote(v[0]))
		}
		return fail(sectionClient, "the server answered with status %d instead of 101", r.Status)
	// HTTP/1.0 has no 101 (RFC 9110 §15.2).
	case r.ProtoMajor < 1 || r.ProtoMajor == 1 && r.ProtoMinor < 1:
		return fail(sectionClient, "the server answered with HTTP/%d.%d; a WebSocket needs HTTP/1.1",
			r.ProtoMajor, r.ProtoMinor)
	case len(upgrade) == 0:
		return fail(sectionClient, "Upgrade is missing in the answer")
	// Unlike in the request it is not a list that has websocket in it: the
	// server changes to one protocol.
	case len(upgrade) > 1 || !equalFold(trim(upgrade[0]), "websocket"):
		return fail(sectionClient, "Upgrade in the answer is %s, not websocket", quote(upgrade[0]))
	case !HasToken(r.Header[headerConnection], "upgrade"):
		return fail(sectionClient, "Connection in the answer does not list Upgrade")
	}
	return nil
}

// checkAccept checks item 4: that the server has read our key.
func checkAccept(values []string, key string) error {
	switch {
	case len(values) == 0:
		return fail(sectionClient, "Sec-WebSocket-Accept is missing in the answer")
	case len(values) > 1:
		return fail("RFC 6455 §11.3.3", "Sec-WebSocket-Accept is %d times in the answer", len(values))
	case trim(values[0]) != AcceptKey(key):
		return fail(sectionClient, "Sec-WebSocket-Accept %s in the answer does not belong to our key",
			quote(values[0]))
	}
	return nil
}

// checkExtensionAnswer checks item 5: the answer has no extension that was not
// offered.
func checkExtensionAnswer(values []string, offered []Extension) ([]Extension, error) {
	list, err := ParseExtensions(values)
	if err != nil {
		e := err.(*Error) //nolint:errorlint // ParseExtensions returns no other
		e.Status = 0
		return nil, e
	}
	if name := stranger(list, offered); name != "" {
		return nil, fail(sectionClient, "the answer has extension %s, which was not offered", quote(name))
	}
	return list, nil
}

// checkSubprotocol checks item 6. The client goes on without a subprotocol if
// the server names none, but never with one it did not offer.
func checkSubprotocol(values, offered []string) (string, error) {
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", fail("RFC 6455 §11.3.4", "Sec-WebSocket-Protocol is %d times in the answer", len(values))
	}
	name := trim(values[0])
	if !slices.Contains(offered, name) {
		return "", fail(sectionClient, "the answer has subprotocol %s, which was not offered", quote(name))
	}
	return name, nil
}
