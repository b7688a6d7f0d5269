// Package websocket speaks the WebSocket protocol, RFC 6455, as a server and as
// a client, strictly in both roles.
//
// A server is a handler in any mux:
//
//	http.Handle("/echo", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
//		for m, err := range c.Messages(ctx) {
//			if err != nil {
//				return err
//			}
//			if err := c.Write(ctx, m.Type, m.Data); err != nil {
//				return err
//			}
//		}
//		return nil
//	}, nil))
//
// A client dials:
//
//	c, _, err := websocket.Dial(ctx, "ws://localhost:8080/echo", nil)
//
// # Faster
//
//   - Next lends a message where Read copies it, and ReadInto reads into memory of the
//     caller. Neither allocates.
//   - Post costs less than Write where messages come close behind each other: what is
//     posted while more of them are at hand leaves in one system call. Answer with
//     Post and, when that says ErrQueueFull, with Write, which waits for the network.
//   - A [Prepared] message is encoded once for all its receivers.
//
// The house, top to bottom; arrows only go down:
//
//	websocket        Conn, Accept, Dial, Handler, Registry
//	    │
//	proto            bytes in → events + bytes out: no I/O, no clock, no goroutine
//	    │
//	frame, handshake the bits of a frame, the words of the handshake
//	deflate          compression
//
// # What a Conn promises
//
//   - Any number of goroutines may write. Frames of several writers leave in one
//     system call; a control frame never lands inside another frame.
//   - A Read that timed out or was cancelled can be called again; nothing is lost.
//   - Close performs the closing handshake within a bounded time.
//   - Dead peers are found by pings, stuck ones by the write timeout.
//   - Memory grows with the bytes received, never with the length a peer declares,
//     and an idle connection holds no buffer.
//   - Misuse gets an error, never a panic.
//
// # Caveats
//
//   - Pings, pongs and close frames are handled while a Read, a Messages loop or
//     CloseRead is in progress. An application that only writes must call CloseRead.
//   - A Write cut off in the middle of a frame, by its context or by the write
//     timeout, ends the connection: the stream cannot be mended.
//   - Compression is off unless an option says otherwise: see [Compression] for what
//     it costs and what it gives away.
//   - WebSocket over HTTP/2 (RFC 8441) is not there yet.
package websocket
