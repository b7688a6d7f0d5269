package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestUseAfterTheEnd calls everything on a connection that has ended.
func TestUseAfterTheEnd(t *testing.T) {
	m, err := websocket.Prepare(websocket.Text, []byte("m"))
	assert.NoError(t, err)
	uses := map[string]func(c *websocket.Conn, ctx context.Context) error{
		"Read":   func(c *websocket.Conn, ctx context.Context) error { _, _, err := c.Read(ctx); return err },
		"Reader": func(c *websocket.Conn, ctx context.Context) error { _, _, err := c.Reader(ctx); return err },
		"Messages": func(c *websocket.Conn, ctx context.Context) (last error) {
			for _, err := range c.Messages(ctx) {
				last = err
			}
			return last
		},
		"Write": func(c *websocket.Conn, ctx context.Context) error { return c.Write(ctx, websocket.Text, nil) },
		"large Write": func(c *websocket.Conn, ctx context.Context) error {
			return c.Write(ctx, websocket.Text, make([]byte, 100_000))
		},
		"Writer": func(c *websocket.Conn, ctx context.Context) error {
			_, err := c.Writer(ctx, websocket.Text)
			return err
		},
		"WritePrepared": func(c *websocket.Conn, ctx context.Context) error { return c.WritePrepared(ctx, m) },
		"Post":          func(c *websocket.Conn, _ context.Context) error { return c.Post(websocket.Text, nil) },
		"PostPrepared":  func(c *websocket.Conn, _ context.Context) error { return c.PostPrepared(m) },
		"Ping":          func(c *websocket.Conn, ctx context.Context) error { _, err := c.Ping(ctx); return err },
		"Close":         func(c *websocket.Conn, _ context.Context) error { return c.Close(websocket.StatusNormalClosure, "") },
	}
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				c.CloseNow()
				cancelled, cancel := context.WithCancel(t.Context())
				cancel()
				for _, ctx := range []context.Context{t.Context(), cancelled} {
					err := use(c, ctx)
					assert.ErrorIs(t, err, net.ErrClosed)
					ending(t, err)
				}
				<-c.CloseRead(t.Context()).Done()
				assert.NoError(t, c.CloseNow())
				assert.Equal(t, c.Queued(), 0)
				assert.True(t, c.LocalAddr() != nil && c.RemoteAddr() != nil, "no addresses")
			})
		})
	}
}

// TestReaderAndWriterAfterTheEnd uses what was got before it.
func TestReaderAndWriterAfterTheEnd(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendFrame(frame.Header{Opcode: frame.OpText}, []byte("begun"))
		_, r, err := c.Reader(t.Context())
		assert.NoError(t, err)
		w, err := c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		c.CloseNow()
		_, err = r.Read(make([]byte, 1))
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = w.Write(make([]byte, 100_000))
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorIs(t, w.Close(), net.ErrClosed)
	})
}

// TestPeerVanishes ends the transport without a close frame, at rest and in the
// middle of a frame.
func TestPeerVanishes(t *testing.T) {
	for _, sent := range []string{"", "81", "8185 00000000 4865"} {
		for _, end := range []struct {
			name  string
			end   func(s *wstest.Script)
			cause error
		}{
			{"EOF", func(s *wstest.Script) { s.Close() }, nil},
			{"half-close", func(s *wstest.Script) { s.CloseWrite() }, nil},
			{"reset", func(s *wstest.Script) { s.Reset() }, syscall.ECONNRESET},
		} {
			for _, tr := range transports {
				if end.cause != nil && (tr.secure || tr.name == "Unix") {
					continue // neither can be reset on purpose
				}
				t.Run(fmt.Sprintf("%s after %q/%s", end.name, sent, tr.name), func(t *testing.T) {
					c, s, _ := tr.script(t, nil)
					s.SendHex(sent)
					read := reading(t.Context(), c)
					end.end(s)
					e := ending(t, read())
					assert.True(t, e.Received == nil && e.Sent == nil, "close frames out of nothing")
					assert.Equal(t, websocket.CloseStatus(e), websocket.StatusAbnormalClosure)
					assert.Contains(t, e.Error(), "websocket: connection lost (no close frame)")
					assert.True(t, errors.Is(e.Cause, end.cause), fmt.Sprintf("Cause is %v", e.Cause))
					if end.name == "half-close" {
						s.ExpectEOF()
					}
				})
			}
		}
	}
}

// TestAnswersAreNotLostInAHalfClose: who has ended his direction still hears the
// answers to what he sent before.
func TestAnswersAreNotLostInAHalfClose(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		for i := range 3 {
			s.SendPing([]byte{byte(i)})
		}
		s.CloseWrite()
		for i := range 3 {
			s.ExpectPong([]byte{byte(i)})
		}
		e := ending(t, read())
		assert.True(t, e.Received == nil && e.Sent == nil && e.Cause == nil, fmt.Sprint(e))
		s.ExpectEOF()
	})
}

// TestEndInTheMiddleOfEverything has both ends use all there is to use, and one of
// them end the connection in some way. All calls return, with an error.
func TestEndInTheMiddleOfEverything(t *testing.T) {
	for i, end := range []func(c *websocket.Conn){
		func(c *websocket.Conn) { c.Close(websocket.StatusNormalClosure, "") },
		func(c *websocket.Conn) { c.CloseNow() },
		func(c *websocket.Conn) {
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			writeStream(ctx, c, make([]byte, 1<<20))
			c.Close(websocket.StatusNormalClosure, "")
		},
	} {
		for _, tr := range transports {
			t.Run(fmt.Sprintf("%d/%s", i, tr.name), func(t *testing.T) {
				server, client := tr.pair(t, &websocket.AcceptOptions{MaxQueue: 4096})
				var wg sync.WaitGroup
				for _, c := range []*websocket.Conn{server, client} {
					for _, use := range everything(t.Context(), c) {
						wg.Go(func() { untilTheEnd(t, use) })
					}
				}
				_, err := server.Ping(t.Context())
				assert.NoError(t, err)
				end([]*websocket.Conn{server, client}[i%2])
				wg.Wait()
			})
		}
	}
}

// everything returns what can be done with a connection again and again.
func everything(ctx context.Context, c *websocket.Conn) []func() error {
	return []func() error{
		func() error { _, _, err := c.Read(ctx); return err },
		func() error { return c.Write(ctx, websocket.Text, []byte("small")) },
		func() error { return c.Write(ctx, websocket.Binary, make([]byte, 50_000)) },
		func() error { return writeStream(ctx, c, make([]byte, 50_000)) },
		func() error { return c.Post(websocket.Text, []byte("posted")) },
		func() error { _, err := c.Ping(ctx); return err },
		func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Microsecond)
			defer cancel()
			_, err := c.Ping(ctx)
			return err
		},
	}
}

// untilTheEnd calls use until the connection ends.
func untilTheEnd(t *testing.T, use func() error) {
	for {
		err := use()
		switch {
		case websocket.CloseStatus(err) != 0, errors.Is(err, net.ErrClosed):
			return
		case err == nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, websocket.ErrQueueFull):
		default:
			t.Error(err)
			return
		}
	}
}
