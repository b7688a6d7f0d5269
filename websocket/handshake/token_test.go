package handshake

import (
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestHasToken(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		token  string
		want   bool
	}{
		{"alone", []string{"Upgrade"}, "upgrade", true},
		{"upper case", []string{"UPGRADE"}, "upgrade", true},
		{"token in upper case", []string{"websocket"}, "WebSocket", true},
		{"no header", nil, "upgrade", false},
		{"empty header", []string{""}, "upgrade", false},
		{"first of a list", []string{"upgrade,keep-alive"}, "upgrade", true},
		{"last of a list, as Firefox sends it", []string{"keep-alive, Upgrade"}, "upgrade", true},
		{"in the middle", []string{"a , Upgrade\t, b"}, "upgrade", true},
		{"second line", []string{"keep-alive", "Upgrade"}, "upgrade", true},
		{"second line of lists", []string{"a, b", "c, upgrade"}, "upgrade", true},
		{"white space around", []string{" \tupgrade \t"}, "upgrade", true},
		{"empty elements", []string{",, ,upgrade,,"}, "upgrade", true},
		{"commas only", []string{", ,,"}, "upgrade", false},
		{"part of a token", []string{"upgrade-insecure"}, "upgrade", false},
		{"token with a prefix", []string{"xupgrade"}, "upgrade", false},
		{"shorter", []string{"upgrad"}, "upgrade", false},
		{"two words", []string{"upgrade now"}, "upgrade", false},
		{"with a version", []string{"websocket/13"}, "websocket", false},
		{"with a parameter", []string{"upgrade;q=1"}, "upgrade", false},
		{"in quotation marks", []string{`"upgrade"`}, "upgrade", false},
		{"other separator", []string{"keep-alive; upgrade"}, "upgrade", false},
		{"Kelvin sign for k", []string{"websoc\u212aet"}, "websocket", false},
		{"long s for s", []string{"web\u017focket"}, "websocket", false},
		{"no-break space is no white space", []string{"\u00a0upgrade"}, "upgrade", false},
		{"line break is no white space", []string{"\r\nupgrade"}, "upgrade", false},
		{"empty token is in no list", []string{"", ",", "a"}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, HasToken(tt.values, tt.token), tt.want)
		})
	}
}

func TestElementsStopsWhenTold(t *testing.T) {
	var got []string
	for e := range elements([]string{"a, b", "c, d"}) {
		if got = append(got, e); e == "c" {
			break
		}
	}
	assert.Equal(t, got, []string{"a", "b", "c"})
}

func TestIsToken(t *testing.T) {
	assert.True(t, !isToken(""), "the empty string is a token")
	// Every byte for itself: what is left of visible ASCII without the
	// separators of RFC 2616 §2.2.
	const separators = `()<>@,;:\"/[]?={}`
	for c := range 256 {
		want := c > ' ' && c < 0x7f && strings.IndexByte(separators, byte(c)) < 0
		if got := isToken("a" + string([]byte{byte(c)})); got != want {
			t.Fatalf("byte %#02x in a token: got %v, want %v", c, got, want)
		}
	}
}

func TestTokenLen(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "abc; d": 3, "=": 0, "a=b": 1} {
		assert.Equal(t, tokenLen(in), want)
	}
}

func TestEqualFold(t *testing.T) {
	assert.True(t, equalFold("", ""), "empty strings differ")
	assert.True(t, equalFold("aZ-09", "Az-09"), "case matters")
	// Bytes that differ in bit 5 only and are no letters.
	for _, pair := range [][2]string{{"@", "`"}, {"[", "{"}, {"\r", "-"}, {"^", "~"}, {"\x10", "0"}, {"\xc1", "\xe1"}} {
		assert.True(t, !equalFold(pair[0], pair[1]), pair[0]+" equals "+pair[1])
	}
}

// FuzzHasToken holds HasToken against the definition written down plainly:
// join the lines, cut at commas, trim, compare.
func FuzzHasToken(f *testing.F) {
	f.Add("keep-alive", "Upgrade, x", "upgrade")
	f.Add(",,", "\t", "")
	f.Add("websoc\u212aet", "web\u017focket", "websocket")
	f.Fuzz(func(t *testing.T, first, second, token string) {
		if !isToken(token) {
			return
		}
		asciiLower := func(s string) string {
			return strings.Map(func(r rune) rune {
				if 'A' <= r && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, s)
		}
		want := slices.ContainsFunc(strings.Split(first+","+second, ","), func(e string) bool {
			return asciiLower(strings.Trim(e, " \t")) == asciiLower(token)
		})
		assert.Equal(t, HasToken([]string{first, second}, token), want)
		assert.Equal(t, HasToken([]string{first + "," + second}, token), want)
	})
}
