package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// What the server prints stands among what the client prints: Close returns when
// the server has read everything before it.
func Example() {
	srv := httptest.NewServer(handler())
	defer srv.Close()
	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, p, err := c.Read(ctx)
	fmt.Printf("%s %v\n", p, err)
	fmt.Println(c.Write(ctx, websocket.Text, []byte("Goodbye")))
	fmt.Println(c.Write(ctx, websocket.Text, []byte("\x1b[2J")))
	fmt.Println(c.Close(websocket.StatusNormalClosure, ""))
	// Unordered output:
	// Hello <nil>
	// <nil>
	// <nil>
	// "Goodbye"
	// "\x1b[2J"
	// <nil>
}

func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"/about", http.StatusOK, "There is a WebSocket at /.\n"},
		{"/", http.StatusUpgradeRequired, "WebSocket"},
		{"/elsewhere", http.StatusNotFound, "not found"},
	} {
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.path, http.NoBody))
		assert.Equal(t, w.Code, tt.status)
		assert.Contains(t, w.Body.String(), tt.body)
	}
}
