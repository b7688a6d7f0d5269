// Package poll is the topics as requests that are answered: history, the long poll,
// publishing, one message or a batch, and what there is to know about topics. It is
// what curl and a program without a WebSocket use.
package poll

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

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

	// Log is told, once a second at most, of what could not be stored or read. Default:
	// nobody is.
	Log *slog.Logger
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
	log        *slog.Logger
	logged     atomic.Int64 // when log was told last, in seconds since 1970
}

// New returns the handlers. The topic is the path value "topic".
func New(h *hub.Hub, o *Options) Handlers {
	if o == nil {
		o = &Options{}
	}
	a := &api{hub: h, maxMessage: cmp.Or(o.MaxMessage, websocket.DefaultMaxMessage), until: o.Until, log: o.Log}
	if a.until == nil {
		a.until = context.Background()
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	handle := func(methods string, f answerFunc) http.Handler {
		return wire.Guard(o.Origins, methods, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.answer(w, r, f) }))
	}
	return Handlers{
		Topic:    handle("GET, HEAD, POST", a.topic),
		Presence: handle("GET, HEAD", a.presence),
		Topics:   handle("GET, HEAD", a.topics),
		Batch:    handle("POST", a.batch),
	}
}

// An answerFunc returns the JSON to answer a request with, or an error.
type answerFunc func(w http.ResponseWriter, r *http.Request) ([]byte, error)

// answer answers with what f returns; an error becomes a problem.
func (a *api) answer(w http.ResponseWriter, r *http.Request, f answerFunc) {
	if !wire.WantsJSON(r) {
		wire.Problem(w, r, wire.NotAcceptable())
		return
	}
	body, err := f(w, r)
	if err != nil {
		a.complain(r, err)
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

// complain tells the log of an error that is the fault of this server, and neither of the
// client nor of the time.
func (a *api) complain(r *http.Request, err error) {
	fault := wire.RefusalOf(err).Status >= http.StatusInternalServerError && r.Context().Err() == nil &&
		!errors.Is(err, hub.ErrClosed) && !errors.Is(err, hub.ErrBusy)
	now := time.Now().Unix()
	if last := a.logged.Load(); fault && now > last && a.logged.CompareAndSwap(last, now) {
		a.log.Warn("a request could not be done", "method", r.Method, "path", r.URL.Path, "error", err)
	}
}

func (a *api) topic(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	topic := strings.Clone(r.PathValue("topic")) // the hub keeps it, and not the request that it is part of
	if err := wire.CheckTopic(topic); err != nil {
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
