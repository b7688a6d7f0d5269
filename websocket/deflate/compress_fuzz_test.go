package deflate

import (
	"bytes"
	"testing"
)

// A fuzzScript reads what to do from the bytes of a fuzzer.
type fuzzScript struct{ rest []byte }

func (s *fuzzScript) next() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

// message returns a message: bytes of the script, some of them repeated or
// taken from what was sent before, so that matches of all lengths and distances
// come about.
func (s *fuzzScript) message(sent []byte) (p []byte) {
	for range s.next() % 8 {
		switch n := int(s.next()); s.next() % 4 {
		case 0:
			n = min(n, len(s.rest))
			p = append(p, s.rest[:n]...)
			s.rest = s.rest[n:]
		case 1:
			p = append(p, bytes.Repeat([]byte{s.next()}, n*8)...)
		case 2: // what does not compress, of the same bytes each time
			x := uint32(s.next())
			for range n * 32 {
				x = x*1664525 + 1013904223
				p = append(p, byte(x>>24))
			}
		case 3:
			before := append(bytes.Clone(sent), p...)
			back := min(len(before), int(s.next())<<8+int(s.next()))
			from := before[len(before)-back:]
			p = append(p, from[:min(len(from), n*16)]...)
		}
	}
	return p
}

// FuzzCompress does what a script says with one History: messages, whole, in
// fragments or only if they become smaller, and what is learned. A receiver has
// to get the same, and no distance may be too large.
func FuzzCompress(f *testing.F) {
	f.Add([]byte("\x00"))
	f.Add([]byte("\x07\x01\x03\x05\x00hello\x01\x07\x00\x02\x05\x00hello\x01\x02"))
	f.Add([]byte("\x0d\x05\xff\x01a\xff\x02b\xff\x03\x10\x00\x00\x05\xff\x01a\xff\x02b\xff\x03\x10\x00"))
	f.Add([]byte("\x05\x07\xff\x02b\xff\x02c\xff\x02d\xff\x02b\xff\x02c\xff\x02d\x02\x07\xff\x02b\xff\x02c\x03\x04\xff\x02b\xff\x02c"))
	f.Add([]byte("\x0a" + "\x01\x00\x10\x00abcdefghijklmnop" + "\x00\x01\x10\x03\x00\x10" + "\x02\x03\x40\x02\x07" + "\x03\x02\x10\x03\x04\x00"))
	e := NewEncoder()
	f.Fuzz(func(t *testing.T, script []byte) {
		s := &fuzzScript{rest: script}
		setting := s.next()
		bits, takeover := 8+setting&7, setting&8 == 0
		history := e.history(bits, takeover)
		r := newReceiver(t, bits, takeover)
		for steps := 0; len(s.rest) > 0 && steps < 50; steps++ {
			how := s.next()
			p := s.message(r.seen)
			h := history()
			switch how % 4 {
			case 0:
				r.expect(e.Append(nil, h, p, true), p)
			case 1:
				var out []byte
				for rest := p; ; {
					n := min(len(rest), 1+int(how)*16)
					last := n == len(rest)
					out = e.Append(out, h, rest[:n], last)
					if rest = rest[n:]; last {
						break
					}
				}
				r.expect(out, p)
			case 2:
				out, ok := e.AppendSmaller([]byte("before"), h, p, true)
				if !bytes.HasPrefix(out, []byte("before")) || !ok && len(out) != 6 || ok && len(out)-6 >= len(p) {
					t.Fatalf("%t with %d bytes for %d", ok, len(out)-6, len(p))
				}
				if ok {
					r.expect(out[6:], p)
				}
			case 3:
				h.Learn(p)
				if takeover {
					r.learn(p)
				}
			}
		}
	})
}

// FuzzCodes makes codes for any counts: complete ones within their limit.
func FuzzCodes(f *testing.F) {
	f.Add([]byte{0, 1, 0, 1}, uint8(14))
	f.Add([]byte{0, 1, 0, 2, 0, 4, 0, 8, 0, 16, 0, 32, 0, 64, 0, 128, 1, 0, 2, 0, 4, 0}, uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, limit uint8) {
		counts := make([]uint16, min(len(data)/2, 286))
		for i := range counts {
			counts[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
		}
		n := 9 + int(limit)%6
		codes, list := codeOf(counts, n)
		checkCode(t, codes, list, n)
	})
}
