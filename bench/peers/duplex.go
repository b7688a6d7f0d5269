package peers

import (
	"context"
	"net"

	"github.com/duplexhq/duplex/websocket"
)

// duplexPeer is our own library, with its Handler.
var duplexPeer = Peer{
	Name:            "duplex",
	Module:          "github.com/duplexhq/duplex",
	Best:            Takeover,
	ChecksText:      true,
	MergesFragments: true,
	serve:           serveDuplex,
}

func serveDuplex(ctx context.Context, l net.Listener, o Options) error {
	ao := &websocket.AcceptOptions{MaxMessage: o.MaxMessage, Subprotocols: o.Subprotocols}
	if o.Compression != Off {
		alone := o.Compression == NoTakeover
		ao.Compression = &websocket.Compression{
			NoContextTakeover: alone, PeerNoContextTakeover: alone,
			WindowBits: o.WindowBits, PeerWindowBits: o.WindowBits,
		}
	}
	h := websocket.Handler(echoDuplex, ao)
	return serveHTTP(ctx, l, h.ServeHTTP)
}

func echoDuplex(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}
