package event_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A recorder keeps what a handler was called for, of one connection, and complains if
// two of its functions ran at the same time or in a wrong order.
type recorder struct {
	running atomic.Int32
	conn    chan *event.Conn
	end     chan error

	mu       sync.Mutex
	calls    []string
	problems []string
}

func newRecorder() *recorder {
	return &recorder{conn: make(chan *event.Conn, 1), end: make(chan error, 10)}
}

// enter takes note of a call and returns what to do at its end.
func (r *recorder) enter(call string) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running.Add(1) != 1 {
		r.problems = append(r.problems, call+" is called while another function runs")
	}
	switch {
	case len(r.calls) == 0 && call != "open":
		r.problems = append(r.problems, call+" is called before OnOpen")
	case len(r.calls) > 0 && call == "open":
		r.problems = append(r.problems, "OnOpen is not called first")
	case len(r.calls) > 0 && r.calls[len(r.calls)-1] == "close":
		r.problems = append(r.problems, call+" is called after OnClose")
	}
	r.calls = append(r.calls, call)
	return func() { r.running.Add(-1) }
}

func (r *recorder) handler() event.Handler {
	return event.Handler{
		OnOpen: func(c *event.Conn) {
			defer r.enter("open")()
			r.conn <- c
		},
		OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
			defer r.enter("message " + string(p))()
			if string(p) == "panic" {
				panic("as asked")
			}
			_ = c.Send(kind, p)
		},
		OnPong: func(_ *event.Conn, p []byte) { defer r.enter("pong " + string(p))() },
		OnClose: func(_ *event.Conn, err error) {
			defer r.enter("close")()
			r.end <- err
		},
	}
}

// check returns the calls after the end, and fails the test if something was wrong.
func (r *recorder) check(t testing.TB) []string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.Equal(t, r.problems, nil)
	assert.True(t, len(r.end) == 0, "OnClose was called twice")
	return r.calls
}

// An ending is a way in which a connection can end.
type ending struct {
	name  string
	local func(c closer)         // what this end does, nil for nothing
	peer  func(s *wstest.Script) // what the peer does, after that
	want  websocket.CloseError   // without Local
	cause string                 // what stands in Cause, "" if it is nil, "transport" for what the network says
	ours  bool                   // the end is a net.ErrClosed
	set   func(o *event.Options) // nil for the defaults
}

// A closer is what can be done to a connection of either kind.
type closer struct {
	close    func(code websocket.StatusCode, reason string)
	closeNow func()
}

func closeFrame(code websocket.StatusCode, reason string) *websocket.CloseFrame {
	return &websocket.CloseFrame{Code: code, Reason: reason}
}

const (
	// soon is when a timeout strikes that nothing else has to be quicker than.
	soon = 200 * time.Millisecond

	// later is when one strikes that a busy machine must not be too slow for.
	later = time.Second
)

func endings() []ending {
	close3000 := func(c closer) { c.close(3000, "ours") }
	return []ending{
		{
			name: "peer closes", peer: func(s *wstest.Script) {
				s.SendClose(websocket.StatusNormalClosure, "bye")
				s.ExpectClose(websocket.StatusNormalClosure, "")
				s.ExpectEOF()
			},
			want: websocket.CloseError{Received: closeFrame(1000, "bye"), Sent: closeFrame(1000, ""), ReceivedFirst: true},
		},
		{
			name: "peer closes without a code", peer: func(s *wstest.Script) {
				s.SendClose(websocket.StatusNoStatusReceived, "")
				s.ExpectClose(websocket.StatusNoStatusReceived, "")
				s.ExpectEOF()
			},
			want: websocket.CloseError{Received: closeFrame(1005, ""), Sent: closeFrame(1005, ""), ReceivedFirst: true},
		},
		{
			name: "peer closes with a wrong code", peer: func(s *wstest.Script) {
				s.SendClose(1006, "")
				s.ExpectCloseCode(websocket.StatusProtocolError)
				s.ExpectEOF()
			},
			want: websocket.CloseError{Sent: closeFrame(1002, "*")}, cause: "§7.4",
		},
		{
			name: "we close", local: close3000, peer: func(s *wstest.Script) {
				s.ExpectClose(3000, "ours")
				s.SendClose(3001, "theirs")
				s.ExpectEOF()
			},
			want: websocket.CloseError{Received: closeFrame(3001, "theirs"), Sent: closeFrame(3000, "ours")}, ours: true,
		},
		{
			name: "we close and the peer does not answer", local: close3000, peer: func(s *wstest.Script) {
				s.ExpectClose(3000, "ours")
				_ = s.ExpectRest
			},
			want: websocket.CloseError{Sent: closeFrame(3000, "ours")}, cause: "close timeout", ours: true,
			set: func(o *event.Options) { o.CloseTimeout = later },
		},
		{
			name: "we close and the peer hangs up", local: close3000, peer: func(s *wstest.Script) {
				s.ExpectClose(3000, "ours")
				s.Close()
			},
			want: websocket.CloseError{Sent: closeFrame(3000, "ours")}, ours: true,
		},
		{
			name: "we drop it", local: func(c closer) { c.closeNow() }, peer: func(*wstest.Script) {},
			cause: "closed network connection", ours: true,
		},
		{
			name: "protocol error", peer: func(s *wstest.Script) {
				s.SendHex("c1 80 00000000")
				s.ExpectCloseCode(websocket.StatusProtocolError)
				s.ExpectEOF()
			},
			want: websocket.CloseError{Sent: closeFrame(1002, "*")}, cause: "§5.2",
		},
		{
			name: "not UTF-8", peer: func(s *wstest.Script) {
				s.SendText("\xff")
				s.ExpectCloseCode(websocket.StatusInvalidPayload)
				s.ExpectEOF()
			},
			want: websocket.CloseError{Sent: closeFrame(1007, "*")}, cause: "§8.1",
		},
		{
			name: "too big", peer: func(s *wstest.Script) {
				s.SendBinary(make([]byte, 1001))
				s.ExpectCloseCode(websocket.StatusMessageTooBig)
				s.ExpectEOF()
			},
			want: websocket.CloseError{Sent: closeFrame(1009, "*")}, cause: "limit of 1000",
			set: func(o *event.Options) { o.MaxMessage = 1000 },
		},
		{
			name: "peer hangs up", peer: func(s *wstest.Script) { s.Close() },
		},
		{
			name: "peer hangs up within a frame", peer: func(s *wstest.Script) {
				s.SendHex("81 85 00000000 41")
				s.Close()
			},
		},
		{
			name: "silence", peer: func(s *wstest.Script) { s.ExpectPing() },
			cause: "no answer to a ping",
			set:   func(o *event.Options) { o.PingInterval, o.PongTimeout = later, soon },
		},
	}
}

// cause returns in one word what caused an end.
func matches(got error, want string) bool {
	switch {
	case want == "" || got == nil:
		return want == "" && got == nil
	default:
		return strings.Contains(got.Error(), want)
	}
}

// check compares an end with what it should be.
func (e *ending) check(t testing.TB, err error) {
	t.Helper()
	var got *websocket.CloseError
	assert.True(t, errors.As(err, &got) && got != nil, fmt.Sprintf("the end is %T %v", err, err))
	want := e.want
	if want.Sent != nil && want.Sent.Reason == "*" && got.Sent != nil {
		want.Sent = closeFrame(want.Sent.Code, got.Sent.Reason)
	}
	assert.Equal(t, got.Received, want.Received)
	assert.Equal(t, got.Sent, want.Sent)
	assert.Equal(t, got.ReceivedFirst, want.ReceivedFirst)
	assert.True(t, matches(got.Cause, e.cause), fmt.Sprintf("cause %v, want %q", got.Cause, e.cause))
	assert.Equal(t, errors.Is(got, net.ErrClosed), e.ours)
}

func TestEndings(t *testing.T) {
	everyWayAtOnce(t, func(t *testing.T, w way) {
		for _, e := range endings() {
			t.Run(e.name, func(t *testing.T) {
				r := newRecorder()
				var o event.Options
				if e.set != nil {
					e.set(&o)
				}
				srv := w.serve(t, r.handler(), o)
				s := srv.script(t)
				c := within(t, r.conn, "OnOpen")
				s.SendText("hello")
				s.ExpectText("hello")
				if e.local != nil {
					e.local(closer{func(code websocket.StatusCode, reason string) {
						assert.NoError(t, c.Close(code, reason))
					}, c.CloseNow})
				}
				e.peer(s)
				err := within(t, r.end, "OnClose")
				e.check(t, err)
				assert.Equal(t, r.check(t), []string{"open", "message hello", "close"})
				for _, err := range []error{c.Send(websocket.Text, nil), c.Ping(nil), c.Close(websocket.StatusNormalClosure, "")} {
					e.check(t, err)
				}
				assert.Equal(t, c.Queued(), 0)
			})
		}
	})
}

// TestEndingsOfConn holds the blocking Conn to the same table: a program may change
// from one to the other.
func TestEndingsOfConn(t *testing.T) {
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			var o event.Options
			if e.set != nil {
				e.set(&o)
			}
			conns, end := make(chan *websocket.Conn, 1), make(chan error, 1)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			assert.NoError(t, err)
			hs := &http.Server{Handler: websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				conns <- c
				for {
					kind, p, err := c.Read(ctx)
					if err != nil {
						end <- err
						return err
					}
					_ = c.Write(ctx, kind, p)
				}
			}, &websocket.AcceptOptions{
				MaxMessage: o.MaxMessage, PingInterval: o.PingInterval, PongTimeout: o.PongTimeout, CloseTimeout: o.CloseTimeout,
			})}
			go func() { _ = hs.Serve(l) }()
			defer hs.Close()
			conn, err := net.Dial("tcp", l.Addr().String())
			assert.NoError(t, err)
			s := scriptOn(t, conn)
			c := within(t, conns, "a connection")
			s.SendText("hello")
			s.ExpectText("hello")
			if e.local != nil {
				e.local(closer{
					func(code websocket.StatusCode, reason string) { go func() { _ = c.Close(code, reason) }() },
					func() { _ = c.CloseNow() },
				})
			}
			e.peer(s)
			e.check(t, within(t, end, "the end"))
		})
	}
}

// TestReset breaks connections off: the words of the network differ.
func TestReset(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		r := newRecorder()
		srv := w.serve(t, r.handler(), event.Options{})
		peer := srv.connect(t)
		s := wstest.NewScript(t, peer, wstest.Client)
		s.ClientHandshake("/", "Host: example.com")
		within(t, r.conn, "OnOpen")
		s.SendText("hello")
		s.ExpectText("hello")
		reset(peer)
		var e *websocket.CloseError
		err := within(t, r.end, "OnClose")
		assert.True(t, errors.As(err, &e), fmt.Sprintf("the end is %T", err))
		assert.True(t, e.Received == nil && e.Sent == nil && e.Local == nil, e.Error())
		if w.network == "tcp" {
			assert.Contains(t, e.Error(), "connection reset by peer")
		}
		assert.Equal(t, r.check(t), []string{"open", "message hello", "close"})
	})
}

// TestPanics has a function panic while more messages wait, one of them not complete.
func TestPanics(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		r := newRecorder()
		panics := make(chan any, 10)
		o := event.Options{Panicked: func(_ *event.Conn, value any, stack []byte) {
			if strings.Contains(string(stack), "panic") {
				panics <- value
			}
		}}
		s := w.serve(t, r.handler(), o).script(t)
		within(t, r.conn, "OnOpen")
		wire := appendText(nil, "before")
		wire = appendText(wire, "panic")
		wire = appendText(wire, "behind")
		last := appendText(nil, "in two pieces")
		s.Send(append(wire, last[:9]...))
		s.ExpectText("before")
		s.ExpectCloseCode(websocket.StatusInternalError)
		assert.Equal(t, within(t, panics, "Panicked"), any("as asked"))
		s.Send(last[9:])
		s.SendClose(websocket.StatusInternalError, "")
		s.ExpectEOF()
		err := within(t, r.end, "OnClose")
		assert.Equal(t, err.(*websocket.CloseError).Received, closeFrame(1011, ""))
		assert.Equal(t, r.check(t), []string{"open", "message before", "message panic", "message behind", "message in two pieces", "close"})
	})
}

// TestPanicsElsewhere has the other functions panic.
func TestPanicsElsewhere(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for _, where := range []string{"open", "pong", "close"} {
			t.Run(where, func(t *testing.T) {
				panics := make(chan any, 10)
				end := make(chan error, 1)
				h := event.Handler{OnClose: func(_ *event.Conn, err error) { end <- err }}
				switch where {
				case "open":
					h.OnOpen = func(*event.Conn) { panic(where) }
				case "pong":
					h.OnPong = func(*event.Conn, []byte) { panic(where) }
				case "close":
					h.OnClose = func(_ *event.Conn, err error) {
						end <- err
						panic(where)
					}
				}
				srv := w.serve(t, h, event.Options{Panicked: func(_ *event.Conn, value any, _ []byte) { panics <- value }})
				s := srv.script(t)
				code := websocket.StatusInternalError
				switch where {
				case "pong":
					s.SendHex("8a 80 00000000")
				case "close":
					code = websocket.StatusNormalClosure
					s.SendClose(code, "")
				}
				s.ExpectCloseCode(code)
				if where != "close" {
					s.SendClose(code, "")
				}
				s.ExpectEOF()
				assert.Equal(t, within(t, end, "OnClose").(*websocket.CloseError).Sent.Code, code)
				assert.Equal(t, within(t, panics, "Panicked"), any(where))
			})
		}
	})
}

// appendText appends a masked text message.
func appendText(b []byte, text string) []byte { return appendMessage(b, frame.OpText, []byte(text)) }

func appendMessage(b []byte, op frame.Opcode, p []byte) []byte {
	b = frame.AppendHeader(b, frame.Header{Fin: true, Opcode: op, Masked: true, Key: 0x01020304, Length: int64(len(p))})
	n := len(b)
	b = append(b, p...)
	frame.Mask(b[n:], 0x01020304)
	return b
}

// TestShutdown closes connections in all states.
func TestShutdown(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		r := newRecorder()
		srv := w.serve(t, r.handler(), event.Options{})
		s := srv.script(t)
		within(t, r.conn, "OnOpen")
		done := make(chan error, 1)
		go func() { done <- srv.Shutdown(t.Context()) }()
		s.ExpectCloseCode(websocket.StatusGoingAway)
		s.SendText("one more")
		s.SendClose(websocket.StatusGoingAway, "")
		assert.NoError(t, within(t, done, "Shutdown"))
		assert.Equal(t, within(t, r.end, "OnClose").(*websocket.CloseError).Sent.Code, websocket.StatusGoingAway)
		assert.Equal(t, r.check(t), []string{"open", "message one more", "close"})
		assert.Equal(t, srv.Len(), 0)
	})
}

// TestShutdownGivesUp shuts down while a peer does not answer.
func TestShutdownGivesUp(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		r := newRecorder()
		srv := w.serve(t, r.handler(), event.Options{})
		s := srv.script(t)
		within(t, r.conn, "OnOpen")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- srv.Shutdown(ctx) }()
		s.ExpectCloseCode(websocket.StatusGoingAway)
		cancel()
		assert.ErrorIs(t, within(t, done, "Shutdown"), context.Canceled)
		within(t, r.end, "OnClose")
		assert.Equal(t, r.check(t), []string{"open", "close"})
		_ = s.ExpectRest()
	})
}

// TestShutdownDropsHalfOpen shuts down while a request is on its way.
func TestShutdownDropsHalfOpen(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		if w.http {
			return // these are connections of net/http
		}
		srv := w.serve(t, echo, event.Options{})
		c := srv.connect(t)
		_, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: exa"))
		assert.NoError(t, err)
		open := srv.script(t) // by the time this is open, the other was accepted
		answered := open.Go(func() {
			open.ExpectCloseCode(websocket.StatusGoingAway)
			open.SendClose(websocket.StatusGoingAway, "")
			open.ExpectEOF()
		})
		assert.NoError(t, srv.Shutdown(t.Context()))
		answered()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(make([]byte, 1))
		var timeout net.Error
		assert.True(t, n == 0 && err != nil && !(errors.As(err, &timeout) && timeout.Timeout()), fmt.Sprintf("read %d bytes, %v", n, err))
	})
}
