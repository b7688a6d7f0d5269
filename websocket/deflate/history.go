package deflate

// A History is what one direction of a connection remembers of the messages it
// sent compressed: the last bytes of them, which the peer's window holds too,
// and where to find what they say. It is for one goroutine at a time.
//
// Its memory grows with what was sent, up to a bound that follows from the
// window: 1.8 KiB at 8 bits, 18 KiB at 13 bits, 54 KiB at 15 bits.
type History struct {
	// The bytes. Those behind the window stay until there is no room for more.
	buf []byte
	// Where something was seen last: the hash of 5 bytes leads to the low 16 bits
	// of the position of the first. Nothing is ever taken out of it: what it says
	// may be stale or have been overtaken by 64 Ki more bytes, and is only
	// believed once the bytes themselves are found there.
	table []uint16
	base  uint16 // the position of buf[0], modulo 64 Ki
	bits  uint8  // the window is 1<<bits bytes
}

const (
	minBuffer = 512 // bytes
	minTable  = 256 // positions

	// Every so many bytes of what is learned are entered into the table. Entering
	// all of them takes 3 times as long and lets messages become 2 % smaller.
	learnEvery = 4
)

// maxTable is how many positions a table holds at most, for each number of
// window bits. More find little more: doubling them at 13 bits saves a percent.
var maxTable = [16]int{8: 256, 9: 512, 10: 1024, 11: 2048, 12: 4096, 13: 4096, 14: 6144, 15: 7168}

// NewHistory returns an empty History of a window of 1<<bits bytes. The bits
// are 8 to 15: it is for Config.Validate to refuse others.
func NewHistory(bits uint8) *History { return &History{bits: bits} }

// Learn tells h that p was sent compressed by somebody else, without reference
// to h, such as a frame that many connections share: the peer's window holds it
// now. It does not keep p.
func (h *History) Learn(p []byte) {
	if skip := len(p) - h.window(); skip > 0 {
		h.base += uint16(len(h.buf)) + uint16(skip)
		h.buf = h.buf[:0]
		p = p[skip:]
	}
	for len(p) > 0 {
		h.reserve(len(p), len(h.buf))
		from := len(h.buf)
		p = p[h.take(p):]
		h.index(from, learnEvery)
	}
}

func (h *History) window() int { return 1 << (h.bits & 15) }

// maxBuffer is how many bytes buf holds at most. What it holds beyond the
// window is room, so that the window need not be moved for each message.
func (h *History) maxBuffer() int { return h.window() + max(h.window()/4, 1<<10) }

// reset empties h and keeps its memory.
func (h *History) reset(bits uint8) {
	h.bits, h.base = bits, 0
	h.buf, h.table = h.buf[:0], h.table[:0]
}

// reserve makes room for n more bytes behind buf, or for as many as h can take
// at once. From cursor on, everything stays within reach. It returns how many
// bytes left the front of buf for that.
func (h *History) reserve(n, cursor int) (dropped int) {
	want := min(len(h.buf)+n, h.maxBuffer())
	if want > cap(h.buf) {
		size := minBuffer
		for size < want {
			size *= 2
		}
		grown := make([]byte, len(h.buf), min(size, h.maxBuffer()))
		copy(grown, h.buf)
		h.buf = grown
	}
	if want > len(h.table) && len(h.table) < maxTable[h.bits&15] {
		h.growTable(want)
	}
	if len(h.buf)+n > h.maxBuffer() {
		dropped = max(0, cursor-h.window())
		h.buf = h.buf[:copy(h.buf, h.buf[dropped:])]
		h.base += uint16(dropped)
	}
	return dropped
}

// take appends as much of p as there is room for and returns how much that is.
func (h *History) take(p []byte) int {
	n := min(len(p), h.maxBuffer()-len(h.buf))
	h.buf = append(h.buf, p[:n]...)
	return n
}

// growTable makes the table fit for about n bytes in buf and fills it again. A
// small table is emptied faster than a big one and stays closer to the
// processor, which matters where h is used for single short messages.
func (h *History) growTable(n int) {
	size := minTable
	for size < n {
		size *= 2
	}
	size = min(size, maxTable[h.bits&15])
	if size <= cap(h.table) {
		h.table = h.table[:size]
		clear(h.table)
	} else {
		h.table = make([]uint16, size)
	}
	h.index(0, indexEvery)
}

// index enters every so many of the positions from buf[from] on that have
// enough bytes behind them.
func (h *History) index(from, every int) {
	size := uint64(len(h.table))
	for i := from; i <= len(h.buf)-lookBytes; i += every {
		h.table[slot(load64(h.buf, i), size)] = h.base + uint16(i)
	}
}

// position is where the next byte goes, modulo 64 Ki.
func (h *History) position() uint16 { return h.base + uint16(len(h.buf)) }
