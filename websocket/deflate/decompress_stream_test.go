package deflate

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// inflatePayload returns the payload of a message as compress/flate makes it
// at this level if the peer has received before.
func inflatePayload(t testing.TB, message []byte, level int, before []byte) []byte {
	t.Helper()
	var payload bytes.Buffer
	z, err := flate.NewWriterDict(&payload, level, before)
	assert.NoError(t, err)
	z.Write(message)
	z.Flush()
	return bytes.TrimSuffix(payload.Bytes(), flushTail)
}

// A bitStream is DEFLATE written bit by bit, for what no compressor makes.
type bitStream struct {
	b []byte
	n uint // bits used of the last byte; 0: all
}

// put appends the n lowest bits of v, the lowest first.
func (s *bitStream) put(v uint, n uint) *bitStream {
	for ; n > 0; n-- {
		if s.n == 0 {
			s.b = append(s.b, 0)
		}
		s.b[len(s.b)-1] |= byte(v&1) << s.n
		s.n = (s.n + 1) & 7
		v >>= 1
	}
	return s
}

// code appends a Huffman code of n bits, the highest first.
func (s *bitStream) code(v uint, n uint) *bitStream {
	return s.put(uint(bits.Reverse16(uint16(v))>>(16-n)), n)
}

// align appends 0 up to the next whole byte.
func (s *bitStream) align() *bitStream { return s.put(0, -s.n&7) }

// fixed appends a symbol of the fixed literal and length code.
func (s *bitStream) fixed(symbol uint) *bitStream {
	switch {
	case symbol < 144:
		return s.code(0x30+symbol, 8)
	case symbol < 256:
		return s.code(0x190+symbol-144, 9)
	case symbol < 280:
		return s.code(symbol-256, 7)
	default:
		return s.code(0xc0+symbol-280, 8)
	}
}

// stored appends a block that is not compressed.
func (s *bitStream) stored(final uint, p []byte) *bitStream {
	s.put(final, 3).align().put(uint(len(p)), 16).put(^uint(len(p)), 16)
	s.b = append(s.b, p...)
	return s
}

// match appends a match in the fixed codes.
func (s *bitStream) match(length, distance uint) *bitStream {
	s.lengthOnly(length)
	symbol := symbolOf(distSymbols[:30], distance)
	return s.code(symbol, 5).put(distance-uint(distSymbols[symbol]>>16), uint(distSymbols[symbol]&63))
}

// lengthOnly appends the length of a match in the fixed code.
func (s *bitStream) lengthOnly(length uint) *bitStream {
	symbol := 257 + symbolOf(litSymbols[257:286], length)
	return s.fixed(symbol).put(length-uint(litSymbols[symbol]>>16), uint(litSymbols[symbol]&63))
}

// symbolOf returns the last symbol whose base is not above v.
func symbolOf(symbols []uint32, v uint) uint {
	i := len(symbols) - 1
	for uint(symbols[i]>>16) > v {
		i--
	}
	return uint(i)
}

// acc returns the first 8 bytes as a Decoder has them.
func (s *bitStream) acc() uint64 {
	var first [8]byte
	copy(first[:], s.b)
	return binary.LittleEndian.Uint64(first[:])
}

// A dynamicBlock is a block with its own codes.
type dynamicBlock struct {
	lit, dist []uint8   // code lengths
	pre       []uint8   // those of the code for them; nil: 4 or 5 bits for all
	lens      [][2]uint // symbols of that code, with their extra bits; nil: lit and dist one by one
}

var preExtra = map[uint]uint{16: 2, 17: 3, 18: 7}

// dynamicHeader appends the header of such a block.
func (s *bitStream) dynamicHeader(final uint, d dynamicBlock) *bitStream {
	pre, lens := d.pre, d.lens
	if pre == nil { // 13 codes of 4 bits and 6 of 5
		pre = bytes.Repeat([]uint8{4}, 19)
		copy(pre[13:], bytes.Repeat([]uint8{5}, 6))
	}
	if lens == nil {
		for _, n := range append(append([]uint8(nil), d.lit...), d.dist...) {
			lens = append(lens, [2]uint{uint(n)})
		}
	}
	count := uint(19)
	for count > 4 && pre[preOrder[count-1]] == 0 {
		count--
	}
	s.put(final|2<<1, 3).put(uint(len(d.lit)-257), 5).put(uint(len(d.dist)-1), 5).put(count-4, 4)
	for _, symbol := range preOrder[:count] {
		s.put(uint(pre[symbol]), 3)
	}
	codes := canonical(pre)
	for _, n := range lens {
		s.code(codes[n[0]], uint(pre[n[0]])).put(n[1], preExtra[n[0]])
	}
	return s
}

// canonical returns the code of each symbol by the algorithm of RFC 1951
// §3.2.2, the first bit highest.
func canonical(lens []uint8) []uint {
	var count, next [17]uint
	for _, n := range lens {
		count[n]++
	}
	count[0] = 0
	for n := 1; n <= 16; n++ {
		next[n] = (next[n-1] + count[n-1]) << 1
	}
	codes := make([]uint, len(lens))
	for symbol, n := range lens {
		if n > 0 {
			codes[symbol] = next[n]
			next[n]++
		}
	}
	return codes
}

// inflateFlood is n blocks that cost a receiver much and the sender little.
type inflateFlood struct {
	name   string
	blocks []byte
	n      int
}

func inflateFloods() []inflateFlood {
	// As few bytes as a header can have: 255 zeros, a code for 255 and one for the end, and no distance.
	small := dynamicBlock{lit: make([]uint8, 257), dist: make([]uint8, 1), pre: make([]uint8, 19)}
	small.pre[18], small.pre[1], small.pre[0] = 1, 2, 2
	small.lens = [][2]uint{{18, 138 - 11}, {18, 117 - 11}, {1}, {1}, {0}}
	var least, longest bitStream
	for range 8 {
		least.dynamicHeader(0, small).code(1, 1)
	}
	// All symbols, with codes of up to 15 bits, so that the second level is as large as it gets.
	long := dynamicBlock{lit: longLens(286), dist: longLens(30)}
	for range 8 {
		codes := canonical(long.lit)
		longest.dynamicHeader(0, long).code(codes[256], uint(long.lit[256]))
	}
	return []inflateFlood{{"least-header", least.b, 8}, {"longest-codes", longest.b, 8}}
}

// longLens returns lengths of a complete code of n symbols that has codes of
// every length from 15 bits down.
func longLens(n int) []uint8 {
	lens := make([]uint8, n)
	for i := range lens { // begin with a flat code
		lens[i] = uint8(bits.Len(uint(n - 1)))
	}
	for i := range 1<<bits.Len(uint(n-1)) - n {
		lens[i]--
	}
	// Two codes of n bits may become one of n-1 and two of n+1.
	for at := n - 1; at > n/2 && lens[at] < maxCode; at -= 3 {
		lens[at-2]--
		lens[at-1]++
		lens[at]++
	}
	return lens
}
