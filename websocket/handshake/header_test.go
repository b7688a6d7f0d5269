package handshake

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// parseHead reads a message head as a strict peer would: every line ends in
// CRLF, no CR or LF stands anywhere else, the empty line ends it and nothing
// follows. It returns the start line and the headers under canonical names.
func parseHead(t testing.TB, b []byte) (start string, h map[string][]string) {
	t.Helper()
	head, ok := strings.CutSuffix(string(b), "\r\n\r\n")
	assert.True(t, ok, "the head does not end in an empty line")
	lines := strings.Split(head, "\r\n")
	h = make(map[string][]string)
	for i, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") || line == "" {
			t.Fatalf("line %d is %q", i, line)
		}
		if i == 0 {
			continue
		}
		name, value, found := strings.Cut(line, ": ")
		assert.True(t, found && isToken(name), "malformed header line "+line)
		name = canonical(name)
		h[name] = append(h[name], value)
	}
	return lines[0], h
}

// canonical spells a header name as http.Header does.
func canonical(name string) string {
	parts := strings.Split(strings.ToLower(name), "-")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}

// countLines returns how many lines extra has to add to a head.
func countLines(extra map[string][]string) (n int) {
	for _, values := range extra {
		n += len(values)
	}
	return n
}

// badExtras are headers that neither message of a handshake may carry.
var badExtras = []struct {
	name  string
	extra map[string][]string
	part  string
}{
	{"empty name", map[string][]string{"": {"x"}}, "not a token"},
	{"space in the name", map[string][]string{"X Y": {"x"}}, "not a token"},
	{"colon in the name", map[string][]string{"X:": {"x"}}, "not a token"},
	{"line break in the name", map[string][]string{"X\r\nY": {"x"}}, "not a token"},
	{"name beyond ASCII", map[string][]string{"Größe": {"x"}}, "not a token"},
	{"bad name without values", map[string][]string{"X\n": nil}, "not a token"},
	{"CRLF in the value", map[string][]string{"X": {"a\r\nSet-Cookie: b=c"}}, "line break"},
	{"CR in the value", map[string][]string{"X": {"a\rb"}}, "line break"},
	{"LF in the value", map[string][]string{"X": {"a\nb"}}, "line break"},
	{"LF at the end", map[string][]string{"X": {"a\n"}}, "line break"},
	{"NUL in the value", map[string][]string{"X": {"a\x00b"}}, "control character"},
	{"DEL in the value", map[string][]string{"X": {"a\x7fb"}}, "control character"},
	{"ESC in the second value", map[string][]string{"X": {"a", "\x1b[0m"}}, "control character"},
	{"Upgrade", map[string][]string{"Upgrade": {"h2c"}}, "the handshake sets it"},
	{"Connection", map[string][]string{"Connection": {"close"}}, "the handshake sets it"},
	{"Connection in another case", map[string][]string{"cONNECTION": {"close"}}, "the handshake sets it"},
	{"Sec-WebSocket-Key", map[string][]string{"Sec-WebSocket-Key": {"x"}}, "the handshake sets it"},
	{"Sec-WebSocket-Accept", map[string][]string{"Sec-Websocket-Accept": {"x"}}, "the handshake sets it"},
	{"Sec-WebSocket-Extensions", map[string][]string{"sec-websocket-extensions": {"x"}}, "the handshake sets it"},
	{"Sec-WebSocket-Version", map[string][]string{"Sec-Websocket-Version": {"13"}}, "the handshake sets it"},
	{"Sec-WebSocket-Protocol", map[string][]string{"Sec-Websocket-Protocol": {"x"}}, "list the subprotocols"},
	{"Sec-WebSocket-Anything", map[string][]string{"Sec-WebSocket-Anything": {"x"}}, "the handshake sets it"},
	{"reserved name without values", map[string][]string{"Upgrade": nil}, "the handshake sets it"},
	{"Content-Length", map[string][]string{"content-length": {"0"}}, "no body"},
	{"Transfer-Encoding", map[string][]string{"Transfer-Encoding": {"chunked"}}, "no body"},
	{"Trailer", map[string][]string{"Trailer": {"X"}}, "no body"},
}

func TestCheckHeader(t *testing.T) {
	for _, tt := range badExtras {
		t.Run(tt.name, func(t *testing.T) {
			assert.Contains(t, checkHeader(tt.extra), tt.part)
		})
	}
	good := map[string][]string{
		"Set-Cookie":         {"a=b; Path=/", "c=d"},
		"X-Empty":            {""},
		"X-Tab":              {"a\tb"},
		"X-Latin1":           {"gr\xfc\xdfe"},
		"X-Utf8":             {"grüße \u0085"},
		"Sec-Websocket":      {"the prefix needs its hyphen"},
		"Upgrade-Insecure":   {"1"},
		"x-lower-case!#$%&'": {"every token will do"},
		"X-None":             nil,
	}
	assert.Equal(t, checkHeader(good), "")
	assert.Equal(t, checkHeader(nil), "")
}

func TestAppendHeaderSortsNamesAndKeepsValuesInOrder(t *testing.T) {
	got := appendHeader([]byte("start\r\n"), map[string][]string{
		"B": {"2", "1"}, "A": {"x"}, "C": nil, "b": {""},
	})
	assert.Equal(t, string(got), "start\r\nA: x\r\nB: 2\r\nB: 1\r\nb: \r\n")
}
