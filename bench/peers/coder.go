package peers

import (
	"context"
	"net"
	"net/http"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// coderPeer is coder/websocket (once nhooyr's), with Read and Write. It does not
// check text and says in its tests that there is no reason to.
var coderPeer = Peer{
	Name:            "coder",
	Module:          "github.com/coder/websocket",
	Best:            Takeover,
	MergesFragments: true,
	serve:           serveCoder,
}

// coderModes are its words for the ways to compress.
var coderModes = map[Compression]websocket.CompressionMode{
	Off:        websocket.CompressionDisabled,
	NoTakeover: websocket.CompressionNoContextTakeover,
	Takeover:   websocket.CompressionContextTakeover,
}

func serveCoder(ctx context.Context, l net.Listener, o Options) error {
	ao := &websocket.AcceptOptions{
		CompressionMode: coderModes[o.Compression],
		Subprotocols:    o.Subprotocols,
	}
	var fan room[*websocket.Conn]
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, ao)
		if err != nil {
			return // answered by Accept
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(o.MaxMessage)
		write := c.Write
		if r.URL.Path == fanPath {
			fan.join(c)
			defer fan.leave(c)
			write = func(ctx context.Context, kind websocket.MessageType, p []byte) error {
				fan.each(func(c *websocket.Conn) { _ = c.Write(ctx, kind, p) })
				return nil
			}
		}
		// Not the request's context: its documentation advises against that.
		readCoder(context.Background(), c, o, write)
	})
}

// A coderWriter is its Conn.Write, or does as much for many.
type coderWriter func(ctx context.Context, kind websocket.MessageType, p []byte) error

// readCoder hands messages to write until the connection ends.
func readCoder(ctx context.Context, c *websocket.Conn, o Options, write coderWriter) {
	for {
		kind, p, err := c.Read(ctx)
		if err != nil {
			return
		}
		if o.CheckText && kind == websocket.MessageText && !utf8.Valid(p) {
			_ = c.Close(websocket.StatusInvalidFramePayloadData, "")
			return
		}
		if err := write(ctx, kind, p); err != nil {
			return
		}
	}
}
