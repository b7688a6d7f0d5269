package websocket

import (
	"math/bits"
	"net"
	"sync"
	"unsafe"
)

// Sizes of buffers and writes, in bytes.
const (
	readSize  = 16 << 10 // of a pooled read buffer
	copyLimit = 16 << 10 // messages up to this size are copied into the outbox
	batchSize = 64 << 10 // the outbox of writers that wait; one write to the transport
	outSize   = 4 << 10  // of a fresh outbox buffer
	minBlock  = 1 << 8   // the smallest block to collect a message in
	maxBlock  = 1 << 20  // the largest one that is kept
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

// blocks are where messages are collected: a pool for each power of two from minBlock
// to maxBlock. It holds the pointer to the first byte of each, for which an interface
// has room.
var blocks [13]sync.Pool

// blockClass returns the index in blocks of the largest blocks of at most n bytes.
func blockClass(n int) int { return bits.Len(uint(min(n, maxBlock)/minBlock)) - 1 }

// takeBlock returns an empty block with room for n bytes, but not more than most. If
// the next size is more, it is the largest allowed, and if n bytes are more than any
// block holds, nil.
func takeBlock(n, most int) []byte {
	if n > maxBlock {
		return nil
	}
	class := blockClass(max(most, minBlock))
	for class > 0 && minBlock<<(class-1) >= n {
		class--
	}
	size := minBlock << class
	if first, ok := blocks[class].Get().(*byte); ok {
		return unsafe.Slice(first, size)[:0]
	}
	return make([]byte, 0, size)
}

// freeBlock gives a block back, whose beginning b is.
func freeBlock(b []byte) {
	if cap(b) > 0 {
		blocks[blockClass(cap(b))].Put(unsafe.SliceData(b))
	}
}
