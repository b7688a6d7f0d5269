// Client is a client in the style of a web page's WebSocket: it prints its events,
// sends Goodbye and closes when the first answer has come.
//
//	go run ./examples/client [url]
//
// Without a URL it connects to examples/routes.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/duplexhq/duplex/websocket/browser"
)

func main() {
	url := "ws://localhost:5000"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	if err := talk(url); err != nil {
		log.Fatal(err)
	}
}

// talk returns when the connection has been closed.
func talk(url string) error {
	ws, err := browser.New(url)
	if err != nil {
		return err
	}
	ws.OnOpen(func() {
		fmt.Println("open")
		_ = ws.SendText("Goodbye") // what goes wrong on the way, Wait returns
	})
	ws.OnMessage(func(m browser.MessageEvent) {
		fmt.Println("message:", m.Text())
		_ = ws.Close(1000, "")
	})
	ws.OnClose(func(e browser.CloseEvent) { fmt.Println("close:", e.Code) })
	return ws.Wait()
}
