package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	hashed    = 5 // bytes that the hash sees, and so the shortest match; shorter ones save next to nothing
	lookBytes = 8 // bytes that are loaded to hash them: the last ones of a message begin no match

	// A match shorter than this is given up if the next byte begins a longer one.
	lazyBelow = 16

	// After 1<<patience bytes without a match one is left out, after twice as many
	// two, and so on: what does not compress is got over with fast.
	patience    = 6
	mostSkipped = 63

	// Every so many bytes of a match are entered into the table, too, and fewer
	// of one that is long.
	indexEvery = 2
	sparser    = 32
)

// maxSequences is how many sequences a block has at most.
const maxSequences = 4096

// A sequence is some literals and a match after them: bytes that were there
// before. The literals at the end of a block are in none.
type sequence struct {
	literals uint16
	length   uint16 // of the match, hashed to longestMatch
	back     uint16 // its distance - 1
}

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// slot returns the place of the first 5 bytes of v in a table of this size.
func slot(v, size uint64) uint {
	const odd = 0x9e3779b185ebca87 // 2⁶⁴ over the golden ratio, nearly
	return uint(v << (64 - 8*hashed) * odd >> 32 * size >> 32)
}

// search returns the first place in buf from i to limit that begins a match,
// and how far back the match is; 0 if there is none. Literals before it go back
// to anchor.
func (h *History) search(i, anchor, limit int) (at, distance int) {
	buf, table, base, window := h.buf, h.table, h.base, h.window()
	size := uint64(len(table))
	for i <= limit {
		v := load64(buf, i)
		s := slot(v, size)
		position := base + uint16(i)
		d := int(position - table[s])
		table[s] = position
		if same5(load64(buf, max(i-d, 0)), v) && uint(d-1) < uint(min(window, i)) {
			return i, d
		}
		i += 1 + min((i-anchor)>>patience, mostSkipped)
	}
	return i, 0
}

func same5(a, b uint64) bool { return (a^b)<<(64-8*hashed) == 0 }

// matchLength returns how long the match at i with the bytes d before it is, of
// which the first 5 are known to match. It does not go beyond end.
func matchLength(buf []byte, i, d, end int) int {
	b := buf[i+hashed : min(end, i+longestMatch)]
	a := buf[i-d+hashed:][:len(b)]
	n := hashed
	for len(b) >= 8 && len(a) >= 8 {
		if x := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		a, b = a[8:], b[8:]
		n += 8
	}
	for i, c := range b {
		if i >= len(a) || a[i] != c {
			return n + i
		}
	}
	return n + len(b)
}

// better looks whether the byte after i begins a longer match than that of
// n bytes at i, and returns it, or 0.
func (h *History) better(i, n, end int) (length, distance int) {
	v := load64(h.buf, i)
	s := slot(v, uint64(len(h.table)))
	position := h.base + uint16(i)
	d := int(position - h.table[s])
	h.table[s] = position
	if uint(d-1) >= uint(min(h.window(), i)) || !same5(load64(h.buf, i-d), v) {
		return 0, 0
	}
	if length = matchLength(h.buf, i, d, end); length <= n {
		return 0, 0
	}
	return length, d
}

// parse cuts buf into sequences, from i on until no match begins before limit
// or there are as many as may be. Literals go back to e.anchor. It returns
// where it ended.
func (e *Encoder) parse(h *History, i, limit int) int {
	buf, table, base := h.buf, h.table, h.base
	size := uint64(len(table))
	anchor, sequences := e.anchor, e.sequences
	for len(sequences) < maxSequences {
		var d int
		if i, d = h.search(i, anchor, limit); d == 0 {
			break
		}
		n := matchLength(buf, i, d, len(buf))
		if n < lazyBelow && i < limit {
			if longer, far := h.better(i+1, n, len(buf)); longer > 0 {
				i, n, d = i+1, longer, far
			}
		}
		for i > anchor && i > d && n < longestMatch && buf[i-1] == buf[i-d-1] {
			i--
			n++
		}
		sequences = append(sequences, sequence{uint16(i - anchor), uint16(n), uint16(d - 1)})
		stop, step := min(i+n, limit+1), indexEvery+n/sparser
		for j := i + 1; j < stop; j += step {
			table[slot(load64(buf, j), size)] = base + uint16(j)
		}
		i += n
		anchor = i
	}
	e.anchor, e.sequences = anchor, sequences
	return min(i, len(buf))
}
