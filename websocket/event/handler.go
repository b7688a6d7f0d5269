package event

import "github.com/duplexhq/duplex/websocket"

// A Handler is the functions that are called for what happens to connections. Each
// may be nil. For one connection they are called one at a time, for different
// connections at the same time.
type Handler struct {
	// OnOpen is called when the opening handshake is done, before anything else.
	OnOpen func(c *Conn)

	// OnMessage is called for each message. p is lent until it returns.
	OnMessage func(c *Conn, t websocket.MessageType, p []byte)

	// OnPong is called for each pong, those that answer the keepalive's pings
	// among them, whose payload is empty. p is lent until it returns.
	OnPong func(c *Conn, p []byte)

	// OnClose is called once, when the connection has ended: err is the
	// *websocket.CloseError that says how. Nothing is called after it.
	OnClose func(c *Conn, err error)
}
