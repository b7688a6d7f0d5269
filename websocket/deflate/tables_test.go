package deflate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestSymbolsAreThoseOfTheStandard checks the alphabets against lines of the
// tables in RFC 1951 §3.2.5: symbol, extra bits, first length or distance.
func TestSymbolsAreThoseOfTheStandard(t *testing.T) {
	for _, line := range [][3]uint32{
		{257, 0, 3}, {258, 0, 4}, {264, 0, 10}, {265, 1, 11}, {268, 1, 17}, {269, 2, 19}, {272, 2, 31}, {273, 3, 35},
		{276, 3, 59}, {277, 4, 67}, {280, 4, 115}, {281, 5, 131}, {283, 5, 195}, {284, 5, 227}, {285, 0, 258},
	} {
		assert.Equal(t, litSymbols[line[0]], line[2]<<16|line[1])
	}
	for _, line := range [][3]uint32{
		{0, 0, 1}, {3, 0, 4}, {4, 1, 5}, {5, 1, 7}, {6, 2, 9}, {10, 4, 33}, {13, 5, 97}, {16, 7, 257}, {19, 8, 769},
		{20, 9, 1025}, {24, 11, 4097}, {27, 12, 12289}, {28, 13, 16385}, {29, 13, 24577},
	} {
		assert.Equal(t, distSymbols[line[0]], line[2]<<16|line[1])
	}
	for i := range uint32(256) {
		assert.Equal(t, litSymbols[i], entryLiteral|i<<16)
	}
	assert.Equal(t, litSymbols[256], uint32(entrySpecial|entryEnd))
	for _, nothing := range []uint32{litSymbols[286], litSymbols[287], distSymbols[30], distSymbols[31]} {
		assert.Equal(t, nothing, uint32(entrySpecial))
	}
}

// TestTablesAreLargeEnough finds the most entries that any complete code can
// need, by trying for each length every number of codes that can have it.
func TestTablesAreLargeEnough(t *testing.T) {
	assert.Equal(t, mostEntries(litBits, maxLit), litEntries)
	assert.Equal(t, mostEntries(distBits, maxDist), distEntries)
	assert.True(t, distEntries >= 1<<preBits, "the code for code lengths does not fit into the table of distances")
}

func mostEntries(first, symbols int) int {
	const impossible = -1 << 20
	var known [maxCode + 1][maxLit + 1][maxLit + 1]int32 // 0: not yet
	var most func(length, left, symbols int) int         // left: codes of this length that are free
	most = func(length, left, symbols int) int {
		if left == 0 {
			return 0
		}
		if left > symbols {
			return impossible
		}
		if n := known[length][left][symbols]; n != 0 {
			return int(n)
		}
		best, n := impossible, max(0, 2*left-symbols) // each that is left makes two, at least
		if length == maxCode {
			n = left // there are no longer ones
		}
		for ; n <= left; n++ {
			entries := 0
			if length > first { // the second levels whose last code is among these n
				before := 1<<length - left
				entries = (before+n)>>(length-first)<<(length-first) - before>>(length-first)<<(length-first)
			}
			best = max(best, entries+most(length+1, 2*(left-n), symbols-n))
		}
		known[length][left][symbols] = int32(best)
		return best
	}
	return 1<<first + most(1, 2, symbols)
}

// randomCode returns the code lengths of a complete code of n symbols.
func randomCode(r *rand.Rand, n int) []uint8 {
	lens := []uint8{1, 1}
	for len(lens) < n { // one code becomes two longer ones
		i := r.IntN(len(lens))
		if r.IntN(3) > 0 {
			i = len(lens) - 1 // for long ones
		}
		if lens[i] < maxCode {
			lens[i]++
			lens = append(lens, lens[i])
		}
	}
	r.Shuffle(n, func(i, j int) { lens[i], lens[j] = lens[j], lens[i] })
	return lens
}

func codedOf(lens []uint8) (codes []coded) {
	for symbol, n := range lens {
		if n > 0 {
			codes = append(codes, makeCoded(symbol, int(n)))
		}
	}
	return codes
}

// TestTablesFindEverySymbol looks up the code of each symbol of many codes,
// with anything behind it.
func TestTablesFindEverySymbol(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1951))
	var table litTable
	for i := range table {
		table[i] = r.Uint32() // what is left of another block
	}
	for n := 2; n <= maxLit; n++ {
		lens := randomCode(r, n)
		assert.True(t, buildTable(table[:], litBits, codedOf(lens), litSymbols[:]), "complete code refused")
		for symbol, code := range canonical(lens) {
			s := new(bitStream).code(code, uint(lens[symbol])).put(uint(r.Uint64()), 40)
			entry := lookUp(table[:], litBits, s.acc())
			want := litSymbols[symbol] + uint32(lens[symbol])*0x101
			if entry != want {
				t.Fatalf("symbol %d of %v: entry %x, want %x", symbol, lens, entry, want)
			}
		}
	}
}

func TestFixedTablesFindEverySymbol(t *testing.T) {
	for symbol := range uint(288) {
		s := new(bitStream).fixed(symbol)
		bits := uint32(len(s.b)*8 - int(-s.n&7))
		assert.Equal(t, lookUp(fixedLitTable[:], litBits, s.acc()), litSymbols[symbol]+bits*0x101)
	}
	for symbol := range uint(32) {
		s := new(bitStream).code(symbol, 5)
		assert.Equal(t, lookUp(fixedDistTable[:], distBits, s.acc()), distSymbols[symbol]+5*0x101)
	}
}

func TestTablesOfCodesThatAreNotComplete(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1951))
	var table distTable
	build := func(lens ...uint8) bool { return buildTable(table[:], distBits, codedOf(lens), distSymbols[:]) }

	for _, lens := range [][]uint8{
		{2}, {15}, {0, 3}, {1, 2}, {2, 2, 2}, {1, 2, 3}, {15, 15}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, // incomplete
		{1, 1, 1}, {1, 1, 15}, {1, 2, 2, 2}, {2, 2, 2, 2, 15}, {9, 1, 1}, // over-subscribed
	} {
		assert.True(t, !build(lens...), fmt.Sprintf("code of the lengths %v taken", lens))
	}
	for range 200 { // one symbol less, and one more
		lens := randomCode(r, 3+r.IntN(27))
		i := r.IntN(len(lens))
		assert.True(t, !build(append(lens, lens[i])...), "over-subscribed code taken")
		lens[i] = 0
		assert.True(t, !build(lens...), "incomplete code taken")
	}

	assert.True(t, build(0, 0, 0), "no code at all refused") // there is no match in the block
	for acc := range uint64(1 << distBits) {
		assert.Equal(t, lookUp(table[:], distBits, acc), uint32(entrySpecial|1))
	}
	assert.True(t, build(0, 0, 1), "single code of one bit refused")
	for acc := range uint64(1 << distBits) {
		want := uint32(entrySpecial | 1)
		if acc&1 == 0 {
			want = distSymbols[2] + 0x101
		}
		assert.Equal(t, lookUp(table[:], distBits, acc), want)
	}
}
