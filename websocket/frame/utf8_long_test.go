package frame

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
)

// longTexts are long enough for every loop of the vector code: 400 bytes each.
func longTexts() map[string][]byte {
	texts := map[string][]byte{
		"not ASCII, then is": []byte(strings.Repeat("漢ж", 34) + strings.Repeat("0123456789", 23)),
		"ASCII, then not":    []byte(strings.Repeat("0123456789", 17) + strings.Repeat("漢ж", 46)),
	}
	for name, unit := range map[string]string{
		"ASCII":               "0123456789 and so on. ",
		"2 bytes":             "кириллица",
		"3 bytes":             "漢字かな交じり文",
		"4 bytes":             "😀𝄞",
		"everything":          "aé漢😀",
		"accents in ASCII":    `{"name":"Zoë Müller"},`,
		"one in 128 is not":   strings.Repeat("x", 126) + "é",
		"borders of the code": "\x00\x7F\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF",
	} {
		texts[name] = bytes.Repeat([]byte(unit), 1+400/len(unit))
	}
	return texts
}

// Every length from every place in each text, so that it may begin and end
// inside a sequence, leads where its bytes, taken one by one, lead.
func TestUTF8EveryLengthEqualsSteps(t *testing.T) {
	for name, text := range longTexts() {
		for offset := range 33 {
			var want UTF8
			for n := range 301 {
				eachCode(func(code string) {
					var got UTF8
					if ok := got.Write(text[offset : offset+n]); got != want || ok != (got.state != invalid) {
						t.Fatalf("%s, %s: %d bytes from %d on: state %d, %v, want %d", code, name, n, offset, got.state, ok, want.state)
					}
				})
				want.Write(text[offset+n : offset+n+1])
			}
		}
	}
}

// A text cut into three pieces anywhere is as valid as the whole, and what is
// known behind each piece is where its bytes, taken one by one, lead.
func TestUTF8EverySplit(t *testing.T) {
	for name, text := range longTexts() {
		p := text[:170]
		states := make([]uint8, len(p)+1)
		var v UTF8
		for i := range p {
			v.Write(p[i : i+1])
			states[i+1] = v.state
		}
		eachCode(func(code string) {
			for a := range len(p) + 1 {
				for b := a; b <= len(p); b++ {
					v := UTF8{}
					v.Write(p[:a])
					inA := v.state
					v.Write(p[a:b])
					inB := v.state
					v.Write(p[b:])
					if inA != states[a] || inB != states[b] || v.state != states[len(p)] {
						t.Fatalf("%s, %s: cut at %d and %d", code, name, a, b)
					}
				}
			}
		})
	}
}

// One wrong byte at every place of texts of every length: found in the piece
// that holds the first byte after which nothing helps, and not before.
func TestUTF8EveryWrongByte(t *testing.T) {
	wrong := []byte{'a', 0x80, 0x8F, 0x90, 0xA0, 0xBF, 0xC0, 0xC3, 0xE0, 0xE3, 0xED, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF}
	for name, text := range longTexts() {
		for _, n := range []int{64, 79, 97, 130, 196, 300} {
			for at := range n {
				for _, c := range wrong {
					p := bytes.Clone(text[:n])
					p[at] = c
					first := wrongByte(p)
					eachCode(func(code string) {
						var v UTF8
						if got := v.Write(p); got != (first < 0) {
							t.Fatalf("%s, %s: %X at %d of %d: Write is %v", code, name, c, at, n, got)
						}
						if first < 0 {
							return
						}
						v.Reset()
						if !v.Write(p[:first]) || v.Write(p[first:first+1]) {
							t.Fatalf("%s, %s: %X at %d of %d: not found at %d", code, name, c, at, n, first)
						}
						v.Reset()
						if v.Write(p[:first+1]) {
							t.Fatalf("%s, %s: %X at %d of %d: not found in the piece that ends with it", code, name, c, at, n)
						}
					})
				}
			}
		}
	}
}

// wrongByte is failsAt for long p: the standard library finds the place, and
// failsAt is asked about the sequence there.
func wrongByte(p []byte) int {
	at := 0
	for at < len(p) {
		r, size := utf8.DecodeRune(p[at:])
		if r == utf8.RuneError && size == 1 {
			if in := failsAt(p[at:min(at+4, len(p))]); in >= 0 {
				return at + in
			}
			return -1 // an open end
		}
		at += size
	}
	return -1
}

// Every pair of first bytes across the borders of the vectors, in ASCII and
// behind sequences that end there.
func TestUTF8EveryStartInLongText(t *testing.T) {
	texts := map[string][]byte{
		"ASCII": bytes.Repeat([]byte("x"), 210),
		"漢":     bytes.Repeat([]byte("漢"), 70),
	}
	places := []int{0, 30, 63, 126, 204} // multiples of 3: between two sequences
	for name, text := range texts {
		for _, at := range places {
			p := bytes.Clone(text)
			for a := 0x7F; a <= 0xFF; a++ {
				for b := range 256 {
					for _, c := range []byte{0x7F, 0x80} {
						p[at], p[at+1], p[at+2] = byte(a), byte(b), c
						want := utf8.Valid(p)
						eachCode(func(code string) {
							if got := ValidUTF8(p); got != want {
								t.Fatalf("%s, %s: %X %X %X at %d: valid is %v, want %v", code, name, a, b, c, at, got, want)
							}
						})
					}
				}
			}
		}
	}
}

// A wrong byte in a piece is found whatever state the piece began in.
func TestUTF8LongPieceInsideSequence(t *testing.T) {
	long := strings.Repeat("漢字 и ", 20)
	eachCode(func(code string) {
		for _, sequence := range []string{"é", "漢", "😀", "\uD7FF", "\U0010FFFF"} {
			for cut := 1; cut < len(sequence); cut++ {
				v := UTF8{}
				assert.True(t, v.Write([]byte(sequence[:cut])), code)
				assert.True(t, v.Write([]byte(sequence[cut:]+long)) && v.Complete(), code+": refused "+sequence)
				v.Reset()
				assert.True(t, v.Write([]byte(sequence[:cut])), code)
				assert.True(t, !v.Write([]byte(long)), code+": accepted half of "+sequence)
				v.Reset()
				assert.True(t, v.Write([]byte(sequence[:cut])), code)
				assert.True(t, !v.Write([]byte(sequence[cut:]+"\x80"+long)), code+": accepted a byte behind "+sequence)
			}
		}
	})
}
