package deflate

import "encoding/binary"

const (
	longestMatch = 258              // of a match (RFC 1951 §3.2.5)
	fastInput    = 16               // bytes of input that one round of the fast loop may read
	fastRoom     = longestMatch + 2 // bytes that it may write: two literals and a match
)

// fast decodes symbols as symbols does, and stops where care is needed: near
// the end of the input or the ring, and at a symbol that is not a literal or a
// legal match. Such a symbol is left to symbols.
func (d *Decoder) fast() {
	w, src := d.window, d.src
	ring, next, limit := w.ring, w.next, 1<<w.bits
	lit, dist := d.lit, d.dist
	acc, n := d.acc, d.n // here the bits of acc above n may be those of the next byte
	i := 0
	for i <= len(src)-fastInput && next <= len(ring)-fastRoom {
		acc |= binary.LittleEndian.Uint64(src[i:]) << (n & 63)
		i += int(63-n) >> 3
		n |= 56
		entry := lit[acc&(1<<litBits-1)]
		if entry&entryLiteral != 0 {
			ring[next] = byte(entry >> 16)
			next++
			acc >>= entry & 63
			n -= uint(entry & 63)
			entry = lit[acc&(1<<litBits-1)]
			if entry&entryLiteral != 0 {
				ring[next] = byte(entry >> 16)
				next++
				acc >>= entry & 63
				n -= uint(entry & 63)
				entry = lit[acc&(1<<litBits-1)]
				if entry&entryLiteral != 0 {
					ring[next] = byte(entry >> 16)
					next++
					acc >>= entry & 63
					n -= uint(entry & 63)
					continue
				}
			}
		}
		if n < 48 {
			acc |= binary.LittleEndian.Uint64(src[i:]) << (n & 63)
			i += int(63-n) >> 3
			n |= 56
		}
		if entry&entrySpecial != 0 {
			if entry&entryLink == 0 {
				break
			}
			entry = lit[linked(entry, acc>>litBits)]
			if entry&entryLiteral != 0 {
				ring[next] = byte(entry >> 16)
				next++
				acc >>= entry & 63
				n -= uint(entry & 63)
				continue
			}
			if entry&entrySpecial != 0 {
				break
			}
		}
		length := int(entry>>16) + extraOf(acc, entry)
		used := uint(entry & 63)
		rest := acc >> (used & 63)
		entry = dist[rest&(1<<distBits-1)]
		if entry&entryLink != 0 {
			entry = dist[linked(entry, rest>>distBits)]
		}
		distance := int(entry>>16) + extraOf(rest, entry)
		source := next - distance
		if entry&entrySpecial != 0 || distance > limit || source < 0 && !w.wrapped {
			break
		}
		if source < 0 {
			source += len(ring)
		}
		acc = rest >> (entry & 63)
		n -= used + uint(entry&63)
		copyMatch(ring, next, source, length)
		next += length
	}
	d.src, w.next = src[i:], next
	d.acc, d.n = acc&(1<<n-1), n
}
