package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/browser"
)

func Example() {
	received := make(chan string, 2)
	srv := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		defer close(received)
		if err := c.Write(ctx, websocket.Text, []byte("Hello")); err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			received <- string(m.Data)
		}
		return nil
	}, nil))
	defer srv.Close()

	fmt.Println("error:", talk(srv.URL))
	for m := range received {
		fmt.Println("the server got:", m)
	}
	// Output:
	// open
	// message: Hello
	// close: 1000 normal closure
	// error: <nil>
	// the server got: Goodbye
}

func TestRefusalIsAnError(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	err := talk(srv.URL)
	var refused *websocket.HandshakeError
	assert.True(t, errors.As(err, &refused), "the server's answer is told")
	assert.Contains(t, err.Error(), "404")
}

func TestLostConnectionIsAnError(t *testing.T) {
	srv := httptest.NewServer(websocket.Handler(func(_ context.Context, c *websocket.Conn) error {
		return c.CloseNow()
	}, nil))
	defer srv.Close()
	assert.Equal(t, websocket.CloseStatus(talk(srv.URL)), websocket.StatusAbnormalClosure)
}

func TestBadURLIsAnError(t *testing.T) {
	assert.ErrorIs(t, talk("ftp://localhost"), browser.ErrSyntax)
}
