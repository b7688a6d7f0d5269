package deflate

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// allBits are the windows there are.
var allBits = []uint8{8, 9, 10, 11, 12, 13, 14, 15}

// history returns a History of its own or the encoder's, emptied.
func (e *Encoder) history(bits uint8, takeover bool) func() *History {
	h := NewHistory(bits)
	return func() *History {
		if !takeover {
			return e.Fresh(bits)
		}
		return h
	}
}

func TestAppendExamples(t *testing.T) {
	tests := []struct {
		name string
		p    string
		last bool
		want string
	}{
		{name: "RFC 7692 §7.2.3.6 empty message", p: "", last: true, want: "00"},
		{name: "RFC 7692 §7.2.1 empty fragment", p: "", last: false, want: "000000ffff"},
		{name: "RFC 7692 §7.2.3.1 Hello in one fixed block", p: "Hello", last: true, want: "f248cdc9c90700"},
		{name: "RFC 7692 §7.2.1 the flush stays in a fragment", p: "Hello", last: false, want: "f248cdc9c907000000ffff"},
		{name: "RFC 1951 §3.2.6 one byte", p: "a", last: true, want: "4a0400"},
		{name: "RFC 1951 §3.2.6 nine bits for a byte above 143", p: "\x90", last: true, want: "9a0000"},
		{name: "RFC 1951 §3.2.5 a match of 258 bytes, 1 back", p: strings.Repeat("a", 259), last: true, want: "4a1c050000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := NewEncoder()
			out := e.Append([]byte("before"), e.Fresh(15), []byte(tt.p), tt.last)
			assert.Equal(t, fmt.Sprintf("%x", out[len("before"):]), tt.want)
			assert.Equal(t, string(out[:len("before")]), "before")
			out = bytes.TrimSuffix(out[len("before"):], flushTail)
			newReceiver(t, 15, false).expect(out, []byte(tt.p))
		})
	}
}

// TestAppendTakeoverExample sends the same message twice: the second refers to
// the first (RFC 7692 §7.2.3.2).
func TestAppendTakeoverExample(t *testing.T) {
	e, h, r := NewEncoder(), NewHistory(8), newReceiver(t, 8, true)
	hello := []byte("Hello, hello, hello")
	first := e.Append(nil, h, hello, true)
	r.expect(first, hello)
	second := e.Append(nil, h, hello, true)
	r.expect(second, hello)
	assert.True(t, len(second) < len(first), "the second is smaller")
	assert.Equal(t, r.farthest, len(hello))
}

// TestAppendTiny tries all that is special about messages of few bytes.
func TestAppendTiny(t *testing.T) {
	alphabet := "ab\x00\xff"
	for _, takeover := range []bool{false, true} {
		e, r := NewEncoder(), newReceiver(t, 8, takeover)
		history := e.history(8, takeover)
		for n := range 11 {
			for k := range 64 {
				p := make([]byte, n)
				for i := range p {
					p[i] = alphabet[k>>(i%3*2)&3]
				}
				r.expect(e.Append(nil, history(), p, true), p)
			}
		}
	}
}

func TestAppendShapes(t *testing.T) {
	c := newCorpus(1)
	every := everyByte()
	shapes := []struct {
		name string
		p    []byte
		kind int // of the first block
	}{
		{name: "a run", p: bytes.Repeat([]byte{7}, 500), kind: blockFixed},
		{name: "a long run of pairs", p: bytes.Repeat([]byte("ab"), 5000), kind: blockDynamic},
		{name: "every byte", p: every, kind: blockStored},
		{name: "every byte often", p: bytes.Repeat(every, 20), kind: blockFixed},
		{name: "no match", p: []byte("abcdefghijklmnopqrstuvwxyz0123456789"), kind: blockFixed},
		{name: "two letters without matches enough", p: c.letters("ab", 300), kind: blockDynamic},
		{name: "digits", p: c.letters("0123456789", 4000), kind: blockDynamic},
		{name: "base64", p: c.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 20_000), kind: blockDynamic},
		{name: "short random", p: c.random(300), kind: blockStored},
		{name: "random", p: c.random(3000), kind: blockStored},
		{name: "long random", p: c.random(140_000), kind: blockStored},
		{name: "random twice", p: bytes.Repeat(c.random(3000), 2), kind: blockStored},
		{name: "skewed", p: c.skewed(40_000), kind: blockDynamic},
		{name: "json", p: c.json(20_000), kind: blockDynamic},
		{name: "long text", p: c.text(140_000), kind: blockDynamic},
		{name: "text, random, text", p: bytes.Join([][]byte{c.text(30_000), c.random(140_000), c.text(3_000)}, nil), kind: blockDynamic},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			for _, bits := range []uint8{8, 15} {
				e, r := NewEncoder(), newReceiver(t, bits, false)
				r.expect(e.Append(nil, e.Fresh(bits), s.p, true), s.p)
				if bits == 15 && s.name != "random twice" {
					assert.Equal(t, r.blocks[0], s.kind)
				}
			}
		})
	}
}

// letters returns n bytes of an alphabet, all alike.
func (c *corpus) letters(alphabet string, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[c.IntN(len(alphabet))]
	}
	return b
}

// skewed returns n bytes, of which each value is half as frequent as the one
// before: their best code is longer than codes may be.
func (c *corpus) skewed(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		for b[i] < 40 && c.IntN(2) == 0 {
			b[i]++
		}
	}
	return b
}

// TestAppendWindows sends messages of all sizes through every window, with and
// without takeover. The receiver refuses a distance that goes back too far, and
// the window must be made use of.
func TestAppendWindows(t *testing.T) {
	for _, bits := range allBits {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bits, takeover %t", bits, takeover), func(t *testing.T) {
				c, e, r := newCorpus(uint64(bits)), NewEncoder(), newReceiver(t, bits, takeover)
				history := e.history(bits, takeover)
				farthest := 0
				for i := range 30 {
					p := c.json(60 + i*i*4)
					if i%10 == 9 {
						p = c.letters("abcdefghij", 9000)
					}
					r.expect(e.Append(nil, history(), p, true), p)
					farthest = max(farthest, r.farthest)
				}
				p := bytes.Repeat(c.random(1<<bits), 3)
				r.expect(e.Append(nil, history(), p, true), p)
				assert.Equal(t, r.farthest, 1<<bits)
				if takeover {
					assert.True(t, farthest > 1<<bits*3/4, fmt.Sprint("farthest distance is ", farthest))
				}
			})
		}
	}
}

// TestAppendFragments cuts a message everywhere; the parts may refer to each
// other without takeover, too.
func TestAppendFragments(t *testing.T) {
	c, e := newCorpus(3), NewEncoder()
	p := append(c.json(100), c.json(60)...)
	for cut := range len(p) + 1 {
		for second := cut; second <= len(p); second += 31 {
			h := e.Fresh(8)
			out := e.Append(nil, h, p[:cut], false)
			assert.True(t, bytes.HasSuffix(out, flushTail), "a fragment ends in a flush")
			out = e.Append(out, h, p[cut:second], false)
			out = e.Append(out, h, p[second:], true)
			newReceiver(t, 8, false).expect(out, p)
		}
	}
}

func TestAppendFragmentsOfALongMessage(t *testing.T) {
	c, e, h, r := newCorpus(4), NewEncoder(), NewHistory(10), newReceiver(t, 10, true)
	for range 5 {
		p := c.json(100_000)
		var out []byte
		for rest := p; len(rest) > 0; {
			n := min(len(rest), c.IntN(20_000))
			out = e.Append(out, h, rest[:n], n == len(rest))
			rest = rest[n:]
		}
		r.expect(out, p)
	}
}

// TestAppendLong sends messages far larger than the window and than what 16
// bits count. The memory of the encoder does not grow with them.
func TestAppendLong(t *testing.T) {
	c, e := newCorpus(5), NewEncoder()
	p := bytes.Repeat(c.json(60), 16<<20/60)
	for _, bits := range []uint8{9, 15} {
		out := e.Append(nil, e.Fresh(bits), p, true)
		got, err := oracle(out, nil)
		assert.NoError(t, err)
		newReceiver(t, bits, false).same(got, p)
	}
	e.undo.window = nil
	assert.True(t, e.memory() <= 130<<10, fmt.Sprint("the encoder holds ", e.memory(), " bytes"))
}

// TestAppendManyConnections lets one encoder work for connections with
// different windows in turn: they have nothing to do with each other.
func TestAppendManyConnections(t *testing.T) {
	c, e := newCorpus(6), NewEncoder()
	type connection struct {
		h *History
		r *receiver
	}
	var connections []connection
	for i := range 24 {
		bits := allBits[i%len(allBits)]
		connections = append(connections, connection{NewHistory(bits), newReceiver(t, bits, true)})
	}
	for i := range 300 {
		to := connections[c.IntN(len(connections))]
		p := c.json(c.IntN(1500))
		if i%50 == 0 {
			p = c.random(c.IntN(1500))
		}
		to.r.expect(e.Append(nil, to.h, p, true), p)
		fresh := newReceiver(t, 12, false)
		fresh.expect(e.Append(nil, e.Fresh(12), p, true), p)
	}
}

// TestFreshIsTheSame compresses a message after others. Nothing of them may
// show: it would be of another connection.
func TestFreshIsTheSame(t *testing.T) {
	c := newCorpus(8)
	for _, bits := range allBits {
		used := NewEncoder()
		for i := range 40 {
			p := c.json(30 << (i % 11))
			clean := NewEncoder()
			want := clean.Append(nil, clean.Fresh(bits), p, true)
			got := used.Append(nil, used.Fresh(bits), p, true)
			assert.True(t, bytes.Equal(got, want), fmt.Sprintf("message %d of %d bytes at %d bits differs", i, len(p), bits))
			used.Append(nil, used.Fresh(allBits[i%len(allBits)]), c.text(1<<(i%17)), true)
		}
	}
}

// TestAppendKeepsNothing changes what it was given and what it returned.
func TestAppendKeepsNothing(t *testing.T) {
	c, e, h, r := newCorpus(9), NewEncoder(), NewHistory(13), newReceiver(t, 13, true)
	for range 20 {
		p := c.json(700)
		want := bytes.Clone(p)
		out := e.Append(nil, h, p, true)
		r.expect(out, want)
		clear(p)
		clear(out)
	}
}

func TestAppendAllocates(t *testing.T) {
	c := newCorpus(10)
	for _, takeover := range []bool{false, true} {
		e := NewEncoder()
		history := e.history(13, takeover)
		list := [][]byte{c.json(60), c.json(1000), c.random(5000), c.text(30_000), c.json(300)}
		dst := make([]byte, 0, 1<<20)
		round := func() {
			for _, p := range list {
				e.Append(dst, history(), p, true)
				e.AppendSmaller(dst, history(), p, false)
				history().Learn(p)
			}
		}
		round()
		assert.Equal(t, testing.AllocsPerRun(5, round), 0)
	}
}
