package event_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
)

// wholeInARow runs rounds until 30 in a row were whole, and fails the test if that does not
// happen. On a busy machine one may not be: a handler whose thread waits for a processor looks
// as if it stalled, and what it has sent by then leaves without the rest.
func wholeInARow(t *testing.T, round func() (whole bool)) {
	t.Helper()
	for rounds, whole := 0, 0; whole < 30; rounds++ {
		assert.True(t, rounds < 1000, "there are never 30 in a row that are whole")
		if whole++; !round() {
			whole = 0
		}
	}
}

// TestCork sends 16 messages in one write and reads their echoes with one read: what the
// handler of a connection sends leaves in one write.
func TestCork(t *testing.T) {
	for _, w := range ways {
		if w.secure || w.network == "memory" {
			continue // read in other portions
		}
		t.Run(w.name, func(t *testing.T) {
			srv := w.serve(t, event.Handler{OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
				_ = c.Send(kind, p)
				if string(p) == "last" {
					time.Sleep(time.Millisecond) // for the client to see a first write
				}
			}}, event.Options{})
			peer := srv.connect(t)
			s := scriptOn(t, peer)
			var wire, want []byte
			for i := range 16 {
				p := fmt.Appendf(nil, "message %d", i)
				if i == 15 {
					p = []byte("last")
				}
				wire = appendMessage(wire, frame.OpBinary, p)
				want = appendEcho(want, p)
			}
			wholeInARow(t, func() bool {
				s.Send(wire)
				got := make([]byte, len(want))
				n, err := peer.Read(got)
				assert.NoError(t, err)
				_, err = io.ReadFull(peer, got[n:])
				assert.NoError(t, err)
				assert.Equal(t, string(got), string(want))
				return n == len(want)
			})
		})
	}
}

// TestCorkIsBounded has a handler send more than the cork holds before it returns: it
// leaves while the handler runs.
func TestCorkIsBounded(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		goOn := make(chan struct{})
		srv := w.serve(t, event.Handler{OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
			_ = c.Send(kind, p)
			_ = c.Send(kind, p)
			<-goOn
		}}, event.Options{Cork: 4000})
		s := srv.script(t)
		p := pattern(3000, 0)
		s.SendBinary(p)
		s.ExpectBinary(p)
		s.ExpectBinary(p)
		close(goOn)
	})
}

// TestOrder sends in all ways from one goroutine, within the handler and outside.
func TestOrder(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for _, z := range compressions {
			for _, inside := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, inside: %v", z.name, inside), func(t *testing.T) {
					talk := func(c *event.Conn) {
						for i := range 100 {
							n := 4 << (i % 14)
							switch i % 3 {
							case 0:
								_ = c.Send(websocket.Binary, numbered(i, n))
							case 1:
								m, _ := websocket.Prepare(websocket.Binary, numbered(i, n))
								_ = c.SendPrepared(m)
							default:
								_ = c.Ping(numbered(i, 4))
							}
						}
						_ = c.Close(websocket.StatusNormalClosure, "done")
					}
					var o opened
					h := o.handler()
					h.OnMessage = func(c *event.Conn, _ websocket.MessageType, _ []byte) { talk(c) }
					srv := w.serve(t, h, event.Options{Compression: z.option, MaxQueue: 8 << 20})
					d := srv.options()
					d.Compression = z.option
					var pings []int
					d.Trace = &websocket.Trace{}
					client, _, err := websocket.Dial(t.Context(), srv.url(), d)
					assert.NoError(t, err)
					defer client.CloseNow()
					c := within(t, o.conn, "OnOpen")
					if inside {
						assert.NoError(t, client.Write(t.Context(), websocket.Text, nil))
					} else {
						go talk(c)
					}
					for i := range 100 {
						if i%3 == 2 {
							pings = append(pings, i)
							continue
						}
						_, p, err := client.Read(t.Context())
						assert.NoError(t, err)
						assert.Equal(t, number(t, p), i)
						assert.Equal(t, len(p), 4<<(i%14))
					}
					_, _, err = client.Read(t.Context())
					assert.Equal(t, websocket.CloseStatus(err), websocket.StatusNormalClosure)
					assert.True(t, len(pings) == 33, "pings")
				})
			}
		}
	})
}

// TestManySenders has many goroutines send in all ways while the handler echoes. All
// arrives whole, and what one goroutine sent arrives in its order.
func TestManySenders(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for _, z := range compressions {
			t.Run(z.name, func(t *testing.T) {
				const senders = 6
				messages := 60
				if raced {
					messages = 28
				}
				var o opened
				h := o.handler()
				h.OnMessage = func(c *event.Conn, kind websocket.MessageType, p []byte) { _ = c.Send(kind, p) }
				srv := w.serve(t, h, event.Options{Compression: z.option, MaxQueue: 1 << 20, QueuePolicy: event.QueueBlock})
				client := srv.dial(t, z.option)
				c := within(t, o.conn, "OnOpen")
				var wg sync.WaitGroup
				for s := range senders {
					wg.Go(func() {
						for i := range messages {
							p := numbered(s<<16|i, 4<<((s+i)%14))
							var err error
							switch i % 3 {
							case 0:
								err = c.Send(websocket.Binary, p)
							case 1:
								m, _ := websocket.Prepare(websocket.Binary, p)
								err = c.SendPrepared(m)
							default:
								_ = c.Ping(p[:4])
								err = c.Send(websocket.Binary, p)
							}
							if err != nil {
								t.Errorf("sender %d, message %d: %v", s, i, err)
								return
							}
						}
					})
				}
				wg.Go(func() { // the last sender is the client, by way of the echo
					for i := range messages {
						if err := client.Write(t.Context(), websocket.Binary, numbered(senders<<16|i, 4<<(i%14))); err != nil {
							t.Errorf("client: %v", err)
						}
					}
				})
				var next [senders + 1]int
				for range (senders + 1) * messages {
					_, p, err := client.Read(t.Context())
					assert.NoError(t, err)
					n := number(t, p)
					assert.Equal(t, n&0xFFFF, next[n>>16])
					next[n>>16]++
				}
				wg.Wait()
				assert.NoError(t, client.Close(websocket.StatusNormalClosure, ""))
			})
		}
	})
}

// TestRefusedSends sends what must not be sent: nothing leaves, and the rest does.
func TestRefusedSends(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for _, n := range []int{10, 20 << 10} {
			errs := make(chan error, 10)
			send := func(c *event.Conn) {
				bad := bytes.Repeat([]byte{0xFF}, n)
				errs <- c.Send(websocket.Text, bad)
				errs <- c.Send(3, bad)
				errs <- c.Ping(make([]byte, 126))
				errs <- c.Close(1006, "")
				errs <- c.Close(1000, strings.Repeat("x", 124))
				errs <- c.Send(websocket.Text, []byte("good"))
			}
			check := func() {
				t.Helper()
				assert.Equal(t, <-errs, websocket.ErrNotUTF8)
				assert.Equal(t, <-errs, websocket.ErrMessageType)
				for range 3 {
					assert.True(t, <-errs != nil, "sent what must not be sent")
				}
				assert.NoError(t, <-errs)
			}
			var o opened
			h := o.handler()
			h.OnMessage = func(c *event.Conn, _ websocket.MessageType, _ []byte) { send(c) }
			s := w.serve(t, h, event.Options{}).script(t)
			c := within(t, o.conn, "OnOpen")
			s.SendText("inside")
			check()
			s.ExpectText("good")
			send(c)
			check()
			s.ExpectText("good")
		}
	})
}

// TestClient has clients of both drivers talk to a server: what they send is masked, and
// prepared messages are sent like others.
func TestClient(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		for _, z := range compressions {
			t.Run(z.name, func(t *testing.T) {
				srv := w.serve(t, echo, event.Options{Compression: z.option})
				d := srv.options()
				d.Compression = z.option
				got := make(chan []byte, 1)
				end, pongs := make(chan error, 1), make(chan string, 1)
				client := event.NewClient(event.Handler{
					OnMessage: func(_ *event.Conn, _ websocket.MessageType, p []byte) { got <- bytes.Clone(p) },
					OnPong:    func(_ *event.Conn, p []byte) { pongs <- string(p) },
					OnClose:   func(_ *event.Conn, err error) { end <- err },
				}, &event.ClientOptions{Driver: w.driver, Dial: d})
				c, _, err := client.Dial(t.Context(), srv.url(), "data")
				assert.NoError(t, err)
				assert.Equal(t, c.Data(), any("data"))
				// At once, before the driver knows the connection.
				large := pattern(1<<20, 1)
				sent := bytes.Clone(large)
				assert.NoError(t, c.Send(websocket.Binary, large))
				assert.True(t, bytes.Equal(large, sent), "Send changed what it was given")
				assert.True(t, bytes.Equal(within(t, got, "an echo"), large), "a damaged echo")
				m, err := websocket.Prepare(websocket.Binary, numbered(7, 1000))
				assert.NoError(t, err)
				assert.NoError(t, c.SendPrepared(m))
				assert.Equal(t, number(t, within(t, got, "an echo")), 7)
				assert.NoError(t, c.Ping([]byte("ping")))
				assert.Equal(t, within(t, pongs, "a pong"), "ping")
				assert.Equal(t, client.Len(), 1)
				assert.NoError(t, client.Shutdown(t.Context()))
				e := within(t, end, "OnClose").(*websocket.CloseError)
				assert.Equal(t, e.Received.Code, websocket.StatusGoingAway)
				_, _, err = client.Dial(context.Background(), srv.url(), nil)
				assert.True(t, err != nil, "dialled after Shutdown")
			})
		}
	})
}

// TestSlowReaderOfLargeMessages reads in small pieces what is written from several
// places at once.
func TestSlowReaderOfLargeMessages(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var o opened
		srv := w.serve(t, o.handler(), event.Options{MaxQueue: 64 << 20})
		peer := srv.connect(t)
		scriptOn(t, peer)
		c := within(t, o.conn, "OnOpen")
		more := 50_000
		if raced {
			more = 15_000
		}
		var want []byte
		for i := range 20 {
			p := numbered(i, 17<<10+i*more)
			want = appendEcho(want, p)
			if i%2 == 0 {
				assert.NoError(t, c.Send(websocket.Binary, p))
			} else {
				m, err := websocket.Prepare(websocket.Binary, p)
				assert.NoError(t, err)
				assert.NoError(t, c.SendPrepared(m))
			}
			clear(p) // Send has copied it, or written it
		}
		got := make([]byte, len(want))
		for n := 0; n < len(want); {
			m, err := peer.Read(got[n:min(n+3000, len(got))])
			assert.NoError(t, err)
			n += m
		}
		assert.True(t, bytes.Equal(got, want), "what came is damaged")
	})
}
