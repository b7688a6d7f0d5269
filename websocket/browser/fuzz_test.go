//go:build !js

package browser_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/browser"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// Whatever is accepted comes out in the form that a page would show, which is
// accepted and stays as it is.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"ws://example.com", "HTTPS://user:pass@EXAMPLE.com:443/a%20b?c=d&e#f", "ws://[::1%25eth0]:80", "wss://x:", "//x", "ws:x",
		"ws://example.com:65536/", "http://%41/?#", "",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		printed, err := browser.ParseURL(url)
		if err != nil {
			assert.ErrorIs(t, err, browser.ErrSyntax)
			return
		}
		scheme, rest, _ := strings.Cut(printed, "://")
		assert.True(t, scheme == "ws" || scheme == "wss", printed)
		assert.True(t, strings.Contains(rest, "/") && !strings.Contains(rest, "#"), printed)
		again, err := browser.ParseURL(printed)
		assert.NoError(t, err)
		assert.Equal(t, again, printed)
	})
}

// What New says about subprotocols is what the handshake would say.
func FuzzProtocols(f *testing.F) {
	for _, list := range []string{"", "chat", "a,b", "a,a", "a,A", "a b", "a/b", "grün", "{a}", "\x7f", "!#$%&'*+-.^_`|~"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		protocols := strings.Split(list, ",")
		err := browser.CheckProtocols(protocols)
		_, want := handshake.AppendRequest(nil, &handshake.Offer{
			Host: "example.com", Target: "/", Key: "dGhlIHNhbXBsZSBub25jZQ==", Subprotocols: protocols,
		})
		assert.Equal(t, err == nil, want == nil)
		assert.True(t, err == nil || errors.Is(err, browser.ErrSyntax), "another exception")
	})
}
