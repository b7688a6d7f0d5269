package frame

import "encoding/binary"

// UTF8 checks that a stream of bytes is UTF-8 while it comes in, in pieces of
// any size, as text messages do (RFC 6455 §8.1). Overlong forms, surrogates and
// code points above U+10FFFF are invalid (RFC 3629 §3). The zero value is
// ready for use and has 1 byte. It must not be used concurrently.
type UTF8 struct {
	state uint8 // one of the states below
}

// Write takes the next bytes of the stream. It returns false as soon as the
// bytes so far cannot be the start of valid UTF-8, however they go on, so that
// the first wrong byte is found even inside a sequence; from then on it
// returns false until Reset. It does not keep p.
func (v *UTF8) Write(p []byte) bool {
	s := validate(uint64(v.state), p)
	v.state = uint8(s)
	return s != invalid
}

// Complete reports whether all bytes so far are valid UTF-8 that does not end
// inside a sequence: the message may end here.
func (v *UTF8) Complete() bool { return v.state == start }

// Reset makes v ready for a new stream.
func (v *UTF8) Reset() { v.state = start }

// The states of the validator, named by what must come next. Each is also the
// position of 6 bits in the words of steps.
const (
	start   = 6 * iota // a new sequence
	tail1              // 1 more byte of a sequence
	tail2              // 2 more bytes
	tail3              // 3 more bytes
	afterE0            // 2 more bytes, the next above 9F, else overlong
	afterED            // 2 more bytes, the next below A0, else a surrogate
	afterF0            // 3 more bytes, the next above 8F, else overlong
	afterF4            // 3 more bytes, the next below 90, else above U+10FFFF
	invalid            // nothing helps
)

// grammar is the one of RFC 3629 §4: in state from, a byte of lo to hi leads to
// state to. Whatever is missing leads to invalid.
var grammar = []struct{ from, lo, hi, to uint64 }{
	{start, 0x00, 0x7F, start},
	{start, 0xC2, 0xDF, tail1},
	{start, 0xE0, 0xE0, afterE0},
	{start, 0xE1, 0xEC, tail2},
	{start, 0xED, 0xED, afterED},
	{start, 0xEE, 0xEF, tail2},
	{start, 0xF0, 0xF0, afterF0},
	{start, 0xF1, 0xF3, tail3},
	{start, 0xF4, 0xF4, afterF4},
	{tail1, 0x80, 0xBF, start},
	{tail2, 0x80, 0xBF, tail1},
	{tail3, 0x80, 0xBF, tail2},
	{afterE0, 0xA0, 0xBF, tail1},
	{afterED, 0x80, 0x9F, tail1},
	{afterF0, 0x90, 0xBF, tail2},
	{afterF4, 0x80, 0x8F, tail2},
}

// steps is grammar made fast: steps[c]>>s&63 is what follows state s on byte c.
// To take a byte is a load and a shift, without a branch to mispredict.
var steps = func() (steps [256]uint64) {
	for c := range steps {
		for s := uint64(start); s <= invalid; s += 6 {
			steps[c] |= invalid << s
		}
	}
	for _, g := range grammar {
		for c := g.lo; c <= g.hi; c++ {
			steps[c] ^= (invalid ^ g.to) << g.from
		}
	}
	return steps
}()

// Bits of 8 bytes, the first of them in the low byte.
const (
	highBits = 0x8080808080808080

	// The marker bits of two sequences of 3 bytes: mask and value.
	markers3, sequences3 = 0xC0C0F0_C0C0F0, 0x8080E0_8080E0
)

// vectorMin is the number of bytes from which on validateVector pays.
const vectorMin = 64

// validate returns the state behind p, coming from state s. Short texts and
// those of machines without vector code are its own: runs of ASCII and of
// sequences of 3 bytes (most of the living scripts of Asia) are taken by words,
// all the rest by steps.
func validate(s uint64, p []byte) uint64 {
	if len(p) >= vectorMin && vector {
		return validateVector(s, p)
	}
	p = p[:len(p):len(p)] // and > below: see xorWords
	whole := p
	for len(p) > 8 {
		if s == start {
			w := binary.LittleEndian.Uint64(p)
			if w&highBits == 0 {
				p = p[8:]
				for len(p) > 32 && isASCII32(p) {
					p = p[32:]
				}
				continue
			}
			if w&markers3 == sequences3 && legal3(w) && legal3(w>>24) {
				p = p[6:]
				continue
			}
		}
		s = steps[p[0]] >> (s & 63)
		s = steps[p[1]] >> (s & 63)
		s = steps[p[2]] >> (s & 63)
		s = steps[p[3]] >> (s & 63)
		s = steps[p[4]] >> (s & 63)
		s = steps[p[5]] >> (s & 63)
		s = steps[p[6]] >> (s & 63)
		s = steps[p[7]] >> (s & 63) & 63
		if s == invalid {
			return invalid
		}
		p = p[8:]
	}
	if s == start && len(whole) >= 8 && binary.LittleEndian.Uint64(whole[len(whole)-8:])&highBits == 0 {
		return start // p is the end of that word
	}
	for len(p) > 3 {
		s = steps[p[0]] >> (s & 63)
		s = steps[p[1]] >> (s & 63)
		s = steps[p[2]] >> (s & 63)
		s = steps[p[3]] >> (s & 63)
		p = p[4:]
	}
	for _, c := range p {
		s = steps[c] >> (s & 63)
	}
	return s & 63
}

// isASCII32 reports whether the first 32 bytes of p are ASCII.
func isASCII32(p []byte) bool {
	w := binary.LittleEndian.Uint64(p) | binary.LittleEndian.Uint64(p[8:]) |
		binary.LittleEndian.Uint64(p[16:]) | binary.LittleEndian.Uint64(p[24:])
	return w&highBits == 0
}

// validateVector is validate for vectorMin bytes and more, with vector code.
func validateVector(s uint64, p []byte) uint64 {
	for s != start { // for up to 3 bytes
		if s == invalid {
			return invalid
		}
		s = steps[p[0]] >> s & 63
		p = p[1:]
	}
	if len(p) < vectorMin {
		return validate(s, p)
	}
	if !validVector(&p[0], len(p), &utf8Errors) {
		return invalid
	}
	for _, c := range openEnd(p) {
		s = steps[c] >> (s & 63)
	}
	return s & 63
}

// openEnd returns the end of p if it can be the start of a sequence that goes
// on behind p. Of 3 bytes and more, that is all that validVector leaves to do.
func openEnd(p []byte) []byte {
	n := len(p)
	switch {
	case p[n-1] >= 0xC0:
		return p[n-1:]
	case p[n-2] >= 0xE0:
		return p[n-2:]
	case p[n-3] >= 0xF0:
		return p[n-3:]
	}
	return nil
}

// legal3 reports whether the sequence of 3 bytes at the bottom of w is neither
// overlong (E0 80 to E0 9F) nor a surrogate (ED A0 to ED BF).
func legal3(w uint64) bool {
	w &= 0x200F
	return w != 0 && w != 0x200D
}

// ValidUTF8 tells whether p is valid UTF-8 from end to end.
func ValidUTF8(p []byte) bool {
	var v UTF8
	return v.Write(p) && v.Complete()
}
