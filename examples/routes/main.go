// Routes has a WebSocket beside an ordinary page in one http.ServeMux: at / it
// says Hello to whoever connects and prints what it gets, at /about it serves HTTP.
//
//	go run ./examples/routes
//
// Examples/client connects to it.
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
	l, err := net.Listen("tcp", "localhost:5000")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on ws://%s and http://%[1]s/about\n", l.Addr())
	log.Fatal(http.Serve(l, handler()))
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", websocket.Handler(greet, &websocket.AcceptOptions{Origins: []string{"*"}}))
	mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "There is a WebSocket at /.")
	})
	return mux
}

// greet serves one connection until the client closes it.
func greet(ctx context.Context, c *websocket.Conn) error {
	if err := c.Write(ctx, websocket.Text, []byte("Hello")); err != nil {
		return err
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		fmt.Printf("%q\n", m.Data) // quoted: a terminal obeys what strangers send
	}
	return nil
}
