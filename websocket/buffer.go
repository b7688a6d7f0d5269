package websocket

import (
	"net"
	"sync"
)

// Sizes of buffers and writes, in bytes.
const (
	readSize  = 16 << 10 // of a pooled read buffer
	copyLimit = 16 << 10 // messages up to this size are copied into the outbox
	batchSize = 64 << 10 // the outbox of writers that wait; one write to the transport
	outSize   = 4 << 10  // of a fresh outbox buffer
)

// readBuffer is where bytes of the transport land. One is held only while it has
// bytes that are not parsed.
type readBuffer [readSize]byte

var readBuffers sync.Pool

// takeReadBuffer returns a buffer of the pool, nil if it is empty.
func takeReadBuffer() *readBuffer {
	b, _ := readBuffers.Get().(*readBuffer)
	return b
}

// buffer is a slice of bytes that is kept for reuse.
type buffer struct {
	b []byte

	// Room for a vectored write, which would otherwise be allocated.
	pair   [2][]byte
	vector net.Buffers
}

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, outSize)} }}

func newBuffer() *buffer { return buffers.Get().(*buffer) } //nolint:forcetypeassert // the pool holds nothing else

// free gives b back for reuse. A nil b, or a huge one, is left to the collector.
func (b *buffer) free() {
	if b == nil || cap(b.b) > 2*batchSize {
		return
	}
	b.b = b.b[:0]
	buffers.Put(b)
}
