package client

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

// Defaults of the options, used where a field is zero.
const (
	DefaultMaxPending = 1 << 20 // bytes
	DefaultMaxQueue   = 1 << 20 // bytes
	DefaultMaxMessage = 8 << 20 // bytes
)

// subprotocol is the one that a Client speaks.
const subprotocol = "duplex.v1.json"

// Options says how a Client connects and behaves. The zero value, like nil, means
// the defaults.
type Options struct {
	// Dial says how each connection is opened and behaves. Its Subprotocols are
	// not used, and its MaxMessage, which bounds a whole page of history, is
	// 8 MiB if it is zero. A server that allows messages of more than 1 MiB needs
	// more: what is refused for its size comes again over the next connection.
	// Default: nil, the defaults of websocket.Dial.
	Dial *websocket.DialOptions

	// Token is sent to the server before anything else, on each connection.
	// Default: none.
	Token string

	// OnToken, if not nil, is asked for a new Token before each connection is
	// opened, so that one that has expired is never sent. Its context ends with
	// the Client. An error counts like a connection that failed.
	OnToken func(ctx context.Context) (string, error)

	// OnState, if not nil, is told of every change, in order. It must return
	// soon, for connecting waits for it, and must not call Close.
	OnState func(s State)

	// MaxPending is how many bytes of messages may wait to be stored: what was
	// published while there is no connection, and what was not answered yet.
	// Default 1 MiB.
	MaxPending int
}

// dial returns how connections are opened.
func (o *Options) dial() *websocket.DialOptions {
	var d websocket.DialOptions
	if o.Dial != nil {
		d = *o.Dial
	}
	d.Subprotocols = []string{subprotocol}
	d.MaxMessage = cmp.Or(d.MaxMessage, DefaultMaxMessage)
	return &d
}

// A Phase is what a Client is doing about its connection.
type Phase uint8

// The phases.
const (
	Idle       Phase = iota // nothing was asked of it yet
	Connecting              // it opens a connection
	Open                    // there is a connection
	Waiting                 // it lets time pass before it opens the next one
	Closed                  // for good
)

// String returns the phase in lower case.
func (p Phase) String() string {
	return [...]string{"idle", "connecting", "open", "waiting", "closed"}[p]
}

// A State says how it stands with the connection of a Client.
type State struct {
	Phase Phase

	// RetryAt is when the next connection will be opened, with Waiting.
	RetryAt time.Time

	// Err is why there is no connection: with Waiting how the last one ended or
	// failed, with Closed nil after Close. Use errors.As for a *DialError, a
	// *websocket.CloseError or an *Error of the server.
	Err error
}

// completeURL checks the URL of a server. One without a path gets /ws.
func completeURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", fmt.Errorf("client: %w", err)
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss" && u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("client: URL %q: the scheme must be ws, wss, http or https", u.Redacted())
	case u.Hostname() == "":
		return "", fmt.Errorf("client: URL %q has no host", u.Redacted())
	case u.Fragment != "":
		return "", fmt.Errorf("client: URL %q has a fragment: write # as %%23", u.Redacted())
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/ws"
	}
	return u.String(), nil
}
