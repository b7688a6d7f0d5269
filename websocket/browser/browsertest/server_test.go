package browsertest_test

import (
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/browser/browsertest"
)

func dial(t *testing.T, url string, protocols ...string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: protocols})
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func serve(t *testing.T) string {
	server := httptest.NewServer(browsertest.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

func TestEcho(t *testing.T) {
	url := serve(t)
	c := dial(t, url+"/echo?id=x", "chat.v1")
	assert.Equal(t, c.Subprotocol(), "chat.v1")
	assert.NoError(t, c.Write(t.Context(), websocket.Binary, []byte{1}))
	kind, p, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, kind, websocket.Binary)
	assert.Equal(t, p, []byte{1})
	assert.NoError(t, c.Close(4000, "bye"))

	_, seen, err := dial(t, url+"/end?id=x").Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(seen), "4000 bye")
}

func TestEndOfALostConnection(t *testing.T) {
	url := serve(t)
	assert.NoError(t, dial(t, url+"/echo?id=y").CloseNow())
	_, seen, err := dial(t, url+"/end?id=y").Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(seen), "lost")
}

func TestEnds(t *testing.T) {
	url := serve(t)
	for path, want := range map[string]websocket.StatusCode{
		"/close":           websocket.StatusNoStatusReceived,
		"/close?code=4000": 4000,
		"/hello?code=1001": websocket.StatusGoingAway,
		"/drop":            websocket.StatusAbnormalClosure,
		"/break":           websocket.StatusAbnormalClosure,
	} {
		c := dial(t, url+path)
		_ = c.Write(t.Context(), websocket.Text, []byte("x")) // some are over by now
		var err error
		for err == nil {
			_, _, err = c.Read(t.Context())
		}
		if websocket.CloseStatus(err) != want {
			t.Errorf("%s ends with %v, not %v", path, err, want)
		}
	}
}

func TestDeflate(t *testing.T) {
	url := serve(t)
	c, _, err := websocket.Dial(t.Context(), url+"/deflate?window=10&alone=yes", &websocket.DialOptions{Compression: &websocket.Compression{}})
	assert.NoError(t, err)
	defer c.CloseNow()
	assert.Equal(t, c.Extensions(), "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10")
	assert.Equal(t, dial(t, url+"/deflate").Extensions(), "")
}
