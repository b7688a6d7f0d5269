// Package raw is the raw wire form of the topics: a WebSocket at /t/{topic} on
// which a frame is a message. What a socket sends goes to every open socket of
// the topic, itself included, text as text and binary as binary, untouched. It
// is what a plain browser needs: new WebSocket(url), and no protocol on top.
//
// It is a room of both wings: a member is a Sink to the hub and a Conn to the
// library, and the messages of a topic are encoded into frames here, once for
// all members.
package raw

import (
	"context"
	"net/http"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
)

// A wire connects the topics of a hub with sockets.
type wire struct {
	hub    *hub.Hub
	accept http.Handler // of the library; runs serve

	mu    sync.Mutex
	rooms map[string]*room // the topics that have members
}

// memberKey is the key of the *member in the context of its request.
type memberKey struct{}

// Handler returns the handler of the raw rooms of h. The topic is the path
// value "topic", so it belongs to a pattern such as "/t/{topic}". o says how
// sockets are accepted; nil means the defaults.
//
// A socket is a member of its room before its handshake is answered: once the
// browser has fired "open", no message of the topic passes it by. A name that is no
// topic is answered with 400 and a sentence. A member that reads so slowly that
// MaxQueue bytes wait for it is closed with 1013 and the reason "too slow";
// nobody else waits for it meanwhile.
func Handler(h *hub.Hub, o *websocket.AcceptOptions) http.Handler {
	var options websocket.AcceptOptions
	if o != nil {
		options = *o
	}
	options.Trace = leaveIfRefused(options.Trace)
	w := &wire{hub: h, rooms: make(map[string]*room)}
	w.accept = websocket.Handler(w.serve, &options)
	return w
}

// leaveIfRefused returns t with a Refused that takes the member of a request out
// of the room again. It is the one place that hears of a handshake that failed.
func leaveIfRefused(t *websocket.Trace) *websocket.Trace {
	var with websocket.Trace
	if t != nil {
		with = *t
	}
	told := with.Refused
	with.Refused = func(r *http.Request, err error) {
		if m, ok := r.Context().Value(memberKey{}).(*member); ok {
			m.leave()
		}
		if told != nil {
			told(r, err)
		}
	}
	return &with
}

// ServeHTTP joins the room and hands the handshake to the library.
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	m, err := w.join(r.PathValue("topic"))
	if err != nil {
		http.Error(rw, "This is not the address of a room: "+err.Error(), http.StatusBadRequest)
		return
	}
	// The library runs serve in a goroutine of its own, with the values of this
	// context and without the rest of the request.
	w.accept.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), memberKey{}, m)))
}

// serve publishes what the socket sends until it ends.
func (w *wire) serve(ctx context.Context, c *websocket.Conn) error {
	m, _ := ctx.Value(memberKey{}).(*member)
	defer m.leave()
	m.attach(c)
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		err = m.room.publish(w.hub, &hub.Message{
			Topic:   m.room.topic,
			Binary:  msg.Type == websocket.Binary,
			Payload: msg.Data,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// join makes a member of the topic that has no socket yet.
func (w *wire) join(topic string) (*member, error) {
	if err := hub.CheckTopic(topic); err != nil {
		return nil, err
	}
	rm := w.enter(topic)
	m := &member{room: rm}
	unsubscribe, err := w.hub.Subscribe(topic, m)
	if err != nil {
		w.exit(rm)
		return nil, err
	}
	m.leave = sync.OnceFunc(func() {
		unsubscribe()
		w.exit(rm)
	})
	return m, nil
}

// enter returns the room of the topic, which lives until exit is called as often
// as enter was.
func (w *wire) enter(topic string) *room {
	w.mu.Lock()
	defer w.mu.Unlock()
	rm := w.rooms[topic]
	if rm == nil {
		rm = &room{topic: topic}
		w.rooms[topic] = rm
	}
	rm.members++
	return rm
}

// exit gives one enter back and forgets the room with the last one.
func (w *wire) exit(rm *room) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rm.members--
	if rm.members == 0 {
		delete(w.rooms, rm.topic)
	}
}
