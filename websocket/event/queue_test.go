package event_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// numbered returns message i, of n bytes.
func numbered(i, n int) []byte {
	p := pattern(n, i)
	binary.BigEndian.PutUint32(p, uint32(i))
	return p
}

// number returns which message p is, and fails the test if p is not whole.
func number(t testing.TB, p []byte) int {
	t.Helper()
	assert.True(t, len(p) >= 4, "a message without a number")
	i := int(binary.BigEndian.Uint32(p))
	assert.True(t, bytes.Equal(p, numbered(i, len(p))), fmt.Sprintf("message %d of %d bytes is damaged", i, len(p)))
	return i
}

// An open connection of a server and the end of it.
type opened struct {
	conn chan *event.Conn
	end  chan error
}

// handler returns a handler that tells of one connection.
func (o *opened) handler() event.Handler {
	o.conn, o.end = make(chan *event.Conn, 1), make(chan error, 1)
	return event.Handler{
		OnOpen:  func(c *event.Conn) { o.conn <- c },
		OnClose: func(_ *event.Conn, err error) { o.end <- err },
	}
}

// closing returns the CloseError with which the connection ended.
func (o *opened) closing(t testing.TB) *websocket.CloseError {
	t.Helper()
	err := within(t, o.end, "OnClose")
	var e *websocket.CloseError
	assert.True(t, errors.As(err, &e) && e != nil, fmt.Sprintf("OnClose got %T %v", err, err))
	return e
}

const (
	big      = 32 << 10
	maxQueue = 8 * big
)

// rest reads all messages up to the close frame, which it returns answered, and the
// payloads of the pings among them.
func rest(t testing.TB, s *wstest.Script) (numbers []int, pings []string, code websocket.StatusCode) {
	t.Helper()
	for {
		h, p := s.ExpectFrame()
		switch h.Opcode {
		case frame.OpBinary:
			numbers = append(numbers, number(t, p))
		case frame.OpPing:
			pings = append(pings, string(p))
		case frame.OpClose:
			code, _, err := frame.ParseClose(p)
			assert.NoError(t, err)
			s.SendClose(code, "")
			return numbers, pings, code
		default:
			t.Fatalf("a frame %v", h)
		}
	}
}

func TestQueueClose(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var o opened
		s := w.serve(t, o.handler(), event.Options{MaxQueue: maxQueue}).script(t)
		c := within(t, o.conn, "OnOpen")
		var err error
		sent, most := 0, 0
		for ; err == nil; sent++ {
			err = c.Send(websocket.Binary, numbered(sent, big))
			most = max(most, c.Queued()) // until it was refused: the network may take all of it behind that
		}
		assert.Equal(t, err, websocket.ErrQueueFull)
		assert.True(t, most > 0 && most <= maxQueue+64, fmt.Sprintf("%d bytes were queued", most))
		err = c.Send(websocket.Text, []byte("too late"))
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorIs(t, c.Ping(nil), net.ErrClosed)
		assert.ErrorIs(t, c.Close(websocket.StatusNormalClosure, ""), net.ErrClosed)
		numbers, _, code := rest(t, s)
		assert.Equal(t, code, websocket.StatusTryAgainLater)
		assert.Equal(t, len(numbers), sent-1)
		for i, n := range numbers {
			assert.Equal(t, n, i)
		}
		e := o.closing(t)
		assert.Equal(t, e.Sent.Code, websocket.StatusTryAgainLater)
		assert.ErrorIs(t, e, net.ErrClosed)
	})
}

func TestQueueDropNewest(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var o opened
		s := w.serve(t, o.handler(), event.Options{MaxQueue: maxQueue, QueuePolicy: event.QueueDropNewest}).script(t)
		c := within(t, o.conn, "OnOpen")
		var want []int
		for i, refused := 0, 0; refused < 20; i++ {
			switch err := c.Send(websocket.Binary, numbered(i, big)); err {
			case nil:
				want = append(want, i)
			default:
				assert.Equal(t, err, websocket.ErrQueueFull)
				refused++
			}
		}
		assert.NoError(t, c.Ping([]byte("between")))
		assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		numbers, pings, code := rest(t, s)
		assert.Equal(t, code, websocket.StatusNormalClosure)
		assert.Equal(t, numbers, want)
		assert.Equal(t, pings, []string{"between"})
	})
}

func TestQueueDropOldest(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var o opened
		s := w.serve(t, o.handler(), event.Options{MaxQueue: maxQueue, QueuePolicy: event.QueueDropOldest, WriteTimeout: -1}).script(t)
		c := within(t, o.conn, "OnOpen")
		const messages = 300 // 9 MiB, more than a socket holds that nobody reads from
		for i := range messages {
			m, err := websocket.Prepare(websocket.Binary, numbered(i, big))
			assert.NoError(t, err)
			if i%2 == 0 {
				err = c.Send(websocket.Binary, m.Payload())
			} else {
				err = c.SendPrepared(m)
			}
			assert.NoError(t, err)
			switch i {
			case 10:
				assert.NoError(t, c.Ping([]byte("early")))
			case 250:
				assert.NoError(t, c.Ping([]byte("kept")))
			}
			assert.True(t, c.Queued() <= maxQueue+256, "more waits than may")
		}
		assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		numbers, pings, code := rest(t, s)
		assert.Equal(t, code, websocket.StatusNormalClosure)
		assert.Equal(t, pings, []string{"early", "kept"})
		assert.Equal(t, numbers[len(numbers)-1], messages-1)
		assert.True(t, len(numbers) < messages, "nothing was dropped")
		for i := range numbers[1:] {
			assert.True(t, numbers[i+1] > numbers[i], "messages are out of order")
		}
	})
}

func TestQueueDropOldestWithTakeover(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		if raced && w.network == "tcp" {
			return // the kernel takes some MB, which it would take seconds to compress
		}
		var o opened
		z := &websocket.Compression{Threshold: -1}
		srv := w.serve(t, o.handler(), event.Options{MaxQueue: maxQueue, QueuePolicy: event.QueueDropOldest, Compression: z})
		client := srv.dial(t, z)
		c := within(t, o.conn, "OnOpen")
		// What refers to what came before cannot be dropped, so the newest is
		// refused, and the peer understands all that comes.
		var want []int
		for i, refused := 0, 0; refused < 20; i++ {
			p := numbered(i, big)
			copy(p[4:], "the same in each message, so that each is compressed")
			copy(p[64:4096], bytes.Repeat([]byte("again"), 1000))
			if err := c.Send(websocket.Binary, p); err == nil {
				want = append(want, i)
			} else {
				assert.Equal(t, err, websocket.ErrQueueFull)
				refused++
			}
		}
		assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		for _, i := range want {
			_, p, err := client.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, int(binary.BigEndian.Uint32(p)), i)
		}
		_, _, err := client.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusNormalClosure)
	})
}

func TestQueueBlock(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var o opened
		s := w.serve(t, o.handler(), event.Options{MaxQueue: maxQueue, QueuePolicy: event.QueueBlock}).script(t)
		c := within(t, o.conn, "OnOpen")
		const messages = 256 // 8 MiB, more than a socket holds that nobody reads from
		sent := make(chan error, 1)
		go func() {
			var err error
			for i := range messages {
				err = errors.Join(err, c.Send(websocket.Binary, numbered(i, big)))
				if c.Queued() > maxQueue+64 {
					err = errors.Join(err, fmt.Errorf("%d bytes wait", c.Queued()))
				}
			}
			sent <- errors.Join(err, c.Close(websocket.StatusNormalClosure, ""))
		}()
		numbers, _, code := rest(t, s)
		assert.Equal(t, code, websocket.StatusNormalClosure)
		assert.NoError(t, within(t, sent, "the sender"))
		assert.Equal(t, len(numbers), messages)
		for i, n := range numbers {
			assert.Equal(t, n, i)
		}
	})
}

// TestQueueBlockIsReleased has senders wait, in the handler and outside, and ends the
// connection.
func TestQueueBlockIsReleased(t *testing.T) {
	ends := []struct {
		name string
		end  func(c *event.Conn, peer net.Conn)
	}{
		{"CloseNow", func(c *event.Conn, _ net.Conn) { c.CloseNow() }},
		{"peer resets", func(_ *event.Conn, peer net.Conn) { reset(peer) }},
		{"write timeout", func(*event.Conn, net.Conn) {}},
		{"Close", func(c *event.Conn, _ net.Conn) { _ = c.Close(websocket.StatusNormalClosure, "") }},
	}
	everyWayAtOnce(t, func(t *testing.T, w way) {
		for _, inHandler := range []bool{false, true} {
			for _, e := range ends {
				t.Run(fmt.Sprintf("%s, in handler: %v", e.name, inHandler), func(t *testing.T) {
					var o opened
					h := o.handler()
					waiting, released := make(chan struct{}, 1000), make(chan error, 1)
					send := func(c *event.Conn) {
						for i := 0; ; i++ {
							if err := c.Send(websocket.Binary, numbered(i, big)); err != nil {
								released <- err
								return
							}
							if c.Queued() > maxQueue/2 {
								select {
								case waiting <- struct{}{}:
								default:
								}
							}
						}
					}
					h.OnMessage = func(c *event.Conn, _ websocket.MessageType, _ []byte) { send(c) }
					opts := event.Options{MaxQueue: maxQueue, QueuePolicy: event.QueueBlock, CloseTimeout: soon, Loops: 1}
					if e.name == "write timeout" {
						opts.WriteTimeout = soon
					}
					srv := w.serve(t, h, opts)
					peer := srv.connect(t)
					s := wstest.NewScript(t, peer, wstest.Client)
					s.ClientHandshake("/", "Host: example.com")
					c := within(t, o.conn, "OnOpen")
					if inHandler {
						s.SendText("go")
					} else {
						go send(c)
					}
					if e.name != "write timeout" { // which may strike before
						within(t, waiting, "the queue to fill")
					}
					e.end(c, peer)
					err := within(t, released, "the sender")
					var ce *websocket.CloseError
					assert.True(t, errors.As(err, &ce) || errors.Is(err, net.ErrClosed), fmt.Sprintf("Send returned %v", err))
					o.closing(t)
				})
			}
		}
	})
}

// TestBroadcastPassesSlowReceivers sends to many while one reads nothing.
func TestBroadcastPassesSlowReceivers(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		opens := make(chan *event.Conn, 16)
		ends := make(chan error, 16)
		srv := w.serve(t, event.Handler{
			OnOpen:  func(c *event.Conn) { opens <- c },
			OnClose: func(_ *event.Conn, err error) { ends <- err },
		}, event.Options{MaxQueue: maxQueue, Loops: 1, WriteTimeout: -1, CloseTimeout: time.Minute})
		slow := srv.script(t)
		within(t, opens, "OnOpen")
		var clients []*websocket.Conn
		for range 2 {
			clients = append(clients, srv.dial(t, nil))
			within(t, opens, "OnOpen")
		}
		const messages = 256 // 8 MiB, more than a socket holds that nobody reads from
		go func() {
			for i := range messages {
				m, _ := websocket.Prepare(websocket.Binary, numbered(i, big))
				srv.Broadcast(m)
				for _, c := range clients { // so that none is slow but the one
					if _, err := c.Ping(t.Context()); err != nil {
						return
					}
				}
			}
		}()
		done := make(chan error, len(clients))
		for _, c := range clients {
			go func() {
				for i := range messages {
					_, p, err := c.Read(t.Context())
					if err == nil && !bytes.Equal(p, numbered(i, big)) {
						err = fmt.Errorf("message %d is damaged", i)
					}
					if err != nil {
						done <- err
						return
					}
				}
				done <- nil
				_, _, _ = c.Read(t.Context())
			}()
		}
		for range clients {
			assert.NoError(t, within(t, done, "a receiver"))
		}
		numbers, _, code := rest(t, slow)
		assert.Equal(t, code, websocket.StatusTryAgainLater)
		for i, n := range numbers {
			assert.Equal(t, n, i)
		}
		assert.Equal(t, within(t, ends, "OnClose").(*websocket.CloseError).Sent.Code, websocket.StatusTryAgainLater)
	})
}
