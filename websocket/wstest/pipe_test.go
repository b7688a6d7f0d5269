package wstest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// inBubble runs f with the ends of a pipe of n bytes in a bubble of its own.
// The bubble fails the test if a goroutine is left when both ends are closed.
func inBubble(t *testing.T, n int, f func(t *testing.T, a, b *PipeConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := NetPipeSize(n)
		defer a.Close()
		defer b.Close()
		f(t, a.(*PipeConn), b.(*PipeConn))
	})
}

func TestPipeCarriesBytesBothWays(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		for _, ends := range [][2]*PipeConn{{a, b}, {b, a}} {
			n, err := ends[0].Write([]byte("hello"))
			assert.NoError(t, err)
			assert.Equal(t, n, 5)
			assert.Equal(t, readN(t, ends[1], 3), "hel")
			assert.Equal(t, readN(t, ends[1], 2), "lo")
		}
	})
}

func TestPipeReadReturnsWhatIsThere(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "ab")
		write(t, a, "cd")
		p := make([]byte, 10)
		n, err := b.Read(p)
		assert.NoError(t, err)
		assert.Equal(t, string(p[:n]), "abcd")
	})
}

func TestPipeReadWaitsForBytes(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		start := time.Now()
		time.AfterFunc(time.Minute, func() { a.Write([]byte("x")) })
		assert.Equal(t, readN(t, b, 1), "x")
		assert.Equal(t, time.Since(start), time.Minute)
	})
}

func TestPipeWriteWaitsWhileTheBufferIsFull(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "1234")
		written := false
		go func() {
			a.Write([]byte("56"))
			written = true
		}()
		synctest.Wait()
		assert.True(t, !written, "a Write went into a full buffer")
		assert.Equal(t, readN(t, b, 1), "1")
		synctest.Wait()
		assert.True(t, !written, "a Write of 2 bytes found room for 1")
		assert.Equal(t, readN(t, b, 5), "23456")
		synctest.Wait()
		assert.True(t, written, "a Write waits although there is room")
	})
}

func TestPipeHasRoomForAtLeastOneByte(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "x")
		assert.Equal(t, readN(t, b, 1), "x")
	})
}

func TestPipeDefaultSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := NetPipe()
		defer a.Close()
		defer b.Close()
		a.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := a.Write(make([]byte, 100_000))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, n, 65536)
	})
}

func TestPipeKeepsOrderForAnySizes(t *testing.T) {
	for _, size := range []int{1, 7, 100, pipeSize} {
		inBubble(t, size, func(t *testing.T, a, b *PipeConn) {
			rnd := rand.New(rand.NewPCG(1, uint64(size)))
			sent := make([]byte, 5000)
			for i := range sent {
				sent[i] = byte(rnd.Uint32())
			}
			go func() {
				defer a.CloseWrite()
				for rest := sent; len(rest) > 0; {
					n := min(1+rnd.IntN(200), len(rest))
					a.Write(rest[:n])
					rest = rest[n:]
				}
			}()
			got, err := io.ReadAll(b)
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(got, sent), "the bytes came out in another way than they went in")
		})
	}
}

func TestPipeWritesDoNotMix(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, a, b *PipeConn) {
		var writers sync.WaitGroup
		for _, c := range []byte("abcdefgh") {
			writers.Go(func() { a.Write(bytes.Repeat([]byte{c}, 10)) })
		}
		go func() {
			writers.Wait()
			a.CloseWrite()
		}()
		got, err := io.ReadAll(b)
		assert.NoError(t, err)
		assert.Equal(t, len(got), 80)
		for part := range slices.Chunk(got, 10) {
			assert.Equal(t, part, bytes.Repeat(part[:1], 10))
		}
	})
}

func TestPipeZeroLengthReadAndWrite(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "x")
		n, err := a.Write(nil)
		assert.NoError(t, err)
		assert.Equal(t, n, 0)
		n, err = a.Read(nil)
		assert.NoError(t, err)
		assert.Equal(t, n, 0)
		a.Close()
		_, err = a.Read(nil)
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = a.Write(nil)
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestPipeCloseWrite(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "last words")
		assert.NoError(t, a.CloseWrite())
		assert.NoError(t, a.CloseWrite())
		got, err := io.ReadAll(b)
		assert.NoError(t, err)
		assert.Equal(t, string(got), "last words")
		_, err = a.Write([]byte("x"))
		assert.ErrorIs(t, err, syscall.EPIPE)
		write(t, b, "still here") // the other direction is open
		assert.Equal(t, readN(t, a, 10), "still here")
		a.Close()
		assert.ErrorIs(t, a.CloseWrite(), net.ErrClosed)
	})
}

func TestPipeAfterClose(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "rest")
		write(t, b, "never read")
		assert.NoError(t, a.Close())
		_, err := a.Read(make([]byte, 1))
		assert.ErrorIs(t, err, net.ErrClosed)
		_, err = a.Write([]byte("x"))
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorIs(t, a.Close(), net.ErrClosed)
		assert.ErrorIs(t, a.Reset(), net.ErrClosed)
		assert.ErrorIs(t, a.SetDeadline(time.Now()), net.ErrClosed)

		n, err := b.Write([]byte("x"))
		assert.ErrorIs(t, err, syscall.EPIPE)
		assert.Equal(t, n, 0)
		got, err := io.ReadAll(b)
		assert.NoError(t, err)
		assert.Equal(t, string(got), "rest")
	})
}

func TestPipeReset(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		write(t, a, "lost")
		write(t, b, "lost")
		assert.NoError(t, a.Reset())
		_, err := b.Read(make([]byte, 10))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = b.Write([]byte("x"))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = a.Read(make([]byte, 10))
		assert.ErrorIs(t, err, net.ErrClosed)
		b.Close()
		_, err = b.Read(make([]byte, 10))
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}

// TestPipeEndsWakeWhoeverWaits has a Read and a Write wait at one end and then
// ends the connection in every way there is.
func TestPipeEndsWakeWhoeverWaits(t *testing.T) {
	tests := []struct {
		name        string
		end         func(own, peer *PipeConn)
		read, write error
	}{
		{"Close", func(own, _ *PipeConn) { own.Close() }, net.ErrClosed, net.ErrClosed},
		{"Reset", func(own, _ *PipeConn) { own.Reset() }, net.ErrClosed, net.ErrClosed},
		{"Close by the peer", func(_, peer *PipeConn) { peer.Close() }, io.EOF, syscall.EPIPE},
		{"Reset by the peer", func(_, peer *PipeConn) { peer.Reset() }, syscall.ECONNRESET, syscall.ECONNRESET},
		{"both directions closed alone", func(own, peer *PipeConn) {
			own.CloseWrite()
			peer.CloseWrite()
		}, io.EOF, syscall.EPIPE},
		{"deadline in the past", func(own, _ *PipeConn) {
			own.SetDeadline(time.Unix(1, 0))
		}, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, a, b *PipeConn) {
				var readErr, writeErr, secondErr error
				var written int
				go func() { _, readErr = a.Read(make([]byte, 1)) }()
				go func() { written, writeErr = a.Write([]byte("abc")) }()
				synctest.Wait()
				go func() { _, secondErr = a.Write([]byte("waits for its turn")) }()
				synctest.Wait()
				start := time.Now()
				test.end(a, b)
				synctest.Wait()
				assert.ErrorIs(t, readErr, test.read)
				assert.ErrorIs(t, writeErr, test.write)
				assert.ErrorIs(t, secondErr, test.write)
				assert.Equal(t, written, 2)
				assert.Equal(t, time.Since(start), 0)
			})
		})
	}
}

func TestPipeErrorsSayWhere(t *testing.T) {
	inBubble(t, pipeSize, func(t *testing.T, a, b *PipeConn) {
		assert.Equal(t, a.LocalAddr(), b.RemoteAddr())
		assert.Equal(t, b.LocalAddr(), a.RemoteAddr())
		assert.Equal(t, a.LocalAddr().Network(), "wstest")
		for _, addr := range []net.Addr{a.LocalAddr(), b.LocalAddr()} {
			_, port, err := net.SplitHostPort(addr.String())
			assert.NoError(t, err)
			assert.True(t, port != "", "no port in "+addr.String())
		}
		a.Close()
		_, err := a.Read(make([]byte, 1))
		want := "read wstest " + a.local.String() + "->" + a.remote.String() + ": use of closed network connection"
		assert.Equal(t, err.Error(), want)
	})
}

// TestPipeConcurrentUse calls everything at once, for the race detector.
func TestPipeConcurrentUse(t *testing.T) {
	inBubble(t, 10, func(t *testing.T, a, b *PipeConn) {
		var wg sync.WaitGroup
		for _, c := range []*PipeConn{a, b} {
			for range 4 {
				wg.Go(func() { io.Copy(io.Discard, c) })
				wg.Go(func() { c.Write(make([]byte, 1000)) })
				wg.Go(func() { c.SetDeadline(time.Now().Add(time.Second)) })
				wg.Go(func() { c.SetReadDeadline(time.Time{}) })
				wg.Go(func() { c.SetWriteDeadline(time.Now().Add(time.Minute)) })
				wg.Go(func() { c.LocalAddr(); c.RemoteAddr() })
			}
		}
		time.AfterFunc(time.Hour, func() { a.CloseWrite(); b.Reset() })
		wg.Wait()
	})
}

// TestPipeInRealTime is for what a bubble could hide: real timers and a real
// scheduler.
func TestPipeInRealTime(t *testing.T) {
	a, b := NetPipeSize(100)
	defer a.Close()
	defer b.Close()
	go func() {
		io.Copy(b, b) // echo
		b.Close()
	}()
	go func() {
		a.Write(bytes.Repeat([]byte("0123456789"), 1000))
		a.(*PipeConn).CloseWrite()
	}()
	got, err := io.ReadAll(a)
	assert.NoError(t, err)
	assert.Equal(t, len(got), 10_000)

	c, d := NetPipe()
	defer c.Close()
	defer d.Close()
	start := time.Now()
	c.SetReadDeadline(start.Add(20 * time.Millisecond))
	_, err = c.Read(make([]byte, 1))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.True(t, time.Since(start) >= 20*time.Millisecond, "a Read ended before its deadline")
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	_, err := c.Write([]byte(s))
	assert.NoError(t, err)
}

func readN(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	p := make([]byte, n)
	_, err := io.ReadFull(c, p)
	assert.NoError(t, err)
	return string(p)
}
