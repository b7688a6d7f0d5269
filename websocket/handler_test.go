package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// handle serves f in memory and returns a scripted client of it. errorLog may be nil.
func handle(t testing.TB, errorLog *log.Logger, h http.Handler) *wstest.Script {
	t.Helper()
	l := wstest.Listen()
	srv := &http.Server{Handler: h, ErrorLog: errorLog}
	served := start(func() error { return srv.Serve(l) })
	t.Cleanup(func() {
		srv.Close()
		served()
	})
	c, err := l.DialContext(t.Context(), "", "")
	assert.NoError(t, err)
	s := wstest.NewScript(t, c, wstest.Client)
	s.ClientHandshake("/room?id=7")
	return s
}

func TestHandlerClosesAsItsResultSays(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(ctx context.Context, c *websocket.Conn) error
		code websocket.StatusCode
	}{
		{"nil", func(context.Context, *websocket.Conn) error { return nil }, websocket.StatusNormalClosure},
		{"an error", func(context.Context, *websocket.Conn) error { return errors.New("no luck") }, websocket.StatusInternalError},
		{"a cancellation of its own", func(ctx context.Context, _ *websocket.Conn) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx.Err()
		}, websocket.StatusInternalError},
		{"an abort", func(context.Context, *websocket.Conn) error { panic(http.ErrAbortHandler) }, websocket.StatusInternalError},
		{"its own Close", func(_ context.Context, c *websocket.Conn) error { return c.Close(4000, "") }, 4000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged strings.Builder
				s := handle(t, log.New(&logged, "", 0), websocket.Handler(tt.f, nil))
				assert.Equal(t, s.ExpectCloseCode(tt.code), "")
				s.SendClose(tt.code, "")
				s.ExpectEOF()
				assert.Equal(t, logged.String(), "")
			})
		})
	}
}

func panics(context.Context, *websocket.Conn) error { panic("out of luck") }

func TestHandlerReportsAPanicToTheTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		reported := make(chan string, 1)
		o := &websocket.AcceptOptions{Trace: &websocket.Trace{Panicked: func(c *websocket.Conn, value any, stack []byte) {
			reported <- fmt.Sprintf("%v: %v %t", c.LocalAddr(), value, bytes.Contains(stack, []byte("websocket_test.panics")))
		}}}
		s := handle(t, log.New(&logged, "", 0), websocket.Handler(panics, o))
		s.ExpectClose(websocket.StatusInternalError, "")
		assert.Contains(t, <-reported, ": out of luck true")
		assert.Equal(t, logged.String(), "")
		s.SendClose(websocket.StatusInternalError, "")
		s.ExpectEOF()
	})
}

func TestHandlerReportsAPanicToTheErrorLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		s := handle(t, log.New(&logged, "", 0), websocket.Handler(panics, nil))
		s.ExpectClose(websocket.StatusInternalError, "")
		assert.Contains(t, logged.String(), "websocket: panic serving client:")
		assert.Contains(t, logged.String(), ": out of luck\n")
		assert.Contains(t, logged.String(), "websocket_test.panics")
		s.SendClose(websocket.StatusInternalError, "")
		s.ExpectEOF()
	})
}

func TestHandlerReportsAPanicToTheDefaultLog(t *testing.T) {
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	defer slog.SetDefault(before)
	synctest.Test(t, func(t *testing.T) {
		s := handle(t, nil, websocket.Handler(panics, nil))
		s.ExpectClose(websocket.StatusInternalError, "")
		s.SendClose(websocket.StatusInternalError, "")
		s.ExpectEOF()
	})
	assert.Contains(t, logged.String(), "websocket: panic")
	assert.Contains(t, logged.String(), "out of luck")
}

// TestHandlerContext ends with the connection, however that comes about, and so do
// contexts made of it.
func TestHandlerContext(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(c *websocket.Conn, s *wstest.Script)
	}{
		{"the peer closes", func(c *websocket.Conn, s *wstest.Script) {
			c.CloseRead(context.Background())
			s.SendClose(websocket.StatusGoingAway, "")
		}},
		{"CloseNow", func(c *websocket.Conn, _ *wstest.Script) { c.CloseNow() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conns, over := make(chan *websocket.Conn), make(chan error)
				s := handle(t, nil, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
					derived, cancel := context.WithTimeout(ctx, time.Hour)
					defer cancel()
					stop := context.AfterFunc(ctx, func() { t.Error("a function was run after it was stopped") })
					over <- errors.Join(ctx.Err(), derived.Err())
					assert.True(t, stop() && !stop(), "AfterFunc did not stop")
					assert.Equal(t, ctx.Value(http.LocalAddrContextKey).(net.Addr).Network(), "wstest")
					_, hasDeadline := ctx.Deadline()
					assert.True(t, !hasDeadline, "a deadline out of nothing")
					conns <- c
					<-derived.Done()
					<-ctx.Done()
					over <- derived.Err()
					return ctx.Err()
				}, nil))
				assert.NoError(t, <-over)
				tt.end(<-conns, s)
				assert.ErrorIs(t, <-over, context.Canceled)
				s.Close()
			})
		})
	}
}

// TestHandlerLearnsHowTheConnectionEnded reads and writes with contexts that end
// with the connection: the error must say how it ended, not that the context did.
func TestHandlerLearnsHowTheConnectionEnded(t *testing.T) {
	uses := map[string]func(ctx context.Context, c *websocket.Conn) error{
		"Read": func(ctx context.Context, c *websocket.Conn) error { _, _, err := c.Read(ctx); return err },
		"Write": func(ctx context.Context, c *websocket.Conn) error {
			c.CloseRead(ctx)
			<-ctx.Done()
			return c.Write(ctx, websocket.Text, nil)
		},
		"Ping": func(ctx context.Context, c *websocket.Conn) error {
			c.CloseRead(ctx)
			_, err := c.Ping(ctx)
			return err
		},
	}
	for name, use := range uses {
		for _, derive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, derived %t", name, derive), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					result := make(chan error, 1)
					s := handle(t, nil, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
						if derive {
							var cancel func()
							ctx, cancel = context.WithTimeout(ctx, time.Hour)
							defer cancel()
						}
						result <- use(ctx, c)
						return nil
					}, nil))
					begun := time.Now()
					isSilent(t, <-result) // the script answers no ping
					assert.Equal(t, time.Since(begun), 40*time.Second)
					s.Close()
				})
			})
		}
	}
}
