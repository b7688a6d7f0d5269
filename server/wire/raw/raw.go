// Package raw is the raw wire form of the topics: a WebSocket at /t/{topic} on
// which a frame is a message. What a socket sends goes to every open socket of
// the topic, itself included, text as text and binary as binary, untouched. It
// is what a plain browser needs: new WebSocket(url), and no protocol on top.
//
// What a protocol would do is done with what every WebSocket has. A session names
// itself in the URL, and goes on where it was: pings that carry cursors tell how far
// it has received, as a browser answers them by itself (RFC 6455 §5.5.3). Close
// codes and their reasons say the rest: docs/reference/protocol.md lists them.
//
// A socket that is silent has neither a goroutine nor a buffer, and one that reads
// slowly costs its window and nothing else: it is a position in the log of its topic
// until it has answered.
package raw

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// Options say how a Wire accepts sockets and how these behave. The zero value, like
// nil, means the defaults.
type Options struct {
	// Event is how sockets are accepted and driven. Its MaxQueue is at least what
	// Window and MaxMessage need: it is Window that bounds what a socket costs. Its
	// QueuePolicy is not used, as nobody waits for a socket.
	Event event.Options

	// Window is how many bytes may be on their way to a socket, each message
	// counted with 48 bytes more: it is sent no more until it has answered a ping.
	// Default [wire.DefaultWindow].
	Window int

	// Refuse answers a request that is no proper handshake, names no topic, or has a
	// parameter that is wrong, and all when the server shuts down. Default:
	// [wire.Problem].
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	// Log is told of what could not be stored. Default: nobody is.
	Log *slog.Logger
}

// A Wire joins the topics of a hub with sockets. It is the handler of a pattern
// such as "/t/{topic}", whose path value "topic" is the topic. Its methods may be
// called concurrently.
type Wire struct {
	hub    *hub.Hub
	server *event.Server
	window int
	policy handshake.Policy
	refuse func(w http.ResponseWriter, r *http.Request, err error)
	log    *slog.Logger
	pinger wire.Pinger

	mu   sync.Mutex
	fans map[string]*fan // of the topics that have members

	name   string        // of this Wire among all that publish to a topic, at random
	opened atomic.Uint64 // sockets so far that needed a name

	closing atomic.Bool
}

// New returns a Wire for the topics of h. o may be nil; it must not be changed
// afterwards. A Wire that is done with needs a call of Shutdown, before the hub is
// closed.
func New(h *hub.Hub, o *Options) *Wire {
	if o == nil {
		o = &Options{}
	}
	w := &Wire{
		hub:    h,
		window: o.Window,
		policy: handshake.Policy{Subprotocols: o.Event.Subprotocols, Origins: o.Event.Origins},
		refuse: o.Refuse,
		log:    o.Log,
		fans:   make(map[string]*fan),
		name:   rand.Text() + ".",
	}
	if w.window <= 0 {
		w.window = wire.DefaultWindow
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.refuse == nil {
		w.refuse = wire.Problem
	}
	settings := o.Event
	settings.QueuePolicy = event.QueueClose
	settings.MaxQueue = max(settings.MaxQueue, wire.QueueFor(w.window, settings.MaxMessage))
	w.server = event.NewServer(event.Handler{
		OnOpen:    func(c *event.Conn) { memberOf(c).open(c) },
		OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) { memberOf(c).publish(c, t, p) },
		OnPong:    func(c *event.Conn, p []byte) { memberOf(c).pong(p) },
		OnClose:   func(c *event.Conn, err error) { memberOf(c).closed(err) },
	}, &settings)
	return w
}

// memberOf returns the member that a socket is the end of.
func memberOf(c *event.Conn) *member {
	m, _ := c.Data().(*member)
	return m
}

// ServeHTTP subscribes and then answers the handshake: when the browser has fired
// "open", no message of the topic passes it by.
func (w *Wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	// First, as who is refused must not have been present for a moment, nor have taken a
	// session over.
	if err := wire.CheckHandshake(r, &w.policy); err != nil {
		w.refuse(rw, r, err)
		return
	}
	if w.closing.Load() {
		w.refuse(rw, r, hub.ErrClosed)
		return
	}
	m, err := w.join(r)
	if err != nil {
		w.refuse(rw, r, err)
		return
	}
	if _, err := w.server.Upgrade(rw, r, m); err != nil {
		m.leave()
	}
}

// join makes a member of the topic that has no socket yet.
func (w *Wire) join(r *http.Request) (*member, error) {
	topic := strings.Clone(r.PathValue("topic")) // and not the request that it is part of
	if err := wire.CheckTopic(topic); err != nil {
		return nil, err
	}
	query, err := wire.Query(r)
	if err != nil {
		return nil, err
	}
	start, err := wire.ParseStart(query)
	if err != nil {
		return nil, err
	}
	m := &member{wire: w, fan: w.enter(topic)}
	o := &hub.SubscribeOptions{After: start.After, Last: start.Last, Latest: true, As: strings.Clone(start.As), Fan: m.fan}
	if start.Session != "" {
		if err := m.resume(strings.Clone(start.Session), topic, o); err != nil {
			m.leave()
			return nil, err
		}
	} else if !start.Self {
		m.from = w.name + strconv.FormatUint(w.opened.Add(1), 36)
	}
	if !start.Self {
		o.Except = m.from
	}
	m.at = o.After
	if m.sub, err = w.hub.Subscribe(topic, m, o); err != nil {
		m.leave()
		return nil, err
	}
	if m.isOver() {
		m.leave()
		return nil, hub.ErrClosed
	}
	return m, nil
}

// Len returns how many sockets are open, or in the opening or closing handshake.
func (w *Wire) Len() int { return w.server.Len() }

// Shutdown closes every socket with 1001 and waits until each has answered or ctx is
// done; what is left then is dropped, and Shutdown returns ctx's error. From its call on
// sockets are refused with 503.
func (w *Wire) Shutdown(ctx context.Context) error {
	w.closing.Store(true)
	return w.server.Shutdown(ctx)
}
