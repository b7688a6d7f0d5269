//go:build !race

package handshake

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestOpeningAllocatesNothing goes from the bytes of a request to those of the answer.
func TestOpeningAllocatesNothing(t *testing.T) {
	firefox := strings.NewReplacer("Connection: Upgrade", "Connection: keep-alive, Upgrade",
		"permessage-deflate; client_max_window_bits", "permessage-deflate").Replace(chromium)
	policy := &Policy{Subprotocols: []string{"chat.v2", "chat.v1"}, Origins: []string{"https://*.example.org"}}
	for _, tt := range []struct{ name, wire string }{
		{"Chromium", chromium},
		{"Firefox", firefox},
		{"no extensions", strings.Replace(chromium, "Sec-WebSocket-Extensions", "X-Odd", 1)},
		{"many offers", strings.Replace(chromium, "client_max", "client_max_window_bits=9; server_max_window_bits=10, a; b; c, d; client_max", 1)},
		{"names in small letters", strings.NewReplacer("Sec-W", "sec-w", "Host", "host", "Upgrade: ", "upgrade: ").Replace(chromium)},
		{"subprotocols", strings.Replace(chromium, "Pragma: no-cache", "Sec-WebSocket-Protocol: mqtt, chat.v1, x", 1)},
		{"origin of a list", strings.Replace(chromium, "Origin: https://app.example.com", "Origin: https://app.example.org", 1)},
		{"no origin", strings.Replace(chromium, "Origin", "X-Origin", 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h Head
			h.Request.Secure = true
			in, out := []byte(tt.wire), make([]byte, 0, 512)
			var err error
			n := testing.AllocsPerRun(100, func() {
				var a Accepted
				if _, err = h.Parse(in, 0); err != nil {
					return
				}
				if a, err = h.Check(policy); err != nil {
					return
				}
				out, err = AppendResponse(out[:0], a, nil)
			})
			assert.NoError(t, err)
			assert.Equal(t, n, 0)
		})
	}
}

// TestParseInPiecesAllocatesNothing takes a request byte by byte.
func TestParseInPiecesAllocatesNothing(t *testing.T) {
	var h Head
	in := []byte(chromium)
	var err error
	n := testing.AllocsPerRun(10, func() { _, _, err = parseByBytes(&h, in) })
	assert.NoError(t, err)
	assert.Equal(t, n, 0)
}
