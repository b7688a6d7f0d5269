package deflate

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestLengthSymbols says each length and reads it as RFC 1951 §3.2.5 has it.
func TestLengthSymbols(t *testing.T) {
	base, extra := 3, 0
	for symbol := range uint(28) {
		if symbol >= 8 && symbol%4 == 0 {
			extra++
		}
		for i := range 1 << extra {
			if base+i == longestMatch {
				continue // has a symbol of its own
			}
			assert.Equal(t, lengthSymbol(sequence{length: uint16(base + i)}), symbol)
			assert.Equal(t, (base+i-minLength)&(1<<extra-1), i) // what is written as extra bits
		}
		assert.Equal(t, lengthExtra(symbol), uint(extra))
		base += 1 << extra
	}
	assert.Equal(t, base, longestMatch+1)
	assert.Equal(t, lengthSymbol(sequence{length: longestMatch}), 28)
	assert.Equal(t, lengthExtra(28), 0)
}

// TestDistanceSymbols does the same for distances.
func TestDistanceSymbols(t *testing.T) {
	base, extra := 1, 0
	for symbol := range uint(30) {
		if symbol >= 4 && symbol%2 == 0 {
			extra++
		}
		for i := range 1 << extra {
			back := base + i - 1
			assert.Equal(t, distanceSymbol(sequence{back: uint16(back)}), symbol)
			assert.Equal(t, back&(1<<extra-1), i)
		}
		assert.Equal(t, distanceExtra(symbol), uint(extra))
		base += 1 << extra
	}
	assert.Equal(t, base, 1<<15+1)
}

func TestFixedCodes(t *testing.T) {
	want := codesOfLengths(slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8)))
	assert.Equal(t, fmt.Sprint(fixedCodes.lit), fmt.Sprint(want))
	want = codesOfLengths(slices.Repeat([]int{5}, 32))
	assert.Equal(t, fmt.Sprint(fixedCodes.dist), fmt.Sprint(want))
}

// codesOfLengths numbers codes as RFC 1951 §3.2.2 says.
func codesOfLengths(lengths []int) []prefixCode {
	codes, next := make([]prefixCode, len(lengths)), 0
	for n := 1; n < 16; n++ {
		next <<= 1
		for s, length := range lengths {
			if length != n {
				continue
			}
			for bit := range n {
				codes[s] |= prefixCode(next>>bit&1) << (n - 1 - bit + 8)
			}
			codes[s] |= prefixCode(n)
			next++
		}
	}
	return codes
}

// TestPlan lets blocks be planned and written. The size that was planned has to
// hold, and nothing that was not chosen may have been much smaller.
func TestPlan(t *testing.T) {
	c := newCorpus(1)
	e := NewEncoder()
	for i := range 400 {
		p := c.json(20 + i*10)
		switch i % 5 {
		case 1:
			p = c.text(1 + i*i/4)
		case 2:
			p = c.random(1 + i*3)
		case 3:
			p = c.letters("0123456789abcdef", 1+i*2)
		case 4:
			p = c.skewed(1 + i*20)
		}
		h := e.Fresh(13)
		h.reserve(len(p), 0)
		h.take(p[:min(len(p), h.maxBuffer())])
		p = h.buf
		e.anchor, e.sequences = 0, e.sequences[:0]
		e.parse(h, 0, len(p)-lookBytes)

		b := &e.block
		plan := b.plan(p, e.sequences)
		e.w, e.limit = bitWriter{}, limit{}
		sequences := slices.Clone(e.sequences)
		assert.True(t, e.write(p), "without a limit it writes")
		written := 8*len(e.w.out) + int(e.w.n)
		switch plan.kind {
		case blockStored:
			assert.True(t, written <= plan.size, fmt.Sprintf("%d bits instead of %d", written, plan.size))
		default:
			assert.Equal(t, written, plan.size)
		}

		b.count(p, sequences)
		b.makeCodes()
		best := min(b.size(&fixedCodes), b.header.size+b.size(&b.codes), 8*len(p)+42)
		assert.True(t, plan.size <= best+best/20, fmt.Sprintf("%d bits, where %d are possible", plan.size, best))
	}
}

// TestHeaderRuns writes the header of codes with gaps of all sizes and runs of
// all sizes, and reads it with the reference.
func TestHeaderRuns(t *testing.T) {
	c := newCorpus(2)
	for i := range 300 {
		var b block
		counts := make([]uint16, 288)
		counts[endOfBlock] = 1
		for s := c.IntN(30); s < 286; s += 1 + c.IntN(1+i) {
			for end := min(286, s+c.IntN(1+i%20)); s < end; s++ {
				counts[s] = 1 << (i % 5 * (s / 40) % 14)
			}
		}
		copy(b.litCounts[:], counts)
		for range i % 4 * 3 {
			b.distCounts[c.IntN(30)] = uint16(1 + c.IntN(100))
		}
		b.lit = tallies(&b.litList, b.litCounts[:])
		b.dist = tallies(&b.distList, b.distCounts[:])
		if len(b.lit) < 2 {
			continue // a block holds something
		}
		b.makeCodes()
		var w bitWriter
		b.header.write(&w)
		assert.Equal(t, 8*len(w.out)+int(w.n), b.header.size)
		w.put(0, 32)
		w.align()

		r := &reference{in: w.out}
		lit, dist := r.header()
		assert.Equal(t, r.bit, b.header.size)
		assert.Equal(t, len(lit.symbols), len(b.lit))
		assert.Equal(t, len(dist.symbols), len(b.dist))
		for _, t1 := range b.lit {
			assert.True(t, slices.Contains(lit.symbols, int(t1.symbol())), "the reference has the symbol")
		}
	}
}

func TestLooksRandom(t *testing.T) {
	c := newCorpus(3)
	tests := []struct {
		name string
		p    []byte
		want bool
	}{
		{name: "nothing", p: nil, want: false},
		{name: "too short to tell", p: c.random(511), want: false},
		{name: "random", p: c.random(512), want: true},
		{name: "more random", p: c.random(1 << 16), want: true},
		{name: "text", p: c.text(1 << 16), want: false},
		{name: "one byte", p: make([]byte, 2000), want: false},
		{name: "seven bits", p: c.letters(string(bytes.Repeat([]byte("0123456789abcdefABCDEFGHIJKLMNOP"), 4)), 10_000), want: false},
		{name: "every byte in turn", p: bytes.Repeat(everyByte(), 4), want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, looksRandom(tt.p), tt.want) })
	}
	assert.True(t, hardlyMatches(make([]byte, 1000), []sequence{{length: 60}}), "60 of 1000 bytes are few")
	assert.True(t, !hardlyMatches(make([]byte, 1000), []sequence{{length: 30}, {length: 40}}), "70 are not")
}

func everyByte() []byte {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

func TestNLog(t *testing.T) {
	for n := uint32(1); n < 1<<17; n += 1 + n/50 {
		want := float64(n) * math.Log2(float64(n))
		got := float64(nLog(n)) / logUnit
		assert.True(t, math.Abs(got-want) <= .01+want/100, fmt.Sprintf("%d: %f instead of %f", n, got, want))
	}
	assert.Equal(t, nLog(0), 0)
}

func TestBitWriter(t *testing.T) {
	var w bitWriter
	w.put(1, 1)
	w.put(0b01, 2)
	w.put(0, 0)
	w.put(math.MaxUint32, 32)
	w.whole()
	assert.Equal(t, fmt.Sprintf("%x %d", w.out, w.n), "fbffffff 3")
	w.align()
	assert.Equal(t, fmt.Sprintf("%x %d", w.out, w.n), "fbffffff07 0")
	w.align()
	assert.Equal(t, len(w.out), 5)
	w.stored([]byte("ab"))
	assert.Equal(t, fmt.Sprintf("%x", w.out[5:]), "000200fdff6162")
}
