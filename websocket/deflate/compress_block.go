package deflate

import (
	"math"
	"math/bits"
)

// The types of blocks (RFC 1951 §3.2.3).
const (
	blockStored = iota
	blockFixed
	blockDynamic
)

const (
	maxBlock    = 1<<16 - 1 // bytes: what a stored block takes
	endOfBlock  = 256       // the symbol
	firstLength = 257       // the symbol
	minLength   = 3         // of a match (RFC 1951 §3.2.5)
)

// blockCodes are the codes of one block.
type blockCodes struct {
	lit  [288]prefixCode // literals, the end and lengths
	dist [32]prefixCode
}

// fixedCodes are those of RFC 1951 §3.2.6.
var fixedCodes = makeFixedCodes()

func makeFixedCodes() (c blockCodes) {
	code := func(first, i, n int) prefixCode {
		return prefixCode(bits.Reverse16(uint16(first+i))>>(16-n))<<8 | prefixCode(n)
	}
	for i := range 144 {
		c.lit[i] = code(0x30, i, 8)
	}
	for i := range 256 - 144 {
		c.lit[144+i] = code(0x190, i, 9)
	}
	for i := range 280 - 256 {
		c.lit[256+i] = code(0, i, 7)
	}
	for i := range 288 - 280 {
		c.lit[280+i] = code(0xc0, i, 8)
	}
	for i := range c.dist {
		c.dist[i] = code(0, i, 5)
	}
	return c
}

// lengthSymbols holds the symbol of each length less 3, counted from the first
// (RFC 1951 §3.2.5).
var lengthSymbols = makeLengthSymbols()

func makeLengthSymbols() (t [256]uint8) {
	for x := range t {
		t[x] = uint8(x)
		if x >= 8 {
			n := bits.Len(uint(x)) - 3
			t[x] = uint8(4*n + x>>n)
		}
	}
	t[255] = 28 // although 27 with all extra bits set would be 258, too
	return t
}

func lengthSymbol(s sequence) uint { return uint(lengthSymbols[uint8(s.length-minLength)]) & 31 }

func lengthExtra(symbol uint) uint { return uint(lengthExtras[symbol&31]) }

var lengthExtras = [32]uint8{8: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5}

// distanceSymbol returns the symbol of a distance: above 4 its two highest bits
// say it, and how many follow.
func distanceSymbol(s sequence) uint {
	if s.back < 4 {
		return uint(s.back)
	}
	n := uint(bits.Len16(s.back)) - 2
	return (2*n + uint(s.back)>>(n&15)) & 31
}

func distanceExtra(symbol uint) uint { return max(symbol>>1, 1) - 1 }

// A block is what is known about the one that is being written. It is working
// memory.
type block struct {
	litCounts  [288]uint16
	distCounts [32]uint16
	extra      int     // bits that follow codes
	lit, dist  []tally // the counts that are not 0

	codes  blockCodes
	header header

	maker    codeMaker
	litList  [512]tally
	distList [512]tally
}

// A plan says how to write a block.
type plan struct {
	kind int
	size int // bits, at most
}

// plan finds the cheapest way to write src, which sequences say.
func (b *block) plan(src []byte, sequences []sequence) plan {
	stored := plan{blockStored, 3 + 7 + 32 + 8*len(src)}
	if hardlyMatches(src, sequences) && looksRandom(src) {
		return stored
	}
	b.count(src, sequences)
	best := plan{blockFixed, b.size(&fixedCodes)}
	if best.size >= stored.size {
		best = stored
	}
	if b.dynamicBits() < best.size {
		b.makeCodes()
		if size := b.header.size + b.size(&b.codes); size < best.size {
			best = plan{blockDynamic, size}
		}
	}
	return best
}

// count counts symbols.
func (b *block) count(src []byte, sequences []sequence) {
	clear(b.litCounts[:])
	clear(b.distCounts[:])
	lit := &b.litCounts
	extra := uint(0)
	for _, s := range sequences {
		n := int(s.literals)
		p := src[:n+hashed]
		src = src[n+int(s.length):]
		for ; n >= 4; n -= 4 {
			lit[p[0]]++
			lit[p[1]]++
			lit[p[2]]++
			lit[p[3]]++
			p = p[4:]
		}
		// As in bitWriter.compressed: up to 3 remain and no branch counts them.
		p = p[:3]
		lit[p[0]] += uint16(uint64(0-n) >> 63)
		lit[p[1]] += uint16(uint64(1-n) >> 63)
		lit[p[2]] += uint16(uint64(2-n) >> 63)

		length, distance := lengthSymbol(s), distanceSymbol(s)
		lit[firstLength+length]++
		b.distCounts[distance]++
		extra += lengthExtra(length) + distanceExtra(distance)
	}
	for _, c := range src {
		lit[c]++
	}
	lit[endOfBlock] = 1
	b.extra = int(extra)
	b.lit = tallies(&b.litList, lit[:])
	b.dist = tallies(&b.distList, b.distCounts[:])
}

// size returns how many bits a block has in these codes, without the header of
// a dynamic one.
func (b *block) size(c *blockCodes) int {
	n := 3 + uint32(b.extra)
	for _, t := range b.lit {
		n += t.count() * c.lit[t.symbol()].length()
	}
	for _, t := range b.dist {
		n += t.count() * c.dist[t.symbol()].length()
	}
	return int(n)
}

// makeCodes makes the codes of a dynamic block and its header. There must be a
// code for distances, even if there is none: some decoders insist.
func (b *block) makeCodes() {
	if len(b.dist) == 0 {
		b.dist = append(b.dist, 0)
	}
	b.maker.make(b.codes.lit[:], b.lit, maxBits)
	b.maker.make(b.codes.dist[:], b.dist, maxBits)
	b.header.make(b)
}

// dynamicBits estimates how many bits a dynamic block takes, without making
// it: the entropy, and about what headers of so many codes were seen to take.
// Making a code only to find that it does not pay would cost small messages half
// of their time.
func (b *block) dynamicBits() int {
	entropy := 0
	for _, list := range [2][]tally{b.lit, b.dist} {
		sum := uint32(0)
		for _, t := range list {
			sum += t.count()
			entropy -= nLog(t.count())
		}
		entropy += nLog(sum)
	}
	return 100 + 4*(len(b.lit)+len(b.dist)) + entropy/logUnit + b.extra
}

const logUnit = 64

// nLogs holds n log₂ n, in units of 1/logUnit.
var nLogs = makeNLogs()

func makeNLogs() (t [256]uint32) {
	for n := 1; n < len(t); n++ {
		t[n] = uint32(float64(n)*math.Log2(float64(n))*logUnit + .5)
	}
	return t
}

// nLog returns n log₂ n, in units of 1/logUnit, to 8 binary digits of n.
func nLog(n uint32) int {
	if n < 256 {
		return int(nLogs[n])
	}
	shift := bits.Len32(n) - 8
	return int(nLogs[n>>shift])<<shift + int(n)*shift*logUnit
}

// hardlyMatches tells whether the matches make up less than a 16th of src.
func hardlyMatches(src []byte, sequences []sequence) bool {
	room := len(src) / 16
	for _, s := range sequences {
		if room -= int(s.length); room <= 0 {
			return false
		}
	}
	return true
}

// looksRandom tells whether src is made of all bytes alike, as far as up to
// 1024 of them tell, so that no code is worth its header: compressed before,
// encrypted, or too short to tell.
func looksRandom(src []byte) bool {
	const sample = 1024
	if len(src) < sample/2 {
		return false
	}
	var counts [256]uint16
	step := max(1, len(src)/sample)
	n := uint64(0)
	for i := 0; i < len(src); i += step {
		counts[src[i]]++
		n++
	}
	pairs := uint64(0) // of the same byte, twice
	for _, c := range counts {
		pairs += uint64(c) * uint64(max(c, 1)-1)
	}
	// One pair in 256 is of the same byte if it is random; text has one in 20.
	return pairs*224 < n*(n-1)
}
