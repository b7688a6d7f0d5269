// Package poll is the topics as requests that are answered: history, the long poll,
// publishing, one message or a batch, and what there is to know about topics. It is
// what curl and a program without a WebSocket use.
package poll

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
)

// Options say how requests are answered. The zero value, like nil, means the defaults.
type Options struct {
	// Origins lists the web pages of other origins that may use it, as
	// websocket.AcceptOptions says. Default: none.
	Origins []string

	// MaxMessage is the largest message that may be published, in bytes. Default 1
	// MiB; negative: no limit.
	MaxMessage int64

	// Until has all requests that wait answered when it is done, as if their time
	// were over. Default: nothing but the hub does.
	Until context.Context
}

// Handlers is what there is at each path. Each may be called by any number of
// goroutines, and answers other methods, and pages of other origins, as
// [wire.Guard] does.
type Handlers struct {
	Topic    http.Handler // /t/{topic}: GET history and the long poll, POST publishes
	Presence http.Handler // /t/{topic}/presence: GET
	Topics   http.Handler // /topics: GET
	Batch    http.Handler // /batch: POST
}

// api is behind all handlers.
type api struct {
	hub        *hub.Hub
	maxMessage int64
	until      context.Context
}

// New returns the handlers. The topic is the path value "topic".
func New(h *hub.Hub, o *Options) Handlers {
	if o == nil {
		o = &Options{}
	}
	a := &api{hub: h, maxMessage: cmp.Or(o.MaxMessage, websocket.DefaultMaxMessage), until: o.Until}
	if a.until == nil {
		a.until = context.Background()
	}
	read := func(f handlerFunc) http.Handler { return wire.Guard(o.Origins, "GET, HEAD", f) }
	return Handlers{
		Topic:    wire.Guard(o.Origins, "GET, HEAD, POST", handlerFunc(a.topic)),
		Presence: read(a.presence),
		Topics:   read(a.topics),
		Batch:    wire.Guard(o.Origins, "POST", handlerFunc(a.batch)),
	}
}

// A handlerFunc answers a request with the JSON it returns, or with a problem.
type handlerFunc func(w http.ResponseWriter, r *http.Request) ([]byte, error)

// ServeHTTP writes the answer.
func (f handlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !wire.WantsJSON(r) {
		wire.Problem(w, r, wire.NotAcceptable())
		return
	}
	body, err := f(w, r)
	if err != nil {
		wire.Problem(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", wire.TypeJSON)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	_, _ = w.Write(append(body, '\n'))
}

func (a *api) topic(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	topic := r.PathValue("topic")
	if hub.CheckFilter(topic) == nil && hub.IsFilter(topic) {
		return nil, wire.ErrWildcards
	}
	if err := hub.CheckTopic(topic); err != nil {
		return nil, err
	}
	if r.Method == http.MethodPost {
		return a.publish(w, r, topic)
	}
	return a.history(w, r, topic)
}

// publish answers POST /t/{topic}, once the message is stored.
func (a *api) publish(w http.ResponseWriter, r *http.Request, topic string) ([]byte, error) {
	m, err := wire.ReadPost(w, r, topic, a.maxMessage)
	if err != nil {
		return nil, err
	}
	receipt, err := a.hub.Publish(r.Context(), m)
	if err != nil {
		return nil, err
	}
	return appendReceipt(nil, receipt), nil
}

// appendReceipt appends {"at":CURSOR}.
func appendReceipt(dst []byte, receipt hub.Receipt) []byte {
	dst = append(dst, `{"at":"`...)
	dst = receipt.At.Append(dst)
	dst = append(dst, '"')
	if receipt.Duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	return append(dst, '}')
}
