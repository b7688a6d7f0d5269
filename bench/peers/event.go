package peers

import (
	"context"
	"net"
	"net/http"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// The event server of our own library: with a goroutine for each connection, below
// net/http; with epoll, below net/http; and with epoll on its own listener.
var (
	duplexEventPeer     = eventPeer("duplex-event", event.Goroutines, false)
	duplexEpollHTTPPeer = eventPeer("duplex-epoll-http", event.Epoll, false)
	duplexEpollPeer     = eventPeer("duplex-epoll", event.Epoll, true)
)

func eventPeer(name string, driver event.Driver, listens bool) Peer {
	return Peer{
		Name:            name,
		Module:          duplexConnPeer.Module,
		Best:            Takeover,
		ChecksText:      true,
		MergesFragments: true,
		serve: func(ctx context.Context, l net.Listener, o Options) error {
			return serveEvent(ctx, l, o, driver, listens)
		},
	}
}

func serveEvent(ctx context.Context, l net.Listener, o Options, driver event.Driver, listens bool) error {
	s := event.NewServer(eventHandler(), &event.Options{
		Driver:       driver,
		Subprotocols: o.Subprotocols,
		Compression:  duplexCompression(o),
		MaxMessage:   o.MaxMessage,
		PingInterval: -1,
		MaxQueue:     maxQueue,
		Accept: func(r *event.Request) error {
			r.Data = r.Target == fanPath
			return nil
		},
	})
	stop := context.AfterFunc(ctx, func() { _ = s.Shutdown(ctx) })
	defer stop()
	defer func() { _ = s.Shutdown(ended) }() // drops what is open, and waits
	if listens {
		return s.Serve(l)
	}
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		_, _ = s.Upgrade(w, r, r.URL.Path == fanPath) // an error is answered
	})
}

// ended is a context that is done.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// maxQueue is what may wait on one of our connections, in bytes: a load that sends
// several large messages before it reads is no slow client here.
const maxQueue = 64 << 20

// eventHandler returns what connections do: those whose Data is true are in a group.
func eventHandler() event.Handler {
	fan := new(event.Group)
	fans := func(c *event.Conn) bool { return c.Data() == true }
	return event.Handler{
		OnOpen: func(c *event.Conn) {
			if fans(c) {
				fan.Add(c)
			}
		},
		OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) {
			if !fans(c) {
				_ = c.Send(t, p)
				return
			}
			if m, err := websocket.Prepare(t, p); err == nil {
				fan.Broadcast(m)
			}
		},
		OnClose: func(c *event.Conn, _ error) {
			if fans(c) {
				fan.Remove(c)
			}
		},
	}
}
