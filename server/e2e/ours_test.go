package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
)

// runApp runs the server in this process and returns its URL.
func runApp(t testing.TB, c app.Config) string {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	a := app.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, receive(t, "the end of the server", done))
	})
	return a.URL()
}

// socketURL returns url with the scheme of WebSockets.
func socketURL(url string) string { return "ws" + strings.TrimPrefix(url, "http") }

// A script is what a server does with a connection.
type script func(ctx context.Context, c *websocket.Conn) error

// listen runs f for each connection and returns the URL. The second result tells
// how the connections ended.
func listen(t testing.TB, f script, o websocket.AcceptOptions) (url string, ended <-chan error) {
	t.Helper()
	ends := make(chan error, 100)
	o.Trace = &websocket.Trace{Closed: func(_ *websocket.Conn, err error) { ends <- err }}
	var open websocket.Registry
	o.Registry = &open
	s := httptest.NewServer(websocket.Handler(f, &o))
	t.Cleanup(func() {
		s.Close()
		for c := range open.All() {
			_ = c.CloseNow()
		}
	})
	return socketURL(s.URL) + "/", ends
}

// anyOrigin lets pages of all origins in.
var anyOrigin = websocket.AcceptOptions{Origins: []string{"*"}}

// echo sends every message back.
func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// ending puts into words which close frames were exchanged, in their order.
func ending(err error) string {
	var e *websocket.CloseError
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	var words []string
	if e.Received != nil {
		words = append(words, fmt.Sprintf("received %d %q", e.Received.Code, e.Received.Reason))
	}
	if e.Sent != nil {
		words = append(words, fmt.Sprintf("sent %d %q", e.Sent.Code, e.Sent.Reason))
	}
	switch {
	case len(words) == 0:
		return "no close frame"
	case len(words) == 2 && !e.ReceivedFirst:
		return words[1] + ", " + words[0]
	}
	return strings.Join(words, ", ")
}
