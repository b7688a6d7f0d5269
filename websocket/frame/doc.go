// Package frame holds the wire format of WebSocket frames (RFC 6455 §5, §7.4,
// §8.1) as pure functions: headers, masking, incremental UTF-8 checking and
// the payload of close frames.
//
// Nothing here does I/O, reads a clock or keeps a reference to a slice it was
// given. Parsing works on the bytes at hand and says when they do not suffice;
// encoding appends to a slice of the caller. All functions may be called
// concurrently on different data.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	|F| RSV | opcode|M| length      | 16 bits of length if 126,     |
//	|I|     |       |A| 0..125, or  | 64 bits of length if 127      |
//	|N|1 2 3|       |S| 126 or 127  |                               |
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	| 4 bytes of masking key if MASK is set, then the payload       |
//	+---------------------------------------------------------------+
//
// # Caveats
//
// A header that parses is not yet a legal header. The rules that depend on the
// role of the endpoint, on negotiated extensions or on the frames that came
// before (masking, RSV bits, reserved opcodes, fragmentation, the size of
// control frames) belong to the state machine of package proto.
//
// Masking and the check of UTF-8 are assembly on amd64 with AVX2 and on arm64,
// save in builds with the tag purego and under the race detector, which does
// not see what assembly reads and writes.
package frame
