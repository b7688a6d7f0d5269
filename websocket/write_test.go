package websocket_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// numbered returns a message that says who wrote it and as which of its messages.
func numbered(writer, number int) []byte {
	p := sample(websocket.Binary, 8+(writer*7919+number*104729)%3000).Data
	if number%40 == 39 {
		p = sample(websocket.Binary, 50_000).Data // too large to be copied
	}
	binary.BigEndian.PutUint32(p, uint32(writer))
	binary.BigEndian.PutUint32(p[4:], uint32(number))
	return p
}

// TestManyWriters has goroutines write in every way there is. All arrives, and
// what one of them wrote arrives in its order.
func TestManyWriters(t *testing.T) {
	const writers = 15
	messages := 80
	if raced {
		messages = 40
	}
	ways := []func(ctx context.Context, c *websocket.Conn, p []byte) error{
		func(ctx context.Context, c *websocket.Conn, p []byte) error { return c.Write(ctx, websocket.Binary, p) },
		func(_ context.Context, c *websocket.Conn, p []byte) error { return c.Post(websocket.Binary, p) },
		func(ctx context.Context, c *websocket.Conn, p []byte) error {
			m, err := websocket.Prepare(websocket.Binary, p)
			return errors.Join(err, c.WritePrepared(ctx, m))
		},
		func(_ context.Context, c *websocket.Conn, p []byte) error {
			m, err := websocket.Prepare(websocket.Binary, p)
			return errors.Join(err, c.PostPrepared(m))
		},
		writeStream,
	}
	overAll(t, &websocket.AcceptOptions{MaxQueue: 1 << 30}, func(t *testing.T, a, b *websocket.Conn) {
		var wg sync.WaitGroup
		for writer := range writers {
			wg.Go(func() {
				for i := range messages {
					// One goroutine sticks to its way, another changes.
					way := ways[(writer+i*(writer%2))%len(ways)]
					if err := way(t.Context(), a, numbered(writer, i)); err != nil {
						t.Errorf("writer %d, message %d: %v", writer, i, err)
						return
					}
				}
			})
		}
		var next [writers]int
		for range writers * messages {
			_, p, err := b.Read(t.Context())
			assert.NoError(t, err)
			writer := int(binary.BigEndian.Uint32(p))
			assert.Equal(t, string(p), string(numbered(writer, next[writer])))
			next[writer]++
		}
		wg.Wait()
		for a.Queued() > 0 { // what was posted is counted until its writer looks up
			assert.NoError(t, t.Context().Err())
			runtime.Gosched()
		}
	})
}

// writeStream writes p through Writer.
func writeStream(ctx context.Context, c *websocket.Conn, p []byte) error {
	w, err := c.Writer(ctx, websocket.Binary)
	if err != nil {
		return err
	}
	_, err = w.Write(p)
	return errors.Join(err, w.Close())
}

// TestPostIsBounded posts to a peer that does not read until nothing fits. What was
// posted arrives once the peer reads, and then there is room again.
func TestPostIsBounded(t *testing.T) {
	overAll(t, &websocket.AcceptOptions{MaxQueue: 64 << 10, WriteTimeout: -1}, func(t *testing.T, a, b *websocket.Conn) {
		posted := 0
		var err error
		for ; err == nil; posted++ {
			err = a.Post(websocket.Binary, numbered(1, posted))
			assert.True(t, a.Queued() <= 64<<10+16<<10, "more is queued than MaxQueue and a message")
		}
		posted--
		assert.ErrorIs(t, err, websocket.ErrQueueFull)
		for i := range posted {
			_, p, err := b.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(p), string(numbered(1, i)))
		}
		for err = a.Post(websocket.Text, []byte("more")); errors.Is(err, websocket.ErrQueueFull); {
			err = a.Post(websocket.Text, []byte("more")) // the kernel has it, the flusher has not looked yet
		}
		assert.NoError(t, err)
		expect(t, b, text("more"))
	})
}

// TestPostOfMoreThanTheQueueHolds lets one message in when nothing else waits: it
// would never be sent otherwise.
func TestPostOfMoreThanTheQueueHolds(t *testing.T) {
	bothRoles(t, &websocket.AcceptOptions{MaxQueue: 1000}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		m := sample(websocket.Binary, 100_000)
		assert.NoError(t, c.Post(m.Type, m.Data))
		synctest.Wait()
		assert.True(t, c.Queued() > 1000, "nothing is queued")
		assert.ErrorIs(t, c.Post(websocket.Text, nil), websocket.ErrQueueFull)
		s.ExpectBinary(m.Data)
		synctest.Wait()
		assert.Equal(t, c.Queued(), 0)
	})
}

// fill writes until the transport takes no more, and returns a function that has
// the scripted peer read it.
func fill(t *testing.T, c *websocket.Conn, s *wstest.Script) (drain func()) {
	t.Helper()
	m := sample(websocket.Binary, 200<<10)
	wait := writing(t.Context(), c, m)
	synctest.Wait()
	return func() {
		s.ExpectBinary(m.Data)
		assert.NoError(t, wait())
	}
}

// TestCancelledWriteThatWaited cancels writes that wait for their turn: nothing of
// them is sent and all else goes on.
func TestCancelledWriteThatWaited(t *testing.T) {
	bothRoles(t, &websocket.AcceptOptions{WriteTimeout: -1}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		drain := fill(t, c, s)
		ctx, cancel := context.WithCancel(t.Context())
		before := writing(t.Context(), c, text("before"))
		synctest.Wait()
		small := writing(ctx, c, text("cancelled"))
		large := writing(ctx, c, sample(websocket.Binary, 40_000))
		stream := start(func() error { return writeStream(ctx, c, []byte("cancelled")) })
		synctest.Wait()
		after := writing(t.Context(), c, text("after"))
		synctest.Wait()
		cancel()
		for _, wait := range []func() error{small, large, stream} {
			err := wait()
			assert.ErrorIs(t, err, context.Canceled)
			assert.Contains(t, err.Error(), "websocket: write interrupted: ")
		}
		assert.ErrorIs(t, c.Write(ctx, websocket.Text, nil), context.Canceled)
		drain()
		s.ExpectText("before")
		s.ExpectText("after")
		assert.NoError(t, before())
		assert.NoError(t, after())
		wait := writing(t.Context(), c, text("usable"))
		s.ExpectText("usable")
		assert.NoError(t, wait())
	})
}

// TestCancellingSomeOfManyWrites takes frames out of the middle of a batch, one
// after the other.
func TestCancellingSomeOfManyWrites(t *testing.T) {
	bothRoles(t, &websocket.AcceptOptions{WriteTimeout: -1}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		drain := fill(t, c, s)
		var waits []func() error
		var cancels []context.CancelFunc
		for i := range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			waits, cancels = append(waits, writing(ctx, c, text(fmt.Sprintf("message %d", i*i*i)))), append(cancels, cancel)
			synctest.Wait()
		}
		for _, i := range []int{2, 1, 5, 0, 9, 7} {
			cancels[i]()
			assert.ErrorIs(t, waits[i](), context.Canceled)
		}
		drain()
		for _, i := range []int{3, 4, 6, 8} {
			s.ExpectText(fmt.Sprintf("message %d", i*i*i))
			assert.NoError(t, waits[i]())
			cancels[i]()
		}
	})
}

// TestCancellingWritesAtAnyTime cancels about every other write, somewhere between
// its begin and its end. What was reported as written arrives, in order, and the
// frames around what was taken back stay whole. The kernel has room for all of it,
// so that no write is cut in the middle.
func TestCancellingWritesAtAnyTime(t *testing.T) {
	const writers, messages = 12, 150
	server, client := transports[1].pair(t, nil)
	written := make([][]bool, writers)
	var wg sync.WaitGroup
	for writer := range writers {
		written[writer] = make([]bool, messages)
		wg.Go(func() {
			for i := range messages {
				ctx, cancel := context.WithCancel(t.Context())
				if (writer+i)%2 == 0 {
					go cancel()
				}
				p := binary.BigEndian.AppendUint32(nil, uint32(writer))
				p = binary.BigEndian.AppendUint32(p, uint32(i))
				err := server.Write(ctx, websocket.Binary, append(p, make([]byte, i%100)...))
				written[writer][i] = err == nil
				if err != nil && (websocket.CloseStatus(err) != 0 || !errors.Is(err, context.Canceled)) {
					t.Errorf("writer %d, message %d: %v", writer, i, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	assert.NoError(t, server.Post(websocket.Text, []byte("end")))
	var next [writers]int
	for {
		kind, p, err := client.Read(t.Context())
		assert.NoError(t, err)
		if kind == websocket.Text {
			break
		}
		writer, i := binary.BigEndian.Uint32(p), int(binary.BigEndian.Uint32(p[4:]))
		assert.Equal(t, len(p), 8+i%100)
		for ; next[writer] < i; next[writer]++ {
			assert.True(t, !written[writer][next[writer]], fmt.Sprintf("message %d of %d is lost", next[writer], writer))
		}
		assert.Equal(t, next[writer], i)
		next[writer]++
	}
	for writer := range writers {
		for i := next[writer]; i < messages; i++ {
			assert.True(t, !written[writer][i], fmt.Sprintf("message %d of %d is lost", i, writer))
		}
	}
}

// TestWriteCutInTheMiddle cancels a write of which a part is out.
func TestWriteCutInTheMiddle(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx, cancel := context.WithCancel(t.Context())
		wait := writing(ctx, c, sample(websocket.Binary, 200<<10))
		synctest.Wait()
		other := writing(t.Context(), c, text("waits"))
		read := reading(t.Context(), c)
		synctest.Wait()
		cancel()
		err := wait()
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		assert.Equal(t, err.Error(), "websocket: connection lost (no close frame): write interrupted: context canceled")
		for _, err := range []error{
			other(), read(), c.Write(t.Context(), websocket.Text, nil), c.Post(websocket.Text, nil),
			c.Close(websocket.StatusNormalClosure, ""),
		} {
			assert.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		}
		s.ExpectRest()
	})
}

func TestWriteTimeout(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(t *testing.T, c *websocket.Conn) error
	}{
		{"Write", func(t *testing.T, c *websocket.Conn) error {
			return c.Write(t.Context(), websocket.Binary, make([]byte, 1<<20))
		}},
		{"many small writes", func(t *testing.T, c *websocket.Conn) (err error) {
			for err == nil {
				err = c.Write(t.Context(), websocket.Binary, make([]byte, 1000))
			}
			return err
		}},
		{"Writer", func(t *testing.T, c *websocket.Conn) error { return writeStream(t.Context(), c, make([]byte, 1<<20)) }},
		{"Post", func(t *testing.T, c *websocket.Conn) error {
			assert.NoError(t, c.Post(websocket.Binary, make([]byte, 1<<20)))
			return reading(t.Context(), c)()
		}},
		{"Ping", func(t *testing.T, c *websocket.Conn) (err error) {
			assert.NoError(t, c.Post(websocket.Binary, make([]byte, 1<<20)))
			_, err = c.Ping(t.Context())
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				begun := time.Now()
				err := tt.write(t, c)
				took := time.Since(begun)
				assert.Equal(t, took, 10*time.Second)
				assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
				assert.Contains(t, err.Error(), "write timeout: the peer does not read")
			})
		})
	}
}

// TestWriteToASlowPeer has the peer take something every 9 seconds: it is slow, but
// not stuck.
func TestWriteToASlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := transports[0]
		c, _, raw := tr.script(t, &websocket.AcceptOptions{PingInterval: -1})
		const size = 1 << 20
		wait := writing(t.Context(), c, sample(websocket.Binary, size))
		read := start(func() error {
			for left := int64(size) + 10; left > 0; left -= 64 << 10 {
				time.Sleep(9 * time.Second)
				if _, err := io.CopyN(io.Discard, raw, min(left, 64<<10)); err != nil {
					return err
				}
			}
			return nil
		})
		assert.NoError(t, wait())
		assert.NoError(t, read())
	})
}

// TestWritingAfterPausesLongerThanTheTimeout must not hit the deadline of an
// earlier write.
func TestWritingAfterPausesLongerThanTheTimeout(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx, cancel := context.WithCancel(t.Context())
		for _, pause := range []time.Duration{0, 9 * time.Second, 11 * time.Second} {
			time.Sleep(pause)
			assert.NoError(t, c.Write(ctx, websocket.Text, []byte("m")))
			s.ExpectText("m")
		}
		cancel()
		synctest.Wait()
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("other context")))
		s.ExpectText("other context")
	})
}

func TestWriteRefusesWhatIsNoMessage(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		short, long := []byte("a\xff"), slices.Concat(sample(websocket.Text, 50_000).Data, []byte{0xe2})
		for _, p := range [][]byte{short, long} {
			assert.ErrorIs(t, c.Write(t.Context(), websocket.Text, p), websocket.ErrNotUTF8)
			assert.ErrorIs(t, c.Post(websocket.Text, p), websocket.ErrNotUTF8)
			_, err := websocket.Prepare(websocket.Text, p)
			assert.ErrorIs(t, err, websocket.ErrNotUTF8)
			for _, kind := range []websocket.MessageType{0, 3, 8, 255} {
				assert.ErrorIs(t, c.Write(t.Context(), kind, p), websocket.ErrMessageType)
				assert.ErrorIs(t, c.Post(kind, p), websocket.ErrMessageType)
				_, err := c.Writer(t.Context(), kind)
				assert.ErrorIs(t, err, websocket.ErrMessageType)
				_, err = websocket.Prepare(kind, p)
				assert.ErrorIs(t, err, websocket.ErrMessageType)
			}
		}
		assert.Equal(t, c.Queued(), 0)
		assert.NoError(t, c.Write(t.Context(), websocket.Binary, short))
		s.ExpectBinary(short)
	})
}

// TestReadingOnAfterAWriteFailed reads what the peer sent before it went away,
// though writes fail already.
func TestReadingOnAfterAWriteFailed(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendText("first")
		s.SendText("why I leave")
		s.SendClose(websocket.StatusGoingAway, "bye")
		s.Close()
		err := c.Write(t.Context(), websocket.Text, []byte("too late"))
		assert.ErrorIs(t, err, syscall.EPIPE)
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		assert.ErrorIs(t, c.Post(websocket.Text, nil), syscall.EPIPE)
		expect(t, c, text("first"))
		expect(t, c, text("why I leave"))
		_, _, err = c.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusGoingAway)
		assert.Contains(t, err.Error(), `peer closed with 1001 going away "bye"`)
	})
}

// TestBrokenTransportIsNoticedWithoutAReader ends a connection nobody reads from
// after its writes have failed.
func TestBrokenTransportIsNoticedWithoutAReader(t *testing.T) {
	closed := make(chan error, 1)
	o := &websocket.AcceptOptions{Trace: &websocket.Trace{Closed: func(_ *websocket.Conn, err error) { closed <- err }}}
	bothRoles(t, o, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		begun := time.Now()
		s.Close()
		assert.ErrorIs(t, c.Write(t.Context(), websocket.Text, nil), syscall.EPIPE)
		for len(closed) == 0 && time.Since(begun) < time.Hour {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		assert.Equal(t, time.Since(begun), 30*time.Second)
		assert.ErrorIs(t, <-closed, syscall.EPIPE)
	})
}

// TestNoDeadlineIsLeftBehind cancels the context of a write that is done: what
// others write to the transport later, TLS for example, must not fail for that.
func TestNoDeadlineIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := wstest.NetPipe()
		s := wstest.NewScript(t, peer, wstest.Server)
		answered := s.Go(func() { s.ServerHandshake() })
		c, _, err := websocket.Dial(t.Context(), "ws://example.com/", &websocket.DialOptions{
			Proxy:       func(*http.Request) (*url.URL, error) { return nil, nil },
			DialContext: func(context.Context, string, string) (net.Conn, error) { return transport, nil },
		})
		assert.NoError(t, err)
		defer c.CloseNow()
		answered()
		ctx, cancel := context.WithCancel(t.Context())
		assert.NoError(t, c.Write(ctx, websocket.Text, []byte("m")))
		s.ExpectText("m")
		cancel()
		synctest.Wait()
		time.Sleep(websocket.DefaultWriteTimeout + time.Second)
		_, err = transport.Write([]byte("\x8a\x80\x00\x00\x00\x00"))
		assert.NoError(t, err)
		s.ExpectPong(nil)
	})
}
