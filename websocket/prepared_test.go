package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestPrepared sends one prepared message over many connections.
func TestPrepared(t *testing.T) {
	for _, n := range []int{0, 5, 126, 16 << 10, 100_000} {
		want := sample(websocket.Text, n)
		p := bytes.Clone(want.Data)
		m, err := websocket.Prepare(websocket.Text, p)
		assert.NoError(t, err)
		clear(p) // it was copied
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
				for range 2 {
					wait := start(func() error { return a.WritePrepared(t.Context(), m) })
					expect(t, b, want)
					assert.NoError(t, wait())
					assert.NoError(t, a.PostPrepared(m))
					expect(t, b, want)
				}
			})
		})
	}
}

// TestPostPreparedIsBounded holds prepared messages to MaxQueue too.
func TestPostPreparedIsBounded(t *testing.T) {
	m, err := websocket.Prepare(websocket.Binary, make([]byte, 1000))
	assert.NoError(t, err)
	o := &websocket.AcceptOptions{MaxQueue: 10_000, WriteTimeout: -1}
	bothRoles(t, o, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		var err error
		n := 0
		for ; err == nil; n++ {
			err = c.PostPrepared(m)
			synctest.Wait()
		}
		assert.ErrorIs(t, err, websocket.ErrQueueFull)
		for range n - 1 {
			s.ExpectBinary(make([]byte, 1000))
		}
		synctest.Wait()
		assert.NoError(t, c.PostPrepared(m))
		s.ExpectBinary(make([]byte, 1000))
	})
}

// TestPreparedBytesAreShared has a server send the same frame, and a client mask
// it anew each time.
func TestPreparedBytesAreShared(t *testing.T) {
	m, err := websocket.Prepare(websocket.Text, []byte("shared"))
	assert.NoError(t, err)
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		assert.NoError(t, c.WritePrepared(t.Context(), m))
		assert.NoError(t, c.WritePrepared(t.Context(), m))
		first, p := s.ExpectFrame()
		second, q := s.ExpectFrame()
		assert.Equal(t, string(p), "shared")
		assert.Equal(t, string(q), "shared")
		assert.Equal(t, first.Masked, second.Masked)
		assert.Equal(t, first.Key == second.Key, !first.Masked)
	})
}

// preparedBy sends m over a new connection that compresses so, twice, and returns the
// frames.
func preparedBy(t *testing.T, m *websocket.Prepared, z websocket.Compression, offer string) (frames [][]byte) {
	t.Helper()
	c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Compression: &z}, "Sec-WebSocket-Extensions: permessage-deflate"+offer)
	for _, send := range []func() error{
		func() error { return c.WritePrepared(t.Context(), m) },
		func() error { return c.PostPrepared(m) },
	} {
		wait := start(send)
		h, p := s.ExpectFrame()
		assert.NoError(t, wait())
		frames = append(frames, append([]byte{h.RSV}, p...))
	}
	assert.Equal(t, string(frames[0]), string(frames[1]))
	return frames
}

// TestPreparedIsCompressedOncePerWindow compares what connections with different
// options are sent.
func TestPreparedIsCompressedOncePerWindow(t *testing.T) {
	// It comes again at a distance that only the larger window reaches.
	p := append(append(orders(1000), sampleText()[:2000]...), orders(1000)...)
	m, err := websocket.Prepare(websocket.Binary, p)
	assert.NoError(t, err)
	large := preparedBy(t, m, websocket.Compression{}, "")[0]
	again := preparedBy(t, m, websocket.Compression{NoContextTakeover: true}, "")[0]
	small := preparedBy(t, m, websocket.Compression{}, "; server_max_window_bits=9")[0]
	plain := preparedBy(t, m, websocket.Compression{Threshold: len(p) + 1}, "")[0]
	assert.Equal(t, string(large), string(again))
	assert.True(t, len(large) < len(small), "the window makes no difference")
	assert.Equal(t, string(plain), "\x00"+string(p))
	for _, f := range [][]byte{large, small} {
		assert.Equal(t, f[0], frame.RSV1)
		got, err := inflate(f[1:], nil)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, p), "the message differs")
	}

	noise := sample(websocket.Binary, 1000)
	m, err = websocket.Prepare(noise.Type, noise.Data)
	assert.NoError(t, err)
	assert.Equal(t, string(preparedBy(t, m, websocket.Compression{}, "")[0]), "\x00"+string(noise.Data))
}

// TestPreparedIsInTheWindow has messages behind a prepared one refer to it.
func TestPreparedIsInTheWindow(t *testing.T) {
	p := sampleText()[:2000]
	m, err := websocket.Prepare(websocket.Binary, p)
	assert.NoError(t, err)
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		wait := start(func() error {
			return errors.Join(c.WritePrepared(t.Context(), m), c.Write(t.Context(), websocket.Binary, p))
		})
		_, first := s.ExpectFrame()
		_, second := s.ExpectFrame()
		assert.NoError(t, wait())
		assert.True(t, len(second) < 300, fmt.Sprintf("%d bytes", len(second)))
		got, err := inflate(second, p)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, p), "the message differs")
		_, err = inflate(first, nil)
		assert.NoError(t, err)
	})
}

// TestPreparedForManyAtOnce has connections with all windows ask for it at the same
// time.
func TestPreparedForManyAtOnce(t *testing.T) {
	want := websocket.Message{Type: websocket.Text, Data: orders(3000)}
	m, err := websocket.Prepare(want.Type, want.Data)
	assert.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 24 {
		server, client := transports[0].pair(t, &websocket.AcceptOptions{Compression: &websocket.Compression{WindowBits: 8 + i%8}})
		wg.Go(func() {
			for range 20 {
				assert.NoError(t, server.PostPrepared(m))
				expect(t, client, want)
			}
		})
	}
	wg.Wait()
}

// TestLargePrepared goes out from where it is, compressed or not.
func TestLargePrepared(t *testing.T) {
	size := 400_000
	if raced {
		size = 100_000
	}
	overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
		for _, want := range []websocket.Message{
			{Type: websocket.Text, Data: orders(size)},
			sample(websocket.Binary, size),
		} {
			m, err := websocket.Prepare(want.Type, want.Data)
			assert.NoError(t, err)
			wait := start(func() error {
				return errors.Join(a.WritePrepared(t.Context(), m), a.Write(t.Context(), websocket.Text, []byte("behind")))
			})
			expect(t, b, want)
			expect(t, b, text("behind"))
			assert.NoError(t, wait())
		}
	})
}

// TestPreparedCostsNothingPerReceiver counts allocations when a message goes out that
// was compressed before.
func TestPreparedCostsNothingPerReceiver(t *testing.T) {
	m, err := websocket.Prepare(websocket.Text, orders(1000))
	assert.NoError(t, err)
	for _, z := range compressions {
		var header []string
		if z.option != nil {
			header = append(header, "Sec-WebSocket-Extensions: permessage-deflate")
		}
		c, _, peer := transports[1].script(t, &websocket.AcceptOptions{Compression: z.option}, header...)
		drained := start(func() error {
			_, err := io.Copy(io.Discard, peer)
			return err
		})
		send := func() { assert.NoError(t, c.WritePrepared(t.Context(), m)) }
		for range 30 { // the window grows to its size, and the message is compressed
			send()
		}
		assert.Equal(t, testing.AllocsPerRun(100, send), 0)
		assert.NoError(t, c.CloseNow())
		assert.NoError(t, drained())
	}
}
