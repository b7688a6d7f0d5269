package peers

import (
	"context"
	"net"
	"net/http"

	"github.com/duplexhq/duplex/websocket"
)

// duplexConnPeer is our own library with its blocking Conn, below net/http, and messages
// that are lent.
var duplexConnPeer = Peer{
	Name:            "duplex-conn",
	Module:          "github.com/duplexhq/duplex",
	Best:            Takeover,
	ChecksText:      true,
	MergesFragments: true,
	serve:           serveDuplexConn,
}

// duplexCompression returns what Options ask for in the words of our library.
func duplexCompression(o Options) *websocket.Compression {
	if o.Compression == Off {
		return nil
	}
	alone := o.Compression == NoTakeover
	return &websocket.Compression{
		NoContextTakeover: alone, PeerNoContextTakeover: alone,
		WindowBits: o.WindowBits, PeerWindowBits: o.WindowBits,
	}
}

func serveDuplexConn(ctx context.Context, l net.Listener, o Options) error {
	ao := &websocket.AcceptOptions{
		MaxMessage: o.MaxMessage, Subprotocols: o.Subprotocols, Compression: duplexCompression(o), PingInterval: -1, MaxQueue: maxQueue,
	}
	fan := new(room[*websocket.Conn])
	mux := http.NewServeMux()
	mux.Handle(fanPath, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return fanDuplexConn(ctx, c, fan)
	}, ao))
	mux.Handle("/", websocket.Handler(echoDuplexConn, ao))
	return serveHTTP(ctx, l, mux.ServeHTTP)
}

// postLimit is the size in bytes from which a message is written at once, without a copy.
const postLimit = 16 << 10

func echoDuplexConn(ctx context.Context, c *websocket.Conn) error {
	for {
		kind, p, err := c.Next(ctx)
		if err != nil {
			return err
		}
		if len(p) <= postLimit { // answers to what came together leave together
			err = c.Post(kind, p)
		} else {
			err = c.Write(ctx, kind, p)
		}
		if err != nil {
			return err
		}
	}
}

// fanDuplexConn posts each message to everybody, encoded once.
func fanDuplexConn(ctx context.Context, c *websocket.Conn, fan *room[*websocket.Conn]) error {
	fan.join(c)
	defer fan.leave(c)
	for {
		kind, p, err := c.Next(ctx)
		if err != nil {
			return err
		}
		m, err := websocket.Prepare(kind, p)
		if err != nil {
			return err
		}
		fan.each(func(c *websocket.Conn) { _ = c.PostPrepared(m) })
	}
}
