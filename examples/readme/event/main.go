// Server sends every message back, on listeners of its own.
package main

import (
	"log"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

func main() {
	s := event.NewServer(event.Handler{OnMessage: echo}, nil)
	log.Fatal(s.ListenAndServe("localhost:8080"))
}

func echo(c *event.Conn, t websocket.MessageType, p []byte) { _ = c.Send(t, p) }
