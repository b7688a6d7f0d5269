package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// dial connects to an echo server of the test's own.
func dial(t *testing.T, o *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	srv := httptest.NewServer(handler())
	t.Cleanup(srv.Close)
	c, _, err := websocket.Dial(t.Context(), srv.URL, o)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func TestEachMessageIsAnswered(t *testing.T) {
	c := dial(t, nil)
	for _, m := range []websocket.Message{
		{Type: websocket.Text, Data: []byte("hello")},
		{Type: websocket.Text, Data: []byte("")},
		{Type: websocket.Text, Data: []byte("Grüße, 世界")},
		{Type: websocket.Text, Data: []byte(strings.Repeat("long ", 100_000))},
		{Type: websocket.Binary, Data: []byte{0xff, 0x00}},
	} {
		assert.NoError(t, c.Write(t.Context(), m.Type, m.Data))
		kind, got, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, m.Type)
		assert.Equal(t, string(got), "Echo: "+string(m.Data))
	}
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

func TestEveryPageMayConnect(t *testing.T) {
	c := dial(t, &websocket.DialOptions{Header: http.Header{"Origin": {"https://elsewhere.example"}}})
	assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("hello")))
	_, got, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(got), "Echo: hello")
}

func TestOrdinaryRequestIsToldWhatToDo(t *testing.T) {
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Equal(t, w.Code, http.StatusUpgradeRequired)
	assert.Equal(t, w.Header().Get("Upgrade"), "websocket")
}
