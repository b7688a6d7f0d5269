package frame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
)

// failsAt returns the index of the first byte of p after which no continuation
// makes it valid, or -1. It uses nothing but utf8.Valid: a prefix is alive if
// some ending completes it.
func failsAt(p []byte) int {
	whole := 0 // p[:whole] is valid
	for n := range p {
		if !canGoOn(p[whole : n+1]) {
			return n
		}
		if utf8.Valid(p[whole : n+1]) {
			whole = n + 1
		}
	}
	return -1
}

// canGoOn reports whether p is the start of some valid UTF-8. If a start can be
// completed at all, then with up to 3 bytes that are all the lowest or all the
// highest: E0 and F0 refuse a low second byte, ED and F4 a high one.
func canGoOn(p []byte) bool {
	for _, ending := range []string{"", "\x80", "\xbf", "\x80\x80", "\xbf\xbf", "\x80\x80\x80", "\xbf\xbf\xbf"} {
		if utf8.Valid(append(p[:len(p):len(p)], ending...)) {
			return true
		}
	}
	return false
}

// writtenUntil returns the index of the byte at which v refuses p, written
// byte by byte, or -1.
func writtenUntil(v *UTF8, p []byte) int {
	for i := range p {
		if !v.Write(p[i : i+1]) {
			return i
		}
	}
	return -1
}

func TestUTF8(t *testing.T) {
	const fine = -1
	tests := []struct {
		name   string
		in     string
		fails  int  // index of the first wrong byte
		inside bool // ends inside a sequence
	}{
		{name: "RFC 6455 §8.1 empty", fails: fine},
		{name: "RFC 6455 §5.7 ASCII", in: "Hello", fails: fine},
		{name: "RFC 3629 §7 A, not identical to, Alpha", in: "A\u2262\u0391.", fails: fine},
		{name: "RFC 3629 §7 Korean", in: "\uD55C\uAD6D\uC5B4", fails: fine},
		{name: "RFC 3629 §7 stump of tree after a byte order mark", in: "\xEF\xBB\xBF\xF0\xA3\x8E\xB4", fails: fine},
		{name: "RFC 3629 §3 U+0000", in: "\x00", fails: fine},
		{name: "RFC 3629 §3 U+007F", in: "\x7F", fails: fine},
		{name: "RFC 3629 §3 U+0080", in: "\xC2\x80", fails: fine},
		{name: "RFC 3629 §3 U+07FF", in: "\xDF\xBF", fails: fine},
		{name: "RFC 3629 §3 U+0800", in: "\xE0\xA0\x80", fails: fine},
		{name: "RFC 3629 §3 U+D7FF", in: "\xED\x9F\xBF", fails: fine},
		{name: "RFC 3629 §3 U+E000", in: "\xEE\x80\x80", fails: fine},
		{name: "RFC 3629 §3 U+FFFF", in: "\xEF\xBF\xBF", fails: fine},
		{name: "RFC 3629 §3 U+10000", in: "\xF0\x90\x80\x80", fails: fine},
		{name: "RFC 3629 §3 U+10FFFF", in: "\xF4\x8F\xBF\xBF", fails: fine},

		{name: "RFC 3629 §3 U+110000 fails at its second byte", in: "\xF4\x90\x80\x80", fails: 1},
		{name: "RFC 3629 §3 F5", in: "\xF5\x80\x80\x80", fails: 0},
		{name: "RFC 3629 §3 F8", in: "\xF8\x88\x80\x80\x80", fails: 0},
		{name: "RFC 3629 §3 FF", in: "\xFF", fails: 0},
		{name: "RFC 3629 §3 surrogate D800 fails at its second byte", in: "\xED\xA0\x80", fails: 1},
		{name: "RFC 3629 §3 surrogate DFFF fails at its second byte", in: "\xED\xBF\xBF", fails: 1},
		{name: "RFC 3629 §10 overlong NUL", in: "\xC0\x80", fails: 0},
		{name: "RFC 3629 §10 overlong C1", in: "\xC1\xBF", fails: 0},
		{name: "RFC 3629 §10 overlong slash in 3 bytes", in: "\xE0\x80\xAF", fails: 1},
		{name: "RFC 3629 §10 overlong E0 9F", in: "\xE0\x9F\xBF", fails: 1},
		{name: "RFC 3629 §10 overlong slash in 4 bytes", in: "\xF0\x80\x80\xAF", fails: 1},
		{name: "RFC 3629 §10 overlong F0 8F", in: "\xF0\x8F\xBF\xBF", fails: 1},
		{name: "RFC 3629 §3 lone continuation byte", in: "a\x80", fails: 1},
		{name: "RFC 3629 §3 one continuation byte too many", in: "\xC3\xA4\xA4", fails: 2},
		{name: "RFC 3629 §3 third byte is ASCII", in: "\xE2\x82A", fails: 2},
		{name: "RFC 3629 §3 fourth byte starts a sequence", in: "\xF0\x9F\x98\xF0", fails: 3},
		{name: "RFC 6455 §8.1 failing behind a valid start", in: "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited", fails: 12},

		{name: "RFC 6455 §5.6 1 of 2 bytes", in: "\xC3", fails: fine, inside: true},
		{name: "RFC 6455 §5.6 1 of 3 bytes", in: "\xE2", fails: fine, inside: true},
		{name: "RFC 6455 §5.6 2 of 3 bytes", in: "\xE2\x82", fails: fine, inside: true},
		{name: "RFC 6455 §5.6 3 of 4 bytes", in: "\xF0\x9F\x98", fails: fine, inside: true},
	}
	// The same after text that puts the sequence at any place of a word.
	for _, before := range []string{"", "a", "1234567", strings.Repeat("x", 45), "äöüäö", "漢字漢字漢", "😀😀a"} {
		for _, after := range []string{"", " and much more text behind"} {
			for _, tt := range tests {
				if after != "" && tt.inside {
					continue // would complete or break it
				}
				t.Run(fmt.Sprintf("%s/%d before, %d after", tt.name, len(before), len(after)), func(t *testing.T) {
					checkUTF8(t, []byte(before+tt.in+after), len(before)+tt.fails, tt.fails >= 0, tt.inside)
				})
			}
		}
	}
}

func checkUTF8(t *testing.T, p []byte, failAt int, fails, inside bool) {
	t.Helper()
	var v UTF8
	if !fails {
		assert.True(t, v.Write(p), "refused as a whole")
		assert.Equal(t, v.Complete(), !inside)
		v.Reset()
		assert.Equal(t, writtenUntil(&v, p), -1)
		assert.Equal(t, v.Complete(), !inside)
		return
	}
	assert.True(t, !v.Write(p), "accepted as a whole")
	v.Reset()
	assert.True(t, v.Write(p[:failAt]), "refused before the wrong byte")
	assert.True(t, !v.Write(p[failAt:]), "accepted the wrong byte")
	v.Reset()
	assert.True(t, !v.Write(p[:failAt+1]), "accepted up to the wrong byte")
	v.Reset()
	assert.Equal(t, writtenUntil(&v, p), failAt)
}

// Every pair of first bytes, with all neighbours of a boundary behind, in front
// of enough text to be taken by words: as valid as the standard library says.
func TestUTF8EveryStart(t *testing.T) {
	boundaries := []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF}
	p := []byte("0123 and the rest")
	for a := range 256 {
		for b := range 256 {
			for _, c := range boundaries {
				for _, d := range []byte{0x7F, 0x80, 0xBF, 0xC0} {
					p[0], p[1], p[2], p[3] = byte(a), byte(b), c, d
					var v UTF8
					if got, want := v.Write(p) && v.Complete(), utf8.Valid(p); got != want {
						t.Fatalf("% x: valid is %v, want %v", p, got, want)
					}
				}
			}
		}
	}
}

// Every pair of first bytes fails where the reference does.
func TestUTF8EveryStartFailsFast(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			p := []byte{byte(a), byte(b), 0x80, 0x80}
			var v UTF8
			if got, want := writtenUntil(&v, p), failsAt(p); got != want {
				t.Fatalf("% x: fails at %d, want %d", p, got, want)
			}
		}
	}
}

// Sequences of 3 bytes are taken in pairs: either one of the two may be wrong.
func TestUTF8PairsOfThreeByteSequences(t *testing.T) {
	for lead := 0xE0; lead <= 0xEF; lead++ {
		for second := range 256 {
			for _, third := range []byte{0x7F, 0x80, 0xBF, 0xC0} {
				sequence := string([]byte{byte(lead), byte(second), third})
				for _, s := range []string{sequence + "漢 and the rest", "漢" + sequence + " and the rest"} {
					var v UTF8
					if got, want := v.Write([]byte(s)), utf8.ValidString(s); got != want {
						t.Fatalf("% x: valid is %v, want %v", s, got, want)
					}
				}
			}
		}
	}
}

// A sequence that is open at the end of a word is broken by the text that
// is taken by words, even if the bytes it lacks come after them.
func TestUTF8OpenSequenceBeforeWords(t *testing.T) {
	for _, cut := range []struct{ open, rest string }{{"\xC3", "\xA4"}, {"\xE2\x82", "\xAC"}, {"\xF0", "\x9F\x98\x80"}} {
		for _, between := range []string{"8 bytes.", strings.Repeat("8 bytes.", 5), "漢字漢字"} {
			before := strings.Repeat("x", 8-len(cut.open)) + cut.open
			var v UTF8
			if v.Write([]byte(before + between + cut.rest)) {
				t.Fatalf("%q, %q, %q: accepted", before, between, cut.rest)
			}
			v.Reset()
			assert.True(t, v.Write([]byte(before)), "refused an open sequence")
			if v.Write([]byte(between + cut.rest)) {
				t.Fatalf("%q, %q, %q: accepted in two pieces", before, between, cut.rest)
			}
		}
	}
}

func TestUTF8EveryCodePoint(t *testing.T) {
	var v UTF8
	var all []byte
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if utf8.ValidRune(r) {
			all = utf8.AppendRune(all, r)
		}
	}
	assert.True(t, v.Write(all), "refused as a whole")
	assert.True(t, v.Complete(), "not complete")
	for size := 1; size <= 9; size++ {
		v.Reset()
		for at := 0; at < len(all); at += size {
			if !v.Write(all[at:min(at+size, len(all))]) {
				t.Fatalf("refused at %d in pieces of %d", at, size)
			}
		}
		assert.True(t, v.Complete(), "not complete")
	}
}

func TestUTF8StaysFailedUntilReset(t *testing.T) {
	var v UTF8
	assert.True(t, !v.Write([]byte("ok\xC0")), "accepted C0")
	assert.True(t, !v.Write(nil), "accepted nothing after a failure")
	for c := range 256 {
		assert.True(t, !v.Write([]byte{byte(c)}), "accepted a byte after a failure")
	}
	assert.True(t, !v.Write([]byte("valid again, and longer than a word")), "accepted text after a failure")
	assert.True(t, !v.Complete(), "complete after a failure")
	v.Reset()
	assert.Equal(t, v, UTF8{})
	assert.True(t, v.Write([]byte("ok")) && v.Complete(), "refused text after Reset")
}

func TestUTF8EmptyWritesInsideSequence(t *testing.T) {
	var v UTF8
	for _, s := range []string{"", "\xF0", "", "\x9F", "", "\x98", ""} {
		assert.True(t, v.Write([]byte(s)), "refused a part of U+1F600")
	}
	assert.True(t, !v.Complete(), "complete after 3 of 4 bytes")
	assert.True(t, v.Write([]byte("\x80")) && v.Complete(), "refused the last byte of U+1F600")
}

// The bytes stand behind up to 255 of ASCII, so that the first wrong one can be
// anywhere in the vectors.
func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"Hello", "\xF4\x90", "\xED\xA0\x80", "κόσμε", "漢字かな交じり文、日本語", "a😀b€cäd", "\xE0\x80", strings.Repeat("0123456789", 7) + "\xC3"} {
		f.Add([]byte(s), uint8(3), uint8(0))
		f.Add([]byte(s), uint8(100), uint8(125))
		f.Add([]byte(strings.Repeat(s, 1+100/len(s))), uint8(70), uint8(1))
	}
	f.Fuzz(func(t *testing.T, p []byte, step, before uint8) {
		want := failsAt(p)
		if want >= 0 {
			want += int(before)
		}
		p = append(bytes.Repeat([]byte("x"), int(before)), p...)
		eachCode(func(code string) {
			checkFuzzedUTF8(t, code, p, int(step), want)
		})
	})
}

// checkFuzzedUTF8 checks p, whose first wrong byte stands at want if it is not
// negative: as a whole, byte by byte and in pieces.
func checkFuzzedUTF8(t *testing.T, code string, p []byte, size, want int) {
	t.Helper()
	var v UTF8
	ok := v.Write(p)
	if got, want := ok && v.Complete(), utf8.Valid(p); got != want {
		t.Fatalf("%s: % x: valid is %v, want %v", code, p, got, want)
	}
	if ok != (want < 0) {
		t.Fatalf("%s: % x: Write is %v, but the first wrong byte is %d", code, p, ok, want)
	}
	v.Reset()
	if got := writtenUntil(&v, p); got != want {
		t.Fatalf("%s: % x: fails at %d, want %d", code, p, got, want)
	}

	v.Reset()
	for at := 0; at < len(p); {
		end := min(at+max(size, 1), len(p))
		if got, alive := v.Write(p[at:end]), want < 0 || end <= want; got != alive {
			t.Fatalf("%s: % x: Write up to %d is %v, but the first wrong byte is %d", code, p, end, got, want)
		}
		at, size = end, (size*5+1)&0xff
	}
	if got, want := v.Complete(), utf8.Valid(p); got != want {
		t.Fatalf("%s: % x in pieces: Complete is %v, want %v", code, p, got, want)
	}
}

// randomText returns about n bytes of text without a pattern that the branch
// predictor could learn: now and then a rune of rare, else one of often.
func randomText(n int, often, rare string) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	runes, rares := []rune(often), []rune(rare)
	var p []byte
	for len(p) < n {
		if r.IntN(12) == 0 {
			p = utf8.AppendRune(p, rares[r.IntN(len(rares))])
		} else {
			p = utf8.AppendRune(p, runes[r.IntN(len(runes))])
		}
	}
	return p
}

func BenchmarkUTF8(b *testing.B) {
	texts := []struct{ name, often, rare string }{
		{"ASCII", "abcdefghijklmnopqrstuvwxyz", ` {}:,"`},
		{"JSON", `abcdefghijklmnopqrstuvwxyz {}:,"`, "äöüßéè€😀"},
		{"Cyrillic", "абвгдежзийклмнопрстуфхцчшщъыьэюя", " "},
		{"Chinese", "我能吞下玻璃而不傷身體日月火水木金土", "，。 "},
		{"emoji", "😀😃😄😁😆 abc", "é"},
	}
	for _, text := range texts {
		for _, n := range []int{16, 125, 1 << 10, 12 << 10, 64 << 10} {
			p := randomText(n, text.often, text.rare)
			benchmarkValid(b, fmt.Sprintf("%s/%dB/utf8.Valid", text.name, n), p, utf8.Valid)
			eachCode(func(code string) {
				benchmarkValid(b, fmt.Sprintf("%s/%dB/%s", text.name, n, code), p, ValidUTF8)
			})
		}
	}
}

func benchmarkValid(b *testing.B, name string, p []byte, valid func([]byte) bool) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(len(p)))
		b.ReportAllocs()
		for b.Loop() {
			if !valid(p) {
				b.Fatal("refused")
			}
		}
	})
}

func TestValidUTF8(t *testing.T) {
	for text, want := range map[string]bool{"": true, "a": true, "κόσμε": true, "\xce": false, "a\xff": false} {
		if ValidUTF8([]byte(text)) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}
