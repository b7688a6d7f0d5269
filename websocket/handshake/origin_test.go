package handshake

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

const (
	plain  = false
	secure = true
)

func TestCheckOriginSameOrigin(t *testing.T) {
	tests := []struct {
		name    string
		origin  string
		host    string
		secure  bool
		allowed bool
	}{
		{"http page, plain", "http://example.com", "example.com", plain, true},
		{"https page, TLS", "https://example.com", "example.com", secure, true},
		{"https page behind a proxy that ends TLS", "https://example.com", "example.com", plain, true},
		{"http page, TLS", "http://example.com", "example.com", secure, false},
		{"http page, TLS, port 443 spelled out", "http://example.com:443", "example.com:443", secure, false},
		{"own port", "http://localhost:8080", "localhost:8080", plain, true},
		{"own port, TLS", "https://localhost:8443", "localhost:8443", secure, true},
		{"another port", "http://localhost:3000", "localhost:8080", plain, false},
		{"default port against another", "http://localhost", "localhost:8080", plain, false},
		{"another against the default port", "http://localhost:8080", "localhost", plain, false},
		{"default port in Host", "http://example.com", "example.com:80", plain, true},
		{"default port in Origin", "http://example.com:80", "example.com", plain, true},
		{"default TLS port in Host", "https://example.com", "example.com:443", secure, true},
		{"default TLS port in Origin", "https://example.com:443", "example.com", secure, true},
		{"http default is not 443", "http://example.com", "example.com:443", plain, false},
		{"https default is not 80", "https://example.com", "example.com:80", plain, false},
		{"empty port in Host", "https://example.com", "example.com:", plain, true},
		{"case of the host", "https://EXAMPLE.com", "example.COM", secure, true},
		{"case of the scheme", "HTTPS://example.com", "example.com", secure, true},
		{"white space around", " \thttps://example.com ", "example.com", secure, true},
		{"IPv4", "http://127.0.0.1:8080", "127.0.0.1:8080", plain, true},
		{"IPv6", "http://[::1]:8080", "[::1]:8080", plain, true},
		{"IPv6 without a port", "https://[2001:db8::1]", "[2001:DB8::1]", secure, true},
		{"another IPv6", "http://[::2]:8080", "[::1]:8080", plain, false},
		{"another host", "https://evil.example", "example.com", secure, false},
		{"localhost is not 127.0.0.1", "http://localhost", "127.0.0.1", plain, false},
		{"subdomain", "https://sub.example.com", "example.com", secure, false},
		{"parent domain", "https://example.com", "sub.example.com", secure, false},
		{"our name at the front", "https://example.com.evil.example", "example.com", secure, false},
		{"our name at the end", "https://evilexample.com", "example.com", secure, false},
		{"dot at the end is another name", "https://example.com.", "example.com", secure, false},
		{"user information", "https://example.com@evil.example", "example.com", secure, false},
		{"user information before ours", "https://evil@example.com", "example.com", secure, false},
		{"slash at the end", "https://example.com/", "example.com", secure, false},
		{"path", "https://example.com/page", "example.com", secure, false},
		{"query", "https://example.com?x", "example.com", secure, false},
		{"fragment", "https://example.com#x", "example.com", secure, false},
		{"backslash", `https://evil.example\.example.com`, "example.com", secure, false},
		{"empty port", "https://example.com:", "example.com", secure, false},
		{"no scheme", "example.com", "example.com", secure, false},
		{"no scheme but slashes", "//example.com", "example.com", secure, false},
		{"empty scheme", "://example.com", "example.com", secure, false},
		{"scheme that begins with a digit", "1http://example.com", "example.com", plain, false},
		{"one slash", "https:/example.com", "example.com", secure, false},
		{"empty", "", "example.com", plain, false},
		{"null", "null", "example.com", plain, false},
		{"null as the host", "null", "null", plain, false},
		{"ws scheme", "ws://example.com", "example.com", plain, false},
		{"extension", "chrome-extension://example.com", "example.com", plain, false},
		{"file", "file://", "example.com", plain, false},
		{"two origins in a header", "https://example.com https://evil.example", "example.com", secure, false},
		{"two origins with a comma", "https://example.com, https://evil.example", "example.com", secure, false},
		{"malformed on both sides", "https://a b", "a b", secure, false},
		{"no Host", "https://example.com", "", secure, false},
		{"empty host on both sides", "https://", "", secure, false},
		{"port that is too large", "https://example.com:65536", "example.com:65536", secure, false},
		{"beyond ASCII", "https://bücher.example", "bücher.example", secure, false},
		{"zone", "http://[fe80::1%25eth0]", "[fe80::1%25eth0]", plain, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckOrigin([]string{tt.origin}, tt.host, tt.secure, nil)
			if tt.allowed {
				assert.NoError(t, err)
				return
			}
			assertError(t, err, 403, "RFC 6455 §10.2", quote(strings.Trim(tt.origin, " \t")))
			// The wildcard for everything lets in even what is malformed.
			assert.NoError(t, CheckOrigin([]string{tt.origin}, tt.host, tt.secure, []string{"*"}))
		})
	}
}

func TestCheckOriginNumberOfHeaders(t *testing.T) {
	assert.NoError(t, CheckOrigin(nil, "example.com", secure, nil))
	assert.NoError(t, CheckOrigin([]string{}, "", plain, nil))
	same := []string{"https://example.com", "https://example.com"}
	assertError(t, CheckOrigin(same, "example.com", secure, nil), 403, "RFC 6454 §7.3", "sent 2 times")
	assertError(t, CheckOrigin(same, "example.com", secure, []string{"*"}), 403, "RFC 6454 §7.3", "sent 2 times")
}

func TestCheckOriginPatterns(t *testing.T) {
	tests := []struct {
		pattern string
		allowed []string
		refused []string
	}{
		{"*",
			[]string{"https://a.example", "null", "file://", "nonsense", ""}, nil},
		{"null",
			[]string{"null"}, []string{"NULL", "null ,", "https://null", "https://a.example", ""}},
		{"https://a.example",
			[]string{"https://a.example", "HTTPS://A.EXAMPLE", "https://a.example:443"},
			[]string{"http://a.example", "https://a.example:8443", "https://b.a.example", "https://a.example.evil", "null"}},
		{"HTTPS://A.Example:443",
			[]string{"https://a.example"}, []string{"https://a.example:8443"}},
		{"http://localhost:3000",
			[]string{"http://localhost:3000"},
			[]string{"http://localhost", "https://localhost:3000", "http://localhost:30000", "http://127.0.0.1:3000"}},
		{"http://localhost:*",
			[]string{"http://localhost", "http://localhost:1", "http://localhost:65535"},
			[]string{"https://localhost:1", "http://localhost.evil:1", "http://localhost:x"}},
		{"https://*.example.com",
			[]string{"https://a.example.com", "https://A-1.example.com", "https://a.example.com:443"},
			[]string{"https://example.com", "https://a.b.example.com", "https://.example.com", "https://aexample.com",
				"https://a.example.com.evil", "https://a.example.com:8443", "http://a.example.com", "https://evil/.example.com"}},
		{"https://*.*.example.com",
			[]string{"https://a.b.example.com"}, []string{"https://a.example.com", "https://a.b.c.example.com"}},
		{"https://pr-*.example.com",
			[]string{"https://pr-1.example.com", "https://pr-x-y.example.com"},
			[]string{"https://pr-.example.com", "https://pr.example.com", "https://xpr-1.example.com", "https://pr-1.evil.example.com"}},
		{"https://a*b*c.example.com",
			[]string{"https://a1b2c.example.com", "https://abbbc.example.com", "https://a1bb2bc.example.com"},
			[]string{"https://a.example.com", "https://abc.example.com", "https://a1bc.example.com", "https://ab2c.example.com", "https://a1b2cd.example.com"}},
		{"https://**.example.com",
			[]string{"https://ab.example.com"}, []string{"https://a.example.com"}},
		{"https://*",
			[]string{"https://a.example", "https://localhost", "https://[::1]", "https://a.b.c.example:443"},
			[]string{"http://a.example", "https://a.example:8443", "null", "https://"}},
		{"https://*:*",
			[]string{"https://a.example:8443", "https://[::1]:1"}, []string{"http://a.example:8443"}},
		{"http://192.168.0.*:*",
			[]string{"http://192.168.0.17", "http://192.168.0.1:8080"},
			[]string{"http://192.168.0.evil", "http://192.168.0.1x", "http://192.168.1.17", "http://192.168.0.1.evil"}},
		{"http://192.168.*.*",
			[]string{"http://192.168.3.4"}, []string{"http://192.168.evil.example", "http://192.168.3"}},
		{"http://[::1]:8080",
			[]string{"http://[::1]:8080"}, []string{"http://[::1]", "http://[::2]:8080"}},
		{"http://*.*.2.3",
			[]string{"http://0.1.2.3"}, []string{"http://[::ffff:0.1.2.3]"}},
		{"chrome-extension://abcdef",
			[]string{"chrome-extension://abcdef"}, []string{"chrome-extension://abcdee", "https://abcdef", "chrome-extension://abcdef:80"}},
		{"file://",
			[]string{"file://"}, []string{"file:///", "file://host", "http://", "null"}},
		// Patterns that CheckOriginPattern refuses match nothing.
		{"https://example.*", nil, []string{"https://example.com", "https://example.5"}},
		{"a.example", nil, []string{"https://a.example", "a.example"}},
		{"wss://a.example", nil, []string{"https://a.example", "wss://a.example"}},
		{"https://a.example/", nil, []string{"https://a.example", "https://a.example/"}},
		{"*.example.com", nil, []string{"https://a.example.com"}},
		{"", nil, []string{"https://a.example", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			for _, o := range tt.allowed {
				if err := CheckOrigin([]string{o}, "other.example", plain, []string{"https://x.example", tt.pattern}); err != nil {
					t.Errorf("%s is refused: %v", o, err)
				}
			}
			for _, o := range tt.refused {
				assertError(t, CheckOrigin([]string{o}, "other.example", plain, []string{tt.pattern}),
					403, "RFC 6455 §10.2", quote(o))
			}
		})
	}
}

func TestCheckOriginSaysWhatToDo(t *testing.T) {
	tests := []struct {
		origin string
		secure bool
		want   string
	}{
		{"https://evil.example", plain, `websocket: handshake: origin "https://evil.example" is not allowed ` +
			`for host "localhost:8080"; list it in AcceptOptions.Origins (RFC 6455 §10.2)`},
		{"null", plain, `websocket: handshake: origin "null" is not allowed ` +
			`for host "localhost:8080"; list it in AcceptOptions.Origins (RFC 6455 §10.2)`},
		{"http://localhost:8080", secure, `websocket: handshake: origin "http://localhost:8080" is not allowed: ` +
			`the page was not loaded over TLS but the connection uses it; ` +
			`load the page over https or list the origin in AcceptOptions.Origins (RFC 6455 §10.2)`},
		{"localhost:8080", plain, `websocket: handshake: origin "localhost:8080" is neither ` +
			`scheme://host[:port] nor null (RFC 6455 §10.2)`},
	}
	for _, tt := range tests {
		err := CheckOrigin([]string{tt.origin}, "localhost:8080", tt.secure, nil)
		assertError(t, err, 403, "RFC 6455 §10.2", "")
		assert.Equal(t, err.Error(), tt.want)
	}
}

func TestCheckOriginPattern(t *testing.T) {
	good := []string{
		"*", "null", "file://", "http://localhost", "https://a.example:8443", "https://*.example.com",
		"https://*", "https://*:*", "http://*:3000", "http://localhost:*", "http://10.0.*.*", "http://10.0.0.1*",
		"http://[::1]:8080", "http://[::1]:*", "tauri://localhost", "HTTPS://A.Example",
	}
	for _, p := range good {
		assert.NoError(t, CheckOriginPattern(p))
	}
	bad := []struct{ pattern, part string }{
		{"", "a scheme is missing"},
		{"example.com", "a scheme is missing"},
		{"*.example.com", "a scheme is missing"},
		{"localhost:8080", "a scheme is missing"},
		{"NULL", "a scheme is missing"},
		{"**", "a scheme is missing"},
		{"ws://example.com", "http:// for ws://"},
		{"WSS://example.com", "https:// for wss://"},
		{"https://example.com/", "nothing but"},
		{"https://example.com/app", "nothing but"},
		{"https://user@example.com", "nothing but"},
		{"https://example.com?x", "nothing but"},
		{"https://bücher.example", "xn--"},
		{"*://example.com", "write scheme://host[:port]"},
		{"https://", "write scheme://host[:port]"},
		{"https://a b", "write scheme://host[:port]"},
		{"https://a.example:", "write scheme://host[:port]"},
		{"https://a.example:80*", "write scheme://host[:port]"},
		{"https://[*]", "write scheme://host[:port]"},
		{"https://a.example, https://b.example", "nothing but"},
		{"https://example.*", "anybody can register"},
		{"https://*.*", "anybody can register"},
		{"http://10.0.*", "anybody can register"},
		{"http://10.0.0.0.*", "anybody can register"},
		{"http://a.b.c.*", "anybody can register"},
		{"http://local*", "anybody can register"},
	}
	for _, tt := range bad {
		assertError(t, CheckOriginPattern(tt.pattern), 500, "", tt.part)
	}
}

// FuzzCheckOrigin checks what must hold for any origin: an allowed one is the
// text of the host behind http:// or https:// give or take a default port, or
// covered by a pattern that is well formed.
func FuzzCheckOrigin(f *testing.F) {
	f.Add("https://example.com", "example.com", "https://*.example.com", secure)
	f.Add("http://[::1]:80", "[::1]", "null", plain)
	f.Add("null", "", "http://10.0.*.*:*", plain)
	f.Add("file://", "a:1", "file://", plain)
	f.Add("https://a1b2c.example", "x", "https://a*b*c.example", plain)
	f.Fuzz(func(t *testing.T, o, host, pattern string, secure bool) {
		own := CheckOrigin([]string{o}, host, secure, nil)
		if own == nil {
			rest, ok := strings.CutPrefix(strings.ToLower(strings.Trim(o, " \t")), "https://")
			if !ok {
				assert.True(t, !secure, "an insecure page over TLS: "+o)
				rest, ok = strings.CutPrefix(strings.ToLower(strings.Trim(o, " \t")), "http://")
			}
			assert.True(t, ok, "the scheme of a page's origin: "+o)
			name, _, _ := splitHost(host, false)
			assert.True(t, strings.HasPrefix(rest, name), "another host: "+o)
			assert.True(t, !strings.ContainsAny(rest, "/?#@\\, \t\r\n"), "more than an origin: "+o)
		} else {
			assertPrintable(t, own)
		}
		listed := CheckOrigin([]string{o}, host, secure, []string{pattern})
		assert.True(t, own != nil || listed == nil, "a pattern closes what is open without it")
		if err := CheckOriginPattern(pattern); err != nil {
			assertPrintable(t, err)
			assert.Equal(t, listed == nil, own == nil)
		}
		// An origin that is a valid pattern of its own covers itself.
		if CheckOriginPattern(o) == nil && !strings.Contains(o, "*") {
			assert.NoError(t, CheckOrigin([]string{o}, host, secure, []string{o}))
		}
	})
}
