package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// A reference inflates what an Encoder made, bit by bit as RFC 1951 says, and
// keeps account of what it finds. It accepts less than a decoder has to: no
// padding but 0, no final block, no code that is not complete.
type reference struct {
	window int    // bytes
	seen   []byte // everything so far

	in  []byte
	bit int

	blocks   []int // their types
	farthest int   // distance
	longest  int   // code, in bits
}

// message inflates the payload of a message.
func (r *reference) message(payload []byte) (out []byte, err error) {
	defer func() {
		if problem, ok := recover().(error); ok {
			err = fmt.Errorf("bit %d: %w", r.bit, problem)
		}
	}()
	r.in, r.bit = append(bytes.Clone(payload), flushTail...), 0
	r.blocks, r.farthest, r.longest = nil, 0, 0
	begin := len(r.seen)
	for r.bit < 8*len(r.in) {
		r.block()
	}
	if n := len(r.blocks); n == 0 || r.blocks[n-1] != blockStored || !bytes.HasSuffix(r.in, flushTail) {
		return nil, errors.New("no empty stored block at the end")
	}
	return bytes.Clone(r.seen[begin:]), nil
}

func (r *reference) refuse(format string, args ...any) { panic(fmt.Errorf(format, args...)) }

func (r *reference) bits(n int) (v int) {
	for i := range n {
		if r.bit >= 8*len(r.in) {
			r.refuse("input ends inside a block")
		}
		v |= int(r.in[r.bit/8]>>(r.bit%8)&1) << i
		r.bit++
	}
	return v
}

func (r *reference) block() {
	if r.bits(1) != 0 {
		r.refuse("final block")
	}
	kind := r.bits(2)
	r.blocks = append(r.blocks, kind)
	switch kind {
	case blockStored:
		if r.bits(-r.bit&7) != 0 {
			r.refuse("padding that is not 0")
		}
		n := r.bits(16)
		if r.bits(16) != n^0xffff {
			r.refuse("length and its complement differ")
		}
		for range n {
			r.seen = append(r.seen, byte(r.bits(8)))
		}
	case blockFixed:
		lit := slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))
		r.symbols(r.code(lit), r.code(slices.Repeat([]int{5}, 32)))
	case blockDynamic:
		r.symbols(r.header())
	default:
		r.refuse("block of type 3")
	}
}

// A referenceCode has the symbols in the order of their codes, and how many
// there are of each length.
type referenceCode struct {
	counts  [16]int
	symbols []int
}

func (r *reference) code(lengths []int) *referenceCode {
	c, space := &referenceCode{}, 1<<15
	for n := 1; n < 16; n++ {
		for s, length := range lengths {
			if length == n {
				c.symbols = append(c.symbols, s)
				c.counts[n]++
				space -= 1 << (15 - n)
				r.longest = max(r.longest, n)
			}
		}
	}
	if space != 0 && (len(c.symbols) != 1 || c.counts[1] != 1) {
		r.refuse("code is not complete")
	}
	return c
}

func (r *reference) symbol(c *referenceCode) int {
	code, first, before := 0, 0, 0 // the first code of a length, and how many symbols have shorter ones
	for _, n := range c.counts[1:] {
		code, first = code<<1|r.bits(1), first<<1
		if code-first < n {
			return c.symbols[before+code-first]
		}
		first += n
		before += n
	}
	r.refuse("no such code")
	return 0
}

func (r *reference) header() (lit, dist *referenceCode) {
	lits, dists, pres := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
	if lits > 286 || dists > 30 {
		r.refuse("%d and %d code lengths", lits, dists)
	}
	pre := make([]int, 19)
	for _, s := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:pres] {
		pre[s] = r.bits(3)
	}
	code := r.code(pre)
	var lengths []int
	for len(lengths) < lits+dists {
		switch s := r.symbol(code); s {
		case 16:
			lengths = append(lengths, slices.Repeat(lengths[len(lengths)-1:], 3+r.bits(2))...)
		case 17:
			lengths = append(lengths, make([]int, 3+r.bits(3))...)
		case 18:
			lengths = append(lengths, make([]int, 11+r.bits(7))...)
		default:
			lengths = append(lengths, s)
		}
	}
	if len(lengths) != lits+dists || lengths[256] == 0 {
		r.refuse("%d code lengths instead of %d, %d for the end of the block", len(lengths), lits+dists, lengths[256])
	}
	return r.code(lengths[:lits]), r.code(lengths[lits:])
}

func (r *reference) symbols(lit, dist *referenceCode) {
	lengthBase := []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	distBase := []int{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
	for {
		s := r.symbol(lit)
		switch {
		case s < 256:
			r.seen = append(r.seen, byte(s))
			continue
		case s == 256:
			return
		case s > 285:
			r.refuse("length symbol %d", s)
		}
		length := lengthBase[s-257]
		if s >= 265 && s < 285 {
			length += r.bits((s - 261) / 4)
		}
		d := r.symbol(dist)
		if d > 29 {
			r.refuse("distance symbol %d", d)
		}
		distance := distBase[d]
		if d >= 4 {
			distance += r.bits(d/2 - 1)
		}
		if distance > r.window || distance > len(r.seen) {
			r.refuse("distance of %d with a window of %d bytes and %d bytes before", distance, r.window, len(r.seen))
		}
		r.farthest = max(r.farthest, distance)
		for range length {
			r.seen = append(r.seen, r.seen[len(r.seen)-distance])
		}
	}
}

// oracle inflates the payload of a message with the standard library. before is
// the window.
func oracle(payload, before []byte) ([]byte, error) {
	in := io.MultiReader(bytes.NewReader(payload), bytes.NewReader(flushTail), bytes.NewReader([]byte{1, 0, 0, 0xff, 0xff}))
	return io.ReadAll(flate.NewReaderDict(in, before))
}

// A receiver takes what an Encoder makes and checks it against the standard
// library and the reference.
type receiver struct {
	testing.TB
	reference
	takeover bool
}

func newReceiver(t testing.TB, bits uint8, takeover bool) *receiver {
	return &receiver{TB: t, reference: reference{window: 1 << bits}, takeover: takeover}
}

// expect takes a payload that must inflate to p.
func (r *receiver) expect(payload, p []byte) {
	r.Helper()
	if !r.takeover {
		r.seen = nil
	}
	before := r.seen[max(0, len(r.seen)-r.window):]
	got, err := oracle(payload, before)
	assert.NoError(r, err)
	r.same(got, p)
	got, err = r.message(payload)
	assert.NoError(r, err)
	r.same(got, p)
}

// learn takes what was sent in another way.
func (r *receiver) learn(p []byte) { r.seen = append(r.seen, p...) }

func (r *receiver) same(got, want []byte) {
	r.Helper()
	if !bytes.Equal(got, want) {
		r.Fatalf("got %d bytes %.100q, want %d bytes %.100q", len(got), got, len(want), want)
	}
}
