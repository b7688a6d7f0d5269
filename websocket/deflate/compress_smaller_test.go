package deflate

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestAppendSmallerDecides(t *testing.T) {
	c := newCorpus(1)
	tests := []struct {
		name string
		p    []byte
		last bool
		ok   bool
	}{
		{name: "nothing", p: nil, last: true, ok: false},
		{name: "one byte", p: []byte("a"), last: true, ok: false},
		{name: "Hello is not smaller", p: []byte("Hello"), last: true, ok: false},
		{name: "Hello often is", p: bytes.Repeat([]byte("Hello "), 4), last: true, ok: true},
		{name: "a run of 9", p: []byte("aaaaaaaaa"), last: true, ok: true},
		{name: "smaller but for the flush", p: []byte("aaaaaaaaa"), last: false, ok: false},
		{name: "text", p: c.text(200), last: true, ok: true},
		{name: "text, a fragment", p: c.text(200), last: false, ok: true},
		{name: "short random", p: c.random(100), last: true, ok: false},
		{name: "random", p: c.random(16 << 10), last: true, ok: false},
		{name: "long random", p: c.random(1 << 20), last: true, ok: false},
		{name: "six bits in eight", p: c.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 5000), last: true, ok: true},
		{name: "random after 64 KiB of text", p: append(c.text(64<<10), c.random(100<<10)...), last: true, ok: true},
		{name: "64 KiB of text after 128 KiB of random", p: append(c.random(128<<10), c.text(64<<10)...), last: true, ok: false},
		{name: "random twice, too far apart", p: bytes.Repeat(c.random(9000), 2), last: true, ok: false},
		{name: "random twice, in the window", p: bytes.Repeat(c.random(8000), 2), last: true, ok: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := NewEncoder()
			dst := append(make([]byte, 0, 64), "before"...)
			out, ok := e.AppendSmaller(dst, e.Fresh(13), tt.p, tt.last)
			assert.Equal(t, ok, tt.ok)
			assert.Equal(t, string(out[:6]), "before")
			if !ok {
				assert.Equal(t, len(out), 6)
				assert.True(t, cap(out) == cap(dst), "dst comes back as it was")
				return
			}
			assert.True(t, len(out)-6 < len(tt.p), "it is smaller")
			newReceiver(t, 13, false).expect(bytes.TrimSuffix(out[6:], flushTail), tt.p)
		})
	}
}

// TestAppendSmallerIsAppend compares the two where both give a result.
func TestAppendSmallerIsAppend(t *testing.T) {
	c := newCorpus(2)
	one, other := NewEncoder(), NewEncoder()
	h, g := NewHistory(13), NewHistory(13)
	for range 100 {
		p := c.json(c.IntN(3000))
		want := one.Append(nil, h, p, true)
		got, ok := other.AppendSmaller(nil, g, p, true)
		assert.True(t, ok, "JSON becomes smaller")
		assert.True(t, bytes.Equal(got, want), "both make the same")
	}
}

// TestAppendSmallerForgets sends messages, of which some go out uncompressed,
// through every window: what was not compressed is not in the window of the
// receiver, and what was in it before has to be there still.
func TestAppendSmallerForgets(t *testing.T) {
	for _, bits := range allBits {
		t.Run(fmt.Sprint(bits, " bits"), func(t *testing.T) {
			c, e, h, r := newCorpus(uint64(bits)), NewEncoder(), NewHistory(bits), newReceiver(t, bits, true)
			given := 0
			for i := range 100 {
				p := c.json(10 + c.IntN(700))
				if i%3 == 0 {
					p = c.random(1 << (i % 17))
				}
				if i%25 == 0 {
					p = append(c.random(70_000), c.json(10_000)...)
				}
				out, ok := e.AppendSmaller([]byte("x"), h, p, true)
				if !ok {
					given++
					assert.Equal(t, string(out), "x")
					continue
				}
				r.expect(out[1:], p)
			}
			assert.True(t, given > 30, "most of what is random goes out uncompressed")
		})
	}
}

// TestAppendSmallerLeavesTheWindow looks at the bytes of a History before and
// after a message that was given up.
func TestAppendSmallerLeavesTheWindow(t *testing.T) {
	c, e := newCorpus(3), NewEncoder()
	for _, bits := range allBits {
		for _, before := range []int{0, 1, 1000, 50_000} {
			for _, n := range []int{1, 1000, 3000, 70_000} {
				h := NewHistory(bits)
				h.Learn(c.text(before))
				window := func() []byte { return bytes.Clone(h.buf[max(0, len(h.buf)-h.window()):]) }
				want, position := window(), h.position()
				_, ok := e.AppendSmaller(nil, h, c.random(n), true)
				assert.True(t, !ok, "random bytes become no smaller")
				assert.True(t, bytes.Equal(window(), want), fmt.Sprintf("%d bits: the window has changed by %d bytes after %d", bits, n, before))
				assert.Equal(t, h.position(), position)
			}
		}
	}
}

// TestAppendSmallerStopsEarly gives it what does not compress, so large that
// writing it would show.
func TestAppendSmallerStopsEarly(t *testing.T) {
	c, e := newCorpus(4), NewEncoder()
	p := c.random(8 << 20)
	allocated := testing.AllocsPerRun(10, func() {
		e.AppendSmaller(nil, e.Fresh(15), p, true)
	})
	assert.Equal(t, allocated, 0)
	assert.True(t, e.limit.in <= maxBlock, "it looks at one block")
}
