package deflate

import (
	"encoding/binary"
	"slices"
)

// A bitWriter appends bits to out, the lowest first (RFC 1951 §3.1.1).
type bitWriter struct {
	out []byte
	bitBuffer
}

// put writes the n lowest bits of v, which has no others; n is at most 32.
func (w *bitWriter) put(v uint64, n uint) {
	w.bitBuffer = w.add(v, n)
	if w.n >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.acc))
		w.acc >>= 32
		w.n -= 32
	}
}

// whole writes what there is of whole bytes, so that less than 8 bits remain.
func (w *bitWriter) whole() {
	for ; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// align fills the last byte up with 0.
func (w *bitWriter) align() {
	w.n = (w.n + 7) &^ 7
	w.whole()
}

// stored writes a block with src as it is (RFC 1951 §3.2.4).
func (w *bitWriter) stored(src []byte) {
	w.out = slices.Grow(w.out, len(src)+16)
	w.put(blockStored<<1, 3)
	w.align()
	w.out = binary.LittleEndian.AppendUint16(w.out, uint16(len(src)))
	w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(len(src)))
	w.out = append(w.out, src...)
}

// compressed writes src, the inside of a block and its end, as sequences in the
// codes c. It takes size bits at most.
//
// The loops run once for each few bytes of a message. They have few branches
// whose way cannot be foreseen, and add as many codes at once as the buffer
// takes: 4 literals of maxBits bits each or a length and a distance.
func (w *bitWriter) compressed(src []byte, sequences []sequence, c *blockCodes, size int) {
	w.whole()
	w.out = slices.Grow(w.out, size/8+16)
	out, at, b := w.out[len(w.out):cap(w.out)], 0, w.bitBuffer
	for _, s := range sequences {
		n := int(s.literals)
		p := src[:n+hashed]
		src = src[n+int(s.length):]
		for ; n >= 4; n -= 4 {
			b = b.code(c.lit[p[0]]).code(c.lit[p[1]]).code(c.lit[p[2]]).code(c.lit[p[3]])
			b, at = b.flush(out, at)
			p = p[4:]
		}
		// Up to 3 remain. The match has enough bytes to look at 3 in any case;
		// what is not a literal adds no bits.
		p = p[:3]
		b = b.code(c.lit[p[0]].onlyIf(n > 0)).code(c.lit[p[1]].onlyIf(n > 1)).code(c.lit[p[2]].onlyIf(n > 2))
		b, at = b.flush(out, at)

		length, distance := lengthSymbol(s), distanceSymbol(s)
		b = b.code(c.lit[firstLength+length])
		b = b.extra(uint(s.length)-minLength, lengthExtra(length))
		b = b.code(c.dist[distance])
		b = b.extra(uint(s.back), distanceExtra(distance))
		b, at = b.flush(out, at)
	}
	for _, l := range src {
		b, at = b.code(c.lit[l]).flush(out, at)
	}
	w.bitBuffer, at = b.code(c.lit[endOfBlock]).flush(out, at)
	w.out = w.out[:len(w.out)+at]
}

// A bitBuffer holds bits that are not written yet.
type bitBuffer struct {
	acc uint64
	n   uint // how many
}

// add adds the n lowest bits of v, which has no others.
func (b bitBuffer) add(v uint64, n uint) bitBuffer {
	return bitBuffer{b.acc | v<<(b.n&63), b.n + n}
}

// code adds a code.
func (b bitBuffer) code(c prefixCode) bitBuffer { return b.add(uint64(c>>8), uint(c&0xff)) }

// extra adds the n lowest bits of v.
func (b bitBuffer) extra(v, n uint) bitBuffer { return b.add(uint64(v&(1<<(n&31)-1)), n) }

// flush writes whole bytes to out[at:] and returns the rest, less than 8 bits,
// and where the next go. There must be room for 8 bytes.
func (b bitBuffer) flush(out []byte, at int) (bitBuffer, int) {
	binary.LittleEndian.PutUint64(out[at:at+8], b.acc)
	return bitBuffer{b.acc >> (b.n &^ 7 & 63), b.n & 7}, at + int(b.n>>3)
}
