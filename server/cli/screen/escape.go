package screen

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// AppendText appends text that came from somebody else to dst, with everything
// escaped that a terminal would obey instead of showing it: control characters,
// ESC and the C1 controls among them, and the characters that turn the direction
// of writing around (Unicode Bidi_Control), with which a line can be made to
// read as another one. What is not UTF-8 is escaped too. Tabs stay. The result
// is one line of valid UTF-8, and p is not kept.
//
// Escapes look as in Go, \n \x1b \u202e. A backslash stays as it is, since JSON
// is full of them, so the text cannot be recovered from its escaped form.
func AppendText(dst, p []byte) []byte {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, p[0])
		case !hostile(r):
			dst = append(dst, p[:n]...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r < 0x80:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		p = p[n:]
	}
	return dst
}

// hostile tells whether r must not reach a terminal.
func hostile(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < 0x7f:
		return r < ' '
	case r == '\u2028', r == '\u2029': // separators of lines and paragraphs
		return true
	default:
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}
}
