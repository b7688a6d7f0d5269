// Package browser is the WebSocket of web pages, as the WHATWG WebSockets Standard
// describes it, for Go programs: the same client source runs natively and, built
// with GOOS=js GOARCH=wasm, in a page.
//
//	ws, err := browser.New("wss://example.com/feed")
//	if err != nil {
//		return err
//	}
//	ws.OnOpen(func() { _ = ws.SendText("hello") })
//	ws.OnMessage(func(m browser.MessageEvent) { fmt.Println(m.Text()) })
//	return ws.Wait()
//
// Natively it stands on package websocket, in a page on the page's own WebSocket
// and on nothing that knows HTTP: such a program carries neither net/http nor
// package websocket.
//
// # From JavaScript to Go
//
//	new WebSocket(url, protocols)      New(url, protocols...)
//	ws.onmessage = f                   ws.OnMessage(f), then ws.Start() or ws.Wait()
//	ws.send("text")  ws.send(bytes)    ws.SendText("text")  ws.Send(bytes)
//	ws.close()  ws.close(4000, "why")  ws.Close(0, "")  ws.Close(4000, "why")
//	ws.readyState, url, protocol, …    ws.ReadyState(), URL(), Protocol(), …
//	SyntaxError and the like, thrown   ErrSyntax and the like, returned
//
// There is no binaryType: it lets a page choose between a Blob, which may lie on
// disk and is read later, and an ArrayBuffer in memory. A Go program wants bytes,
// and gets them.
//
// Start is not in the standard. In a page nothing happens before the script has
// returned, so it can set its handlers in peace; a Go program runs beside its
// sockets. Events therefore wait until Start: a handler set before it misses none.
//
// # Caveats
//
//   - Send never waits, and what the peer does not take is kept, without a bound. A
//     program that sends much must look at BufferedAmount, as in a page.
//   - Natively no cookies and no Origin are sent, and a redirect is not followed;
//     NewWithOptions can change that.
//   - Natively a message may be as large as memory allows, as in a page. To bound
//     it, use NewWithOptions with a MaxMessage.
//   - Natively a peer that is dead or takes nothing for long is found, by the pings
//     and the write timeout of package websocket, and the connection is lost.
//     Browsers may wait for ever.
//   - Natively the next message is read when the handler has returned, which slows
//     down a peer that sends too fast. In a page, messages wait in memory.
//   - The Err of a page knows no more than that the connection failed or was lost:
//     browsers keep the reason to themselves, as the standard demands.
package browser
