// Echo answers every message with "Echo: " and the same again.
//
//	go run ./examples/echo
//
// Try it from the console of any web page:
//
//	ws = new WebSocket('ws://localhost:6789')
//	ws.onmessage = e => console.log(e.data)
//	ws.onopen = () => ws.send('hello')
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/duplexhq/duplex/websocket"
)

func main() {
	l, err := net.Listen("tcp", "localhost:6789")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on ws://%s\n", l.Addr())
	log.Fatal(http.Serve(l, handler()))
}

// handler lets every web page in: an echo has nothing to protect. Without Origins
// only pages of the same origin may connect.
func handler() http.Handler {
	return websocket.Handler(echo, &websocket.AcceptOptions{Origins: []string{"*"}})
}

// echo serves one connection until the client closes it.
func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, append([]byte("Echo: "), m.Data...)); err != nil {
			return err
		}
	}
	return nil
}
