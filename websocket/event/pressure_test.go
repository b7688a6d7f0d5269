package event_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
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

// TestAsksAndDoesNotListen has a peer send 64 MiB to an echo and read nothing: it is not
// read any more, costs little, and gets everything when it reads.
func TestAsksAndDoesNotListen(t *testing.T) {
	total := 64 << 20
	if raced {
		total = 16 << 20
	}
	for _, size := range []int{100, 4 << 10, 100 << 10} {
		t.Run(fmt.Sprintf("messages of %d bytes", size), func(t *testing.T) {
			everyWay(t, func(t *testing.T, w way) {
				total := total
				if raced && w.network != "tcp" {
					total /= 4 // the kernel takes less
				} else if raced && size < 100<<10 {
					return // so many messages would take long
				}
				var o opened
				h := o.handler()
				var handled atomic.Int64
				h.OnMessage = func(c *event.Conn, kind websocket.MessageType, p []byte) {
					handled.Add(int64(len(p)))
					_ = c.Send(kind, p)
				}
				srv := w.serve(t, h, event.Options{MaxQueue: 1 << 20, WriteTimeout: -1, PingInterval: -1})
				peer := srv.connect(t)
				s := wstest.NewScript(t, peer, wstest.Client)
				s.ClientHandshake("/", "Host: example.com")
				c := within(t, o.conn, "OnOpen")
				message := appendMessage(nil, frame.OpBinary, pattern(size, 1))
				batch := bytes.Repeat(message, max(1, (64<<10)/len(message)))
				echoed := appendEcho(nil, pattern(size, 1))
				batches := total / len(batch)
				messages := batches * (len(batch) / len(message))
				before := liveBytes()
				var wg sync.WaitGroup
				defer wg.Wait()
				defer peer.Close() // or a failure would wait for ever
				wg.Go(func() {
					for range batches {
						if _, err := peer.Write(batch); err != nil {
							return
						}
					}
				})
				// Until nothing moves any more.
				for last, same := int64(-1), 0; same < 10; time.Sleep(10 * time.Millisecond) {
					n := handled.Load()
					if same++; n != last {
						last, same = n, 0
					}
				}
				assert.True(t, handled.Load() < int64(messages*size), "everything was read")
				held := liveBytes() - before
				for start := time.Now(); held >= 4<<20 && time.Since(start) < patience; held = liveBytes() - before {
					time.Sleep(10 * time.Millisecond) // it has only paused, on a busy machine
				}
				assert.True(t, held < 4<<20, fmt.Sprintf("%d bytes are held", held))
				assert.True(t, c.Queued() <= 1<<20+len(echoed), fmt.Sprintf("%d bytes are queued", c.Queued()))
				got := make([]byte, len(echoed))
				for i := range messages {
					_, err := io.ReadFull(peer, got)
					assert.NoError(t, err)
					if !bytes.Equal(got, echoed) {
						t.Fatalf("echo %d of %d is damaged", i, messages)
					}
				}
				for c.Queued() > 0 { // the write has yet to return
					runtime.Gosched()
				}
			})
		})
	}
}

// appendEcho appends the frame of a server.
func appendEcho(b, p []byte) []byte {
	b = frame.AppendHeader(b, frame.Header{Fin: true, Opcode: frame.OpBinary, Length: int64(len(p))})
	return append(b, p...)
}

// TestAnswersAreLarge has small requests answered with much more than may wait, by a
// handler whose peer reads: it is not taken for slow.
func TestAnswersAreLarge(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		const answer = 40 << 10
		asked := 100
		if raced {
			asked = 30
		}
		srv := w.serve(t, event.Handler{OnMessage: func(c *event.Conn, _ websocket.MessageType, p []byte) {
			_ = c.Send(websocket.Binary, numbered(int(p[0]), answer))
		}}, event.Options{MaxQueue: 128 << 10, Compression: &websocket.Compression{}})
		for _, header := range [][]string{nil, {"Sec-WebSocket-Extensions: permessage-deflate"}} {
			s := srv.script(t, header...)
			var wire []byte
			for i := range asked {
				wire = appendMessage(wire, frame.OpBinary, bytes.Repeat([]byte{byte(i)}, 60))
			}
			s.Send(wire) // one read for the server
			for i := range asked {
				_, p := s.ExpectMessage()
				if header == nil {
					assert.Equal(t, number(t, p), i)
				}
			}
			s.SendClose(websocket.StatusNormalClosure, "")
			s.ExpectClose(websocket.StatusNormalClosure, "")
		}
	})
}
