package deflate

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// codeOf makes a code for these counts, one for each symbol.
func codeOf(counts []uint16, limit int) (codes []prefixCode, list []tally) {
	var m codeMaker
	counts = append(slices.Clone(counts), make([]uint16, 8-len(counts)%8)...)
	list = tallies(new([512]tally), counts)
	if len(list) == 0 {
		list = append(list, 0) // as for distances, of which there are none
	}
	codes = make([]prefixCode, len(counts))
	m.make(codes, list, limit)
	return codes, list
}

// checkCode wants a complete prefix code of at most limit bits, in the order of
// RFC 1951 §3.2.2, in which no symbol has a longer code than a rarer one. It
// returns how many bits everything takes.
func checkCode(t testing.TB, codes []prefixCode, list []tally, limit int) (size int) {
	t.Helper()
	space := 1 << limit
	next := uint32(0)
	for length := uint32(1); length <= uint32(limit); length++ {
		next <<= 1
		for _, c := range codes {
			if c.length() == length {
				want := bits.Reverse32(next) >> (32 - length)
				assert.Equal(t, uint32(c>>8), want)
				next++
				space -= 1 << (uint32(limit) - length)
			}
		}
	}
	if len(list) > 1 {
		assert.Equal(t, space, 0)
	}
	last := uint32(limit)
	for _, a := range slices.Sorted(slices.Values(list)) {
		length := codes[a.symbol()].length()
		assert.True(t, length <= last, "the rarer symbol has the longer code")
		size += int(a.count() * length)
		last = length
	}
	return size
}

// huffmanSize is how many bits the best code takes: the sum of all inner nodes.
func huffmanSize(list []tally) (size int) {
	var weights []int
	for _, t := range list {
		weights = append(weights, int(t.count()))
	}
	for len(weights) > 1 {
		slices.Sort(weights)
		sum := weights[0] + weights[1]
		size += sum
		weights = append(weights[2:], sum)
	}
	return size
}

func TestCodes(t *testing.T) {
	tests := []struct {
		name   string
		counts []uint16
		limit  int
		want   []uint32 // lengths
	}{
		{name: "one symbol", counts: []uint16{0, 5}, limit: 14, want: []uint32{0, 1}},
		{name: "two symbols", counts: []uint16{1, 0, 60000}, limit: 14, want: []uint32{1, 0, 1}},
		{name: "three", counts: []uint16{3, 1, 1}, limit: 14, want: []uint32{1, 2, 2}},
		{name: "all alike", counts: []uint16{2, 2, 2, 2}, limit: 14, want: []uint32{2, 2, 2, 2}},
		{name: "a symbol that is not there", counts: []uint16{0}, limit: 14, want: []uint32{1}},
		{name: "each half as frequent", counts: []uint16{64, 32, 16, 8, 4, 2, 1, 1}, limit: 14, want: []uint32{1, 2, 3, 4, 5, 6, 7, 7}},
		{name: "cut off at 7", counts: []uint16{256, 128, 64, 32, 16, 8, 4, 2, 1, 1}, limit: 7, want: []uint32{1, 2, 3, 4, 6, 6, 7, 7, 7, 7}},
		{name: "cut off at 4", counts: []uint16{900, 100, 30, 10, 3, 1}, limit: 4, want: []uint32{1, 2, 4, 4, 4, 4}},
		{name: "cut off where all are needed", counts: []uint16{900, 100, 30, 10, 3, 1, 1, 1}, limit: 3, want: []uint32{3, 3, 3, 3, 3, 3, 3, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			codes, list := codeOf(tt.counts, tt.limit)
			var lengths []uint32
			for _, c := range codes[:len(tt.want)] {
				lengths = append(lengths, c.length())
			}
			assert.Equal(t, fmt.Sprint(lengths), fmt.Sprint(tt.want))
			checkCode(t, codes, list, tt.limit)
		})
	}
}

// TestCodesAreTheBest compares random codes with the size that no code beats,
// where the limit leaves room for it, and with a tenth more where it does not.
func TestCodesAreTheBest(t *testing.T) {
	c := newCorpus(1)
	for i := range 100 {
		counts := make([]uint16, 2+c.IntN(285))
		for s := range counts {
			switch i % 4 {
			case 0:
				counts[s] = uint16(c.IntN(50))
			case 1:
				counts[s] = uint16(c.IntN(1 << c.IntN(8)))
			case 2:
				counts[s] = uint16(1 << min(s, 15) >> 1)
			case 3:
				counts[s] = uint16(c.ExpFloat64() * 20)
			}
		}
		counts[c.IntN(len(counts))] = 0
		counts[0], counts[1] = 1, 1
		for _, limit := range []int{9, maxBits} {
			codes, list := codeOf(counts, limit)
			size, best := checkCode(t, codes, list, limit), huffmanSize(list)
			longest := uint32(0)
			for _, c := range codes {
				longest = max(longest, c.length())
			}
			if longest < uint32(limit) {
				assert.Equal(t, size, best)
			}
			assert.True(t, size <= best*11/10, fmt.Sprintf("%d bits instead of %d", size, best))
		}
	}
}

func TestTallies(t *testing.T) {
	counts := make([]uint16, 288)
	var want []tally
	for i := range counts {
		if i%7 == 0 || i > 250 && i < 270 {
			counts[i] = uint16(65535 - i)
			want = append(want, tally(counts[i])<<9|tally(i))
		}
	}
	got := tallies(new([512]tally), counts)
	assert.Equal(t, fmt.Sprint(got), fmt.Sprint(want))
	assert.Equal(t, len(tallies(new([512]tally), counts[:0])), 0)
	assert.Equal(t, len(tallies(new([512]tally), make([]uint16, 32))), 0)
}

// TestLongCodes writes blocks whose best codes would be longer than they may.
func TestLongCodes(t *testing.T) {
	c, e := newCorpus(2), NewEncoder()
	p := c.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 60_000)
	for i := range 12 {
		p = append(p, bytes.Repeat([]byte{128 + byte(i)}, 1<<i>>1)...)
	}
	c.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	r := newReceiver(t, 15, false)
	r.expect(e.Append(nil, e.Fresh(15), p, true), p)
	assert.Equal(t, r.longest, maxBits)
}
