package conformance

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestOpeningTables holds the tests of handshakes and transports to their form:
// each is named by a section and unlike all others of its role, and says its rule
// in a sentence.
func TestOpeningTables(t *testing.T) {
	section := regexp.MustCompile(`^(RFC \d{4} )?§\d+(\.\d+)* \S`)
	sentence := regexp.MustCompile(`^[A-Z0-9].*\.$`)
	for _, role := range []struct {
		name  string
		least map[string]int
		tests [][]Test
	}{
		{"server", map[string]int{"opening": 200, "extension": 110, "transport": 60}, [][]Test{openingServerTests(), extensionServerTests(), transportServerTests()}},
		{"client", map[string]int{"opening": 130, "extension": 90, "transport": 50}, [][]Test{openingClientTests(), extensionClientTests(), transportClientTests()}},
	} {
		names, count := map[string]bool{}, map[string]int{}
		for _, tests := range role.tests {
			for _, test := range tests {
				id := role.name + " " + test.ID()
				assert.True(t, section.MatchString(test.Name), id+": does not begin with a section")
				assert.True(t, sentence.MatchString(test.Rule), id+": the rule is no sentence: "+test.Rule)
				assert.True(t, !names[test.ID()], id+": there are two of this name")
				assert.True(t, !strings.ContainsAny(test.Name, "\x00\r\n\t"), id+": has a control character")
				names[test.ID()] = true
				count[test.Area]++
			}
		}
		for area, least := range role.least {
			assert.True(t, count[area] >= least, fmt.Sprintf("%s has %d tests of %s, want %d", role.name, count[area], area, least))
		}
	}
}

func TestLineFlaw(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-Empty:\r\nX-Tab:\ta \u00e9\r\n\r\n"
	assert.Equal(t, lineFlaw([]byte(good)), "")
	for _, test := range []struct{ old, with, want string }{
		{"Upgrade:", "Upgrade :", `line "Upgrade : websocket" is no field`},
		{"Upgrade:", " Upgrade:", `line " Upgrade: websocket" is folded`},
		{"Upgrade:", "\tUpgrade:", `line "\tUpgrade: websocket" is folded`},
		{"Upgrade:", "Up/grade:", `line "Up/grade: websocket" is no field`},
		{"Upgrade:", ":", `line ": websocket" is no field`},
		{"Upgrade: websocket", "Upgrade", `line "Upgrade" is no field`},
		{"Upgrade: websocket\r\n", "Upgrade: websocket\n", `line "Upgrade: websocket\nX-Empty:" has a CR or LF by itself`},
		{"websocket", "web\rsocket", `line "Upgrade: web\rsocket" has a CR or LF by itself`},
		{"websocket", "web\x00socket", `line "Upgrade: web\x00socket" has a NUL`},
		{"websocket", "web\x01socket", `line "Upgrade: web\x01socket" has a control character`},
		{"websocket", "web\x7fsocket", `line "Upgrade: web\x7fsocket" has a control character`},
		{"101 ", "101\n", "line \"HTTP/1.1 101\\nSwitching Protocols\" has a CR or LF by itself"},
	} {
		assert.Equal(t, lineFlaw([]byte(strings.Replace(good, test.old, test.with, 1))), test.want)
	}
}

func TestIsToken(t *testing.T) {
	for c := range 256 {
		want := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		assert.Equal(t, isToken("x"+string([]byte{byte(c)})+"y"), want)
	}
	assert.True(t, !isToken(""), "the empty string is no token")
}

func TestElements(t *testing.T) {
	assert.Equal(t, elements(nil), nil)
	assert.Equal(t, elements([]string{"", ", ,\t"}), nil)
	assert.Equal(t, elements([]string{"a,b", " c ,\td\t,", "e f"}), []string{"a", "b", "c", "d", "e f"})
}

func TestSwapCase(t *testing.T) {
	assert.Equal(t, swapCase("Sec-WebSocket-Key: aZ09@[`{\u00e9"), "sEC-wEBsOCKET-kEY: Az09@[`{\u00e9")
}

// TestTrials shows what becomes of a request by the edits of this package.
func TestTrials(t *testing.T) {
	p := &peer{o: &Options{}, way: way{host: "example.com", target: "/chat"}}
	head := func(edits ...edit) string {
		return string(p.request(append([]edit{set("Sec-WebSocket-Key", exampleKey)}, edits...)...))
	}
	const plain = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	assert.Equal(t, head(), plain)
	assert.Equal(t, string(insert("garbage")([]byte(plain))), strings.Replace(plain, "\r\n", "\r\ngarbage\r\n", 1))
	assert.Equal(t, head(names(strings.ToUpper)), strings.NewReplacer("Host", "HOST", "Upgrade:", "UPGRADE:", "Connection", "CONNECTION",
		"Sec-WebSocket-Key", "SEC-WEBSOCKET-KEY", "Sec-WebSocket-Version", "SEC-WEBSOCKET-VERSION").Replace(plain))
	assert.Equal(t, head(values(func(v string) string { return v + " " })),
		"GET /chat HTTP/1.1\r\nHost: example.com \r\nUpgrade: websocket \r\nConnection: Upgrade \r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== \r\nSec-WebSocket-Version: 13 \r\n\r\n")
	trial := try("§1 x", Must, "X.", opens).as(insert("a: b"))
	assert.Equal(t, string(trial.change([]byte(plain))), strings.Replace(plain, "\r\n", "\r\na: b\r\n", 1))
}

// TestKeyRing shows that a key which comes back is seen.
func TestKeyRing(t *testing.T) {
	var r keyRing
	times, others := r.count("a")
	assert.Equal(t, [2]int{times, others}, [2]int{0, 0})
	for _, key := range []string{"a", "b", "a", "c"} {
		r.note(key)
	}
	times, others = r.count("a")
	assert.Equal(t, [2]int{times, others}, [2]int{2, 2})
	times, others = r.count("c")
	assert.Equal(t, [2]int{times, others}, [2]int{1, 3})
}

func TestQuoted(t *testing.T) {
	for s, want := range map[string]string{
		"": `""`, "a b": "a b", `"a"`: `"a"`, " a": `" a"`, "a,\tb": `"a,TABb"`,
	} {
		assert.Equal(t, quoted(s), want)
	}
}
