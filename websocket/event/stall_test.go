package event_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A stalling handler echoes, and waits at a message "stall" until release is closed.
type stalling struct {
	conn    chan *event.Conn
	stalled chan struct{}
	release chan struct{}
	end     chan error
}

func newStalling() *stalling {
	return &stalling{make(chan *event.Conn, 10), make(chan struct{}, 10), make(chan struct{}), make(chan error, 10)}
}

func (s *stalling) handler() event.Handler {
	return event.Handler{
		OnOpen: func(c *event.Conn) { s.conn <- c },
		OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
			text := string(p)
			_ = c.Send(kind, p)
			if text == "stall" {
				s.stalled <- struct{}{}
				<-s.release
				_ = c.Send(kind, []byte("released"))
			}
		},
		OnClose: func(_ *event.Conn, err error) { s.end <- err },
	}
}

// TestStalledHandler blocks the handlers of some connections, and uses these and others
// meanwhile.
func TestStalledHandler(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("%d processors", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			everyWay(t, func(t *testing.T, w way) {
				st := newStalling()
				srv := w.serve(t, st.handler(), event.Options{Loops: 1})
				defer func() { // so that a failure does not take the rest down
					if t.Failed() {
						close(st.release)
					}
				}()
				other := srv.script(t)
				within(t, st.conn, "OnOpen")
				const many = 3
				var stuck []*wstest.Script
				for range many {
					s := srv.script(t)
					c := within(t, st.conn, "OnOpen")
					wire := appendText(nil, "before")
					wire = appendText(wire, "stall")
					wire = appendText(wire, "behind")
					last := appendText(nil, "in two pieces")
					s.Send(append(wire, last[:10]...))
					within(t, st.stalled, "the handler")
					// What the handler sent before it stalled, and what others
					// send meanwhile, leaves.
					s.ExpectText("before")
					s.ExpectText("stall")
					assert.NoError(t, c.Send(websocket.Text, []byte("meanwhile")))
					s.ExpectText("meanwhile")
					m, err := websocket.Prepare(websocket.Text, []byte("to all"))
					assert.NoError(t, err)
					srv.Broadcast(m)
					s.ExpectText("to all")
					other.ExpectText("to all")
					for _, s := range stuck {
						s.ExpectText("to all")
					}
					s.Send(last[10:])
					s.SendText("later")
					other.SendText("are you there?")
					other.ExpectText("are you there?")
					stuck = append(stuck, s)
				}
				fresh := srv.script(t) // new connections are accepted too
				within(t, st.conn, "OnOpen")
				fresh.SendText("new")
				fresh.ExpectText("new")
				close(st.release)
				for _, s := range stuck {
					for _, text := range []string{"released", "behind", "in two pieces", "later"} {
						s.ExpectText(text)
					}
					s.SendText("again")
					s.ExpectText("again")
					s.SendClose(websocket.StatusNormalClosure, "")
					s.ExpectClose(websocket.StatusNormalClosure, "")
					s.ExpectEOF()
				}
			})
		})
	}
}

// TestEndWhileStalled ends connections while their handler is blocked: OnClose comes when
// it has returned.
func TestEndWhileStalled(t *testing.T) {
	ends := []struct {
		name string
		end  func(srv *served, c *event.Conn, s *wstest.Script)
		code websocket.StatusCode // of the close frame sent, 0 for none
	}{
		{"Close", func(_ *served, c *event.Conn, s *wstest.Script) {
			_ = c.Close(websocket.StatusNormalClosure, "")
			s.ExpectClose(websocket.StatusNormalClosure, "")
			s.SendClose(websocket.StatusNormalClosure, "")
		}, websocket.StatusNormalClosure},
		{"CloseNow", func(_ *served, c *event.Conn, _ *wstest.Script) { c.CloseNow() }, 0},
		{"peer hangs up", func(_ *served, _ *event.Conn, s *wstest.Script) { s.Close() }, 0},
		{"peer closes", func(_ *served, _ *event.Conn, s *wstest.Script) {
			s.SendClose(websocket.StatusNormalClosure, "")
		}, websocket.StatusNormalClosure},
		{"Shutdown", func(srv *served, _ *event.Conn, s *wstest.Script) {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				_ = srv.Shutdown(ctx)
				close(done)
			}()
			s.ExpectCloseCode(websocket.StatusGoingAway)
			cancel()
			<-done
		}, websocket.StatusGoingAway},
	}
	everyWay(t, func(t *testing.T, w way) {
		for _, e := range ends {
			t.Run(e.name, func(t *testing.T) {
				st := newStalling()
				srv := w.serve(t, st.handler(), event.Options{Loops: 1})
				defer func() {
					if t.Failed() {
						close(st.release)
					}
				}()
				s := srv.script(t)
				c := within(t, st.conn, "OnOpen")
				s.SendText("stall")
				within(t, st.stalled, "the handler")
				s.ExpectText("stall")
				e.end(srv, c, s)
				assert.True(t, len(st.end) == 0, "OnClose was called while the handler ran")
				close(st.release)
				err := within(t, st.end, "OnClose").(*websocket.CloseError)
				if e.code == 0 {
					assert.True(t, err.Sent == nil, err.Error())
				} else {
					assert.Equal(t, err.Sent.Code, e.code)
				}
			})
		}
	})
}

// TestOtherFunctionsStall blocks Accept, OnOpen and OnClose, each after the other.
func TestOtherFunctionsStall(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		at, goOn := make(chan string, 10), make(chan struct{})
		var stall atomic.Bool
		wait := func(where string) {
			if stall.Load() {
				at <- where
				<-goOn
			}
		}
		type mark struct{}
		srv := w.serve(t, event.Handler{
			OnOpen: func(c *event.Conn) {
				_ = c.Send(websocket.Text, []byte("welcome"))
				if c.Data() == nil {
					wait("OnOpen")
				}
			},
			OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
				_ = c.Send(kind, p)
				if string(p) == "wait" {
					wait("OnMessage")
				}
			},
			OnClose: func(c *event.Conn, _ error) {
				if c.Data() == nil {
					wait("OnClose")
				}
			},
		}, event.Options{Loops: 1, Accept: func(r *event.Request) error {
			if strings.Contains(r.Target, "other") {
				r.Data = mark{}
				return nil
			}
			wait("Accept")
			return nil
		}})
		dial := func(target string) *wstest.Script {
			s := wstest.NewScript(t, srv.connect(t), wstest.Client)
			s.ClientRequest(target, "Host: example.com")
			return s
		}
		other := dial("/other")
		other.ExpectHead()
		other.ExpectText("welcome")
		check := func() {
			other.SendText("still there?")
			other.ExpectText("still there?")
		}
		if w.http { // there is no Accept, and so no Data
			other.SendText("still there?")
			other.ExpectText("still there?")
		}
		stall.Store(true)
		s := dial("/")
		s.Send(appendText(nil, "wait"))
		if !w.http {
			assert.Equal(t, within(t, at, "Accept"), "Accept")
			check()
			goOn <- struct{}{}
		}
		assert.Equal(t, within(t, at, "OnOpen"), "OnOpen")
		s.ExpectHead()
		s.ExpectText("welcome")
		check()
		goOn <- struct{}{}
		assert.Equal(t, within(t, at, "OnMessage"), "OnMessage")
		s.ExpectText("wait")
		check()
		goOn <- struct{}{}
		s.SendClose(websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
		assert.Equal(t, within(t, at, "OnClose"), "OnClose")
		check()
		stall.Store(false)
		goOn <- struct{}{}
		s.ExpectEOF()
	})
}

// TestEndWhileAcceptStalls gives a connection up whose request Accept still thinks about.
func TestEndWhileAcceptStalls(t *testing.T) {
	everyWayAtOnce(t, func(t *testing.T, w way) {
		if w.http {
			return // there is no Accept
		}
		for _, how := range []string{"Shutdown", "handshake timeout"} {
			t.Run(how, func(t *testing.T) {
				at, goOn := make(chan struct{}, 1), make(chan struct{})
				var opens atomic.Int32
				srv := w.serve(t, event.Handler{
					OnOpen: func(*event.Conn) { opens.Add(1) },
				}, event.Options{Loops: 1, HandshakeTimeout: later, Accept: func(*event.Request) error {
					at <- struct{}{}
					<-goOn
					return nil
				}})
				s := wstest.NewScript(t, srv.connect(t), wstest.Client)
				s.ClientRequest("/", "Host: example.com")
				within(t, at, "Accept")
				if how == "Shutdown" {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					defer cancel()
					_ = srv.Shutdown(ctx)
					close(goOn)
					_ = s.ExpectRest()
					assert.Equal(t, opens.Load(), 0)
					return
				}
				// The timeout is for the client's part, which is done.
				late := srv.connect(t)
				_, _ = late.Write([]byte("GET"))
				_, err := late.Read(make([]byte, 1))
				assert.True(t, err != nil, "an answer to half a request")
				close(goOn)
				assert.Contains(t, s.ExpectHead(), " 101 ")
				s.SendClose(websocket.StatusNormalClosure, "")
				s.ExpectCloseCode(websocket.StatusNormalClosure)
				s.ExpectEOF()
				assert.Equal(t, opens.Load(), 1)
			})
		}
	})
}
