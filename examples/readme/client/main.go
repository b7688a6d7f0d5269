// Client says hello and prints what the server says.
package main

import (
	"fmt"
	"log"

	"github.com/duplexhq/duplex/websocket/browser"
)

func main() {
	ws, err := browser.New("ws://localhost:8080")
	if err != nil {
		log.Fatal(err)
	}
	ws.OnOpen(func() { _ = ws.SendText("hello") })
	ws.OnMessage(func(m browser.MessageEvent) { fmt.Println(m.Text()) })
	log.Fatal("closed: ", ws.Wait())
}
