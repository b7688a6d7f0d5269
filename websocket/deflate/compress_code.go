package deflate

import (
	"math/bits"
	"slices"
)

// maxBits is the longest code for literals, lengths and distances. RFC 1951
// §3.2.7 would allow 15; 14 let 4 codes be written at once.
const maxBits = 14

// maxPreBits is the longest code for code lengths (RFC 1951 §3.2.7).
const maxPreBits = 7

// A prefixCode is the code of a symbol, turned around since the highest bit of
// a code goes first (RFC 1951 §3.1.1), << 8, and its length in bits.
type prefixCode uint32

func (c prefixCode) length() uint32 { return uint32(c & 0xff) }

// onlyIf returns c, or no bits at all.
func (c prefixCode) onlyIf(yes bool) prefixCode {
	mask := prefixCode(0)
	if yes {
		mask--
	}
	return c & mask
}

// A tally is a symbol that occurs in a block and how often, << 9.
type tally uint32

func (t tally) symbol() uint32 { return uint32(t & 511) }
func (t tally) count() uint32  { return uint32(t >> 9) }

// tallies lists the symbols whose count is not 0, in their order. Counts come
// in groups of 8.
func tallies(list *[512]tally, counts []uint16) []tally {
	n := 0
	for s := 0; s+8 <= len(counts); s += 8 {
		group := (*[8]uint16)(counts[s : s+8])
		if group[0]|group[1]|group[2]|group[3]|group[4]|group[5]|group[6]|group[7] == 0 {
			continue
		}
		for i, count := range group {
			list[n&511] = tally(count)<<9 | tally(s+i)
			n += int((uint32(count) + 0xffff) >> 16) // 1 if it is not 0
		}
	}
	return list[:n]
}

// A codeMaker makes Huffman codes. It is working memory.
type codeMaker struct {
	sorted [288]tally  // rarest first
	inner  [288]uint32 // of the tree, in the order in which they are made: the last is the root
}

// make sets the codes of the symbols in list to the shortest code for them of
// at most limit bits, nearly: where the limit matters there could be a better
// one. A single symbol gets a code of 1 bit.
func (m *codeMaker) make(codes []prefixCode, list []tally, limit int) {
	if len(list) == 1 {
		codes[list[0].symbol()] = 1
		return
	}
	m.sort(list)
	m.grow(len(list))
	counts := m.lengths(len(list), limit)

	// The rarest symbols get the longest codes.
	sorted := m.sorted[:len(list)]
	for length := limit; length > 0; length-- {
		n := int(counts[length])
		for _, t := range sorted[:n] {
			codes[t.symbol()] = prefixCode(length)
		}
		sorted = sorted[n:]
	}
	// Codes of one length count up in the order of the symbols (RFC 1951 §3.2.2).
	var next [16]uint32
	for length := 1; length <= limit; length++ {
		next[length] = (next[length-1] + uint32(counts[length-1])) << 1
	}
	for _, t := range list {
		length := codes[t.symbol()] & 15
		codes[t.symbol()] = prefixCode(bits.Reverse16(uint16(next[length]))>>(16-length))<<8 | length
		next[length]++
	}
}

// sort puts list into m.sorted. Most counts are small: these are sorted by
// counting.
func (m *codeMaker) sort(list []tally) {
	sorted := m.sorted[:len(list)]
	if len(list) < 20 {
		for i, t := range list {
			for ; i > 0 && sorted[i-1] > t; i-- {
				sorted[i] = sorted[i-1]
			}
			sorted[i] = t
		}
		return
	}
	var start [64]uint16
	for _, t := range list {
		start[min(t.count(), 63)]++
	}
	sum := uint16(0)
	for i, n := range start {
		start[i] = sum
		sum += n
	}
	for _, t := range list {
		s := &start[min(t.count(), 63)]
		sorted[*s] = t
		*s++
	}
	slices.Sort(sorted[start[62]:])
}

// grow joins the two rarest until all n symbols are in one tree, and leaves in
// m.inner how deep each of its n-1 inner nodes lies. Since inner nodes are made
// in the order of their counts, they form a queue of their own.
func (m *codeMaker) grow(n int) {
	leaves, inner := m.sorted[:n], m.inner[:n-1]
	leaf, joined := 0, 0 // the next of each queue
	for i := range inner {
		sum := uint32(0)
		for range 2 {
			if leaf < n && (joined >= i || leaves[leaf].count() <= inner[joined]) {
				sum += leaves[leaf].count()
				leaf++
			} else {
				sum += inner[joined]
				inner[joined] = uint32(i) // its count has served; now its parent
				joined++
			}
		}
		inner[i] = sum
	}
	inner[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		inner[i] = inner[inner[i]] + 1
	}
}

// lengths returns how many of the n symbols get a code of each length.
func (m *codeMaker) lengths(n, limit int) (counts [16]uint16) {
	// On each level what is no inner node is a leaf.
	level, nodes := 0, 1
	for i := n - 2; nodes > 0; level++ {
		inner := 0
		for ; i >= 0 && int(m.inner[i]) == level; i-- {
			inner++
		}
		counts[min(level, limit)] += uint16(nodes - inner)
		nodes = 2 * inner
	}
	if level-1 <= limit {
		return counts
	}
	// Those that were cut off share limit bits now, which is more than there is
	// room for: make room by hanging one of them beside a shorter code.
	room := 1 << limit
	for length := 1; length <= limit; length++ {
		room -= int(counts[length]) << (limit - length)
	}
	for ; room < 0; room++ {
		counts[limit]--
		length := limit - 1
		for counts[length] == 0 {
			length--
		}
		counts[length]--
		counts[length+1] += 2
	}
	return counts
}
