// Package conformance is a test suite for WebSocket endpoints: anybody's server,
// anybody's client. It holds them against RFC 6455 and RFC 7692, and against those
// parts of HTTP and TLS that a WebSocket stands on, in about 3,000 conversations
// over the network, each named by the section that sets the rule.
//
// The endpoint has to do one thing, send back each message as it came:
//
//	r, err := conformance.CheckServer(ctx, "ws://localhost:9001/echo", nil)
//	r, err := conformance.CheckClients(ctx, listener, nil)
//
// The first connects to a server, the second waits for clients, which connect again
// and again until they are answered with 410 Gone. In a test of Go it is one line,
// [TestServer] or [TestClient]. What came of it is a [Report], with what went over
// the wire; [Draw] shows that to a person.
//
// # How it judges
//
// A broken MUST is [Failed], a broken SHOULD [NotStrict]; where the standard leaves
// it open and most do the same, another way is [Informational]. A test that needs
// something of the endpoint that was not agreed on, or that [Options] does not tell,
// is [Unsupported]. Where endpoints differ, the sentence of the standard decides:
//
//   - What the standard says of the form of frames is a MUST for who receives them
//     too, although it often speaks to the sender only, as incoming data must
//     always be validated (§10.7). A length in more bytes than it needs is not,
//     as it can be read in one way only, and neither is what the standard only
//     calls reserved, undefined or not used, as some status codes.
//   - To fail the connection is a MUST, and either a close frame or the end of TCP
//     shows it. Which close frame comes, and that one comes, is a SHOULD (§7.1.7).
//   - Messages and pings that come right before a broken rule or a close frame may
//     stay without an answer: NotStrict at most, as no rule gives an application
//     the time for it.
//   - Of several pings only the newest need be answered (§5.5.3), and pongs may pass
//     messages. A pong that answers nothing is allowed, too, but whoever answers
//     pongs would never stop: NotStrict.
//   - A close frame is typically answered with its own code (§5.5.1), and 1000 or
//     none will do.
//   - One flaw should not fail every test. That the endpoint ends TCP, and how it
//     answers a close frame, is judged by the tests about that, and only noted by
//     the others. But what an endpoint sends must be frames as they should be,
//     in each test.
//
// # The table of cases
//
// Most of the tests come from one table, [Cases]: what a peer sends, frame by frame,
// what the application behind the endpoint must see, which frames must come back and
// how the connection must stand at the end. It knows no endpoint and does no I/O, so
// it serves the tests of the protocol machine and of the connections built on it as
// well: they run a case as they like, write down what happened in an [Outcome] and
// let [Case.Check] judge it.
//
// # Caveats
//
// The suite uses packages frame, handshake and deflate of this module, but neither its
// protocol machine nor its connections. That each test can fail is shown with endpoints
// that are broken on purpose, one flaw at a time, in the tests of this package.
//
// An endpoint that closes by itself is not part of it: nothing tells an echo server
// to do so. Nor are HTTP/2 and HTTP/3.
package conformance
