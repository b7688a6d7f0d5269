package handshake

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestSplitHost(t *testing.T) {
	tests := []struct{ in, host, port string }{
		{"example.com", "example.com", ""},
		{"EXAMPLE.com:8080", "example.com", "8080"},
		{"example.com:", "example.com", ""},
		{"example.com.", "example.com.", ""},
		{"localhost:0", "localhost", "0"},
		{"localhost:65535", "localhost", "65535"},
		{"127.0.0.1:80", "127.0.0.1", "80"},
		{"[::1]", "[::1]", ""},
		{"[::1]:8080", "[::1]", "8080"},
		{"[2001:DB8::1]:443", "[2001:db8::1]", "443"},
		{"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]", "80"},
		{"[::]:", "[::]", ""},
		{"my_service:80", "my_service", "80"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{"a%2Fb", "a%2fb", ""},
	}
	for _, tt := range tests {
		host, port, ok := splitHost(tt.in, false)
		if !ok || host != tt.host || port != tt.port {
			t.Errorf("%q: got %q, %q, %v", tt.in, host, port, ok)
		}
	}
}

var badHosts = []string{
	"", ":", ":80", " ", "example.com ", " example.com", "a b", "a\tb", "a\r\nb", "a\x00",
	"http://example.com", "example.com/", "example.com/path", "example.com?q", "example.com#f",
	"user@example.com", "user:pass@example.com", `example.com\`, "bücher.example",
	"a,b", "a:80, b:80", "a:80:81", "a:+80", "a:-1", "a:8o", "a:65536", "a:99999999999999999999",
	"a: 80", "::1", "[", "]", "[]", "[::1", "::1]", "[::1]80", "[1]", "[::g]", "[::1]a",
	"[fe80::1%25eth0]", "[fe80::1%eth0]", "[v1.a:b:c]", "[[::1]]", "%", "%2", "%zz", "a%4", "*", "*.example.com",
	"a:*", "\x80", "<script>", `"a"`, "a|b", "{a}", "[::1]:80:80",
}

func TestSplitHostRefuses(t *testing.T) {
	for _, in := range badHosts {
		if host, port, ok := splitHost(in, false); ok {
			t.Errorf("%q: got %q, %q", in, host, port)
		}
	}
}

func TestSplitHostWild(t *testing.T) {
	for _, in := range []string{"*", "*:*", "*.example.com", "a-*.b:*", "a:80", "[::1]:*"} {
		_, _, ok := splitHost(in, true)
		assert.True(t, ok, in+" is refused")
	}
	for _, in := range []string{"[*]", "[::*]", "a:8*", "a:**", "a:*:*", "", ":*"} {
		_, _, ok := splitHost(in, true)
		assert.True(t, !ok, in+" is taken")
	}
}

// FuzzSplitHost checks that a host that was taken apart goes together again and
// has nothing in it that could end the host, the header or the line.
func FuzzSplitHost(f *testing.F) {
	for _, s := range badHosts {
		f.Add(s, true)
	}
	f.Add("[2001:DB8::1]:443", false)
	f.Add("*.example.com:*", true)
	f.Fuzz(func(t *testing.T, s string, wild bool) {
		host, port, ok := splitHost(s, wild)
		if !ok {
			assert.Equal(t, host+port, "")
			return
		}
		joined := host
		if port != "" || strings.HasSuffix(s, ":") {
			joined += ":" + port
		}
		assert.Equal(t, joined, strings.ToLower(s))
		assert.True(t, host != "" && !strings.ContainsAny(s, "/?#@\\, \t\r\n\x00"), "a separator in "+quote(s))
		assert.True(t, wild || !strings.Contains(s, "*"), "a wildcard in "+s)
		again, port2, ok := splitHost(joined, wild)
		assert.True(t, ok && again == host && port2 == port, "not stable: "+s)
	})
}
