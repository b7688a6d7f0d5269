package handshake

import "slices"

// SelectSubprotocol chooses the subprotocol of a connection: the first of
// supported that the client offered, or "" if it offered none of them, which
// is no error (RFC 6455 §4.2.2, item 5). Names are compared exactly, letters in
// their case.
//
// offered are the values of the Sec-WebSocket-Protocol headers of a request;
// nil means that there is none. They have to list at least one token, at most
// 256, and none of them twice (§4.1, item 10); otherwise the error is an *Error
// with status 400.
func SelectSubprotocol(offered []string, supported []string) (string, error) {
	if len(offered) == 0 {
		return "", nil
	}
	var few [16]string
	names := few[:0]
	for e := range elements(offered) {
		if !isToken(e) {
			return "", refuse(statusBadRequest, "RFC 6455 §4.1",
				"subprotocol %s in Sec-WebSocket-Protocol is not a token", quote(e))
		}
		if len(names) == maxListed {
			return "", refuse(statusBadRequest, "RFC 6455 §4.1",
				"Sec-WebSocket-Protocol lists more than 256 subprotocols")
		}
		names = append(names, e)
	}
	if len(names) == 0 {
		return "", refuse(statusBadRequest, "RFC 6455 §4.1", "Sec-WebSocket-Protocol is empty")
	}
	if name := duplicate(names); name != "" {
		return "", refuse(statusBadRequest, "RFC 6455 §4.1",
			"subprotocol %s is listed twice in Sec-WebSocket-Protocol", quote(name))
	}
	for _, name := range supported {
		if slices.Contains(names, name) {
			return name, nil
		}
	}
	return "", nil
}

// duplicate returns a name that occurs twice, or "".
func duplicate(names []string) string {
	// Pairs are quickest for the few names of a normal offer; sorting keeps a
	// header full of commas from costing its length squared.
	if len(names) > 16 {
		sorted := slices.Sorted(slices.Values(names))
		for i, name := range sorted[1:] {
			if name == sorted[i] {
				return name
			}
		}
		return ""
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return name
		}
	}
	return ""
}
