package peers

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// gorillaPeer is the echo of gorilla's package comment, which says that it is the
// application's responsibility to ensure that text messages are valid UTF-8. With a
// pool of buffers for writing, and prepared messages for a fan-out.
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
		WriteBufferPool:   new(sync.Pool),
	}
	var fan room[*websocket.Conn]
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return // answered by Upgrade
		}
		defer c.Close()
		c.SetReadLimit(o.MaxMessage)
		write := c.WriteMessage
		if r.URL.Path == fanPath {
			fan.join(c)
			defer fan.leave(c)
			write = func(kind int, p []byte) error { return fanGorilla(&fan, kind, p) }
		}
		readGorilla(c, o, write)
	})
}

// fanGorilla sends a message to all, one after the other: the lock of the room is
// what keeps writers apart.
func fanGorilla(fan *room[*websocket.Conn], kind int, p []byte) error {
	m, err := websocket.NewPreparedMessage(kind, p)
	if err != nil {
		return err
	}
	fan.each(func(c *websocket.Conn) { _ = c.WritePreparedMessage(m) })
	return nil
}

// readGorilla hands messages to write until an error, for which the library has
// sent the close frame.
func readGorilla(c *websocket.Conn, o Options, write func(kind int, p []byte) error) {
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
		if err := write(kind, p); err != nil {
			return
		}
	}
}
