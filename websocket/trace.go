package websocket

import (
	"log/slog"
	"net/http"
	"time"
)

// A Trace is a set of functions that are told what happens to connections. Any
// of them may be nil. They are called synchronously, from any goroutine, and must
// return soon. The package itself logs nothing.
type Trace struct {
	// Refused is called when Accept refuses a request.
	Refused func(r *http.Request, err error)

	// Opened is called when the opening handshake is done.
	Opened func(c *Conn)

	// Pong is called when a pong answers one of our pings, rtt after it was sent.
	Pong func(c *Conn, rtt time.Duration)

	// Closed is called once, when the connection has ended: err is the
	// *CloseError that says how. Close and Shutdown return after it.
	Closed func(c *Conn, err error)

	// Panicked is called when a function run by Handler panics. The
	// connection is closed with 1011. Without it the panic is written to the
	// ErrorLog of the http.Server, as net/http does, or to slog.Default.
	Panicked func(c *Conn, value any, stack []byte)
}

// LogTrace returns a Trace that writes to l: connections that open, end and are
// refused at the level Info (Debug for round trips, Error for panics).
func LogTrace(l *slog.Logger) *Trace {
	return &Trace{
		Refused: func(r *http.Request, err error) {
			l.Info("refused", "remote", r.RemoteAddr, "path", r.URL.Path, "problem", err.Error())
		},
		Opened: func(c *Conn) {
			l.Info("opened", "remote", c.RemoteAddr().String(), "subprotocol", c.Subprotocol())
		},
		Pong: func(c *Conn, rtt time.Duration) {
			l.Debug("pong", "remote", c.RemoteAddr().String(), "rtt", rtt)
		},
		Closed: func(c *Conn, err error) {
			l.Info("closed", "remote", c.RemoteAddr().String(), "code", int(CloseStatus(err)), "how", err.Error())
		},
		Panicked: func(c *Conn, value any, stack []byte) {
			l.Error("panic", "remote", c.RemoteAddr().String(), "value", value, "stack", string(stack))
		},
	}
}
