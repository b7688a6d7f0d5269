package raw_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/raw"
)

// TestRefusedHandshakeLeavesNoTrace has requests that are no proper handshake, or of a page
// that may not connect: nobody is present because of them, and no session is taken over.
func TestRefusedHandshakeLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, &hub.Options{Default: hub.Settings{PresenceGrace: time.Hour}})
		holder := s.join(withSession)
		for name, value := range map[string]string{
			"Origin": "https://evil.example", "Sec-WebSocket-Key": "short", "Sec-WebSocket-Version": "8", "Connection": "close",
		} {
			status, body := s.handshake("/t/"+withSession+"&as=eve", name, value)
			assert.True(t, status >= 400, fmt.Sprint(name, " ", status, " ", body))
			assert.Contains(t, body, `"retry":false`)
		}
		assert.Equal(t, s.hub.Presence("room", "", 10).Count, 0)
		s.publish("room", "still here")
		expectText(t, holder, "still here")
	})
}

// While the server shuts down it opens nothing, and says when to come back.
func TestRefusesWhileShuttingDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, &hub.Options{Default: hub.Settings{PresenceGrace: time.Hour}})
		assert.NoError(t, s.wire.Shutdown(t.Context()))
		status, body := s.handshake("/t/room?as=ann", "", "")
		assert.Equal(t, status, http.StatusServiceUnavailable)
		assert.Contains(t, body, `"code":"unavailable","retry":true`)
		assert.Equal(t, s.hub.Presence("room", "", 10).Count, 0)
	})
}

// handshake sends a handshake in which one header is another, and returns what answers it.
func (s *site) handshake(target, name, value string) (status int, body string) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://localhost"+target, http.NoBody)
	assert.NoError(s.t, err)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	if name != "" {
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	assert.NoError(s.t, err)
	defer resp.Body.Close()
	p, err := io.ReadAll(resp.Body)
	assert.NoError(s.t, err)
	return resp.StatusCode, string(p)
}
