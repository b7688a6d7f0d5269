package peers

import (
	"context"
	standard "crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/lesismal/llib/std/crypto/tls"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioPeer is nbio's own engine, an epoll server, as in its Autobahn server. TLS
// is its fork of the standard library's, which needs no goroutine for a connection.
var nbioPeer = Peer{
	Name:            "nbio",
	Module:          "github.com/lesismal/nbio",
	Best:            NoTakeover,
	ChecksText:      true,
	MergesFragments: true,
	serve:           serveNbio,
	ownTLS:          true,
}

func serveNbio(ctx context.Context, l net.Listener, o Options) error {
	logging.SetLevel(logging.LevelNone) // it writes to standard output
	var fan room[*websocket.Conn]
	echoing := nbioUpgrader(o)
	echoing.OnMessage(func(c *websocket.Conn, kind websocket.MessageType, p []byte) { _ = c.WriteMessage(kind, p) })
	fanning := nbioUpgrader(o)
	fanning.OnOpen(fan.join)
	fanning.OnMessage(func(_ *websocket.Conn, kind websocket.MessageType, p []byte) {
		fan.each(func(c *websocket.Conn) { _ = c.WriteMessage(kind, p) })
	})
	fanning.OnClose(func(c *websocket.Conn, _ error) { fan.leave(c) })
	config := nbhttp.Config{
		Network:                 "tcp",
		MaxLoad:                 1 << 20, // connections
		Listen:                  func(string, string) (net.Listener, error) { return l, nil },
		ReleaseWebsocketPayload: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u := echoing
			if r.URL.Path == fanPath {
				u = fanning
			}
			if c, err := u.Upgrade(w, r, nil); err == nil {
				_ = c.SetDeadline(time.Time{})
			}
		}),
	}
	if addrs := []string{l.Addr().String()}; o.TLS == nil {
		config.Addrs = addrs
	} else {
		config.AddrsTLS = addrs
		config.TLSConfig = nbioTLS(o.TLS)
	}
	engine := nbhttp.NewServer(config)
	if err := engine.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	engine.Stop()
	return nil
}

// nbioUpgrader returns one without handlers.
func nbioUpgrader(o Options) *websocket.Upgrader {
	u := websocket.NewUpgrader()
	u.MessageLengthLimit = int(o.MaxMessage)
	u.KeepaliveTime = 0
	u.Subprotocols = o.Subprotocols
	u.EnableCompression(o.Compression != Off)
	return u
}

// nbioTLS returns the configuration for its fork.
func nbioTLS(c *standard.Config) *tls.Config {
	own := new(tls.Config)
	for _, cert := range c.Certificates {
		own.Certificates = append(own.Certificates, tls.Certificate{Certificate: cert.Certificate, PrivateKey: cert.PrivateKey})
	}
	return own
}
