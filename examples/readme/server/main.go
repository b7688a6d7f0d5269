// Server sends every message back.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/duplexhq/duplex/websocket"
)

func main() {
	log.Fatal(http.ListenAndServe("localhost:8080", websocket.Handler(echo, nil)))
}

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
