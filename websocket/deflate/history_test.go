package deflate

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/duplexhq/duplex/internal/assert"
)

// memory is what h holds, in bytes.
func (h *History) memory() int {
	return int(unsafe.Sizeof(*h)) + cap(h.buf) + cap(h.table)*int(unsafe.Sizeof(h.table[0:1][0]))
}

// memory is what e holds, in bytes.
func (e *Encoder) memory() int {
	return int(unsafe.Sizeof(*e)) + cap(e.sequences)*int(unsafe.Sizeof(sequence{})) + cap(e.undo.window) +
		e.own.memory() - int(unsafe.Sizeof(e.own))
}

// TestHistoryMemory sends more than enough through a History in every way and
// compares what it holds with its bound.
func TestHistoryMemory(t *testing.T) {
	bounds := map[uint8]int{8: 2 << 10, 9: 3 << 10, 10: 5 << 10, 11: 8 << 10, 12: 14 << 10, 13: 20 << 10, 14: 34 << 10, 15: 56 << 10}
	for _, bits := range allBits {
		t.Run(fmt.Sprint(bits, " bits"), func(t *testing.T) {
			c, e, h := newCorpus(1), NewEncoder(), NewHistory(bits)
			for range 20 {
				e.Append(nil, h, c.json(c.IntN(2000)), true)
				e.AppendSmaller(nil, h, c.random(c.IntN(20_000)), true)
				h.Learn(c.text(c.IntN(5000)))
			}
			e.Append(nil, h, c.text(100_000), true)
			h.Learn(c.text(100_000))
			assert.True(t, h.memory() <= bounds[bits], fmt.Sprint("it holds ", h.memory(), " bytes"))
		})
	}
}

// TestHistoryMemoryOfTheHeap measures the same as the runtime sees it.
func TestHistoryMemoryOfTheHeap(t *testing.T) {
	for bits, bound := range map[uint8]int64{8: 2 << 10, 13: 20 << 10, 15: 56 << 10} {
		const connections = 60
		c, e := newCorpus(1), NewEncoder()
		messages := [][]byte{c.json(200), c.json(3000), c.text(40_000)}
		dst := e.Append(nil, e.Fresh(15), messages[2], true)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC() // what the first one finds may take a second one to go
		runtime.ReadMemStats(&before)
		list := make([]*History, connections)
		for i := range list {
			list[i] = NewHistory(bits)
			for _, p := range messages {
				dst = e.Append(dst[:0], list[i], p, true)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / connections
		runtime.KeepAlive(list)
		assert.True(t, each <= bound, fmt.Sprintf("%d bits: %d bytes each, at most %d", bits, each, bound))
	}
}

// TestHistoryGrows looks at connections that send little: they hold little.
func TestHistoryGrows(t *testing.T) {
	h, e, c := NewHistory(15), NewEncoder(), newCorpus(2)
	assert.True(t, h.memory() < 100, "an empty History is small")
	e.Append(nil, h, c.json(300), true)
	assert.True(t, h.memory() <= 1600, fmt.Sprint("after 300 bytes it holds ", h.memory()))
	for sent, n := 300, 0; sent < 64<<10; sent += n {
		p := c.json(250)
		n = len(p)
		e.Append(nil, h, p, true)
		assert.True(t, h.memory() <= 6*(sent+n)+100, fmt.Sprintf("after %d bytes it holds %d", sent+n, h.memory()))
	}
}

func TestEncoderMemory(t *testing.T) {
	for bits, bound := range map[uint8]int{8: 44 << 10, 13: 68 << 10, 15: 132 << 10} {
		e, c := NewEncoder(), newCorpus(3)
		h := NewHistory(bits)
		for range 3 {
			e.Append(nil, e.Fresh(bits), c.json(100_000), true)
			e.AppendSmaller(nil, h, c.json(100_000), true)
		}
		assert.True(t, e.memory() <= bound, fmt.Sprintf("%d bits: %d bytes, at most %d", bits, e.memory(), bound))
	}
}

// TestLearn mixes what is learned with what is compressed. What was learned
// must be found again.
func TestLearn(t *testing.T) {
	for _, bits := range allBits {
		t.Run(fmt.Sprint(bits, " bits"), func(t *testing.T) {
			c, e, h, r := newCorpus(4), NewEncoder(), NewHistory(bits), newReceiver(t, bits, true)
			for i := range 60 {
				p := c.json(10 + c.IntN(3000))
				if i%20 == 19 {
					p = c.json(40_000)
				}
				if i%2 == 0 {
					h.Learn(p)
					r.learn(p)
					continue
				}
				r.expect(e.Append(nil, h, p, true), p)
			}
		})
	}
}

func TestLearnIsOfUse(t *testing.T) {
	c, e := newCorpus(5), NewEncoder()
	for _, n := range []int{20, 100, 1000, 5000} {
		h, p := NewHistory(13), c.random(n)
		h.Learn(p)
		out := e.Append(nil, h, p, true)
		r := newReceiver(t, 13, true)
		r.learn(p)
		r.expect(out, p)
		assert.True(t, len(out) <= 8+n/40, fmt.Sprintf("%d bytes that are known take %d", n, len(out)))
	}
	h := NewHistory(13)
	h.Learn(nil)
	assert.Equal(t, len(h.buf), 0)
}

// TestHistoryPositions sends more through a History than 16 bits count, in
// steps that let old entries of the table come round to where other bytes are
// now, and lets the position be where 16 bits end.
func TestHistoryPositions(t *testing.T) {
	for _, bits := range []uint8{8, 13, 15} {
		t.Run(fmt.Sprint(bits, " bits"), func(t *testing.T) {
			c, e, h, r := newCorpus(6), NewEncoder(), NewHistory(bits), newReceiver(t, bits, true)
			phrases := [][]byte{c.text(900), c.text(1100), c.json(2000)}
			h.base = 0xffff - 300
			for i := range 200 {
				p := phrases[i%3][:c.IntN(900)]
				switch i % 8 {
				case 3:
					h.Learn(p)
					r.learn(p)
					continue
				case 5: // 64 Ki bytes further, the table points to the same places
					p = c.random(1<<16 - 1<<(i%16) + i)
					h.Learn(p)
					r.learn(p)
					continue
				}
				r.expect(e.Append(nil, h, p, true), p)
				r.seen = r.seen[max(0, len(r.seen)-r.window):]
			}
		})
	}
}

// TestHistoryBeyondFourGiB sends 5 GiB, most of it by Learn, which keeps no
// more than the window.
func TestHistoryBeyondFourGiB(t *testing.T) {
	c, e, h, r := newCorpus(7), NewEncoder(), NewHistory(15), newReceiver(t, 15, true)
	shared := append(make([]byte, 64<<20-1<<16-1), c.random(1<<16)...)
	for range 80 {
		h.Learn(shared)
		r.seen = append(r.seen[:0], shared[len(shared)-r.window:]...)
		for range 8 {
			p := c.json(500)
			r.expect(e.Append(nil, h, p, true), p)
		}
	}
}

// TestHistoryLies fills the table with nonsense. It costs matches and nothing
// else.
func TestHistoryLies(t *testing.T) {
	c, e, h, r := newCorpus(8), NewEncoder(), NewHistory(11), newReceiver(t, 11, true)
	for range 300 {
		p := c.json(c.IntN(700))
		r.expect(e.Append(nil, h, p, true), p)
		for i := range h.table {
			h.table[i] = uint16(c.Uint32())
		}
	}
}
