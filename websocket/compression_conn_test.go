package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestCompressedConversation has many goroutines at both ends send in every way
// there is, messages that compress and some that do not. All arrives whole, and what
// one goroutine wrote arrives in its order.
func TestCompressedConversation(t *testing.T) {
	const writers = 10
	messages := 40
	if raced {
		messages = 14
	}
	ways := []func(ctx context.Context, c *websocket.Conn, p []byte) error{
		func(ctx context.Context, c *websocket.Conn, p []byte) error { return c.Write(ctx, websocket.Binary, p) },
		func(_ context.Context, c *websocket.Conn, p []byte) error { return c.Post(websocket.Binary, p) },
		func(ctx context.Context, c *websocket.Conn, p []byte) error {
			m, err := websocket.Prepare(websocket.Binary, p)
			return errors.Join(err, c.WritePrepared(ctx, m), c.PostPrepared(m))
		},
		writeStream,
		func(ctx context.Context, c *websocket.Conn, p []byte) error {
			_, err := c.Ping(ctx)
			return errors.Join(err, c.Write(ctx, websocket.Binary, p))
		},
	}
	talk := func(t *testing.T, c *websocket.Conn) {
		var wg sync.WaitGroup
		for writer := range writers {
			wg.Go(func() {
				for i := range messages {
					if err := ways[(writer+i)%len(ways)](t.Context(), c, ordered(writer, i)); err != nil {
						t.Errorf("writer %d, message %d: %v", writer, i, err)
						return
					}
				}
			})
		}
		wg.Wait()
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("end")))
	}
	listen := func(t *testing.T, c *websocket.Conn) {
		defer c.CloseRead(t.Context()) // the other end still wants its pongs
		var next [writers]int
		for {
			kind, p, err := c.Read(t.Context())
			assert.NoError(t, err)
			if kind == websocket.Text {
				break
			}
			writer, i := int(binary.BigEndian.Uint32(p)), int(binary.BigEndian.Uint32(p[4:]))
			assert.True(t, bytes.Equal(p, ordered(writer, i)), "a message differs")
			if (writer+i)%len(ways) == 2 && next[writer] == i+1 {
				continue // sent twice
			}
			assert.Equal(t, i, next[writer])
			next[writer]++
		}
		for _, n := range next {
			assert.Equal(t, n, messages)
		}
	}
	for _, tr := range transports {
		for _, z := range compressions[1:] {
			t.Run(tr.name+z.name, func(t *testing.T) {
				a, b := tr.pair(t, &websocket.AcceptOptions{MaxQueue: 1 << 30, Compression: z.option})
				var wg sync.WaitGroup
				for _, c := range []*websocket.Conn{a, b} {
					wg.Go(func() { talk(t, c) })
					wg.Go(func() { listen(t, c) })
				}
				wg.Wait()
			})
		}
	}
}

// ordered returns a message that says who wrote it and as which of its messages.
func ordered(writer, number int) []byte {
	size := 8 + (writer*7919+number*104729)%2500
	if number%13 == 12 {
		size = 40_000 // more than is copied
	}
	p := binary.BigEndian.AppendUint32(nil, uint32(writer))
	p = binary.BigEndian.AppendUint32(p, uint32(number))
	if number%5 == 4 {
		return append(p, sampleBinary()[:size]...)
	}
	return append(p, orders(size)...)
}

// TestCancelledWritesThatWereCompressed cancels writes that wait for a peer that does
// not read. With context takeover those behind them refer to them, so they go out.
func TestCancelledWritesThatWereCompressed(t *testing.T) {
	for _, takeover := range []bool{true, false} {
		z := websocket.Compression{NoContextTakeover: !takeover}
		compressing(t, z, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			drain := fill(t, c, s)
			var waits []func() error
			var cancels []context.CancelFunc
			var messages [][]byte
			for i := range 8 {
				p := orders(500 + i)
				if i%4 == 3 {
					p = []byte(fmt.Sprint("not compressed ", i))
				}
				ctx, cancel := context.WithCancel(t.Context())
				messages, cancels = append(messages, p), append(cancels, cancel)
				waits = append(waits, writing(ctx, c, websocket.Message{Type: websocket.Binary, Data: p}))
				synctest.Wait()
			}
			cancelled := []int{4, 1, 0, 3, 6}
			for _, i := range cancelled {
				cancels[i]()
				assert.ErrorIs(t, waits[i](), context.Canceled)
			}
			drain()
			var window []byte
			for i, p := range messages {
				if compressed := i%4 != 3; slices.Contains(cancelled, i) && !(takeover && compressed) {
					continue
				}
				h, got := s.ExpectFrame()
				if h.RSV != 0 {
					var err error
					got, err = inflate(got, window)
					assert.NoError(t, err)
					if takeover {
						window = append(window, got...)
					}
				}
				assert.True(t, bytes.Equal(got, p), fmt.Sprintf("message %d differs", i))
				if !slices.Contains(cancelled, i) {
					assert.NoError(t, waits[i]())
				}
				cancels[i]()
			}
			assert.NoError(t, c.Write(t.Context(), websocket.Binary, []byte("usable")))
			s.ExpectBinary([]byte("usable"))
		})
	}
}

// TestCancellingCompressedWritesAtAnyTime cancels about every other write, somewhere
// between its begin and its end. What arrives can be inflated, and what was reported
// as written arrives.
func TestCancellingCompressedWritesAtAnyTime(t *testing.T) {
	const writers, messages = 12, 100
	server, client := transports[1].pair(t, &websocket.AcceptOptions{Compression: &websocket.Compression{}})
	var written [writers][messages]bool
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for i := range messages {
				ctx, cancel := context.WithCancel(t.Context())
				if (writer+i)%2 == 0 {
					go cancel()
				}
				p := fmt.Appendf(nil, "%d %d %s", writer, i, orders(300))
				err := server.Write(ctx, websocket.Binary, p)
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
	for {
		kind, p, err := client.Read(t.Context())
		assert.NoError(t, err)
		if kind == websocket.Text {
			break
		}
		var writer, i int
		var rest string
		_, err = fmt.Sscanf(string(p), "%d %d %s", &writer, &i, &rest)
		assert.NoError(t, err)
		assert.Equal(t, rest, string(orders(300)))
		written[writer][i] = false
	}
	for writer := range written {
		for i, lost := range written[writer] {
			assert.True(t, !lost, fmt.Sprintf("message %d of %d is lost", i, writer))
		}
	}
}

// halfCompressible returns 320 KiB of which every 16 get smaller, but no smaller than
// 8: too much for any buffer.
func halfCompressible() []byte {
	return bytes.Repeat(slices.Concat(sampleBinary()[:8<<10], orders(8<<10)), 20)
}

// TestLargeCompressedWriteLetsOthersPass has everybody want something in the middle
// of a large message: control frames go between its fragments, messages come after it.
func TestLargeCompressedWriteLetsOthersPass(t *testing.T) {
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		p := halfCompressible()
		large := writing(t.Context(), c, websocket.Message{Type: websocket.Binary, Data: p})
		synctest.Wait() // the transport is full now
		small := writing(t.Context(), c, text("after"))
		assert.NoError(t, c.Post(websocket.Text, []byte("posted")))
		s.SendPing([]byte("p"))
		synctest.Wait()
		var pieces [][]byte
		pongs := 0
		for fin := false; !fin; {
			h, piece := s.ExpectFrame()
			if h.Opcode == frame.OpPong {
				pongs++
				continue
			}
			pieces, fin = append(pieces, piece), h.Fin
		}
		assert.Equal(t, pongs, 1)
		assert.Equal(t, len(pieces), 20)
		got, err := inflate(bytes.Join(pieces, nil), nil)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, p), "the message differs")
		assert.NoError(t, large())
		s.ExpectText("posted")
		s.ExpectText("after")
		assert.NoError(t, small())
		s.SendText("done")
		assert.NoError(t, read())
	})
}

// TestLargeCompressedWriteWhoseContextEnds is given up in the middle of the message,
// and changes nothing before its turn.
func TestLargeCompressedWriteWhoseContextEnds(t *testing.T) {
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		m := websocket.Message{Type: websocket.Binary, Data: halfCompressible()}
		first := writing(t.Context(), c, m)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		waits := writing(ctx, c, m)
		synctest.Wait()
		cancel()
		err := waits()
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, websocket.CloseStatus(err), 0)
		frames(s)
		assert.NoError(t, first())

		ctx, cancel = context.WithCancel(t.Context())
		cut := writing(ctx, c, m)
		synctest.Wait()
		other := writing(t.Context(), c, text("waits"))
		synctest.Wait()
		cancel()
		for _, err := range []error{cut(), other()} {
			assert.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		}
		s.ExpectRest()
	})
}

// TestCloseInTheMiddleOfACompressedMessage closes properly while we send one, and
// while one comes in.
func TestCloseInTheMiddleOfACompressedMessage(t *testing.T) {
	for _, z := range []websocket.Compression{{}, {NoContextTakeover: true}} {
		compressing(t, z, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			w, err := c.Writer(t.Context(), websocket.Binary)
			assert.NoError(t, err)
			_, err = w.Write(orders(16<<10 + 1))
			assert.NoError(t, err)
			h, _ := s.ExpectFrame()
			assert.True(t, !h.Fin && h.RSV == frame.RSV1, "the message does not go out compressed")
			message := squeezed(t, string(orders(50_000)))
			half := len(message) / 2
			sendSqueezed(s, frame.OpText, false, message[:half])
			read := reading(t.Context(), c)
			synctest.Wait()
			closed := closing(c, websocket.StatusGoingAway, "")
			s.ExpectClose(websocket.StatusGoingAway, "")
			assert.ErrorIs(t, w.Close(), net.ErrClosed)
			s.SendFrame(frame.Header{Fin: true}, message[half:])
			assert.NoError(t, read()) // it was in progress
			sendSqueezed(s, frame.OpText, false, message[:half])
			s.SendClose(websocket.StatusGoingAway, "")
			assert.NoError(t, closed())
		})
	}
}

// compressedConversation is what a client may send to be understood as the messages
// it returns: with context takeover, in fragments with a ping between them, one
// uncompressed, one empty.
func compressedConversation(t *testing.T) (wire []byte, messages []websocket.Message) {
	var z squeezer
	one, two := string(orders(300)), strings.Repeat("é", 70)
	first, second, third := z.message(t, one), z.message(t, two), z.message(t, one)
	add := func(fin bool, rsv byte, op frame.Opcode, p []byte) {
		wire = append(wire, masked(frame.Header{Fin: fin, RSV: rsv, Opcode: op}, string(p))...)
	}
	add(true, frame.RSV1, frame.OpText, first)
	add(false, frame.RSV1, frame.OpText, second[:3])
	add(true, 0, frame.OpPing, []byte("ping"))
	add(false, 0, frame.OpContinuation, nil)
	add(true, 0, frame.OpContinuation, second[3:])
	add(true, 0, frame.OpBinary, []byte("plain"))
	add(true, frame.RSV1, frame.OpText, []byte{0})
	add(true, frame.RSV1, frame.OpBinary, third)
	return wire, []websocket.Message{
		text(one), text(two), {Type: websocket.Binary, Data: []byte("plain")}, text(""), {Type: websocket.Binary, Data: []byte(one)},
	}
}

// TestCompressedReadGoesOnAfterATimeoutAtEveryByte has one read time out when exactly
// so many bytes are there. Nothing may be lost.
func TestCompressedReadGoesOnAfterATimeoutAtEveryByte(t *testing.T) {
	wire, want := compressedConversation(t)
	for cut := range wire {
		synctest.Test(t, func(t *testing.T) {
			c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Compression: &websocket.Compression{}},
				"Sec-WebSocket-Extensions: permessage-deflate")
			s.Send(wire[:cut])
			var got []websocket.Message
			for len(got) < len(want) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				kind, p, err := c.Read(ctx)
				cancel()
				if err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					s.Send(wire[cut:])
					continue
				}
				got = append(got, websocket.Message{Type: kind, Data: p})
			}
			assert.Equal(t, got, want)
		})
	}
}

// TestReaderOfACompressedMessage yields each fragment before the next has come, and
// is left in every way.
func TestReaderOfACompressedMessage(t *testing.T) {
	for _, params := range []string{"", "; peer_no_context_takeover"} {
		compressing(t, websocket.Compression{}, params, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			for range 2 {
				var z squeezer
				p := string(orders(5000))
				sendSqueezed(s, frame.OpText, false, append(z.message(t, p), flushed...))
				kind, r, err := c.Reader(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, kind, websocket.Text)
				got := make([]byte, len(p))
				_, err = io.ReadFull(r, got)
				assert.NoError(t, err)
				assert.True(t, string(got) == p, "the first fragment differs")
				s.SendFrame(frame.Header{Fin: true}, z.message(t, p))
				rest, err := io.ReadAll(r)
				assert.NoError(t, err)
				assert.True(t, string(rest) == p, "the second fragment differs")

				sendSqueezed(s, frame.OpBinary, true, squeezed(t, string(orders(100_000))))
				_, r, err = c.Reader(t.Context())
				assert.NoError(t, err)
				_, err = r.Read(got[:10])
				assert.NoError(t, err)
				s.SendText("next")
				expect(t, c, text("next"))
				_, err = r.Read(got[:10])
				assert.ErrorIs(t, err, websocket.ErrMessageDone)
			}
		})
	}
}

// TestCloseReadRefusesCompressedMessages closes as for any other.
func TestCloseReadRefusesCompressedMessages(t *testing.T) {
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		ctx := c.CloseRead(t.Context())
		sendSqueezed(s, frame.OpText, true, squeezed(t, string(orders(100_000))))
		s.ExpectClose(websocket.StatusPolicyViolation, "no messages expected")
		s.SendClose(websocket.StatusPolicyViolation, "")
		<-ctx.Done()
	})
}

// TestManyConnectionsShareWorkingMemory has messages of many connections under way at
// the same time, on both sides of the pools.
func TestManyConnectionsShareWorkingMemory(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			z := &websocket.Compression{NoContextTakeover: i%2 == 0, PeerNoContextTakeover: i%3 == 0, WindowBits: 8 + i%8}
			a, b := transports[0].pair(t, &websocket.AcceptOptions{Compression: z})
			r := rand.New(rand.NewPCG(1, uint64(i)))
			rounds := 30
			if raced {
				rounds = 10
			}
			for range rounds {
				p := orders(200 + r.IntN(50_000))
				wait := start(func() error { return writeStream(t.Context(), a, p) })
				_, reader, err := b.Reader(t.Context())
				assert.NoError(t, err)
				got, err := io.ReadAll(reader)
				assert.NoError(t, errors.Join(err, wait()))
				assert.True(t, bytes.Equal(got, p), "the message differs")
			}
		})
	}
	wg.Wait()
}
