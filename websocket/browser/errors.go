package browser

import "errors"

// The exceptions of the standard. An error returned by a function of this package
// is one of them in the sense of errors.Is, and says what is wrong.
var (
	// ErrSyntax is returned by New for a URL or a subprotocol that is not
	// valid, by Close for a reason that is longer than 123 bytes, and by
	// Close and SendText for text that is not UTF-8, which a page cannot have.
	ErrSyntax = errors.New("SyntaxError")

	// ErrInvalidState is returned by Send and SendText before the connection
	// is open.
	ErrInvalidState = errors.New("InvalidStateError")

	// ErrInvalidAccess is returned by Close for a code that is not 1000 or in
	// 3000 to 4999.
	ErrInvalidAccess = errors.New("InvalidAccessError")
)

// errConnecting is what Send says too early.
var errConnecting = &exception{ErrInvalidState, "not open yet: send from the open event on"}

// errAborted is how a connection ends that was closed while it was connecting.
var errAborted = errors.New("websocket: closed before the connection was established")

// An exception is what a page would see thrown.
type exception struct {
	name    error // one of those above, or another one of the browser's
	problem string
}

func (e *exception) Error() string { return "websocket: " + e.problem + " (" + e.name.Error() + ")" }

func (e *exception) Unwrap() error { return e.name }
