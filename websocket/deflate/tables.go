package deflate

import "math/bits"

// A code is looked up in a table of two levels. The first is indexed by the
// next bits of the input, as many as litBits and the like say. An entry of it
// is a symbol, repeated for all values of the bits behind a shorter code, or
// says where the second level is for codes that are longer.
//
// An entry holds all that decoding needs, in these bits:
//
//	 0–5    how many bits of input it uses up: the whole code and its extra bits
//	 8–11   how many of these are the code; in a link, how many bits index the second level
//	13      the end of the block
//	14      a link to the second level
//	15      not a literal, length or distance: one of the two above or no symbol at all
//	16–30   the literal, the base of the length or distance, or the link's target
//	31      a literal
const (
	entryEnd     = 1 << 13
	entryLink    = 1 << 14
	entrySpecial = 1 << 15
	entryLiteral = 1 << 31
)

// A bigger first level resolves more codes at once, but has to be written for
// each block. The entries are the most that a complete code of that many
// symbols can need.
const (
	litBits     = 9
	litEntries  = 852 // 286 symbols; the fixed code has 288, but needs no second level
	distBits    = 8
	distEntries = 400 // 30 symbols; the same holds
	preBits     = 7   // the longest code for code lengths: there is no second level
	maxCode     = 15  // the longest code of the others
)

type (
	litTable  [litEntries]uint32
	distTable [distEntries]uint32
)

// What each symbol means, without its code.
var (
	litSymbols  = makeLitSymbols()
	distSymbols = makeDistSymbols()
	preSymbols  = makePreSymbols()
)

// The fixed codes of RFC 1951 §3.2.6.
var (
	fixedLitTable  = makeFixedLitTable()
	fixedDistTable = makeFixedDistTable()
)

// makeLitSymbols returns the alphabet of literals and lengths (RFC 1951
// §3.2.5). The last two symbols take part in the fixed code but mean nothing.
func makeLitSymbols() (s [288]uint32) {
	for i := range 256 {
		s[i] = entryLiteral | uint32(i)<<16
	}
	s[256] = entrySpecial | entryEnd
	base := uint32(3)
	for i := range uint32(28) {
		extra := max(i/4, 1) - 1
		s[257+i] = base<<16 | extra
		base += 1 << extra
	}
	s[285] = 258 << 16 // although 284 with all extra bits set would be 258, too
	s[286], s[287] = entrySpecial, entrySpecial
	return s
}

// makeDistSymbols returns the alphabet of distances (RFC 1951 §3.2.5), of which
// the last two mean nothing.
func makeDistSymbols() (s [32]uint32) {
	base := uint32(1)
	for i := range uint32(30) {
		extra := max(i/2, 1) - 1
		s[i] = base<<16 | extra
		base += 1 << extra
	}
	s[30], s[31] = entrySpecial, entrySpecial
	return s
}

// makePreSymbols returns the alphabet of code lengths (RFC 1951 §3.2.7): 16 to
// 18 are repetitions whose number is in their extra bits.
func makePreSymbols() (s [19]uint32) {
	for i := range s {
		s[i] = uint32(i) << 16
	}
	s[16] |= 2
	s[17] |= 3
	s[18] |= 7
	return s
}

func makeFixedLitTable() *litTable {
	var codes [288]coded
	for i := range codes {
		n := 8
		switch {
		case 144 <= i && i < 256:
			n = 9
		case 256 <= i && i < 280:
			n = 7
		}
		codes[i] = makeCoded(i, n)
	}
	table := new(litTable)
	buildTable(table[:], litBits, codes[:], litSymbols[:])
	return table
}

func makeFixedDistTable() *distTable {
	var codes [32]coded
	for i := range codes {
		codes[i] = makeCoded(i, 5)
	}
	table := new(distTable)
	buildTable(table[:], distBits, codes[:], distSymbols[:])
	return table
}

// A coded is a symbol that has a code, and the length of that code in the
// lowest 4 bits. Lists of them are in the order of symbols.
type coded uint16

func makeCoded(symbol, length int) coded { return coded(symbol<<4 | length) }

// buildTable writes the table of the code that has these symbols, by the rules
// of RFC 1951 §3.2.2. It reports whether there is such a code: one that is
// complete, or one that is legal although it is not. RFC 1951 §3.2.7 has two
// of the latter, no code at all and a single one of one bit, and speaks of
// distances only. As zlib and compress/flate do, the latter is taken for
// literals and lengths, too: it is a block that holds nothing but its end.
func buildTable(table []uint32, first int, codes []coded, symbols []uint32) bool {
	var count [maxCode + 1]int
	for _, c := range codes {
		count[c&maxCode]++
	}
	var at [maxCode + 2]int // where the codes of each length begin among all in the order of their lengths
	left := 1               // codes of the current length that are still free
	for n := 1; n <= maxCode; n++ {
		at[n+1] = at[n] + count[n]
		if left = left<<1 - count[n]; left < 0 {
			return false
		}
	}
	if left > 0 {
		if count[1] != len(codes) {
			return false // none, or one of one bit: two would be complete
		}
		fillSingle(table[:1<<first], codes, symbols)
		return true
	}
	var sorted [288]uint16
	for _, c := range codes {
		sorted[at[c&maxCode]] = uint16(c >> 4)
		at[c&maxCode]++
	}
	next, done := fillFirst(table, first, &count, sorted[:len(codes)], symbols)
	if done < len(codes) {
		fillSecond(table, first, &count, sorted[done:len(codes)], symbols, next)
	}
	return true
}

// fillSingle writes the table of the code that has one symbol, 0, or none.
func fillSingle(table []uint32, codes []coded, symbols []uint32) {
	table[0], table[1] = entrySpecial|1, entrySpecial|1
	if len(codes) == 1 {
		table[0] = symbols[codes[0]>>4] + 0x101
	}
	for half := 2; half < len(table); half *= 2 {
		copy(table[half:], table[:half])
	}
}

// fillFirst writes the symbols whose codes fit into the first level. It
// returns the code that follows and how many symbols it wrote.
func fillFirst(table []uint32, first int, count *[maxCode + 1]int, sorted []uint16, symbols []uint32) (code uint, done int) {
	for n := 1; n <= first; n++ {
		half := 1 << (n - 1)
		copy(table[half:2*half], table[:half]) // what shorter codes wrote stands behind either value of this bit
		for range count[n] {
			table[code] = symbols[sorted[done]] + uint32(n)*0x101
			code = nextCode(code, n)
			done++
		}
	}
	return code, done
}

// fillSecond writes the symbols whose codes, beginning with code, are longer
// than the first level's index, and the links to them.
func fillSecond(table []uint32, first int, count *[maxCode + 1]int, sorted []uint16, symbols []uint32, code uint) {
	link, start, end := -1, 0, 1<<first
	done := 0
	for n := first + 1; n <= maxCode; n++ {
		for left := count[n]; left > 0; left-- {
			if i := int(code & (1<<first - 1)); i != link {
				size := n - first // bits: enough for all codes that begin with this link
				for room := left; room < 1<<size; size++ {
					room = room<<1 + count[first+size+1]
				}
				link, start = i, end
				end += 1 << size
				table[link] = uint32(start)<<16 | entrySpecial | entryLink | uint32(size)<<8
			}
			entry := symbols[sorted[done]] + uint32(n)*0x101
			for i := start + int(code>>first); i < end; i += 1 << (n - first) {
				table[i] = entry
			}
			code = nextCode(code, n)
			done++
		}
	}
}

// nextCode returns the code of n bits that follows code. Codes are packed with
// the first bit lowest, so it counts up in reverse: the highest bit that is 0
// becomes 1, and those above it 0. The last code has none and stays.
func nextCode(code uint, n int) uint {
	bit := uint(1) << bits.Len(^code&(1<<n-1)) >> 1
	return code&(bit-1) | bit
}
