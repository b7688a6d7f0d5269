// Command transcript drives a few WebSockets and prints what happens. It is built
// for this machine and for a page, and has to print the same in both.
//
//	transcript URL    where browsertest.Handler is served
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/duplexhq/duplex/websocket/browser"
)

func main() {
	server := os.Args[1]
	talk(server + "/echo?id=transcript")
	receive(server + "/end?id=transcript")
	receive(server + "/hello?code=4321&reason=that%27s+all")
	receive(server + "/close")
	receive(server + "/break")
	receive(server + "/refuse")
	receive(server+"/plain", "chat.v1")
	drop(server + "/drop")
	hasty(server + "/hang")
	refused(server)
}

// open makes a WebSocket that prints its events.
func open(url string, protocols ...string) *browser.WebSocket {
	ws, err := browser.New(url, protocols...)
	if err != nil {
		fmt.Println("cannot make it:", err)
		os.Exit(1)
	}
	fmt.Println("new", url[strings.LastIndex(url, "/"):], protocols, ws.ReadyState())
	state := func() string {
		return fmt.Sprintf("state=%v protocol=%q extensions=%q", ws.ReadyState(), ws.Protocol(), ws.Extensions())
	}
	ws.OnOpen(func() { fmt.Println("  open", state()) })
	ws.OnMessage(func(m browser.MessageEvent) { fmt.Printf("  message binary=%v %q %s\n", m.Binary, m.Data, state()) })
	ws.OnError(func(error) { fmt.Println("  error", state()) })
	ws.OnClose(func(e browser.CloseEvent) {
		fmt.Printf("  close code=%d reason=%q clean=%v buffered=%d %s\n", uint16(e.Code), e.Reason, e.WasClean, ws.BufferedAmount(), state())
	})
	return ws
}

// receive waits for whatever the server does.
func receive(url string, protocols ...string) {
	ws := open(url, protocols...)
	fmt.Println("  unclean:", ws.Wait() != nil)
}

// talk has a conversation and tries what must not be.
func talk(url string) {
	ws := open(url, "chat.v1", "chat.v2")
	try("send while connecting", ws.SendText("x"))
	heard := make(chan string)
	ws.OnMessage(func(m browser.MessageEvent) { heard <- fmt.Sprintf("%v %q", m.Binary, m.Data) })
	opened := make(chan bool)
	ws.OnOpen(func() { opened <- true })
	ws.Start()
	<-opened
	fmt.Println("  opened", ws.ReadyState(), ws.Protocol())
	for _, text := range []string{"", "Grüße, 世界 🌍", strings.Repeat("long ", 3)} {
		try("send text", ws.SendText(text))
		fmt.Println("  heard", <-heard)
		try("send binary", ws.Send([]byte(text)))
		fmt.Println("  heard", <-heard)
	}
	try("send text that is not UTF-8", ws.SendText("\xc3"))
	for _, code := range []browser.StatusCode{1, 1001, 1006, 2999, 5000} {
		try(fmt.Sprint("close with ", uint16(code)), ws.Close(code, ""))
	}
	try("close with a long reason", ws.Close(1000, strings.Repeat("r", 124)))
	// While a handler runs no other event comes, the close event neither.
	ws.OnMessage(func(browser.MessageEvent) {
		try("close", ws.Close(3333, "Grüße"))
		fmt.Println("  now", ws.ReadyState())
		try("close again", ws.Close(3334, ""))
		try("send while closing", ws.SendText("five€"))
	})
	try("send text", ws.SendText("the last one"))
	fmt.Println("  unclean:", ws.Wait() != nil)
	try("send when closed", ws.Send(make([]byte, 1000)))
	fmt.Println("  buffered", ws.BufferedAmount())
}

// drop has the server drop the connection.
func drop(url string) {
	ws := open(url)
	ws.OnOpen(func() { try("send", ws.SendText("drop it")) })
	fmt.Println("  unclean:", ws.Wait() != nil)
}

// hasty closes before the connection is there.
func hasty(url string) {
	ws := open(url)
	try("close", ws.Close(1000, "never mind"))
	// Natively the end may have come already.
	fmt.Println("  now closing or closed:", ws.ReadyState() >= browser.Closing)
	fmt.Println("  unclean:", ws.Wait() != nil)
}

// refused prints what New says to arguments that are wrong.
func refused(server string) {
	for _, url := range []string{"ftp://example.com", "ws://example.com/#f", "ws://", "ws://[::1", "ws://example.com:99999"} {
		_, err := browser.New(url)
		try("new "+url, err)
	}
	_, err := browser.New(server, "one", "two", "one")
	try("new with a subprotocol twice", err)
	_, err = browser.New(server, "not a token")
	try("new with a bad subprotocol", err)
}

// try prints which exception came of something, without its words: those are the
// browser's own.
func try(what string, err error) {
	for _, known := range []error{browser.ErrSyntax, browser.ErrInvalidState, browser.ErrInvalidAccess} {
		if errors.Is(err, known) {
			fmt.Printf("  %s: %v\n", what, known)
			return
		}
	}
	fmt.Printf("  %s: %v\n", what, err)
}
