package deflate

// A header is that of a dynamic block: the code lengths of both alphabets, run
// lengths of them, in a code of its own (RFC 1951 §3.2.7).
type header struct {
	lit, dist int // how many lengths of each there are
	counts    [32]uint16
	codes     [32]prefixCode
	ordered   int // how many of the codes there are, in preOrder
	size      int // bits

	runs [maxRuns]uint16 // the symbol | its extra bits << 5
	n    int
	list [512]tally
}

// maxRuns is the most there can be: each code length by itself.
const maxRuns = 286 + 30

// The symbols for runs (RFC 1951 §3.2.7) and the bits that follow them.
const (
	repeatLength = 16 // the one before, 3 to 6 times
	repeatZero   = 17 // 3 to 10 times
	repeatZeros  = 18 // 11 to 138 times
)

var runExtras = [32]uint8{repeatLength: 2, repeatZero: 3, repeatZeros: 7}

// make makes the header of b, whose codes are made.
func (h *header) make(b *block) {
	clear(h.counts[:])
	h.n = 0
	h.lit = int(b.lit[len(b.lit)-1].symbol()) + 1
	h.dist = int(b.dist[len(b.dist)-1].symbol()) + 1
	h.lengths(b.lit, b.codes.lit[:])
	h.lengths(b.dist, b.codes.dist[:])

	list := tallies(&h.list, h.counts[:24])
	clear(h.codes[:])
	b.maker.make(h.codes[:], list, maxPreBits)
	h.ordered = len(preOrder)
	for h.ordered > 4 && h.codes[preOrder[h.ordered-1]] == 0 {
		h.ordered--
	}
	size := 14 + 3*uint32(h.ordered)
	for _, t := range list {
		size += t.count() * (h.codes[t.symbol()].length() + uint32(runExtras[t.symbol()&31]))
	}
	h.size = int(size)
}

// lengths adds the code lengths of one alphabet, of which list has the symbols
// with a code.
func (h *header) lengths(list []tally, codes []prefixCode) {
	next := uint32(0) // symbol
	last, run := uint32(0), 0
	for _, t := range list {
		s := t.symbol()
		length := codes[s].length()
		if length != last || s != next {
			h.repeat(last, run)
			h.zeros(int(s - next))
			h.add(length)
			last, run = length, -1
		}
		run++
		next = s + 1
	}
	h.repeat(last, run)
}

func (h *header) add(symbol uint32) {
	h.runs[h.n] = uint16(symbol)
	h.n++
	h.counts[symbol&31]++
}

// repeat adds the length before n more times.
func (h *header) repeat(length uint32, n int) {
	for n >= 3 {
		run := min(n, 6)
		h.add(repeatLength | uint32(run-3)<<5)
		n -= run
	}
	for range n {
		h.add(length)
	}
}

// zeros adds n symbols without a code.
func (h *header) zeros(n int) {
	for n >= 11 {
		run := min(n, 138)
		h.add(repeatZeros | uint32(run-11)<<5)
		n -= run
	}
	if n >= 3 {
		h.add(repeatZero | uint32(n-3)<<5)
		return
	}
	for range n {
		h.add(0)
	}
}

// write writes the header, without the type of the block before it.
func (h *header) write(w *bitWriter) {
	w.put(uint64(h.lit-257)|uint64(h.dist-1)<<5|uint64(h.ordered-4)<<10, 14)
	for _, s := range preOrder[:h.ordered] {
		w.put(uint64(h.codes[s].length()), 3)
	}
	for _, r := range h.runs[:h.n] {
		c := h.codes[r&31]
		w.put(uint64(c>>8)|uint64(r>>5)<<c.length(), uint(c.length())+uint(runExtras[r&31]))
	}
}
