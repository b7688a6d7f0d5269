package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A notebook is a Trace that writes down what it is told.
type notebook struct {
	mu    sync.Mutex
	lines []string
}

func (n *notebook) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notebook) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := n.lines
	n.lines = nil
	return lines
}

func (n *notebook) trace() *websocket.Trace {
	return &websocket.Trace{
		Refused: func(r *http.Request, err error) { n.note("refused %s: %v", r.URL, err) },
		Opened:  func(c *websocket.Conn) { n.note("opened") },
		Pong:    func(_ *websocket.Conn, rtt time.Duration) { n.note("pong %v", rtt) },
		Closed: func(c *websocket.Conn, err error) {
			n.note("closed: %v", err)
			if !errors.As(err, new(*websocket.CloseError)) {
				n.note("that is no *CloseError")
			}
			c.CloseNow() // must not wait for itself
			if c.Close(websocket.StatusNormalClosure, "") == nil && websocket.CloseStatus(err) == websocket.StatusAbnormalClosure {
				n.note("Close called it a proper end")
			}
		},
	}
}

func TestTrace(t *testing.T) {
	var notes notebook
	bothRoles(t, &websocket.AcceptOptions{Trace: notes.trace()}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		assert.Equal(t, notes.take(), []string{"opened"})
		read := reading(t.Context(), c)
		ping := start(func() error { _, err := c.Ping(t.Context()); return err })
		p := s.ExpectPing()
		time.Sleep(time.Second)
		s.SendPong(p)
		assert.NoError(t, ping())
		s.SendPong(p)
		synctest.Wait()
		assert.Equal(t, notes.take(), []string{"pong 1s"})

		s.SetTimeout(time.Minute)
		p = s.ExpectPing()
		time.Sleep(2 * time.Second)
		s.SendPong(p)
		synctest.Wait()
		assert.Equal(t, notes.take(), []string{"pong 2s"})

		s.SendClose(websocket.StatusGoingAway, "bye")
		assert.Equal(t, websocket.CloseStatus(read()), websocket.StatusGoingAway)
		c.CloseNow()
		assert.Equal(t, notes.take(), []string{`closed: websocket: peer closed with 1001 going away "bye"; answered`})
	})
}

// TestTraceIsToldOnce has a connection end for several reasons at the same time.
func TestTraceIsToldOnce(t *testing.T) {
	var notes notebook
	bothRoles(t, &websocket.AcceptOptions{Trace: notes.trace()}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		synctest.Wait()
		s.SendClose(websocket.StatusGoingAway, "")
		closed := closing(c, websocket.StatusNormalClosure, "")
		s.Reset()
		c.CloseNow()
		read()
		closed()
		lines := notes.take()
		assert.Equal(t, len(lines), 2)
		assert.Contains(t, lines[1], "closed: websocket: ")
	})
}

func TestTraceOfARefusal(t *testing.T) {
	var notes notebook
	o := &websocket.AcceptOptions{Trace: notes.trace()}
	websocket.Handler(parrot, o).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/page", nil))
	lines := notes.take()
	assert.Equal(t, len(lines), 1)
	assert.Contains(t, lines[0], "refused /page: websocket: handshake: ")
}

func TestLogTrace(t *testing.T) {
	var log strings.Builder
	l := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, "remote", "stack":
				return slog.Attr{}
			}
			return a
		},
	}))
	trace := websocket.LogTrace(l)
	synctest.Test(t, func(t *testing.T) {
		c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Trace: trace, Subprotocols: []string{"chat"}},
			"Sec-WebSocket-Protocol: chat")
		read := reading(t.Context(), c)
		ping := start(func() error { _, err := c.Ping(t.Context()); return err })
		p := s.ExpectPing()
		time.Sleep(time.Second)
		s.SendPong(p)
		assert.NoError(t, ping())
		synctest.Wait()
		trace.Panicked(c, "value", []byte("stack"))
		s.SendClose(4000, "")
		assert.Equal(t, websocket.CloseStatus(read()), 4000)
	})
	r := httptest.NewRequest(http.MethodGet, "/page", nil)
	trace.Refused(r, context.Canceled)
	assert.Equal(t, log.String(), strings.Join([]string{
		`level=INFO msg=opened subprotocol=chat`,
		`level=DEBUG msg=pong rtt=1s`,
		`level=ERROR msg=panic value=value`,
		`level=INFO msg=closed code=4000 how="websocket: peer closed with 4000; answered"`,
		`level=INFO msg=refused path=/page problem="context canceled"`,
		``,
	}, "\n"))
}
