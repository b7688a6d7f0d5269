//go:build !js

package browser

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/duplexhq/duplex/websocket"
)

// errNoProtocol is how a connection fails whose server chose none of the
// subprotocols offered: stricter than RFC 6455, but what the standard wants.
var errNoProtocol = errors.New("websocket: the server chose none of the subprotocols")

// New makes a WebSocket that connects to url and offers the subprotocols, best
// first. If any are offered, the connection fails unless the server chooses one.
//
// It returns ErrSyntax if the scheme of url is not ws, wss, http or https, which
// mean ws and wss, if it has a fragment or is not valid otherwise, and if one of the
// subprotocols is no token or stands there twice. All else that goes wrong is told
// by the events. In a page the url may be relative to the page's, and a host that is
// not ASCII is put into its xn-- form; natively both are refused.
func New(url string, protocols ...string) (*WebSocket, error) {
	return NewWithOptions(url, &websocket.DialOptions{Subprotocols: protocols, MaxMessage: -1})
}

// NewWithOptions is New with headers, certificates, a proxy and limits: whatever
// websocket.Dial takes. Zero fields mean what they mean there; note MaxMessage.
// MaxQueue does not count: what is sent is queued without a bound. Compression is
// offered always, as browsers do, with its defaults if it is nil. nil options are
// those of New. A page has no such choice: under GOOS=js there is no such function.
func NewWithOptions(url string, o *websocket.DialOptions) (*WebSocket, error) {
	if o == nil {
		o = &websocket.DialOptions{MaxMessage: -1}
	}
	u, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if err := checkProtocols(o.Subprotocols); err != nil {
		return nil, err
	}
	options := *o
	options.MaxQueue = math.MaxInt
	if options.Compression == nil {
		options.Compression = &websocket.Compression{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ws := newWebSocket(u)
	ws.link.cancel, ws.link.farewellDone = cancel, make(chan struct{})
	go ws.run(ctx, &options)
	return ws, nil
}

// parseURL returns url as the URL parser of the standard would print it.
func parseURL(raw string) (string, error) {
	refuse := func(problem string) (string, error) {
		return "", &exception{ErrSyntax, fmt.Sprintf("URL %q: %s", raw, problem)}
	}
	u, err := url.Parse(raw)
	if err != nil {
		if detail, ok := errors.AsType[*url.Error](err); ok {
			err = detail.Err
		}
		return refuse(err.Error())
	}
	defaultPort := "80"
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "ws"
	case "wss", "https":
		u.Scheme = "wss"
		defaultPort = "443"
	default:
		return refuse("the scheme must be ws, wss, http or https")
	}
	if strings.Contains(raw, "#") {
		return refuse("it has a fragment: write # as %23")
	}
	if problem := hostProblem(u); problem != "" {
		return refuse(problem)
	}
	port := u.Port()
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && err != nil {
		return refuse("the port is no number up to 65535")
	}
	u.Host = strings.ToLower(u.Host)
	if port == "" || port == defaultPort {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// hostProblem returns what the standard has against the host of u, "" for nothing.
func hostProblem(u *url.URL) string {
	host := u.Hostname()
	switch {
	case host == "":
		return "it has no host"
	case strings.HasPrefix(u.Host, "["):
		if strings.Contains(host, "%") {
			return "an address with a zone is for this machine only"
		}
		return ""
	case strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }):
		return "the host is not ASCII: write it in its xn-- form"
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune("%:<>[]\\^|/?@\x7f", r) }):
		return "the host is not valid"
	default:
		return ""
	}
}

// run is the life of a socket. The handlers are called from here.
func (ws *WebSocket) run(ctx context.Context, o *websocket.DialOptions) {
	defer ws.link.cancel()
	conn, err := dial(ctx, ws.url, o)
	<-ws.started
	if err != nil {
		ws.ended(abnormal, true, err)
		return
	}
	ws.mu.Lock()
	ws.link.conn = conn
	ws.mu.Unlock()
	if !ws.opened(conn.Subprotocol(), conn.Extensions()) {
		_ = conn.CloseNow()
		ws.ended(abnormal, true, errAborted)
		return
	}
	for {
		t, p, err := conn.Read(context.Background())
		switch {
		case err == nil:
			ws.received(MessageEvent{Data: p, Binary: t == websocket.Binary})
		case errors.Is(err, websocket.ErrConcurrentRead):
			// Conn.Close came between two Reads and reads the rest itself.
			<-ws.link.farewellDone
		default:
			ws.ended(ending(err))
			return
		}
	}
}

// dial connects, and holds the server to the standard's rule for subprotocols.
func dial(ctx context.Context, url string, o *websocket.DialOptions) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, url, o)
	if err == nil && len(o.Subprotocols) > 0 && conn.Subprotocol() == "" {
		_ = conn.CloseNow()
		return nil, errNoProtocol
	}
	return conn, err
}

// ending translates the error of a Read: the close event, whether this end failed
// the connection (RFC 6455 §7.1.7), and why the end was not clean.
func ending(err error) (e CloseEvent, failed bool, why error) {
	end, ok := errors.AsType[*websocket.CloseError](err)
	if !ok || end.Received == nil {
		_, broken := errors.AsType[*websocket.ProtocolError](err)
		_, tooBig := errors.AsType[*websocket.MessageTooBigError](err)
		return abnormal, broken || tooBig, err
	}
	e = CloseEvent{Code: end.Received.Code, Reason: end.Received.Reason, WasClean: end.Cause == nil && end.Sent != nil}
	if e.WasClean {
		return e, false, nil
	}
	return e, false, err
}
