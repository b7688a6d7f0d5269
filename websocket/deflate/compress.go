package deflate

// An Encoder is the working memory of compression: tables, codes and, for
// messages without context takeover, a History of its own. These are 36 KiB to
// begin with and, once it has done everything, 62 KiB with windows of 13 bits
// and 122 KiB with 15, however long messages are. What belongs to a connection is
// in its History. Any number of connections can share an Encoder through a pool,
// but only one may use it at a time.
type Encoder struct {
	w         bitWriter
	sequences []sequence // of the block under way
	anchor    int        // where in History.buf the literals after them begin
	block     block
	own       History
	undo      undo
	limit     limit
}

// An undo is what AppendSmaller needs to take a message back.
type undo struct {
	position uint16 // where the message begins
	saved    bool   // whether window is needed: the message pushes out what was before it
	window   []byte // what was before it
}

// A limit ends the compression of a message that does not become smaller.
type limit struct {
	on    bool
	total int // bytes of the fragment
	begin int // bytes of output before it
	in    int // bytes of it in blocks that are written
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder { return &Encoder{sequences: make([]sequence, 0, maxSequences)} }

// Fresh returns the encoder's own History, emptied, with a window of 1<<bits
// bytes, bits being 8 to 15: for a message that is compressed by itself (no
// context takeover, RFC 7692 §7.1.1). It is valid until Fresh is called again.
func (e *Encoder) Fresh(bits uint8) *History {
	e.own.reset(bits)
	return &e.own
}

// Append compresses p, a fragment of a message, appends it to dst and remembers
// p in h. What it appends ends in a sync flush, an empty stored block, of which
// the last fragment leaves off the 4 bytes that all flushes end in (RFC 7692
// §7.2.1). So an empty last fragment is the byte 00. The fragments of a message
// and the messages of a History have to be sent in the order in which they were
// compressed.
//
// No distance in it is larger than the window of h. It does not keep p or dst,
// whose spare capacity p must not share. It allocates what dst and h need to
// grow, and nothing else.
func (e *Encoder) Append(dst []byte, h *History, p []byte, last bool) []byte {
	e.limit = limit{}
	out, _ := e.append(dst, h, p, last)
	return out
}

// AppendSmaller does what Append does if that is smaller than p. If it is not,
// it returns dst as it was and false, and h does not know p: p goes out
// uncompressed and does not enter the peer's window.
//
// It gives up as soon as 64 KiB of p or fewer did not become smaller, and does
// not look at the rest.
func (e *Encoder) AppendSmaller(dst []byte, h *History, p []byte, last bool) (_ []byte, ok bool) {
	e.limit = limit{on: true, total: len(p), begin: len(dst)}
	e.mark(h, len(p))
	out, ok := e.append(dst, h, p, last)
	if !ok || len(out)-len(dst) >= len(p) {
		e.takeBack(h)
		return dst, false
	}
	return out, true
}

func (e *Encoder) append(dst []byte, h *History, p []byte, last bool) (out []byte, ok bool) {
	e.w = bitWriter{out: dst}
	defer func() { e.w.out = nil }() // it is the caller's
	if !e.compress(h, p) {
		return dst, false
	}
	e.w.put(blockStored<<1, 3)
	e.w.align()
	if !last {
		return append(e.w.out, flushTail...), true
	}
	return e.w.out, true
}

// compress writes p in blocks. It copies p behind the window, piece by piece,
// and looks for matches there.
func (e *Encoder) compress(h *History, p []byte) (ok bool) {
	cursor := len(h.buf) // how far h.buf is cut into sequences
	begin := cursor      // where the block begins; below 0 once that is gone from h.buf
	e.anchor, e.sequences = cursor, e.sequences[:0]
	for rest := p; len(rest) > 0; {
		dropped := h.reserve(len(rest), cursor)
		cursor, begin, e.anchor = cursor-dropped, begin-dropped, e.anchor-dropped
		rest = rest[h.take(rest[:min(len(rest), begin+maxBlock-len(h.buf))]):]

		end := len(rest) == 0 || len(h.buf) == begin+maxBlock // of the block
		limit := len(h.buf) - lookBytes
		if !end {
			limit = len(h.buf) - longestMatch // what begins later may be longer than it looks
		}
		for full := true; full; {
			cursor = e.parse(h, cursor, limit)
			full = len(e.sequences) == maxSequences
			size := 0
			switch {
			case full:
				size = e.anchor - begin
				end = len(rest) == 0 // there is room in the next block
			case end:
				size = len(h.buf) - begin
				cursor, e.anchor = len(h.buf), len(h.buf)
			}
			if size > 0 && !e.write(p[:size]) {
				return false
			}
			p, begin = p[size:], begin+size
		}
	}
	return true
}

// write writes a block, or returns false if the message does not seem to become
// smaller.
func (e *Encoder) write(src []byte) (ok bool) {
	b, w := &e.block, &e.w
	plan := b.plan(src, e.sequences)
	if e.limit.on {
		e.limit.in += len(src)
		out := len(w.out) - e.limit.begin + plan.size/8
		if out >= e.limit.total || plan.kind == blockStored && out >= e.limit.in {
			return false
		}
	}
	switch plan.kind {
	case blockStored:
		w.stored(src)
	case blockFixed:
		w.put(blockFixed<<1, 3)
		w.compressed(src, e.sequences, &fixedCodes, plan.size)
	case blockDynamic:
		w.put(blockDynamic<<1, 3)
		b.header.write(w)
		w.compressed(src, e.sequences, &b.codes, plan.size)
	}
	e.sequences = e.sequences[:0]
	return true
}

// mark remembers what h knows before it takes n more bytes.
func (e *Encoder) mark(h *History, n int) {
	kept := min(len(h.buf), h.window())
	e.undo.position = h.position()
	if e.undo.saved = kept+n > h.maxBuffer(); e.undo.saved {
		e.undo.window = append(e.undo.window[:0], h.buf[len(h.buf)-kept:]...)
	}
}

// takeBack lets h forget what it took since mark. Its table need not forget.
func (e *Encoder) takeBack(h *History) {
	if kept := e.undo.window; e.undo.saved {
		h.buf = append(h.buf[:0], kept...)
		h.base = e.undo.position - uint16(len(kept))
		return
	}
	h.buf = h.buf[:e.undo.position-h.base]
}
