package deflate

// symbols decodes the literals and matches of a block.
func (d *Decoder) symbols() bool {
	w := d.window
	for {
		if d.length == 0 && len(d.src) >= fastInput && len(w.ring)-w.next >= fastRoom {
			d.fast()
		}
		for d.length > 0 {
			if !w.room() {
				return false
			}
			d.match()
		}
		d.need(48) // the most that a match takes; less will often do
		entry := lookUp(d.lit[:], litBits, d.acc)
		used := uint(entry & 63)
		if used > d.n {
			return false
		}
		switch {
		case entry&entryLiteral != 0:
			if !w.room() {
				return false
			}
			d.take(used)
			w.ring[w.next] = byte(entry >> 16)
			w.next++
		case entry&entryEnd != 0:
			d.take(used)
			return d.blockEnd()
		case entry&entrySpecial != 0:
			return d.fail(errLitSymbol)
		default:
			if !d.distanceOf(d.acc>>used, used, int(entry>>16)+extraOf(d.acc, entry)) {
				return false
			}
		}
	}
}

// distanceOf reads the distance of a match whose length used bits of the input.
// acc is what comes after them.
func (d *Decoder) distanceOf(acc uint64, used uint, length int) bool {
	entry := lookUp(d.dist[:], distBits, acc)
	if used += uint(entry & 63); used > d.n {
		return false
	}
	if entry&entrySpecial != 0 {
		return d.fail(errDistSymbol)
	}
	distance := int(entry>>16) + extraOf(acc, entry)
	if _, err := d.window.source(d.window.next, distance); err != nil {
		d.err = err
		return false
	}
	d.take(used)
	d.length, d.distance = length, distance
	return true
}

// lookUp returns the entry of the next code in acc.
func lookUp(table []uint32, first uint, acc uint64) uint32 {
	entry := table[acc&(1<<first-1)]
	if entry&entryLink != 0 {
		entry = table[linked(entry, acc>>first)]
	}
	return entry
}

// linked returns the place in the second level that a link leads to. acc is
// what comes after the bits that index the first level.
func linked(link uint32, acc uint64) uint64 {
	return uint64(link>>16) + acc&(1<<(link>>8&15)-1)
}

// extraOf returns the extra bits of the symbol whose entry this is, with which
// acc begins.
func extraOf(acc uint64, entry uint32) int {
	return int(acc & (1<<(entry&63) - 1) >> (entry >> 8 & 15))
}

// match copies what there is room for of the current match.
func (d *Decoder) match() {
	w := d.window
	n := min(d.length, len(w.ring)-w.next)
	source, _ := w.source(w.next, d.distance)
	copyMatch(w.ring, w.next, source, n)
	w.next += n
	d.length -= n
}
