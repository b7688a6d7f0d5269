package handshake

import (
	"iter"
	"strings"
)

// HasToken reports whether one of the header values is, or lists, token.
// Letters match in either case if they are ASCII, and only then: the Kelvin
// sign is no k. A list may be split over several header lines, which is the
// same as joining them with commas (RFC 9110 §5.3).
func HasToken(values []string, token string) bool {
	for e := range elements(values) {
		if equalFold(e, token) {
			return true
		}
	}
	return false
}

// maxListed bounds the elements of a list that are kept. RFC 6455 sets no bound,
// but an element of two bytes takes some forty in memory: a header as long as
// net/http admits, 1 MiB, would cost a hundred times that.
const maxListed = 256

// elements yields what stands between the commas of values, without the white
// space around it. Empty elements do not count (RFC 9110 §5.6.1.2).
//
// It knows no quoted strings: in the lists it is used for an element with a
// quotation mark is malformed and equals no token.
func elements(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range values {
			for more := true; more; {
				var e string
				e, v, more = strings.Cut(v, ",")
				if e = trim(e); e != "" && !yield(e) {
					return
				}
			}
		}
	}
}

// isToken reports whether s is a token of RFC 9110 §5.6.2, the same set as the
// one RFC 6455 §4.1 draws from RFC 2616: visible ASCII without separators.
func isToken(s string) bool {
	return s != "" && tokenLen(s) == len(s)
}

// tokenLen returns how many bytes at the front of s may stand in a token.
func tokenLen(s string) int {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return i
		}
	}
	return len(s)
}

func isTokenByte(c byte) bool { return kinds[c] != 0 }

// The kinds of bytes that may stand in a token.
const (
	small   = 1 + iota // a small letter
	capital            // a capital
	neutral            // a digit or one of the signs
)

// kinds holds the kind of each byte, 0 for those that may not.
var kinds = func() (k [256]byte) {
	for c := range k {
		switch c := byte(c); {
		case 'a' <= c && c <= 'z':
			k[c] = small
		case 'A' <= c && c <= 'Z':
			k[c] = capital
		case isDigit(c), strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
			k[c] = neutral
		}
	}
	return k
}()

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// equalFold compares without regard to the case of ASCII letters.
// strings.EqualFold would also take U+212A for k and U+017F for s.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// trim cuts optional white space, which is spaces and tabs (RFC 9110 §5.6.3).
func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
