package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// Handler returns an http.Handler that accepts connections and runs f for each,
// in a goroutine of its own, so that what net/http holds for the request is freed
// while the connection lives. o may be nil.
//
// ctx carries the values of the request's context and is cancelled when the
// connection ends. When f returns nil, the connection is closed with 1000; when it
// returns an error, or panics, with 1011. An f that returns the error of a Read
// does the right thing: the connection has ended then.
func Handler(f func(ctx context.Context, c *Conn) error, o *AcceptOptions) http.Handler {
	if o == nil {
		o = &AcceptOptions{}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, o)
		if err != nil {
			return // answered and traced by Accept
		}
		ctx := &connContext{conn: c, values: context.WithoutCancel(r.Context())}
		go serve(ctx, c, f)
	})
}

// serve runs f and closes the connection the way its result says.
func serve(ctx context.Context, c *Conn, f func(context.Context, *Conn) error) {
	code := StatusInternalError // if f panics
	defer func() {
		if v := recover(); v != nil {
			panicked(ctx, c, v)
		}
		_ = c.Close(code, "")
	}()
	err := f(ctx, c)
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		code = StatusNormalClosure
	}
}

// panicked reports a panic where the user looks for it.
func panicked(ctx context.Context, c *Conn, value any) {
	if value == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
		return
	}
	stack := debug.Stack()
	if t := c.settings.trace; t != nil && t.Panicked != nil {
		t.Panicked(c, value, stack)
		return
	}
	if s, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		s.ErrorLog.Printf("websocket: panic serving %v: %v\n%s", c.RemoteAddr(), value, stack)
		return
	}
	slog.Error("websocket: panic", "remote", c.RemoteAddr().String(), "value", value, "stack", string(stack))
}
