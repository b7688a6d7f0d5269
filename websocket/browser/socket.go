package browser

import "sync"

// A WebSocket is one connection to a server, made by New. It connects in the
// background. All methods may be called from any number of goroutines at any time,
// and from handlers; none but Wait blocks.
//
// # Events
//
// The handlers are called one at a time, in the order of the events, from one
// goroutine: at most one open event, then messages, then at most one error event,
// then exactly one close event. A handler may take its time; the next one waits for
// it. ReadyState changes together with the events: it is Open in the open handler
// and Closed in the error and the close handler. Only a call of Close changes it in
// between, to Closing, after which messages are dropped.
//
// No handler is called before Start. Handlers may be set and replaced at any time;
// an event that finds none is dropped, as in a page.
//
// A WebSocket that is no longer needed must be closed.
type WebSocket struct {
	url     string
	starter sync.Once
	started chan struct{}
	done    chan struct{}

	mu         sync.Mutex
	state      ReadyState
	aborted    bool // closed while connecting
	protocol   string
	extensions string
	err        error
	onOpen     func()
	onMessage  func(MessageEvent)
	onError    func(error)
	onClose    func(CloseEvent)

	// link is what connects it to the network: see native.go and js.go.
	link link
}

func newWebSocket(url string) *WebSocket {
	return &WebSocket{url: url, started: make(chan struct{}), done: make(chan struct{})}
}

// URL returns the URL, as it was understood: absolute, with the scheme ws or wss.
func (ws *WebSocket) URL() string { return ws.url }

// ReadyState returns the state of the connection.
func (ws *WebSocket) ReadyState() ReadyState {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.state
}

// Protocol returns the subprotocol the server chose. It is "" before the open
// event, and if none were offered.
func (ws *WebSocket) Protocol() string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.protocol
}

// Extensions returns the extensions in use, in the form of the header
// Sec-WebSocket-Extensions, such as "permessage-deflate". It is "" before the open
// event, and if there are none.
func (ws *WebSocket) Extensions() string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.extensions
}

// BufferedAmount returns how many bytes of payload were given to Send and SendText
// and have not been handed to the network. It does not count what the protocol
// adds, nor what the kernel holds. When the connection ends it stays where it is,
// and grows with everything sent after that.
func (ws *WebSocket) BufferedAmount() int64 {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.link.bufferedAmount()
}

// OnOpen sets the handler of the open event: the connection is there. nil removes it.
func (ws *WebSocket) OnOpen(f func()) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.onOpen = f
}

// OnMessage sets the handler of messages. nil removes it.
func (ws *WebSocket) OnMessage(f func(MessageEvent)) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.onMessage = f
}

// OnError sets the handler of the error event, which comes before the close event
// if the connection was failed by this end: it could not be opened, or the server
// broke the protocol. The loss of an open connection is no error in this sense, but
// a close event with the code 1006. The handler gets what Err will return. nil
// removes it.
func (ws *WebSocket) OnError(f func(error)) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.onError = f
}

// OnClose sets the handler of the close event, the last one. nil removes it.
func (ws *WebSocket) OnClose(f func(CloseEvent)) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.onClose = f
}

// Start lets the events flow. Call it when the handlers are set; further calls do
// nothing. Until then the connection is made, but nothing is read from it.
func (ws *WebSocket) Start() { ws.starter.Do(func() { close(ws.started) }) }

// Wait calls Start, waits until the close handler has returned and returns what Err
// returns. It must not be called from a handler. A program in a page, too, lives
// only as long as its main function: it should end in a Wait.
func (ws *WebSocket) Wait() error {
	ws.Start()
	<-ws.done
	return ws.Err()
}

// Done returns a channel that is closed when the close handler has returned.
func (ws *WebSocket) Done() <-chan struct{} { return ws.done }

// Err returns nil before the connection has ended, and after a clean end. Otherwise
// it returns why the connection failed or was lost: natively the error of package
// websocket, such as a *websocket.HandshakeError or a *websocket.CloseError; in a
// page an error that says no more than that it did.
func (ws *WebSocket) Err() error {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.err
}

// SendText queues s as a text message and returns at once. It returns
// ErrInvalidState while the socket is connecting, and ErrSyntax if s is not UTF-8.
// Once the socket is closing or closed, s is only counted by BufferedAmount.
func (ws *WebSocket) SendText(s string) error {
	if err := checkText("message", s); err != nil {
		return err
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.state == Connecting {
		return errConnecting
	}
	ws.link.sendText(ws, s)
	return nil
}

// Send queues p as a binary message and returns at once. p is copied. It returns
// ErrInvalidState while the socket is connecting. Once the socket is closing or
// closed, p is only counted by BufferedAmount.
func (ws *WebSocket) Send(p []byte) error {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.state == Connecting {
		return errConnecting
	}
	ws.link.sendBinary(ws, p)
	return nil
}

// Close closes the connection, after what is queued has been sent, and returns at
// once; the close event tells how it went. The code is 1000 or in 3000 to 4999,
// otherwise it returns ErrInvalidAccess. The reason is UTF-8 of at most 123 bytes,
// otherwise it returns ErrSyntax. Close(0, "") is close() of a page: it sends no
// code, and the server sees 1005.
//
// While the socket is connecting, Close fails the connection: an error event comes,
// then a close event with the code 1006. While it is closing or closed, Close does
// nothing. Close calls Start.
func (ws *WebSocket) Close(code StatusCode, reason string) error {
	if err := checkClose(code, reason); err != nil {
		return err
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	switch ws.state {
	case Connecting:
		ws.aborted = true
		ws.link.abort()
	case Open:
		ws.link.close(ws, code, reason)
	default:
		return nil
	}
	ws.state = Closing
	ws.Start()
	return nil
}

// opened reports the open event, unless the socket was closed meanwhile: then it
// returns false.
func (ws *WebSocket) opened(protocol, extensions string) bool {
	ws.mu.Lock()
	if ws.aborted {
		ws.mu.Unlock()
		return false
	}
	ws.state, ws.protocol, ws.extensions = Open, protocol, extensions
	f := ws.onOpen
	ws.mu.Unlock()
	if f != nil {
		f()
	}
	return true
}

// received reports a message, unless the socket is closing.
func (ws *WebSocket) received(m MessageEvent) {
	ws.mu.Lock()
	state, f := ws.state, ws.onMessage
	ws.mu.Unlock()
	if state == Open && f != nil {
		f(m)
	}
}

// ended reports the end: an error event if this end failed the connection, and the
// close event e. err says why it was not clean.
func (ws *WebSocket) ended(e CloseEvent, failed bool, err error) {
	ws.mu.Lock()
	if ws.aborted {
		e, failed, err = abnormal, true, errAborted
	}
	ws.state, ws.err = Closed, err
	onError := ws.onError
	ws.mu.Unlock()
	if failed && onError != nil {
		onError(err)
	}
	ws.mu.Lock()
	onClose := ws.onClose
	ws.mu.Unlock()
	if onClose != nil {
		onClose(e)
	}
	close(ws.done)
}
