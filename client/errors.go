package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

var (
	// ErrClosed is what everything ends with after Close, and after the server
	// said for good that it wants no more of this Client; the error then wraps
	// what it said.
	ErrClosed = errors.New("client: closed")

	// ErrQueueFull is returned by Publish and PublishAsync when more than
	// MaxPending bytes wait to be stored. The message was not taken.
	ErrQueueFull = errors.New("client: too much waits to be stored: publish again when some of it is")

	// ErrSubscribed is returned by Subscribe for a filter that a Subscription
	// of the same Client has.
	ErrSubscribed = errors.New("client: there is a subscription with this filter: close that one first, or use another Client")

	// ErrTooLarge is returned for a message that is larger than the server
	// allows, if all it said was to close the connection with 1009.
	ErrTooLarge = errors.New("client: the message is larger than the server allows")
)

// An Error is what the server answered to a request that it refused, or why it
// ended a subscription.
type Error struct {
	Code    Code
	Retry   bool   // the same may go well later
	Message string // a sentence of the server; escape it before it goes to a terminal
}

// Error returns the code and the sentence.
func (e *Error) Error() string {
	if e.Message == "" {
		return "client: the server answered " + string(e.Code)
	}
	return fmt.Sprintf("client: the server answered %s: %s", e.Code, e.Message)
}

// A Code names a kind of error. There may be others than those below.
type Code string

// The codes of the protocol.
const (
	CodeBadRequest  Code = "bad_request" // the request makes no sense
	CodeBadTopic    Code = "bad_topic"   // not the name of a topic, or not a filter
	CodeBadCursor   Code = "bad_cursor"  // not a cursor
	CodeTooLarge    Code = "too_large"   // the message is larger than the server allows
	CodeTooMany     Code = "too_many"    // too many subscriptions, or keys
	CodeDenied      Code = "denied"      // not allowed, or the token is not valid
	CodeUnsupported Code = "unsupported" // this server cannot do that
	CodeSlow        Code = "slow"        // too many messages waited
	CodeUnavailable Code = "unavailable" // not now
)

// A DialError says why a connection was not opened.
type DialError struct {
	// Response is the answer of a server that did not open a WebSocket, nil if
	// there was none. Its body holds up to 4 KiB and need not be closed.
	Response *http.Response

	Err error
}

// Error returns the text of Err, and the status of the answer if there was one.
func (e *DialError) Error() string {
	if e.Response != nil && e.Response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Sprintf("client: no connection: the server answered %s", e.Response.Status)
	}
	return "client: no connection: " + bare(e.Err)
}

// Unwrap returns Err.
func (e *DialError) Unwrap() error { return e.Err }

// A junkError says that the server does not speak the protocol.
type junkError string

func (e junkError) Error() string { return "client: the server broke the protocol: " + string(e) }

// errLost is what ends a request that is not sent again over the next connection.
var errLost = errors.New("client: the connection was lost")

// A dismissed is what everything ends with when the server wants no more of us.
type dismissed struct{ cause error }

func (e *dismissed) Error() string   { return "client: closed for good: " + bare(e.cause) }
func (e *dismissed) Unwrap() []error { return []error{ErrClosed, e.cause} }

// An unanswered is the error of an operation whose context is done.
type unanswered struct {
	err   error // of the context
	cause error // why there is no connection, nil if there is one
}

func (e *unanswered) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("client: no answer yet: %v", e.err)
	}
	return fmt.Sprintf("client: %v; %s", e.err, bare(e.cause))
}

func (e *unanswered) Unwrap() []error {
	if e.cause == nil {
		return []error{e.err}
	}
	return []error{e.err, e.cause}
}

// interrupted returns the error of an operation whose context is done, with the
// reason why it did not come to its end if that is known.
func (c *Client) interrupted(ctx context.Context) error {
	e := &unanswered{err: ctx.Err()}
	if s := c.State(); s.Phase != Open {
		e.cause = s.Err
	}
	return e
}

// bare returns the text of an error without its prefix, to stand in another one.
func bare(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "client: "), "websocket: ")
}
