package peers

import (
	"context"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// gorillaPeer is the echo of gorilla's package comment, which says that it is the
// application's responsibility to ensure that text messages are valid UTF-8.
var gorillaPeer = Peer{
	Name:            "gorilla",
	Module:          "github.com/gorilla/websocket",
	Best:            NoTakeover,
	MergesFragments: true,
	serve:           serveGorilla,
}

func serveGorilla(ctx context.Context, l net.Listener, o Options) error {
	u := &websocket.Upgrader{
		EnableCompression: o.Compression != Off,
		Subprotocols:      o.Subprotocols,
	}
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return // answered by Upgrade
		}
		defer c.Close()
		c.SetReadLimit(o.MaxMessage)
		echoGorilla(c, o)
	})
}

// echoGorilla echoes until an error, for which the library has sent the close
// frame.
func echoGorilla(c *websocket.Conn, o Options) {
	for {
		kind, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		if o.CheckText && kind == websocket.TextMessage && !utf8.Valid(p) {
			why := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			_ = c.WriteControl(websocket.CloseMessage, why, time.Now().Add(time.Second))
			return
		}
		if err := c.WriteMessage(kind, p); err != nil {
			return
		}
	}
}
