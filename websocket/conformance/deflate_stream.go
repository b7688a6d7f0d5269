package conformance

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A stream is a compressed message in the making, put together block by block
// (RFC 1951 §3.2). It is written here and not by package deflate, which has no
// way to write a wrong one, nor the choice between right ones.
//
//	deflated().fixed(lits("Hel"), match(2, 1)).end()
//
// The zero value is an empty stream.
type stream struct {
	out  []byte
	held uint64 // bits that do not make a byte yet, the first in the lowest place
	n    uint   // how many
	last bool   // the next block has BFINAL

	plain []byte // what it stands for, behind what was known before
	known int    // how much of plain that is
}

// deflated begins a stream.
func deflated() *stream { return &stream{} }

// after begins a stream that can refer to what messages before stood for.
func after(before string) *stream { return &stream{plain: []byte(before), known: len(before)} }

// stands returns what the stream stands for.
func (s *stream) stands() string { return string(s.plain[s.known:]) }

// The types of blocks (RFC 1951 §3.2.3).
const (
	typeStored = iota
	typeFixed
	typeDynamic
	typeReserved
)

// bits appends the n lowest bits of v, the lowest first, as all of a stream is
// written but Huffman codes.
func (s *stream) bits(v uint64, n uint) *stream {
	s.held |= v << s.n
	for s.n += n; s.n >= 8; s.n -= 8 {
		s.out = append(s.out, byte(s.held))
		s.held >>= 8
	}
	return s
}

// code appends the n lowest bits of v, the highest first.
func (s *stream) code(v uint16, n uint8) *stream {
	return s.bits(uint64(bits.Reverse16(v)>>(16-n)), uint(n))
}

// align fills the current byte with zeros.
func (s *stream) align() *stream { return s.bits(0, (8-s.n)%8) }

// raw appends bytes. The stream must be aligned.
func (s *stream) raw(p string) *stream {
	s.out = append(s.out, p...)
	return s
}

// bytes appends bytes that stand for themselves, as in a stored block.
func (s *stream) bytes(p string) *stream {
	s.plain = append(s.plain, p...)
	return s.raw(p)
}

// final makes the next block the last of its stream, as far as RFC 1951 goes: in a
// message another may follow on the next byte (RFC 7692 §7.2.1).
func (s *stream) final() *stream {
	s.last = true
	return s
}

// begin begins a block.
func (s *stream) begin(kind uint64) *stream {
	if s.last {
		return s.bits(1, 1).bits(kind, 2)
	}
	return s.bits(0, 1).bits(kind, 2)
}

// done ends a block: the last of a stream is filled up to a byte.
func (s *stream) done() *stream {
	if s.last {
		s.last = false
		return s.align()
	}
	return s
}

// stored appends a block without compression (RFC 1951 §3.2.4).
func (s *stream) stored(p string) *stream {
	s.plain = append(s.plain, p...)
	return s.storedAs(len(p), ^len(p), p)
}

// storedAs does the same with any lengths in place of the right ones.
func (s *stream) storedAs(length, complement int, p string) *stream {
	s.begin(typeStored).align()
	s.out = binary.LittleEndian.AppendUint16(s.out, uint16(length))
	s.out = binary.LittleEndian.AppendUint16(s.out, uint16(complement))
	return s.raw(p).done()
}

// fixed appends a block with the fixed Huffman codes (RFC 1951 §3.2.6).
func (s *stream) fixed(tokens ...token) *stream {
	return s.begin(typeFixed).tokens(fixedLiterals, fixedDistances, tokens).done()
}

// open appends the beginning of such a block, without its end.
func (s *stream) open(tokens ...token) *stream {
	s.begin(typeFixed)
	for _, t := range tokens {
		t.append(s, fixedLiterals, fixedDistances)
	}
	return s
}

// dynamic appends a block with Huffman codes of its own (RFC 1951 §3.2.7), given by
// the lengths of the codes. Lengths of codes not used may be missing at the end.
func (s *stream) dynamic(literals, distances []uint8, tokens ...token) *stream {
	return s.dynamicHeader(literals, distances).tokens(newCode(literals), newCode(distances), tokens).done()
}

// dynamicHeader appends what such a block begins with. The lengths are written
// with a code in which each of 0 to 15 takes four bits.
func (s *stream) dynamicHeader(literals, distances []uint8) *stream {
	s.lengthCode(len(literals), len(distances), plainLengths)
	for _, n := range slices.Concat(literals, distances) {
		s.code(uint16(n), 4)
	}
	return s
}

// dynamicRuns is dynamic with the lengths told by repetitions where that can be,
// from the literals on to the distances, with a code that has all 19 symbols.
func (s *stream) dynamicRuns(literals, distances []uint8, tokens ...token) *stream {
	lengths := runs(13, 4, 6, 5) // a complete code: 13/16 and 6/32
	s.lengthCode(len(literals), len(distances), lengths)
	h := newCode(lengths)
	all := slices.Concat(literals, distances)
	for i, n := 0, 0; i < len(all); i += n {
		for n = 1; i+n < len(all) && all[i+n] == all[i]; n++ {
		}
		switch {
		case all[i] != 0 && i > 0 && all[i-1] == all[i] && n >= 3:
			n = min(n, 6)
			s.symbol(h, 16).bits(uint64(n-3), 2)
		case all[i] == 0 && n >= 11:
			n = min(n, 138)
			s.symbol(h, 18).bits(uint64(n-11), 7)
		case all[i] == 0 && n >= 3:
			s.symbol(h, 17).bits(uint64(n-3), 3)
		default:
			n = 1
			s.symbol(h, int(all[i]))
		}
	}
	return s.tokens(newCode(literals), newCode(distances), tokens).done()
}

// plainLengths gives the lengths 0 to 15 codes of four bits, which are their own
// values, and the repetitions none.
var plainLengths = []uint8{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0}

// lengthOrder is the order in which the lengths of the code for lengths stand.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// lengthCode appends the header of a dynamic block up to the code for lengths: how
// many literal and distance codes there will be, and the lengths of the code in
// which their lengths stand, one for each of 0 to 15 and the three repetitions.
func (s *stream) lengthCode(literals, distances int, lengths []uint8) *stream {
	n := 19
	for n > 4 && lengths[lengthOrder[n-1]] == 0 {
		n--
	}
	s.begin(typeDynamic).bits(uint64(literals-257), 5).bits(uint64(distances-1), 5).bits(uint64(n-4), 4)
	for _, symbol := range lengthOrder[:n] {
		s.bits(uint64(lengths[symbol]), 3)
	}
	return s
}

// tokens appends the contents of a block, and its end.
func (s *stream) tokens(literals, distances *huffman, tokens []token) *stream {
	for _, t := range tokens {
		t.append(s, literals, distances)
	}
	return s.symbol(literals, endOfBlock)
}

// symbol appends the code of a symbol.
func (s *stream) symbol(h *huffman, symbol int) *stream {
	return s.code(h.codes[symbol], h.lengths[symbol])
}

// sync appends a flush point: an empty block without compression.
func (s *stream) sync() *stream { return s.stored("") }

// end returns the payload of a message: its last block is an empty one without
// compression, of which the lengths are left off (RFC 7692 §7.2.1).
func (s *stream) end() string { return s.begin(typeStored).align().cut() }

// cut returns the stream as it is, filled up to a byte.
func (s *stream) cut() string { return string(s.align().out) }

// A token is something in a compressed block: literal bytes, a reference to what
// came before, or a bare symbol.
type token struct {
	literals         string
	length, distance int
	symbol           int // of the literals and lengths, without anything behind; if not 0
	code             int // of the distances, in place of a distance; if not 0
}

// lits are literal bytes.
func lits(p string) token { return token{literals: p} }

// match stands for length bytes, 3 to 258, that came distance bytes before.
func match(length, distance int) token { return token{length: length, distance: distance} }

// endOfBlock is the symbol that ends a compressed block.
const endOfBlock = 256

func (t *token) append(s *stream, literals, distances *huffman) {
	for i := range len(t.literals) {
		s.symbol(literals, int(t.literals[i]))
	}
	s.plain = append(s.plain, t.literals...)
	if t.symbol != 0 {
		s.symbol(literals, t.symbol)
	}
	if t.length == 0 {
		return
	}
	symbol, extra, n := lengthSymbol(t.length)
	s.symbol(literals, symbol).bits(extra, n)
	if t.code != 0 {
		s.symbol(distances, t.code)
		return
	}
	symbol, extra, n = distanceSymbol(t.distance)
	s.symbol(distances, symbol).bits(extra, n)
	if t.distance <= len(s.plain) {
		for range t.length {
			s.plain = append(s.plain, s.plain[len(s.plain)-t.distance])
		}
	}
}

// lengthSymbol returns the symbol for a length, and the bits behind it (RFC 1951
// §3.2.5). From symbol 265 on, four symbols share a number of bits.
func lengthSymbol(length int) (symbol int, extra uint64, n uint) {
	if length == 258 {
		return 285, 0, 0
	}
	base := 3
	for symbol = 257; ; symbol++ {
		n = uint(max(0, (symbol-261)/4))
		if length < base+1<<n {
			return symbol, uint64(length - base), n
		}
		base += 1 << n
	}
}

// distanceSymbol does the same for a distance: from symbol 4 on, two share a
// number of bits.
func distanceSymbol(distance int) (symbol int, extra uint64, n uint) {
	base := 1
	for ; ; symbol++ {
		n = uint(max(0, (symbol-2)/2))
		if distance < base+1<<n {
			return symbol, uint64(distance - base), n
		}
		base += 1 << n
	}
}

// A huffman is a Huffman code: a code and its length for each symbol.
type huffman struct {
	codes   []uint16
	lengths []uint8
}

// newCode returns the code with these lengths (RFC 1951 §3.2.2). They need not
// make a complete code.
func newCode(lengths []uint8) *huffman {
	h := &huffman{make([]uint16, len(lengths)), lengths}
	next := uint16(0)
	for n := uint8(1); n <= 15; n++ {
		for symbol, length := range lengths {
			if length == n {
				h.codes[symbol] = next
				next++
			}
		}
		next <<= 1
	}
	return h
}

// The fixed codes (RFC 1951 §3.2.6). They have codes for two symbols of each
// alphabet that must not be used.
var (
	fixedLiterals  = newCode(runs(144, 8, 112, 9, 24, 7, 8, 8))
	fixedDistances = newCode(runs(32, 5))
)

// runs returns lengths of codes, given as pairs of a number and a length.
func runs(pairs ...int) (lengths []uint8) {
	for i := 0; i < len(pairs); i += 2 {
		for range pairs[i] {
			lengths = append(lengths, uint8(pairs[i+1]))
		}
	}
	return lengths
}
