package peers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/websocket"
)

// xnetPeer is golang.org/x/net/websocket, with a codec of its documented kind
// that keeps the type of a message. It knows no extensions.
var xnetPeer = Peer{
	Name:   "xnet",
	Module: "golang.org/x/net",
	Best:   Off,
	serve:  serveXnet,
}

func serveXnet(ctx context.Context, l net.Listener, o Options) error {
	var fan room[*websocket.Conn]
	s := websocket.Server{
		Handshake: func(c *websocket.Config, r *http.Request) error { return admitXnet(c, r, o.Subprotocols) },
		Handler: func(c *websocket.Conn) {
			defer c.Close() // sends the close frame
			c.MaxPayloadBytes = int(o.MaxMessage)
			send := func(m *xnetMessage) error { return xnetCodec.Send(c, m) }
			if c.Request().URL.Path == fanPath {
				fan.join(c)
				defer fan.leave(c)
				send = func(m *xnetMessage) error {
					fan.each(func(c *websocket.Conn) { _ = xnetCodec.Send(c, m) })
					return nil
				}
			}
			readXnet(c, o, send)
		},
	}
	return serveHTTP(ctx, l, s.ServeHTTP)
}

// admitXnet lets in programs, which send no Origin, and pages of this host, and
// chooses the subprotocol. A Server needs such a function: the Handler alone
// refuses everything that is not a browser.
func admitXnet(c *websocket.Config, r *http.Request, subprotocols []string) error {
	origin, err := websocket.Origin(c, r)
	if err != nil {
		return err
	}
	if origin != nil && !strings.EqualFold(origin.Host, r.Host) {
		return errors.New("foreign origin")
	}
	offered := c.Protocol
	c.Protocol = nil
	if i := slices.IndexFunc(subprotocols, func(s string) bool { return slices.Contains(offered, s) }); i >= 0 {
		c.Protocol = subprotocols[i : i+1]
	}
	return nil
}

// xnetMessage is a message with its type.
type xnetMessage struct {
	kind byte
	data []byte
}

var xnetCodec = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		m, ok := v.(*xnetMessage)
		if !ok {
			return nil, 0, websocket.ErrNotSupported
		}
		return m.data, m.kind, nil
	},
	Unmarshal: func(data []byte, kind byte, v any) error {
		m, ok := v.(*xnetMessage)
		if !ok {
			return websocket.ErrNotSupported
		}
		m.kind, m.data = kind, data
		return nil
	},
}

// readXnet hands messages to send until the connection ends.
func readXnet(c *websocket.Conn, o Options, send func(*xnetMessage) error) {
	var m xnetMessage
	for {
		if err := xnetCodec.Receive(c, &m); err != nil {
			return
		}
		if o.CheckText && m.kind == websocket.TextFrame && !utf8.Valid(m.data) {
			return // it can send no close code of the application's choice
		}
		if err := send(&m); err != nil {
			return
		}
	}
}
