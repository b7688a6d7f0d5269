package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// docs/explain/hostile.md lists the attacks of this file with what they get.

// liveBytes returns the bytes of the heap that are in use, pools emptied.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// allocated returns the bytes that f allocates, also those that are freed again.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// ended is how a connection ended, as the application sees it.
type ended struct {
	err error
	at  time.Time
}

// readAll reads from c until it ends, and says how.
func readAll(t testing.TB, c *websocket.Conn) <-chan ended {
	end := make(chan ended, 1)
	go func() {
		for {
			if _, _, err := c.Read(t.Context()); err != nil {
				end <- ended{err, time.Now()}
				return
			}
		}
	}()
	return end
}

// inBubble runs f where time is fake, with an accepted connection and a scripted
// client. o may be nil.
func inBubble(t *testing.T, o *websocket.AcceptOptions, f func(t *testing.T, c *websocket.Conn, s *wstest.Script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, s := wstest.AcceptScript(t, o)
		f(t, c, s)
	})
}

func TestHostileLengthIsNotAllocated(t *testing.T) {
	const conns = 32
	open := make(chan *websocket.Conn)
	addr := listenTCP(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		var b [1]byte
		for ; err == nil; _, err = r.Read(b[:]) {
			open <- c // first when the header is known, then for the byte behind it
		}
		return err
	}, &websocket.AcceptOptions{MaxMessage: -1}))
	var peers []*wstest.Script
	for range conns {
		s := rawClient(t, addr)
		s.ClientHandshake("/")
		peers = append(peers, s)
	}
	before := liveBytes()
	for _, s := range peers {
		s.SendExact(frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Length: 1 << 62}, nil)
		s.Send([]byte{0})
		<-open
		defer (<-open).CloseNow()
	}
	// The buffer goes back when the application asks for more, which it is about to.
	each := (liveBytes() - before) / conns
	for start := time.Now(); each >= 2<<10 && time.Since(start) < 20*time.Second; time.Sleep(time.Millisecond) {
		each = (liveBytes() - before) / conns
	}
	assert.True(t, each < 2<<10, fmt.Sprintf("2^62 bytes promised, 1 sent: %d bytes for each connection", each))
}

func TestHostileLengthGrowsAsItIsReceived(t *testing.T) {
	const sent = 2 << 20
	inBubble(t, &websocket.AcceptOptions{MaxMessage: -1}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		synctest.Wait()
		idle := liveBytes()
		piece := make([]byte, 32<<10)

		s.SendExact(frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Length: 1 << 62}, nil)
		synctest.Wait()
		grown := liveBytes() - idle
		assert.True(t, grown < 64<<10, fmt.Sprintf("nothing sent, %d bytes held", grown))

		for range sent / len(piece) {
			s.Send(piece)
		}
		synctest.Wait()
		grown = liveBytes() - idle
		assert.True(t, grown < 4*sent+256<<10, fmt.Sprintf("%d bytes sent, %d bytes held", sent, grown))
		s.Reset()
		<-end
	})
}

func TestHostileMessageTooBig(t *testing.T) {
	const limit = 1000
	const reason = "message larger than the limit of 1000 bytes"
	for _, tt := range []struct {
		name string
		send func(s *wstest.Script)
	}{
		{"by its header alone", func(s *wstest.Script) {
			s.SendExact(frame.Header{Fin: true, Opcode: frame.OpText, Masked: true, Length: limit + 1}, nil)
		}},
		{"by far", func(s *wstest.Script) {
			s.SendExact(frame.Header{Fin: true, Opcode: frame.OpText, Masked: true, Length: 1<<63 - 1}, nil)
		}},
		{"by the sum of its fragments", func(s *wstest.Script) {
			s.SendFrame(frame.Header{Opcode: frame.OpBinary}, make([]byte, limit/2))
			s.SendFrame(frame.Header{Opcode: frame.OpContinuation}, make([]byte, limit/2))
			s.SendExact(frame.Header{Opcode: frame.OpContinuation, Masked: true, Length: 1}, nil)
		}},
		{"by a sum that would overflow", func(s *wstest.Script) {
			s.SendFrame(frame.Header{Opcode: frame.OpBinary}, []byte("x"))
			s.SendExact(frame.Header{Opcode: frame.OpContinuation, Masked: true, Length: 1<<63 - 1}, nil)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, &websocket.AcceptOptions{MaxMessage: limit}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				end := readAll(t, c)
				s.SendBinary(make([]byte, limit)) // is not too big
				tt.send(s)
				assert.Equal(t, s.ExpectCloseCode(websocket.StatusMessageTooBig), reason)
				s.ExpectEOF()
				var tooBig *websocket.MessageTooBigError
				err := (<-end).err
				assert.True(t, errors.As(err, &tooBig), "a *MessageTooBigError")
				assert.Equal(t, tooBig.Limit, limit)
				assert.Equal(t, err.Error(), "websocket: "+reason+" (option MaxMessage); closed with 1009 message too big")
			})
		})
	}
}

// TestHostileFrames sends what no peer may send. Each is answered at the byte that
// breaks the rule: what would follow it is never sent.
func TestHostileFrames(t *testing.T) {
	emptyFragments := "01 80 00000000" + strings.Repeat("00 80 00000000", 127)
	for _, tt := range []struct {
		name, wire string
		code       websocket.StatusCode
		reason     string
	}{
		{"empty fragments without end", emptyFragments + "00 80 00000000", 1008, "too many empty fragments in one message (RFC 6455 §5.4)"},
		{"frame that is not masked", "81 05", 1002, "frame from a client is not masked (RFC 6455 §5.1)"},
		{"text that is not UTF-8, at its third byte", "81 e4 00000000 6f6bff", 1007, "text is not valid UTF-8 (RFC 6455 §8.1)"},
		{"surrogate, at its second byte", "81 e4 00000000 eda0", 1007, "text is not valid UTF-8 (RFC 6455 §8.1)"},
		{"reserved bits", "f1 80 00000000", 1002, "RSV2 or RSV3 set (RFC 6455 §5.2)"},
		{"compression that was declined", "c1 80 00000000", 1002, "RSV1 set, but no extension was negotiated (RFC 6455 §5.2)"},
		{"length that is longer than need be", "81 fe 0005", 1002, "length below 126 written in 16 bits (RFC 6455 §5.2)"},
		{"length with the high bit", "81 ff 80", 1002, "64-bit length with the highest bit set (RFC 6455 §5.2)"},
		{"ping of 126 bytes", "89 fe 007e 00000000", 1002, "control frame with more than 125 bytes (RFC 6455 §5.5)"},
		{"close frame of one byte", "88 81 00000000 03", 1002, "close frame with a payload of 1 byte (RFC 6455 §5.5.1)"},
		{"close frame with 1005", "88 82 00000000 03ed", 1002, "close frame with the illegal status code 1005 (RFC 6455 §7.4)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				end := readAll(t, c)
				s.SendHex(tt.wire)
				assert.Equal(t, s.ExpectCloseCode(tt.code), tt.reason)
				s.ExpectEOF()
				var broken *websocket.ProtocolError
				assert.True(t, errors.As((<-end).err, &broken), "a *ProtocolError")
				assert.Equal(t, broken.Code, tt.code)
			})
		})
	}
}

func TestHostileEmptyFragmentsWithinTheLimit(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendHex("01 80 00000000" + strings.Repeat("00 80 00000000", 127) + "80 81 00000000 78")
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, string(p), "x")
	})
}

func TestHostileServerMasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := wstest.DialScript(t, nil)
		end := readAll(t, c)
		s.SendHex("81 80")
		// The key is part of the header, which is looked at when it is complete.
		s.SendHex("00000000")
		assert.Equal(t, s.ExpectCloseCode(websocket.StatusProtocolError), "frame from a server is masked (RFC 6455 §5.1)")
		s.ExpectEOF()
		assert.Equal(t, (<-end).err.Error(), "websocket: frame from a server is masked (RFC 6455 §5.1); closed with 1002 protocol error")
	})
}

func TestHostilePingsOfAPeerThatDoesNotRead(t *testing.T) {
	const pings = 20000
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		payload := make([]byte, 125)
		synctest.Wait()
		before := liveBytes()
		for i := range pings { // 2.6 MB, of which the pipe back holds 64 KiB
			binary.BigEndian.PutUint32(payload, uint32(i))
			s.SendPing(payload)
		}
		synctest.Wait()
		grown := liveBytes() - before
		assert.True(t, grown < 512<<10, fmt.Sprintf("%d pings, %d bytes held", pings, grown))
		assert.True(t, c.Queued() < 128<<10, fmt.Sprintf("%d bytes queued", c.Queued()))

		last, answers := -1, 0
		for last < pings-1 { // the newest is answered, and the order is kept
			h, p := s.ExpectFrame()
			assert.Equal(t, h.Opcode, frame.OpPong)
			n := int(binary.BigEndian.Uint32(p))
			assert.True(t, n > last, fmt.Sprintf("pong %d behind %d", n, last))
			last, answers = n, answers+1
		}
		assert.True(t, answers < pings/2, fmt.Sprintf("%d answers: the peer was read from although it does not read", answers))
		s.SendText("alive")
		s.SendClose(websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
		<-end
	})
}

func TestHostilePongsNobodyAskedFor(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		synctest.Wait()
		before := liveBytes()
		for i := range 20000 {
			s.SendPong(binary.BigEndian.AppendUint64(nil, uint64(i)))
		}
		synctest.Wait()
		grown := liveBytes() - before
		assert.True(t, grown < 256<<10, fmt.Sprintf("%d bytes held", grown)) // the pipe's 64 KiB above all
		s.SendClose(websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
		<-end
	})
}

func TestHostileSilence(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		start, end := time.Now(), readAll(t, c)
		s.SetTimeout(time.Minute)
		s.ExpectPing()
		s.ExpectEOF()
		e := <-end
		assert.Equal(t, e.at.Sub(start), websocket.DefaultPingInterval+websocket.DefaultPongTimeout)
		assert.Equal(t, e.err.Error(), "websocket: connection lost (no close frame): peer is silent: no answer to a ping")
	})
}

func TestHostileSlowReader(t *testing.T) {
	t.Run("is given up after the write timeout", func(t *testing.T) {
		inBubble(t, &websocket.AcceptOptions{WriteTimeout: 4 * time.Second}, func(t *testing.T, c *websocket.Conn, _ *wstest.Script) {
			start := time.Now()
			err := c.Write(t.Context(), websocket.Binary, make([]byte, 1<<20))
			took := time.Since(start)
			assert.Equal(t, took, 4*time.Second)
			assert.Equal(t, err.Error(), "websocket: connection lost (no close frame): write timeout: the peer does not read")
			_, _, err = c.Read(t.Context())
			assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		})
	})
	t.Run("costs no more than the queue", func(t *testing.T) {
		const queue = 256 << 10
		inBubble(t, &websocket.AcceptOptions{MaxQueue: queue}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			end := readAll(t, c)
			synctest.Wait()
			before, posted := liveBytes(), 0
			var err error
			for message := make([]byte, 1000); err == nil; posted++ {
				err = c.Post(websocket.Binary, message)
			}
			assert.ErrorIs(t, err, websocket.ErrQueueFull)
			assert.True(t, posted >= queue/1100, fmt.Sprintf("only %d messages were queued", posted))
			assert.True(t, c.Queued() <= queue, fmt.Sprintf("%d bytes queued", c.Queued()))
			synctest.Wait()
			grown := liveBytes() - before
			assert.True(t, grown < 4*queue, fmt.Sprintf("%d bytes held", grown))
			assert.Equal(t, (<-end).err.Error(), "websocket: connection lost (no close frame): write timeout: the peer does not read")
		})
	})
	t.Run("does not keep the handshake waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			near, far := wstest.NetPipeSize(16)
			defer far.Close()
			l := oneConn{near, make(chan struct{})}
			refused := make(chan error, 1)
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := websocket.Accept(w, r, &websocket.AcceptOptions{WriteTimeout: time.Second})
				refused <- err
			})}
			go srv.Serve(l)
			defer srv.Close()
			start := time.Now()
			_, err := io.WriteString(far, plainRequest)
			assert.NoError(t, err)
			err = <-refused
			assert.Equal(t, time.Since(start), time.Second)
			var timeout net.Error
			assert.True(t, errors.As(err, &timeout) && timeout.Timeout(), "timed out")
		})
	})
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	c      net.Conn
	closed chan struct{}
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
		close(l.closed)
		return l.c, nil
	}
}
func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return l.c.LocalAddr() }

// TestHostileSlowHandshake is about net/http: before the request is complete,
// nothing of this package runs.
func TestHostileSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wstest.Listen()
		srv := &http.Server{Handler: websocket.Handler(parrot, nil), ReadHeaderTimeout: 5 * time.Second}
		go srv.Serve(l)
		defer srv.Close()
		c, err := l.DialContext(t.Context(), "tcp", "")
		assert.NoError(t, err)
		s, start := wstest.NewScript(t, c, wstest.Client), time.Now()
		for _, b := range []byte(plainRequest[:5]) {
			s.Send([]byte{b})
			time.Sleep(time.Second - 1)
		}
		answer := string(s.ExpectRest()) // a 400, or nothing
		assert.True(t, !strings.Contains(answer, " 101 "), answer)
		assert.Equal(t, time.Since(start), 5*time.Second)
	})
}

func TestHostileHeaders(t *testing.T) {
	srv := httptest.NewUnstartedServer(websocket.Handler(parrot, nil))
	srv.Config.MaxHeaderBytes = 16 << 10
	srv.Start()
	t.Cleanup(srv.Close)
	t.Run("larger than net/http allows", func(t *testing.T) {
		resp, body := ask(t, dialTCP(t, srv.Listener.Addr().String()), withLine(t, "X: "+strings.Repeat("x", 32<<10)))
		assert.Equal(t, resp.StatusCode, http.StatusRequestHeaderFieldsTooLarge)
		assert.Equal(t, body, "431 Request Header Fields Too Large")
	})

	// Lists as long as net/http allows by default: 1 MiB.
	addr := listenTCP(t, websocket.Handler(parrot, &websocket.AcceptOptions{Subprotocols: []string{"v1"}}))
	for _, tt := range []struct{ name, line, element, body string }{
		{"extensions without end", "Sec-WebSocket-Extensions: ", "a,", "Sec-WebSocket-Extensions: more than 256 extensions and parameters (RFC 6455 §9.1)"},
		{"parameters without end", "Sec-WebSocket-Extensions: ", "a;", "Sec-WebSocket-Extensions: more than 256 extensions and parameters (RFC 6455 §9.1)"},
		{"quoted strings without end", "Sec-WebSocket-Extensions: ", `a;b="\c",`, "Sec-WebSocket-Extensions: more than 256 extensions and parameters (RFC 6455 §9.1)"},
		{"subprotocols without end", "Sec-WebSocket-Protocol: ", "a,", "Sec-WebSocket-Protocol lists more than 256 subprotocols (RFC 6455 §4.1)"},
		{"an origin without end", "Origin: http://", "a.", `origin "http://` + strings.Repeat("a.", 46) + `a"… is not allowed for host "example.com"; list it in AcceptOptions.Origins (RFC 6455 §10.2)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := withLine(t, tt.line+strings.Repeat(tt.element, 1_000_000/len(tt.element)))
			var body string
			cost := allocated(func() { _, body = ask(t, dialTCP(t, addr), request) })
			assert.Equal(t, body, "websocket: handshake: "+tt.body+"\n")
			assert.True(t, cost < 16<<20, fmt.Sprintf("a header of 1 MB cost %d bytes", cost))
		})
	}
}

func TestHostileDribble(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		want := bytes.Repeat([]byte("slow "), 4000)
		wire := frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: frame.OpText, Masked: true, Length: int64(len(want))})
		wait := s.Go(func() {
			for _, b := range append(wire, want...) {
				s.Send([]byte{b})
				time.Sleep(time.Second)
			}
		})
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(p, want), "the message arrived as it was")
		assert.True(t, cap(p) <= 4*len(want), fmt.Sprintf("%d bytes for %d", cap(p), len(want)))
		wait()
	})
}

func TestHostileReset(t *testing.T) {
	end := make(chan error, 1)
	addr := listenTCP(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		end <- err
		return err
	}, nil))
	for name, wire := range map[string]string{"between messages": "", "in a header": "\x81", "in a payload": "\x81\x85\x00\x00\x00\x00He"} {
		t.Run(name, func(t *testing.T) {
			s := rawClient(t, addr)
			s.ClientHandshake("/")
			s.Send([]byte(wire))
			s.Reset()
			err := <-end
			assert.ErrorIs(t, err, syscall.ECONNRESET)
			assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
			assert.Contains(t, err.Error(), "websocket: connection lost (no close frame): read")
		})
	}
}

func TestHostileCloseFrames(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		end := readAll(t, c)
		for range 1000 {
			s.SendClose(websocket.StatusNormalClosure, "again")
		}
		s.ExpectClose(websocket.StatusNormalClosure, "")
		s.ExpectEOF() // one answer is enough
		assert.Equal(t, (<-end).err.Error(), `websocket: peer closed with 1000 normal closure "again"; answered`)
	})
}

func TestHostilePeerThatDoesNotHangUp(t *testing.T) {
	const limit = websocket.DefaultCloseTimeout
	t.Run("after its close frame", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			end := readAll(t, c)
			s.SendClose(websocket.StatusNormalClosure, "")
			s.ExpectClose(websocket.StatusNormalClosure, "")
			s.ExpectEOF()
			<-end
			time.Sleep(limit - 1)
			assert.NoError(t, s.TrySend([]byte("x")))
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			assert.ErrorIs(t, s.TrySend([]byte("x")), syscall.EPIPE)
		})
	})
	t.Run("after its fault", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			end := readAll(t, c)
			s.SendHex("83 80 00000000")
			s.ExpectCloseCode(websocket.StatusProtocolError)
			<-end
			time.Sleep(limit)
			synctest.Wait()
			assert.ErrorIs(t, s.TrySend([]byte("x")), syscall.EPIPE)
		})
	})
	t.Run("and does not answer our close frame", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			start := time.Now()
			err := c.Close(websocket.StatusNormalClosure, "")
			assert.Equal(t, time.Since(start), limit)
			assert.Equal(t, err.Error(), "websocket: closed with 1000 normal closure; peer did not answer: no close frame within the close timeout")
			s.ExpectClose(websocket.StatusNormalClosure, "")
			s.ExpectEOF()
		})
	})
}

func TestHostileDataAfterTheEnd(t *testing.T) {
	flood := bytes.Repeat([]byte(hello), 1000)
	t.Run("after our close frame", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			wait := s.Go(func() {
				s.ExpectClose(websocket.StatusGoingAway, "")
				for s.TrySend(flood) == nil {
					time.Sleep(100 * time.Millisecond)
				}
			})
			start := time.Now()
			err := c.Close(websocket.StatusGoingAway, "")
			assert.Equal(t, time.Since(start), websocket.DefaultCloseTimeout)
			assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
			wait()
		})
	})
	t.Run("after its own", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			end := readAll(t, c)
			s.SendClose(websocket.StatusNormalClosure, "")
			sent := 0
			for start := time.Now(); s.TrySend(flood) == nil; sent += len(flood) {
				assert.Equal(t, time.Since(start), 0) // it is the amount that ends it
			}
			assert.True(t, sent > 512<<10 && sent < 2<<20, fmt.Sprintf("%d bytes were taken", sent))
			<-end
		})
	})
}
