// Chat is a chat room in one page: whatever somebody says, everybody reads. The page
// and its WebSocket share the URL.
//
//	go run ./examples/chat
//
// Then open http://localhost:8080 in two windows.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/duplexhq/duplex/websocket"
)

//go:embed page.html
var page string

func main() {
	l, err := net.Listen("tcp", "localhost:8080")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, handler()))
}

// handler serves the page to whoever does not ask for a WebSocket.
func handler() http.Handler {
	var room websocket.Registry
	chat := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := broadcast(&room, m); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.AcceptOptions{Registry: &room, Compression: &websocket.Compression{}})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(w, page)
			return
		}
		chat.ServeHTTP(w, r)
	})
	return mux
}

// broadcast queues m for everybody in the room, compressed once for all. It waits for
// nobody: who reads so slowly that the queue is full has to go.
func broadcast(room *websocket.Registry, m websocket.Message) error {
	prepared, err := websocket.Prepare(m.Type, m.Data)
	if err != nil {
		return err
	}
	for c := range room.All() {
		if err := c.PostPrepared(prepared); errors.Is(err, websocket.ErrQueueFull) {
			_ = c.CloseNow()
		}
	}
	return nil
}
