package event

import (
	"math/bits"
	"sync"
)

// Sizes of buffers, in bytes.
const (
	copyLimit = 16 << 10 // messages up to this size are copied to be written
	leastSize = 1 << 10  // of the smallest pooled buffer
	mostSize  = 4 << 20  // of the largest
)

// A buffer is a slice of bytes that is kept for reuse.
type buffer struct{ b []byte }

// pools keep buffers by size: each holds those of four times the size of the one
// before.
var pools [7]sync.Pool

// class returns the pool for n bytes, and the size of its buffers.
func class(n int) (pool, size int) {
	if n <= leastSize {
		return 0, leastSize
	}
	pool = (bits.Len(uint(n-1)/leastSize) + 1) / 2
	return pool, leastSize << (2 * pool)
}

// newBuffer returns an empty buffer with room for n bytes at least.
func newBuffer(n int) *buffer {
	pool, size := class(n)
	if pool >= len(pools) {
		return &buffer{b: make([]byte, 0, n)}
	}
	if b, ok := pools[pool].Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, 0, size)}
}

// free gives b back for reuse. A nil b, or one of an odd size, is left to the
// collector.
func (b *buffer) free() {
	if b == nil {
		return
	}
	if pool, size := class(cap(b.b)); pool < len(pools) && size == cap(b.b) {
		b.b = b.b[:0]
		pools[pool].Put(b)
	}
}

// grown returns a buffer with the bytes of b and room for at least one and at most
// need more: a peer gets no memory for bytes it only promised. b is given back.
func (b *buffer) grown(need int64) *buffer {
	have := len(b.b)
	more := newBuffer(have + int(min(need, max(1, int64(3*have)))))
	more.b = append(more.b, b.b...)
	b.free()
	return more
}
