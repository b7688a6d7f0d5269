package deflate

// maxLens is how many code lengths a block can have: 286 literals and lengths
// and 30 distances. A count in the header may say more, which is an error.
const (
	maxLit  = 286
	maxDist = 30
	maxLens = maxLit + maxDist

	noLength = 0xff // no code length has been read
)

// preOrder is the order in which the lengths of the code for code lengths are
// sent (RFC 1951 §3.2.7).
var preOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// blockHeader reads whether a block is the last and how it is compressed
// (RFC 1951 §3.2.3).
func (d *Decoder) blockHeader() bool {
	if !d.need(3) {
		return false
	}
	d.whole = false
	d.final = d.take(1) == 1
	switch d.take(2) {
	case 0:
		d.align()
		d.step = stepLength
	case 1:
		d.lit, d.dist = fixedLitTable, fixedDistTable
		d.step = stepSymbols
	case 2:
		d.step = stepCounts
	default:
		return d.fail(errBlockType)
	}
	return true
}

// blockEnd follows the last bit of a block. Behind a final block the data goes
// on at the next byte with a block that may refer to what was before: RFC 7692
// §7.2.3.4 shows a sender that makes every message's last block final, and
// says nothing about the window being emptied.
func (d *Decoder) blockEnd() bool {
	if d.final {
		d.align()
		d.whole = true
	}
	d.step = stepBlock
	return true
}

// align uses up the bits up to the next whole byte.
func (d *Decoder) align() { d.take(d.n & 7) }

// storedLength reads the length of a block that is not compressed (RFC 1951
// §3.2.4).
func (d *Decoder) storedLength() bool {
	if !d.need(32) {
		return false
	}
	d.length = d.take(16)
	if d.take(16) != d.length^0xffff {
		return d.fail(errStoredLength)
	}
	d.step = stepStored
	return true
}

// stored copies the bytes of a block that is not compressed.
func (d *Decoder) stored() bool {
	w := d.window
	for d.length > 0 {
		if !w.room() {
			return false
		}
		if d.n > 0 { // whole bytes that were read ahead
			w.ring[w.next] = byte(d.take(8))
			w.next++
			d.length--
			continue
		}
		n := copy(w.ring[w.next:], d.src[:min(d.length, len(d.src))])
		if n == 0 {
			return false
		}
		d.src = d.src[n:]
		w.next += n
		d.length -= n
	}
	return d.blockEnd()
}

// codeCounts reads how many code lengths a block has (RFC 1951 §3.2.7).
func (d *Decoder) codeCounts() bool {
	if !d.need(14) {
		return false
	}
	d.litCount, d.distCount, d.preCount = 257+d.take(5), 1+d.take(5), 4+d.take(4)
	if d.litCount > maxLit || d.distCount > maxDist {
		return d.fail(errCounts)
	}
	d.read, d.preLens = 0, [19]uint8{}
	d.step = stepPre
	return true
}

// preLengths reads the lengths of the code for code lengths, and makes it.
func (d *Decoder) preLengths() bool {
	for ; d.read < d.preCount; d.read++ {
		if !d.need(3) {
			return false
		}
		d.preLens[preOrder[d.read]] = uint8(d.take(3))
	}
	codes := d.codes[:0]
	for symbol, n := range d.preLens {
		if n > 0 {
			codes = append(codes, makeCoded(symbol, int(n)))
		}
	}
	// Incomplete codes are of no use here: all code lengths would be the same.
	if len(codes) < 2 || !buildTable(d.ownDist[:], preBits, codes, preSymbols[:]) {
		return d.fail(errPreCode)
	}
	d.read, d.coded, d.last = 0, 0, noLength
	d.step = stepLens
	return true
}

// codeLengths reads the code lengths of a block and makes its codes.
func (d *Decoder) codeLengths() bool {
	pre := (*[1 << preBits]uint32)(d.ownDist[:])
	for total := d.litCount + d.distCount; d.read < total; {
		d.need(preBits + 7)
		entry := pre[d.acc&(1<<preBits-1)]
		if uint(entry&63) > d.n {
			return false
		}
		extra := d.take(uint(entry&63)) >> (entry >> 8 & 15)
		n, length := 1, uint8(entry>>16)
		switch length {
		case 16:
			if n, length = 3+extra, d.last; length == noLength {
				return d.fail(errRepeatNothing)
			}
		case 17:
			n, length = 3+extra, 0
		case 18:
			n, length = 11+extra, 0
		}
		if n > total-d.read {
			return d.fail(errRepeatBeyond)
		}
		d.last = length
		if length != 0 {
			for i := range n {
				d.codes[d.coded+i] = makeCoded(d.read+i, int(length))
			}
			d.coded += n
		}
		d.read += n
	}
	return d.makeCodes()
}

// makeCodes builds the tables of a block whose code lengths have been read.
func (d *Decoder) makeCodes() bool {
	lits := d.coded
	for lits > 0 && int(d.codes[lits-1]>>4) >= d.litCount {
		lits--
		d.codes[lits] -= coded(d.litCount << 4)
	}
	lit, dist := d.codes[:lits], d.codes[lits:d.coded]
	if !hasEnd(lit) {
		return d.fail(errNoEnd)
	}
	if !buildTable(d.ownLit[:], litBits, lit, litSymbols[:]) {
		return d.fail(errLitCode)
	}
	if !buildTable(d.ownDist[:], distBits, dist, distSymbols[:]) {
		return d.fail(errDistCode)
	}
	d.lit, d.dist = &d.ownLit, &d.ownDist
	d.step = stepSymbols
	return true
}

// hasEnd reports whether the end of the block, 256, has a code. Without one
// the block would never end, and zlib does not take it either.
func hasEnd(lit []coded) bool {
	for i := len(lit) - 1; i >= 0 && lit[i]>>4 >= 256; i-- {
		if lit[i]>>4 == 256 {
			return true
		}
	}
	return false
}
