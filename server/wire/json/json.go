// Package json is the JSON wire form of the topics: many of them over one WebSocket at
// /ws, one JSON object in each text frame, small enough to type by hand. Its
// subprotocol is duplex.v1.json; docs/reference/protocol.md is the whole of it.
//
// A socket that is silent has neither a goroutine nor a buffer. All subscriptions of a
// socket share one window: a client that reads slowly is sent no more until it has
// answered a ping, and until then its subscriptions are positions in the logs of their
// topics. What a client asks for that takes a disk is done elsewhere, one request of
// each client at a time.
package json

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// Subprotocol is the name of this form in Sec-WebSocket-Protocol.
const Subprotocol = "duplex.v1.json"

// DefaultMaxSubscriptions is the default of [Options.MaxSubscriptions].
const DefaultMaxSubscriptions = 1000

// frameExtra is what a frame may have beside a payload, in bytes.
const frameExtra = 4 << 10

// Clients that are told to come back later do so after a time in this range, at random,
// so that they do not all come together.
const (
	leastRetry = 500 * time.Millisecond
	mostRetry  = 5 * time.Second
)

// An Identity is what a token says of the client that has it.
type Identity struct {
	Name    string    // who it is: the publisher of its messages, and the only name it may be present under; "" for nobody
	Expires time.Time // when the client must have given another token; zero for never
}

// Options say how a Wire accepts sockets and how these behave. The zero value, like
// nil, means the defaults.
type Options struct {
	// Event is how sockets are accepted and driven. Its MaxQueue is at least what
	// Window and MaxMessage need: it is Window that bounds what a socket costs. Its
	// QueuePolicy is not used, as nobody waits for a socket, nor its Subprotocols.
	Event event.Options

	// Window is how many bytes may be on their way to a socket, each message
	// counted with 48 bytes more: it is sent no messages until it has answered a
	// ping. Default [wire.DefaultWindow].
	Window int

	// MaxSubscriptions is how many subscriptions a socket may have. Default
	// [DefaultMaxSubscriptions].
	MaxSubscriptions int

	// Authenticate tells who has a token, with an error that clients do not see if
	// nobody has. It is called by many goroutines at the same time and may take its
	// time: only the client that asks waits. Default: auth is answered with
	// "unsupported".
	Authenticate func(token string) (Identity, error)

	// Refuse answers a request that is no proper handshake, or offers subprotocols, but
	// not this one, and all when the server shuts down. Default: [wire.Problem].
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	// Log is told of what could not be stored. Default: nobody is.
	Log *slog.Logger
}

// A Wire joins a hub with sockets. It is the handler of a path such as "/ws". Its
// methods may be called concurrently.
type Wire struct {
	hub          *hub.Hub
	server       *event.Server
	window       int
	most         int   // subscriptions of a socket
	largest      int64 // payload, in bytes; negative: any
	authenticate func(token string) (Identity, error)
	policy       handshake.Policy
	refuse       func(w http.ResponseWriter, r *http.Request, err error)
	log          *slog.Logger
	readers      readers
	name         string        // of this Wire among all that publish to a topic, at random
	named        atomic.Uint64 // sockets so far that needed a name
	closing      atomic.Bool
}

// New returns a Wire for the topics of h. o may be nil; it must not be changed
// afterwards. A Wire that is done with needs a call of Shutdown, before the hub is
// closed.
func New(h *hub.Hub, o *Options) *Wire {
	if o == nil {
		o = &Options{}
	}
	w := &Wire{
		hub:          h,
		window:       o.Window,
		most:         o.MaxSubscriptions,
		authenticate: o.Authenticate,
		policy:       handshake.Policy{Subprotocols: []string{Subprotocol}, Origins: o.Event.Origins},
		refuse:       o.Refuse,
		log:          o.Log,
		name:         rand.Text() + ".",
	}
	w.setDefaults()
	w.readers.init(h)
	settings := o.Event
	settings.Subprotocols = []string{Subprotocol}
	settings.QueuePolicy = event.QueueClose
	w.largest = cmp.Or(settings.MaxMessage, websocket.DefaultMaxMessage)
	settings.MaxMessage = w.largest
	if w.largest > 0 {
		settings.MaxMessage = 2*w.largest + frameExtra
	}
	settings.MaxQueue = max(settings.MaxQueue, wire.QueueFor(w.window, settings.MaxMessage))
	w.server = event.NewServer(event.Handler{
		OnOpen:    func(c *event.Conn) { socketOf(c).open(c) },
		OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) { socketOf(c).receive(t, p) },
		OnPong:    func(c *event.Conn, p []byte) { socketOf(c).pong(p) },
		OnClose:   func(c *event.Conn, _ error) { socketOf(c).closed() },
	}, &settings)
	return w
}

func (w *Wire) setDefaults() {
	if w.window <= 0 {
		w.window = wire.DefaultWindow
	}
	if w.most <= 0 {
		w.most = DefaultMaxSubscriptions
	}
	if w.refuse == nil {
		w.refuse = wire.Problem
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
}

// socketOf returns the socket of a connection.
func socketOf(c *event.Conn) *socket {
	s, _ := c.Data().(*socket)
	return s
}

// ServeHTTP answers the handshake. A client that offers subprotocols must offer this
// one among them: it could only be answered without one, and a browser would then
// fail the connection without saying why.
func (w *Wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	offered := r.Header["Sec-Websocket-Protocol"]
	if len(offered) > 0 && !handshake.HasToken(offered, Subprotocol) {
		w.refuse(rw, r, wire.BadRequest("the subprotocol here is %s; offer it, or none", Subprotocol))
		return
	}
	if err := wire.CheckHandshake(r, &w.policy); err != nil {
		w.refuse(rw, r, err)
		return
	}
	if w.closing.Load() {
		w.refuse(rw, r, hub.ErrClosed)
		return
	}
	_, _ = w.server.Upgrade(rw, r, &socket{wire: w})
}

// newName returns a name for a socket that no other socket has.
func (w *Wire) newName() string { return w.name + strconv.FormatUint(w.named.Add(1), 36) }

// Len returns how many sockets are open, or in the opening or closing handshake.
func (w *Wire) Len() int { return w.server.Len() }

// Shutdown says bye to every socket, closes it with 1001, and waits until each has
// answered or ctx is done; what is left then is dropped, and Shutdown returns ctx's
// error. From its call on sockets are refused with 503.
func (w *Wire) Shutdown(ctx context.Context) error {
	w.closing.Store(true)
	for c := range w.server.All() {
		socketOf(c).bye("shutdown")
	}
	err := w.server.Shutdown(ctx)
	w.readers.close()
	return err
}

// retryAfter returns after how many milliseconds a client is to come back.
func retryAfter() int64 {
	return (leastRetry + mathrand.N(mostRetry-leastRetry)).Milliseconds()
}
