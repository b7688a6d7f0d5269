//go:build !js

package browser_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/browser"
)

func Example() {
	server := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, name, err := c.Read(ctx)
		if err != nil {
			return err
		}
		return c.Write(ctx, websocket.Text, append([]byte("hello, "), name...))
	}, nil))
	defer server.Close()

	ws, err := browser.New(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	ws.OnOpen(func() { _ = ws.SendText("page") }) // open, so there is no error
	ws.OnMessage(func(m browser.MessageEvent) { fmt.Println(m.Text()) })
	ws.OnClose(func(e browser.CloseEvent) { fmt.Println("closed:", e.Code) })
	if err := ws.Wait(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// hello, page
	// closed: 1000 normal closure
}
