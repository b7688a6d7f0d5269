// Package sse is the topics as streams of server-sent events (WHATWG HTML §9.2), for
// EventSource and everything else that reads a line at a time. The id of each
// event is the cursor behind it, so that a browser that reconnects goes on where
// it was, by itself.
package sse

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// Defaults of Options.
const (
	DefaultKeepalive    = 15 * time.Second
	DefaultWriteTimeout = 10 * time.Second
	DefaultBuffer       = 64 << 10
)

// Options say how streams behave. The zero value, like nil, means the defaults.
type Options struct {
	// Origins lists the web pages of other origins that may read, as
	// websocket.AcceptOptions says. Default: none.
	Origins []string

	// Keepalive is how long a stream may say nothing: then it says where it is, so
	// that proxies keep it and both ends notice a dead connection. Default 15 s.
	Keepalive time.Duration

	// WriteTimeout is how long the network may take for 16 KiB before the client is
	// given up. Default 10 s.
	WriteTimeout time.Duration

	// Buffer is how many bytes of messages may wait for one stream beside those that
	// are being written; the rest waits in the log. Default 64 KiB.
	Buffer int

	// Until ends all streams when it is done; browsers then connect again. Default:
	// nothing but the hub does.
	Until context.Context
}

func (o *Options) withDefaults() Options {
	var with Options
	if o != nil {
		with = *o
	}
	if with.Keepalive <= 0 {
		with.Keepalive = DefaultKeepalive
	}
	if with.WriteTimeout <= 0 {
		with.WriteTimeout = DefaultWriteTimeout
	}
	if with.Buffer <= 0 {
		with.Buffer = DefaultBuffer
	}
	if with.Until == nil {
		with.Until = context.Background()
	}
	return with
}

// handler is what New returns.
type handler struct {
	hub     *hub.Hub
	options Options
}

// New returns the handler of GET /t/{topic} for those who accept text/event-stream; the
// topic, or filter, is the path value "topic". It may be called by any number of
// goroutines. A stream holds its request's goroutine and, while it is silent, no
// buffer beside those of net/http.
func New(h *hub.Hub, o *Options) http.Handler {
	s := &handler{hub: h, options: o.withDefaults()}
	return wire.Guard(s.options.Origins, "GET, HEAD", s)
}

// A request is what a client asks for.
type request struct {
	filter   string
	start    wire.Start
	envelope bool // events are the objects of the JSON forms
}

// ServeHTTP answers one request, for as long as the client stays.
func (s *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := parse(r)
	if err != nil {
		wire.Problem(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.options.Until, cancel)()
	if r.Method == http.MethodHead {
		announce(w)
		return
	}
	reader := hub.NewReader(int64(s.options.Buffer))
	sub, err := s.hub.Subscribe(req.filter, reader, &hub.SubscribeOptions{
		After:  req.start.After,
		Last:   req.start.Last,
		As:     req.start.As,
		Latest: true,
	})
	if err != nil {
		wire.Problem(w, r, err)
		return
	}
	defer sub.Close()
	announce(w)
	(&stream{
		options:  &s.options,
		reader:   reader,
		sub:      sub,
		to:       w,
		control:  http.NewResponseController(w),
		envelope: req.envelope,
	}).run(ctx)
}

// announce sets the headers of a stream. X-Accel-Buffering is how nginx is told not to
// hold events back.
func announce(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", wire.TypeEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
}

// parse reads what a client asks for. Last-Event-ID, which a browser sends when it
// comes back to the same URL, is newer than what stands in the URL.
func parse(r *http.Request) (request, error) {
	req := request{filter: strings.Clone(r.PathValue("topic"))} // the hub keeps it, and not what it is part of
	if err := hub.CheckFilter(req.filter); err != nil {
		return req, err
	}
	query, err := wire.Query(r)
	if err != nil {
		return req, err
	}
	if req.start, err = wire.ParseStart(query); err != nil {
		return req, err
	}
	req.start.As = strings.Clone(req.start.As)
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if req.start.After, err = hub.ParseCursor(id); err != nil {
			return req, err
		}
	}
	if v := query.Get("envelope"); v != "" {
		if req.envelope, err = strconv.ParseBool(v); err != nil {
			return req, wire.BadRequest("envelope is 1 or 0")
		}
	}
	wild := hub.IsFilter(req.filter)
	if wild && req.start.Last > 0 {
		return req, wire.BadRequest("last=N needs one topic, and this is a filter; leave it out or give a cursor with after")
	}
	if wild && req.start.As != "" {
		return req, wire.BadRequest("as=NAME needs one topic to be present in, and this is a filter")
	}
	req.envelope = req.envelope || wild
	return req, nil
}
