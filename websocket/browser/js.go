//go:build js && wasm

package browser

import (
	"errors"
	"sync"
	"syscall/js"
)

// What a browser tells about an end that was not clean.
var (
	errFailed = errors.New("websocket: the connection failed; a browser does not say why")
	errLost   = errors.New("websocket: connection lost (no close frame)")
)

// New makes a WebSocket that connects to url and offers the subprotocols, best
// first. If any are offered, the connection fails unless the server chooses one.
//
// It returns ErrSyntax if the scheme of url is not ws, wss, http or https, which
// mean ws and wss, if it has a fragment or is not valid otherwise, and if one of the
// subprotocols is no token or stands there twice. All else that goes wrong is told
// by the events. In a page the url may be relative to the page's, and a host that is
// not ASCII is put into its xn-- form; natively both are refused.
//
// A browser may refuse for reasons of its own, such as a SecurityError for a ws URL
// in an https page; the error says so.
func New(url string, protocols ...string) (*WebSocket, error) {
	if err := checkProtocols(protocols); err != nil {
		return nil, err
	}
	class := js.Global().Get("WebSocket")
	if class.IsUndefined() {
		return nil, errors.New("websocket: this JavaScript has no WebSocket")
	}
	names := make([]any, len(protocols))
	for i, p := range protocols {
		names[i] = p
	}
	value, err := construct(class, url, names)
	if err != nil {
		return nil, err
	}
	value.Set("binaryType", "arraybuffer")
	ws := newWebSocket(value.Get("url").String())
	ws.link.attach(value)
	go ws.run()
	return ws, nil
}

// construct is new WebSocket(url, names).
func construct(class js.Value, url string, names []any) (value js.Value, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case js.Error:
			err = thrown(v)
		default:
			panic(v)
		}
	}()
	return class.New(url, names), nil
}

// thrown translates an exception of JavaScript.
func thrown(e js.Error) error {
	name := e.Value.Get("name").String()
	for _, known := range []error{ErrSyntax, ErrInvalidState, ErrInvalidAccess} {
		if name == known.Error() {
			return &exception{known, e.Value.Get("message").String()}
		}
	}
	return &exception{errors.New(name), e.Value.Get("message").String()}
}

// A link is what connects a WebSocket to the page's.
//
// The page's events are not handled where they come in: a callback that waits for
// anything would stop the page for good. They wait in a queue for the goroutine that
// calls the handlers.
type link struct {
	value     js.Value
	callbacks map[string]js.Func // by the property that holds them

	mu     sync.Mutex
	events []event
	more   chan struct{} // capacity 1: there are events
}

// An event is one of the page's events.
type event struct {
	kind    string // the property of its handler, such as "onopen"
	message MessageEvent
	close   CloseEvent
}

// attach makes the link listen to value.
func (l *link) attach(value js.Value) {
	l.value, l.more = value, make(chan struct{}, 1)
	l.callbacks = map[string]js.Func{
		"onopen":    l.listen(func(js.Value) event { return event{kind: "onopen"} }),
		"onmessage": l.listen(func(e js.Value) event { return event{kind: "onmessage", message: messageEvent(e)} }),
		"onerror":   l.listen(func(js.Value) event { return event{kind: "onerror"} }),
		"onclose":   l.listen(func(e js.Value) event { return event{kind: "onclose", close: closeEvent(e)} }),
	}
	for property, f := range l.callbacks {
		value.Set(property, f)
	}
}

// detach lets go of the page's WebSocket, which will send no more events.
func (l *link) detach() {
	for property, f := range l.callbacks {
		l.value.Set(property, js.Null())
		f.Release()
	}
	l.callbacks = nil
}

// listen returns a callback that queues what translate makes of the page's event.
func (l *link) listen(translate func(js.Value) event) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		e := translate(args[0])
		l.mu.Lock()
		l.events = append(l.events, e)
		l.mu.Unlock()
		select {
		case l.more <- struct{}{}:
		default:
		}
		return nil
	})
}

// next waits for events and returns those that are there.
func (l *link) next() []event {
	<-l.more
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

func messageEvent(e js.Value) MessageEvent {
	data := e.Get("data")
	if data.Type() == js.TypeString {
		return MessageEvent{Data: []byte(data.String())}
	}
	array := js.Global().Get("Uint8Array").New(data)
	p := make([]byte, array.Length())
	js.CopyBytesToGo(p, array)
	return MessageEvent{Data: p, Binary: true}
}

func closeEvent(e js.Value) CloseEvent {
	return CloseEvent{
		Code:     StatusCode(e.Get("code").Int()),
		Reason:   e.Get("reason").String(),
		WasClean: e.Get("wasClean").Bool(),
	}
}

// run is the life of a socket. The handlers are called from here.
func (ws *WebSocket) run() {
	<-ws.started
	failed := false
	for {
		for _, e := range ws.link.next() {
			switch e.kind {
			case "onopen":
				value := ws.link.value
				ws.opened(value.Get("protocol").String(), value.Get("extensions").String())
			case "onmessage":
				ws.received(e.message)
			case "onerror":
				failed = true // the close event follows at once
			case "onclose":
				ws.link.detach()
				ws.ended(e.close, failed, ending(e.close, failed))
				return
			}
		}
	}
}

// ending returns why an end was not clean.
func ending(e CloseEvent, failed bool) error {
	switch {
	case failed:
		return errFailed
	case !e.WasClean:
		return errLost
	default:
		return nil
	}
}

func (l *link) bufferedAmount() int64 { return int64(l.value.Get("bufferedAmount").Float()) }

func (l *link) abort() { l.value.Call("close") }

func (l *link) sendText(_ *WebSocket, s string) { l.value.Call("send", s) }

func (l *link) sendBinary(_ *WebSocket, p []byte) {
	array := js.Global().Get("Uint8Array").New(len(p))
	js.CopyBytesToJS(array, p)
	l.value.Call("send", array)
}

func (l *link) close(_ *WebSocket, code StatusCode, reason string) {
	if code == 0 {
		l.value.Call("close")
		return
	}
	l.value.Call("close", int(code), reason)
}
