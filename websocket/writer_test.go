package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestWriter(t *testing.T) {
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		long := 300_000
		if raced {
			long = 70_000
		}
		for _, n := range []int{0, 1, 16 << 10, 16<<10 + 1, long} {
			for _, piece := range []int{n, 1000, 16 << 10, 33_333} {
				m := sample(websocket.Text, n)
				wait := start(func() error {
					w, err := a.Writer(t.Context(), websocket.Text)
					if err != nil {
						return err
					}
					for p := m.Data; len(p) > 0; {
						k, err := w.Write(p[:min(len(p), piece)])
						if err != nil {
							return err
						}
						p = p[k:]
					}
					return w.Close()
				})
				expect(t, b, m)
				assert.NoError(t, wait())
			}
		}
	})
}

// expectFragment expects a frame of a message of n bytes that repeat b.
func expectFragment(t testing.TB, s *wstest.Script, op frame.Opcode, fin bool, b byte, n int) {
	t.Helper()
	h, p := s.ExpectFrame()
	assert.Equal(t, h.Opcode, op)
	assert.Equal(t, h.Fin, fin)
	assert.True(t, bytes.Equal(p, bytes.Repeat([]byte{b}, n)), "another payload")
}

// TestWriterFragments looks at the frames: 16 KiB each, and one only for a message
// that fits.
func TestWriterFragments(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		for _, tt := range []struct {
			n      int
			frames []int
		}{
			{0, []int{0}},
			{16 << 10, []int{16 << 10}},
			{16<<10 + 1, []int{16 << 10, 1}},
			{40 << 10, []int{16 << 10, 16 << 10, 8 << 10}},
		} {
			assert.NoError(t, writeStream(t.Context(), c, bytes.Repeat([]byte("x"), tt.n)))
			op := frame.OpBinary
			for i, k := range tt.frames {
				expectFragment(t, s, op, i == len(tt.frames)-1, 'x', k)
				op = frame.OpContinuation
			}
		}
	})
}

// TestOthersWhileAWriterIsOpen has everybody want something in the middle of a
// message: control frames go between its fragments, messages come after it.
func TestOthersWhileAWriterIsOpen(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		w, err := c.Writer(t.Context(), websocket.Binary)
		assert.NoError(t, err)
		_, err = w.Write(bytes.Repeat([]byte("x"), 16<<10+1))
		assert.NoError(t, err)
		expectFragment(t, s, frame.OpBinary, false, 'x', 16<<10)

		small, large := writing(t.Context(), c, text("write")), writing(t.Context(), c, sample(websocket.Binary, 20_000))
		next := start(func() error { return writeStream(t.Context(), c, []byte("next")) })
		cancelled, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, c.Write(cancelled, websocket.Text, []byte("cancelled")), context.DeadlineExceeded)
		assert.NoError(t, c.Post(websocket.Text, []byte("post")))
		assert.ErrorIs(t, c.Post(websocket.Text, []byte("\xff")), websocket.ErrNotUTF8)
		assert.ErrorIs(t, c.Post(9, nil), websocket.ErrMessageType)
		assert.Equal(t, c.Queued(), len("post"))

		rtt := start(func() time.Duration { d, _ := c.Ping(t.Context()); return d })
		s.SendPong(s.ExpectPing())
		s.SendPing([]byte("p"))
		s.ExpectPong([]byte("p"))
		assert.Equal(t, rtt(), 0)

		_, err = w.Write(bytes.Repeat([]byte("x"), 20_000))
		assert.NoError(t, err)
		expectFragment(t, s, frame.OpContinuation, false, 'x', 16<<10)
		assert.NoError(t, w.Close())
		expectFragment(t, s, frame.OpContinuation, true, 'x', 20_001-16<<10)
		s.ExpectText("post")
		assert.NoError(t, errors.Join(small(), large(), next()))
		lengths := map[int64]bool{}
		for range 3 {
			h, _ := s.ExpectFrame()
			lengths[h.Length] = true
		}
		assert.Equal(t, lengths, map[int64]bool{5: true, 20_000: true, 4: true})
		s.SendText("done")
		assert.NoError(t, read())
	})
}

// TestPostWhileAWriterIsOpenIsBounded counts what waits for the end of the message.
func TestPostWhileAWriterIsOpenIsBounded(t *testing.T) {
	bothRoles(t, &websocket.AcceptOptions{MaxQueue: 100}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		w, err := c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		assert.NoError(t, c.Post(websocket.Binary, make([]byte, 60)))
		assert.NoError(t, c.Post(websocket.Binary, make([]byte, 40)))
		assert.ErrorIs(t, c.Post(websocket.Binary, make([]byte, 1)), websocket.ErrQueueFull)
		assert.NoError(t, w.Close())
		s.ExpectText("")
		s.ExpectBinary(make([]byte, 60))
		s.ExpectBinary(make([]byte, 40))
	})
}

func TestWriterThatIsClosed(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		w, err := c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		assert.NoError(t, w.Close())
		_, err = w.Write([]byte("late"))
		assert.ErrorIs(t, err, websocket.ErrMessageDone)
		assert.ErrorIs(t, w.Close(), websocket.ErrMessageDone)
		s.ExpectText("")
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("next")))
		s.ExpectText("next")
	})
}

// TestWriterRefusesTextThatIsNotUTF8 refuses a message that fits in one frame, and
// gives the connection up in the middle of a longer one.
func TestWriterRefusesTextThatIsNotUTF8(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		w, err := c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		_, err = w.Write([]byte("cut \xe2\x82"))
		assert.NoError(t, err)
		assert.NoError(t, c.Post(websocket.Text, []byte("posted")))
		assert.ErrorIs(t, w.Close(), websocket.ErrNotUTF8)
		s.ExpectText("posted")

		w, err = c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		euros := bytes.Repeat([]byte("€"), 8<<10) // fragments end inside of code points
		_, err = w.Write(euros)
		assert.NoError(t, err)
		assert.NoError(t, w.Close())
		_, p := s.ExpectMessage()
		assert.True(t, bytes.Equal(p, euros), "another text")

		w, err = c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		_, err = w.Write(append(euros, 0xff))
		assert.NoError(t, err)
		err = w.Close()
		assert.ErrorIs(t, err, websocket.ErrNotUTF8)
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		assert.ErrorIs(t, c.Write(t.Context(), websocket.Text, nil), websocket.ErrNotUTF8)
	})
}

// TestWriterWhoseContextEnds gives the connection up only if a part of the message
// is out.
func TestWriterWhoseContextEnds(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := c.Writer(ctx, websocket.Text)
		assert.NoError(t, err)
		_, err = w.Write([]byte("never sent"))
		assert.NoError(t, err)
		cancel()
		assert.ErrorIs(t, w.Close(), context.Canceled)
		assert.ErrorIs(t, w.Close(), context.Canceled)
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("usable")))
		s.ExpectText("usable")

		ctx, cancel = context.WithCancel(t.Context())
		w, err = c.Writer(ctx, websocket.Text)
		assert.NoError(t, err)
		_, err = w.Write(make([]byte, 16<<10+1))
		assert.NoError(t, err)
		waiting := writing(t.Context(), c, text("waits"))
		synctest.Wait()
		cancel()
		_, err = w.Write(make([]byte, 16<<10))
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		assert.Equal(t, websocket.CloseStatus(waiting()), websocket.StatusAbnormalClosure)
		expectFragment(t, s, frame.OpText, false, 0, 16<<10)
		s.ExpectEOF()
	})
}

// TestCloseInTheMiddleOfAWriter closes properly, though a message is unfinished:
// the writer must not spoil it.
func TestCloseInTheMiddleOfAWriter(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		w, err := c.Writer(t.Context(), websocket.Binary)
		assert.NoError(t, err)
		_, err = w.Write(make([]byte, 16<<10+1))
		assert.NoError(t, err)
		waiting := writing(t.Context(), c, text("waits"))
		synctest.Wait()
		closed := start(func() error { return c.Close(websocket.StatusGoingAway, "") })
		expectFragment(t, s, frame.OpBinary, false, 0, 16<<10)
		s.ExpectClose(websocket.StatusGoingAway, "")
		assert.ErrorIs(t, c.Post(websocket.Text, []byte("lost")), net.ErrClosed)
		assert.ErrorIs(t, w.Close(), net.ErrClosed)
		s.SendClose(websocket.StatusGoingAway, "")
		assert.NoError(t, closed())
		assert.ErrorIs(t, waiting(), net.ErrClosed)
	})
}

// TestWriterOfABrokenTransport leaves a message in the middle: whoever writes next
// learns what broke.
func TestWriterOfABrokenTransport(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		w, err := c.Writer(t.Context(), websocket.Binary)
		assert.NoError(t, err)
		_, err = w.Write(make([]byte, 16<<10+1))
		assert.NoError(t, err)
		s.Close()
		assert.ErrorIs(t, w.Close(), syscall.EPIPE)
		for _, err := range []error{
			w.Close(), writeStream(t.Context(), c, nil),
			c.Write(t.Context(), websocket.Text, nil), c.Write(t.Context(), websocket.Binary, make([]byte, 50_000)),
			c.Post(websocket.Text, nil),
		} {
			assert.ErrorIs(t, err, syscall.EPIPE)
			ending(t, err)
		}
	})
}
