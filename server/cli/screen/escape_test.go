package screen_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/cli/screen"
)

func escape(s string) string { return string(screen.AppendText(nil, []byte(s))) }

func TestAppendText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"plain", "hello", "hello"},
		{"letters of any script", "grüß 漢字 עברית 👩‍👩‍👧", "grüß 漢字 עברית 👩‍👩‍👧"},
		{"a tab stays", "a\tb", "a\tb"},
		{"a backslash stays", `{"a":"\n"}`, `{"a":"\n"}`},
		{"a colour", "\x1b[31mred", `\x1b[31mred`},
		{"a title", "\x1b]0;owned\a", `\x1b]0;owned\x07`},
		{"line ends", "a\r\nb", `a\r\nb`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"backspace", "ok\b\bno", `ok\x08\x08no`},
		{"C1 CSI", "\u009b2J", `\u009b2J`},
		{"C1 from end to end", "\u0080\u009f\u00a0", `\u0080\u009f` + "\u00a0"},
		{"direction overrides", "\u202eabc\u202c", `\u202eabc\u202c`},
		{"direction isolates", "\u2066a\u2069", `\u2066a\u2069`},
		{"direction marks", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"separators", "\u2028\u2029", `\u2028\u2029`},
		{"not UTF-8", "a\xffb\xc3", `a\xffb\xc3`},
		{"a raw C1 byte", "\x9b2J", `\x9b2J`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, escape(c.in), c.want) })
	}
	assert.Equal(t, string(screen.AppendText([]byte("before "), []byte("\a"))), `before \x07`)
}

// Whatever comes in, nothing comes out that a terminal would obey.
func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"hello", "\x1b[2J", "\u009b", "\u202e", "\xff\xfe", "a\tb\nc", "漢字"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := escape(s)
		assert.True(t, utf8.ValidString(out), "the result is not UTF-8")
		for _, r := range out {
			if r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				t.Fatalf("%q came out of %q", r, s)
			}
		}
		assert.True(t, len(out) <= 4*len(s), "the result is more than four times as long")
		assert.Equal(t, escape(out), out) // once is enough
		if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			assert.Equal(t, out, s)
		}
	})
}

func TestAppendBinary(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "binary 0 bytes"},
		{"one byte", "\x00", "binary 1 byte: 00"},
		{"a word", "hello", "binary 5 bytes: 68 65 6c 6c 6f"},
		{"a full line", "0123456789abcdef", "binary 16 bytes: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66"},
		{
			"more than a line", "0123456789abcdef\x1b",
			"binary 17 bytes:\n" +
				"_00000000: 3031 3233 3435 3637 3839 6162 6364 6566  0123456789abcdef\n" +
				"_00000010: 1b                                       .",
		},
		{
			"an even rest", "0123456789abcdef\xffz",
			"binary 18 bytes:\n" +
				"_00000000: 3031 3233 3435 3637 3839 6162 6364 6566  0123456789abcdef\n" +
				"_00000010: ff7a                                     .z",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, string(screen.AppendBinary(nil, []byte(c.in), "_")), c.want)
		})
	}
}

func TestLongBinaryIsCut(t *testing.T) {
	lines := strings.Split(string(screen.AppendBinary(nil, make([]byte, 1024), "")), "\n")
	assert.Equal(t, len(lines), 1+64)
	lines = strings.Split(string(screen.AppendBinary(nil, make([]byte, 1<<20), "  ")), "\n")
	assert.Equal(t, len(lines), 1+64+1)
	assert.Equal(t, lines[0], "binary 1048576 bytes:")
	assert.Equal(t, lines[65], "  … and 1047552 more")
}
