package frame

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks or unmasks b in place with key (RFC 6455 §5.3); the two are the
// same operation. The low byte of key goes with b[0]. It returns the key
// rotated so that the next bytes of the same payload can go on with it, which
// allows a payload to be masked in pieces of any size.
func Mask(b []byte, key uint32) uint32 { return xor(b, b, key) }

// MaskCopy is Mask from src into dst: dst[i] becomes src[i] masked, for every i
// below len(src), and src is left as it was. It panics if dst is shorter than
// src. The two must be the same memory or not overlap.
func MaskCopy(dst, src []byte, key uint32) uint32 { return xor(dst[:len(src)], src, key) }

// xor writes src masked with key to dst, which has the same length and may be
// src itself, and returns the key rotated. Up to 32 bytes go without another
// call, which would take longer than the work itself.
//
// A rest that fills no word is masked as part of the last full word, which
// overlaps the word before it. In place that word must be loaded before its
// neighbour is stored, or the overlap would be masked twice.
func xor(dst, src []byte, key uint32) uint32 {
	n := len(src)
	next := bits.RotateLeft32(key, -8*n)
	switch {
	case n > 32 && vector:
		xorVector(&dst[0], &src[0], n, key)
	case n > 32:
		xorWords(dst, src, key)
	case n > 16:
		k, last := twice(key), twice(next)
		a := binary.LittleEndian.Uint64(src) ^ k
		b := binary.LittleEndian.Uint64(src[8:]) ^ k
		c := binary.LittleEndian.Uint64(src[n-16:]) ^ last
		d := binary.LittleEndian.Uint64(src[n-8:]) ^ last
		binary.LittleEndian.PutUint64(dst, a)
		binary.LittleEndian.PutUint64(dst[8:], b)
		binary.LittleEndian.PutUint64(dst[n-16:], c)
		binary.LittleEndian.PutUint64(dst[n-8:], d)
	case n >= 8:
		first := binary.LittleEndian.Uint64(src) ^ twice(key)
		last := binary.LittleEndian.Uint64(src[n-8:]) ^ twice(next)
		binary.LittleEndian.PutUint64(dst, first)
		binary.LittleEndian.PutUint64(dst[n-8:], last)
	case n >= 4:
		first := binary.LittleEndian.Uint32(src) ^ key
		last := binary.LittleEndian.Uint32(src[n-4:]) ^ next
		binary.LittleEndian.PutUint32(dst, first)
		binary.LittleEndian.PutUint32(dst[n-4:], last)
	default:
		for i, c := range src {
			dst[i] = c ^ byte(key>>(8*i))
		}
	}
	return next
}

// twice returns the word of 8 bytes that key masks.
func twice(key uint32) uint64 { return uint64(key)<<32 | uint64(key) }

// xorWords is xor for 8 bytes and more by words, in Go. With the full slice
// expressions and strict comparisons no slice can get empty, which spares the
// loops the code that keeps pointers inside their memory.
func xorWords(dst, src []byte, key uint32) {
	n, k := len(src), twice(key)
	dst, src = dst[:n:n], src[:n:n]
	end := dst[n-8:]
	last := binary.LittleEndian.Uint64(src[n-8:]) ^ bits.RotateLeft64(k, -8*n)
	for len(src) > 64 && len(dst) > 64 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(src[8:])^k)
		binary.LittleEndian.PutUint64(dst[16:], binary.LittleEndian.Uint64(src[16:])^k)
		binary.LittleEndian.PutUint64(dst[24:], binary.LittleEndian.Uint64(src[24:])^k)
		binary.LittleEndian.PutUint64(dst[32:], binary.LittleEndian.Uint64(src[32:])^k)
		binary.LittleEndian.PutUint64(dst[40:], binary.LittleEndian.Uint64(src[40:])^k)
		binary.LittleEndian.PutUint64(dst[48:], binary.LittleEndian.Uint64(src[48:])^k)
		binary.LittleEndian.PutUint64(dst[56:], binary.LittleEndian.Uint64(src[56:])^k)
		dst, src = dst[64:], src[64:]
	}
	for len(src) > 8 && len(dst) > 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		dst, src = dst[8:], src[8:]
	}
	binary.LittleEndian.PutUint64(end, last)
}
