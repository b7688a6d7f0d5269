package deflate

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestEndOfTheRing writes two literals and the longest match up to and across
// the end of the ring, far from the end of the input.
func TestEndOfTheRing(t *testing.T) {
	d := NewDecoder()
	for fill := 4<<10 - 300; fill <= 4<<10; fill++ {
		text := inflateJSON(fill)
		s := new(bitStream).stored(0, text).put(1<<1, 3).fixed('x').fixed('y').match(258, 250)
		want := append(bytes.Clone(text), "xy"...)
		want = append(want, matchFrom(want, 250, 258)...)
		for range 40 {
			s.fixed('z')
			want = append(want, 'z')
		}
		got, err := inflateWhole(d, d.Fresh(8), s.fixed(256).put(0, 3).align().b)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, want), fmt.Sprintf("not what was sent behind %d bytes", fill))
	}
}

// chain gives these symbols codes of 1, 2, 3, … bits, and the last two 15.
func chain(n int, symbols ...int) []uint8 {
	lens := make([]uint8, n)
	for i, symbol := range symbols {
		lens[symbol] = min(uint8(i+1), maxCode)
	}
	return lens
}

// TestLongestSymbols sends matches of the most bits there can be, 48, behind
// literals of all lengths.
func TestLongestSymbols(t *testing.T) {
	block := dynamicBlock{
		lit:  chain(286, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 256, 284),
		dist: chain(30, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 28, 29),
	}
	lit, dist := canonical(block.lit), canonical(block.dist)
	text := inflateJSON(32 << 10)
	s := new(bitStream).stored(0, text).dynamicHeader(0, block)
	want := bytes.Clone(text)
	for i := range 14 * 14 {
		for _, c := range []uint{uint(i % 14), uint(i / 14)} {
			s.code(lit['a'+c], c+1)
			want = append(want, byte('a'+c))
		}
		s.code(lit[284], 15).put(uint(i)%31, 5).code(dist[29], 15).put(uint(i)*41, 13)
		want = append(want, matchFrom(want, 24577+i*41, 227+i%31)...)
	}
	s.code(lit[256], 15).put(0, 3).align()
	d := NewDecoder()
	got, err := inflateWhole(d, d.Fresh(15), s.b)
	assert.NoError(t, err)
	assert.True(t, bytes.Equal(got, want), "not what was sent")
	for _, seed := range []uint64{1, 2, 3, 4, 5} {
		got, err = inflateWhole(d, d.Fresh(15), chop(s.b, seed)...)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, want), "not what was sent")
	}
}

// TestCodesOfOneSymbol inflates blocks whose codes are not complete, but legal:
// they hold nothing but their end, no match, or matches of one distance.
func TestCodesOfOneSymbol(t *testing.T) {
	match := []uint8{'a': 1, 256: 2, 257: 2} // codes 0, 10, 11
	for _, c := range []struct {
		name string
		s    *bitStream
		want string
	}{
		{"only the end", new(bitStream).dynamicHeader(0, dynamicBlock{lit: []uint8{256: 1}, dist: []uint8{0}}).code(0, 1), ""},
		{"no distance", new(bitStream).dynamicHeader(0, dynamicBlock{lit: match, dist: []uint8{0}}).code(0, 1).code(2, 2), "a"},
		{"one distance, 2", new(bitStream).dynamicHeader(0, dynamicBlock{lit: match, dist: []uint8{0, 1}}).
			code(0, 1).code(0, 1).code(3, 2).code(0, 1).code(2, 2), "aaaaa"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder()
			for _, pieces := range cuts(c.s.put(0, 3).align().b) {
				got, err := inflateWhole(d, d.Fresh(15), pieces...)
				assert.NoError(t, err)
				assert.Equal(t, string(got), c.want)
			}
		})
	}
}
