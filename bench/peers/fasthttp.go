package peers

import (
	"context"
	"io"
	"log"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// fasthttpPeer is the fork of gorilla's library for the server of valyala/fasthttp,
// set up like the original.
var fasthttpPeer = Peer{
	Name:            "fasthttp",
	Module:          "github.com/fasthttp/websocket",
	Best:            NoTakeover,
	MergesFragments: true,
	serve:           serveFasthttp,
}

func serveFasthttp(ctx context.Context, l net.Listener, o Options) error {
	u := &websocket.FastHTTPUpgrader{
		EnableCompression: o.Compression != Off,
		Subprotocols:      o.Subprotocols,
		WriteBufferPool:   new(sync.Pool),
	}
	var fan room[*websocket.Conn]
	s := &fasthttp.Server{
		MaxIdleWorkerDuration: time.Second, // its goroutine for that outlives the server by so much
		ReadTimeout:           headerTimeout,
		Logger:                log.New(io.Discard, "", 0),
		Handler: func(r *fasthttp.RequestCtx) {
			fans := string(r.Path()) == fanPath
			// An error is answered by Upgrade.
			_ = u.Upgrade(r, func(c *websocket.Conn) {
				_ = c.SetReadDeadline(time.Time{}) // ReadTimeout was for the request
				c.SetReadLimit(o.MaxMessage)
				write := c.WriteMessage
				if fans {
					fan.join(c)
					defer fan.leave(c)
					write = func(kind int, p []byte) error { return fanFasthttp(&fan, kind, p) }
				}
				readFasthttp(c, o, write)
			})
		},
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	if err := s.Serve(l); err != nil {
		return err
	}
	return net.ErrClosed // of which it makes nothing
}

// fanFasthttp does what fanGorilla does.
func fanFasthttp(fan *room[*websocket.Conn], kind int, p []byte) error {
	m, err := websocket.NewPreparedMessage(kind, p)
	if err != nil {
		return err
	}
	fan.each(func(c *websocket.Conn) { _ = c.WritePreparedMessage(m) })
	return nil
}

// readFasthttp does what readGorilla does.
func readFasthttp(c *websocket.Conn, o Options, write func(kind int, p []byte) error) {
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
