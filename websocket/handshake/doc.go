// Package handshake is the opening handshake of WebSocket, RFC 6455 §4, without
// any input or output: header lists go in, bytes and verdicts come out.
//
//	client                                        server
//	AppendRequest(dst, offer)  ── GET … ──▶       Check(request, policy)
//	CheckResponse(response, offer)  ◀── 101 ──    AppendResponse(dst, accepted, extra)
//
// Headers are maps from canonical names ("Sec-Websocket-Key") to values, so
// that an http.Header can be assigned as it is. A driver with a parser of its
// own has to spell the names in the same way: first letter and every letter
// after a hyphen in upper case, all others in lower case.
//
// A server that has no net/http under it lets a Head do that. It goes from the
// bytes of a request to those of the answer without allocating:
//
//	n, err := head.Parse(b, seen)                  // GET … in, with n == 0 for "more"
//	accepted, err := head.Check(policy)
//	dst, err = AppendResponse(dst, accepted, nil)  // 101, or for any of the errors:
//	dst = AppendRefusal(dst, err)
//
// The rules are kept strictly in both roles. Every breach is an *Error that
// names the rule and, on the server, the status to answer with.
//
// All functions are pure: they keep nothing, change none of their arguments
// but dst, and may be called from any number of goroutines. The methods of a Head
// are for one at a time.
//
// # Caveats
//
// Extensions are only carried: an answer may name none that was not offered, but
// what the parameters of one mean, package deflate knows. Whoever puts nothing
// into Accepted.Extensions declines every offer.
//
// HTTP/2 and HTTP/3 open a WebSocket in another way (RFC 8441, RFC 9220) that
// this package does not know; Check answers them with 505.
package handshake
