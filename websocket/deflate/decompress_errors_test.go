package deflate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// flatPre gives every code length a code of its own, of 4 or 5 bits.
func flatPre() []uint8 {
	pre := bytes.Repeat([]uint8{5}, 19)
	copy(pre, bytes.Repeat([]uint8{4}, 13))
	return pre
}

// only returns n code lengths that are 0 except those of some symbols.
func only(n int, symbols map[int]uint8) []uint8 {
	lens := make([]uint8, n)
	for symbol, length := range symbols {
		lens[symbol] = length
	}
	return lens
}

// lits returns code lengths of literals and lengths: these few, and with them
// the end of the block.
func lits(symbols map[int]uint8) []uint8 { return only(286, symbols) }

func inflateBreaches() []struct {
	name string
	s    *bitStream
	want *frame.ProtocolError
} {
	fixed := func() *bitStream { return new(bitStream).put(1<<1, 3) }
	counts := func(lit, dist, pre uint) *bitStream {
		return new(bitStream).put(2<<1, 3).put(lit-257, 5).put(dist-1, 5).put(pre-4, 4)
	}
	preOnly := func(lens ...uint) *bitStream { // in the order of preOrder
		s := counts(257, 1, 19)
		for i := range preOrder {
			s.put(append(lens, make([]uint, 19)...)[i], 3)
		}
		return s
	}
	block := func(lit, dist []uint8) *bitStream {
		return new(bitStream).dynamicHeader(0, dynamicBlock{lit: lit, dist: dist})
	}
	runs := func(symbols ...[2]uint) *bitStream {
		return new(bitStream).dynamicHeader(0, dynamicBlock{lit: make([]uint8, 257), dist: make([]uint8, 1), pre: flatPre(), lens: symbols})
	}
	aAndEnd := map[int]uint8{'a': 1, 256: 1}
	match3 := map[int]uint8{'a': 1, 256: 2, 257: 2} // codes 0, 10, 11
	return []struct {
		name string
		s    *bitStream
		want *frame.ProtocolError
	}{
		{"reserved block type", new(bitStream).put(3<<1, 3), errBlockType},
		{"reserved block type, final", new(bitStream).put(1|3<<1, 3), errBlockType},
		{"reserved block type behind a final block", fromBytes(3, 0).put(3<<1, 3), errBlockType},
		{"stored length without its complement", fromBytes(0, 5, 0, 5, 0), errStoredLength},
		{"stored length, complement one bit off", fromBytes(0, 0, 0, 0xff, 0x7f), errStoredLength},
		{"287 literals and lengths", counts(287, 1, 4), errCounts},
		{"288 literals and lengths", counts(288, 30, 19), errCounts},
		{"31 distances", counts(257, 31, 19), errCounts},
		{"32 distances", counts(286, 32, 4), errCounts},
		{"no code lengths", preOnly(), errPreCode},
		{"one code length", preOnly(0, 0, 1), errPreCode},
		{"code lengths not complete", preOnly(0, 0, 1, 2), errPreCode},
		{"code lengths over-subscribed", preOnly(1, 1, 1), errPreCode},
		{"repetition of nothing", runs([2]uint{16, 0}), errRepeatNothing},
		{"repetition beyond the end", runs([2]uint{18, 127}, [2]uint{18, 127}), errRepeatBeyond},
		{"zeros beyond the end", runs([2]uint{18, 127}, [2]uint{18, 100}, [2]uint{17, 7}, [2]uint{1}, [2]uint{1}, [2]uint{16, 3}), errRepeatBeyond},
		{"no end of the block", block(lits(map[int]uint8{'a': 1, 'b': 1}), []uint8{0}), errNoEnd},
		{"no literals at all", block(lits(nil), []uint8{1, 1}), errNoEnd},
		{"literals over-subscribed", block(lits(map[int]uint8{'a': 1, 'b': 1, 256: 1}), []uint8{0}), errLitCode},
		{"literals not complete", block(lits(map[int]uint8{'a': 1, 256: 2}), []uint8{0}), errLitCode},
		{"only the end of the block, with 2 bits", block(lits(map[int]uint8{256: 2}), []uint8{0}), errLitCode},
		{"distances over-subscribed", block(lits(aAndEnd), []uint8{1, 1, 1}), errDistCode},
		{"distances not complete", block(lits(aAndEnd), []uint8{1, 2}), errDistCode},
		{"one distance, with 2 bits", block(lits(aAndEnd), []uint8{2}), errDistCode},
		{"the other value of a single distance", block(lits(match3), []uint8{1}).code(0, 1).code(3, 2).code(1, 1), errDistSymbol},
		{"match without distances", block(lits(match3), []uint8{0}).code(0, 1).code(3, 2).code(0, 1), errDistSymbol},
		{"the other value of a single end", block(lits(map[int]uint8{256: 1}), []uint8{0}).code(1, 1), errLitSymbol},
		{"length symbol 286", fixed().fixed(286), errLitSymbol},
		{"length symbol 287", fixed().fixed('a').fixed(287), errLitSymbol},
		{"distance symbol 30", fixed().fixed('a').lengthOnly(3).code(30, 5), errDistSymbol},
		{"distance symbol 31", fixed().fixed('a').lengthOnly(258).code(31, 5), errDistSymbol},
		{"match at the very beginning", fixed().match(3, 1), errDistanceStart},
		{"match from before the beginning", fixed().fixed('a').match(3, 2), errDistanceStart},
		{"the farthest match", fixed().fixed('a').match(258, 32768), errDistanceStart},
	}
}

func fromBytes(b ...byte) *bitStream { return &bitStream{b: b} }

// TestBreaches feeds everything that a peer can do wrong: after nothing and
// after a message, near the end of the input and far from it, cut at every byte.
func TestBreaches(t *testing.T) {
	d := NewDecoder()
	for _, c := range inflateBreaches() {
		t.Run(c.name, func(t *testing.T) {
			payload := c.s.b
			for _, pieces := range cuts(payload) {
				_, err := inflateWhole(d, d.Fresh(15), pieces...)
				assert.ErrorIs(t, err, c.want)
			}
			_, err := inflateWhole(d, d.Fresh(15), payload, bytes.Repeat([]byte{0x55}, 400))
			assert.ErrorIs(t, err, c.want)
			_, err = inflateWhole(d, d.Fresh(15), append(bytes.Clone(payload), make([]byte, 400)...))
			assert.ErrorIs(t, err, c.want)
			stored := new(bitStream).stored(0, bytes.Repeat([]byte{0}, 300)).b
			for _, pieces := range [][][]byte{{stored, payload}, {append(stored, payload...)}} {
				got, err := inflateWhole(d, d.Fresh(15), pieces...)
				if c.want == errDistanceStart && c.name != "the farthest match" {
					continue // there is something to refer to
				}
				assert.ErrorIs(t, err, c.want)
				assert.Equal(t, got[:300], make([]byte, 300)) // what comes before the error is returned
			}
		})
	}
}

// TestBreachesAreTold: an error names its rule, and is the answer to all that
// is asked afterwards.
func TestBreachesAreTold(t *testing.T) {
	d := NewDecoder()
	for _, c := range inflateBreaches() {
		w := d.Fresh(15)
		_, err := inflateWhole(d, w, c.s.b)
		var told *frame.ProtocolError
		assert.True(t, errors.As(err, &told), "not a *frame.ProtocolError")
		assert.Equal(t, told.Code, frame.StatusInvalidPayload)
		assert.True(t, strings.HasPrefix(told.Section, "RFC 1951 §3.2."), told.Section)
		_, _, again := d.Next([]byte{0})
		assert.ErrorIs(t, again, err)
		_, done, again := d.End()
		assert.ErrorIs(t, again, err)
		assert.True(t, !done, "done in spite of an error")
	}
	assert.Equal(t, errBlockType.Error(), "websocket: compressed block of the reserved type 3 (RFC 1951 §3.2.3)")
	assert.Equal(t, errDistanceBits.Error(), "websocket: distance reaches back beyond the negotiated window (RFC 7692 §7.1.2)")
	assert.Equal(t, errCut.Error(), "websocket: compressed message ends inside a block (RFC 7692 §7.2.2)")
}

// TestMessagesThatEndInsideABlock: 0000ffff is taken for the rest of that
// block, which may be wrong in its own way.
func TestMessagesThatEndInsideABlock(t *testing.T) {
	d := NewDecoder()
	for _, c := range []struct {
		name, payload string
		want          *frame.ProtocolError
	}{
		{"in a literal", "f248cdc9", errCut},
		{"before the end of the block", "f248cdc9c907", errCut},
		{"before the end of a final block", "f348cdc9c9", errBlockType},
		{"in the header of a dynamic block", "04", errPreCode},
		{"in the length of a stored block", "0005", errStoredLength},
		{"before the length of a stored block, again", "000000ffff", errCut},
		{"before the bytes of a stored block", "000500faff", errCut},
		{"in the bytes of a stored block", "000600f9ff48", errCut},
		{"in the bytes of a final stored block", "010600f9ff48", errCut},
		{"behind a sync flush that was not taken off", "f248cdc9c907000000ffff", errCut},
		{"behind a final block that is followed by two bytes 00", "03000000", errStoredLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, pieces := range cuts(fromHex(t, c.payload)) {
				_, err := inflateWhole(d, d.Fresh(15), pieces...)
				assert.ErrorIs(t, err, c.want)
			}
		})
	}

	// The end of the block is 14 bits 1, behind which two bits of 0000ffff are left.
	block := dynamicBlock{lit: chain(257, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 256), dist: make([]uint8, 1)}
	block.lit['n'] = 14
	_, err := inflateWhole(d, d.Fresh(15), new(bitStream).dynamicHeader(0, block).align().b)
	assert.ErrorIs(t, err, errCut)

	// All beginnings of a message of many kinds of blocks are errors of some kind.
	payload := inflatePayload(t, inflateJSON(3000), 6, nil)
	for i := 1; i < len(payload); i++ {
		_, err := inflateWhole(d, d.Fresh(15), payload[:i])
		assert.True(t, err != nil, "a message that was cut short is taken")
	}
}

// TestDistancesThatNobodyReceived: another message's bytes, left in the
// memory that Fresh hands out again, are out of reach.
func TestDistancesThatNobodyReceived(t *testing.T) {
	d := NewDecoder()
	secret := bytes.Repeat([]byte("secret"), 10_000)
	_, err := inflateWhole(d, d.Fresh(15), inflatePayload(t, secret, 6, nil))
	assert.NoError(t, err)
	for _, distance := range []uint{1, 6, 100, 1 << 10, 32 << 10} {
		for _, pad := range []int{0, 40} {
			s := new(bitStream).put(1<<1, 3).match(100, distance)
			for range pad {
				s.fixed('x')
			}
			got, err := inflateWhole(d, d.Fresh(15), s.fixed(256).b)
			assert.ErrorIs(t, err, errDistanceStart)
			assert.Equal(t, len(got), 0)
		}
	}
}
