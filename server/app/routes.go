package app

import (
	"net/http"

	"github.com/duplexhq/duplex/server/web"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/server/wire/json"
	"github.com/duplexhq/duplex/server/wire/poll"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/server/wire/sse"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// build makes the wires of the hub, and the table of what is where.
func (a *App) build() http.Handler {
	c := &a.config
	o := event.Options{
		Origins:    c.Origins,
		MaxMessage: c.MaxMessage,
		Panicked: func(_ *event.Conn, value any, stack []byte) {
			c.Log.Error("panic", "value", value, "stack", string(stack))
		},
	}
	if c.Compress {
		o.Compression = &websocket.Compression{}
	}
	f := &forms{
		raw:    raw.New(a.hub, &raw.Options{Event: o, Log: c.Log, Refuse: wire.Problem}),
		json:   json.New(a.hub, &json.Options{Event: o, Log: c.Log}),
		echo:   event.NewServer(event.Handler{OnMessage: echo}, &o),
		pages:  handshake.Policy{Origins: c.Origins},
		stream: sse.New(a.hub, &sse.Options{Origins: c.Origins, Until: a.ending}),
		http:   poll.New(a.hub, &poll.Options{Origins: c.Origins, MaxMessage: c.MaxMessage, Until: a.ending, Log: c.Log}),
		none:   wire.Guard(c.Origins, "GET, HEAD, POST", http.HandlerFunc(notTopic)),
	}
	a.sockets = []sockets{f.raw, f.json, f.echo}
	return f.routes()
}

// The forms are what there is at the paths of the server.
type forms struct {
	raw, json, echo sockets
	pages           handshake.Policy // which may open the echo
	stream          http.Handler
	http            poll.Handlers
	none            http.Handler // at and below /t, where no topic is
}

func (f *forms) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.Handle("/ws", f.json)
	mux.HandleFunc("/echo", f.openEcho)
	mux.Handle("/t/{topic}", f.topic())
	mux.Handle("/t/{topic}/presence", f.http.Presence)
	mux.Handle("/t", f.none)
	mux.Handle("/t/", f.none)
	mux.Handle("/topics", f.http.Topics)
	mux.Handle("/batch", f.http.Batch)
	mux.HandleFunc("/healthz", healthy)
	return mux
}

// topic chooses between the forms that a topic has at one URL.
func (f *forms) topic() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case isHandshake(r):
			f.raw.ServeHTTP(w, r)
		case reads && wire.WantsEvents(r):
			f.stream.ServeHTTP(w, r)
		default:
			f.http.Topic.ServeHTTP(w, r)
		}
	})
}

// openEcho refuses in the words of the other forms.
func (f *forms) openEcho(w http.ResponseWriter, r *http.Request) {
	if err := wire.CheckHandshake(r, &f.pages); err != nil {
		wire.Problem(w, r, err)
		return
	}
	f.echo.ServeHTTP(w, r)
}

// isHandshake tells whether a request means to open a WebSocket, well or badly: what is
// wrong with it the handshake can say best.
func isHandshake(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	return r.Header.Get("Sec-WebSocket-Key") != "" || handshake.HasToken(r.Header["Upgrade"], "websocket")
}

// notTopic answers what is at or below /t, and nothing.
func notTopic(w http.ResponseWriter, r *http.Request) {
	wire.Problem(w, r, &wire.Refusal{
		Status: http.StatusNotFound,
		Code:   "bad_topic",
		Detail: "there is nothing here: a topic is at /t/{topic}, one name without slashes, and who is there at /t/{topic}/presence",
	})
}

// healthy answers those who ask whether the process is alive.
func healthy(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wire.Problem(w, r, wire.MethodNotAllowed("GET, HEAD"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// echo sends every message back. A client that does not read what comes back is not
// read from meanwhile.
func echo(c *event.Conn, t websocket.MessageType, p []byte) { _ = c.Send(t, p) }
