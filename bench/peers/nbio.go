package peers

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioPeer is nbio's own engine, an epoll server, as in its Autobahn server.
var nbioPeer = Peer{
	Name:            "nbio",
	Module:          "github.com/lesismal/nbio",
	Best:            NoTakeover,
	ChecksText:      true,
	MergesFragments: true,
	serve:           serveNbio,
}

func serveNbio(ctx context.Context, l net.Listener, o Options) error {
	logging.SetLevel(logging.LevelNone) // it writes to standard output
	u := websocket.NewUpgrader()
	u.MessageLengthLimit = int(o.MaxMessage)
	u.KeepaliveTime = 0
	u.Subprotocols = o.Subprotocols
	u.EnableCompression(o.Compression != Off)
	u.OnMessage(func(c *websocket.Conn, kind websocket.MessageType, p []byte) {
		_ = c.WriteMessage(kind, p)
	})
	engine := nbhttp.NewServer(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{l.Addr().String()},
		Listen:                  func(string, string) (net.Listener, error) { return l, nil },
		ReleaseWebsocketPayload: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := u.Upgrade(w, r, nil); err == nil {
				_ = c.SetDeadline(time.Time{})
			}
		}),
	})
	if err := engine.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	engine.Stop()
	return nil
}
