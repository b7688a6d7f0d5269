// Package deflate is the permessage-deflate extension of WebSocket, RFC 7692,
// with a compressor and a decompressor of its own (RFC 1951). Like everything
// below the connection it does no input or output: headers and bytes go in,
// headers and bytes come out.
//
// Both ends settle the parameters in the opening handshake:
//
//	client                                    server
//	c.Offer()           ── in the request ──▶  p, answer, ok := c.Accept(offers)
//	p, ok, err := c.CheckAnswer(extensions)  ◀── in the answer ──
//
// Then each message goes its way:
//
//	out = encoder.Append(out, history, payload, true) // and RSV1 on its first frame
//
//	decoder.Begin(window)
//	for len(in) > 0 || len(piece) > 0 {
//		piece, in, err = decoder.Next(in) // piece is lent until the next call
//	}
//	for done := false; !done; {
//		piece, done, err = decoder.End()
//	}
//
// A History and a Window are what one direction of one connection keeps from
// message to message, and all it keeps: they hold what was sent or received, up
// to the agreed window. An Encoder and a Decoder are working memory that any
// number of connections share through a pool. Nothing here may be used by two
// goroutines at the same time, but a Config and Params, which are plain values.
//
// # Windows
//
// All of 8 to 15 bits are kept, in both directions: what is sent never refers
// farther back than was agreed, and what is received may not. That goes for 8
// bits too, 256 bytes. Most other endpoints cannot compress with them, because
// zlib cannot, and take 9 bits instead. That does no harm: zlib leaves 262 bytes
// of its window unused and so refers back 512 − 262 = 250 bytes at most. What
// does harm is a peer that refuses: ask others for 9 bits or more.
//
// # Caveats
//
// Compression gives secrets away. Where a secret and text that an attacker
// chooses are compressed together, in one message or with context takeover in
// one direction of one connection, the length of the frames tells the attacker
// how much of the secret he has guessed, through TLS as well (CRIME, BREACH). Keep
// the two apart: send the secret uncompressed or on a connection of its own, or
// switch the takeover off if they are never in one message.
//
// Compression costs time: many times what all the rest of sending a message does.
// It costs memory too, for every connection with takeover, in each direction
// as much as the window that was agreed on and, in the direction it compresses,
// the tables to search it.
//
// Few bytes may inflate to a thousand times their number. Next returns them in
// pieces no larger than the window, so that whoever counts them can stop.
package deflate
