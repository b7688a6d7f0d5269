package wstest

import (
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

func TestExpectTakesWhatIsRight(t *testing.T) {
	for _, role := range []Role{Client, Server} {
		t.Run(role.String(), func(t *testing.T) {
			inScript(t, role, func(t *testing.T, s *Script, c *PipeConn) {
				peer := NewScript(t, c, Client+Server-role)
				long := strings.Repeat("long ", 2000)
				peer.SendText("hello")
				peer.SendText(long)
				peer.SendBinary([]byte{0, 1, 255})
				peer.SendPing([]byte("are you there?"))
				peer.SendPong(nil)
				peer.SendFrame(frame.Header{Opcode: frame.OpText, RSV: frame.RSV2}, []byte("frag"))
				peer.SendClose(1001, "bye")
				peer.SendClose(1002, "so you say")
				peer.SendClose(frame.StatusNoStatusReceived, "")
				peer.SendClose(frame.StatusNoStatusReceived, "")
				peer.Close()

				s.ExpectText("hello")
				s.ExpectText(long)
				s.ExpectBinary([]byte{0, 1, 255})
				assert.Equal(t, string(s.ExpectPing()), "are you there?")
				s.ExpectPong([]byte{})
				h, p := s.ExpectFrame()
				assert.Equal(t, h, frame.Header{Opcode: frame.OpText, RSV: frame.RSV2,
					Masked: role == Server, Key: h.Key, Length: 4})
				assert.Equal(t, string(p), "frag")
				s.ExpectClose(1001, "bye")
				assert.Equal(t, s.ExpectCloseCode(1002), "so you say")
				s.ExpectClose(frame.StatusNoStatusReceived, "")
				assert.Equal(t, s.ExpectCloseCode(frame.StatusNoStatusReceived), "")
				s.ExpectEOF()
			})
		})
	}
}

func TestExpectTakesBytesOneByOne(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		wire := "\x81\x05hello\x82\x7e\x00\xc8" + strings.Repeat("x", 200)
		go func() {
			for i := range len(wire) {
				time.Sleep(time.Millisecond)
				c.Write([]byte(wire[i : i+1]))
			}
		}()
		s.ExpectText("hello")
		s.ExpectBinary([]byte(strings.Repeat("x", 200)))
	})
}

func TestExpectMessage(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		peer := NewScript(t, c, Client)
		peer.SendFrame(frame.Header{Opcode: frame.OpBinary}, []byte("a"))
		peer.SendFrame(frame.Header{Opcode: frame.OpContinuation}, nil)
		peer.SendFrame(frame.Header{Fin: true, Opcode: frame.OpContinuation}, []byte("bc"))
		peer.SendText("whole")
		op, p := s.ExpectMessage()
		assert.Equal(t, op, frame.OpBinary)
		assert.Equal(t, string(p), "abc")
		op, p = s.ExpectMessage()
		assert.Equal(t, op, frame.OpText)
		assert.Equal(t, string(p), "whole")
	})
}

// TestExpectSaysWhatCame has a server send something and a scripted client
// expect something else.
func TestExpectSaysWhatCame(t *testing.T) {
	tests := []struct {
		name   string
		send   func(peer *Script)
		expect func(s *Script)
		wanted string
		came   string
	}{
		{"another text", func(p *Script) { p.SendText("bye") }, func(s *Script) { s.ExpectText("hello") },
			`text, fin, rsv 0, 5 bytes: "hello"`, `text, fin, rsv 0, 3 bytes: "bye"`},
		{"another type", func(p *Script) { p.SendBinary([]byte("a")) }, func(s *Script) { s.ExpectText("a") },
			`text, fin, rsv 0, 1 bytes: "a"`, `binary, fin, rsv 0, 1 bytes: "a"`},
		{"another binary", func(p *Script) { p.SendBinary([]byte{1}) }, func(s *Script) { s.ExpectBinary([]byte{0}) },
			`binary, fin, rsv 0, 1 bytes: hex 00`, `binary, fin, rsv 0, 1 bytes: hex 01`},
		{"a fragment", func(p *Script) { p.SendHex("01 01 61") }, func(s *Script) { s.ExpectText("a") },
			`text, fin, rsv 0, 1 bytes: "a"`, `text, not fin, rsv 0, 1 bytes: "a"`},
		{"RSV bits", func(p *Script) { p.SendHex("d1 01 61") }, func(s *Script) { s.ExpectText("a") },
			`text, fin, rsv 0, 1 bytes: "a"`, `text, fin, rsv 1+3, 1 bytes: "a"`},
		{"a masked frame", func(p *Script) { p.SendHex("81 81 01020304 60") }, func(s *Script) { s.ExpectText("a") },
			`text, fin, rsv 0, 1 bytes: "a"`, `text, fin, rsv 0, masked, 1 bytes: "a"`},
		{"no ping", func(p *Script) { p.SendPong(nil) }, func(s *Script) { s.ExpectPing() },
			`ping, fin, rsv 0, any payload`, `pong, fin, rsv 0, 0 bytes`},
		{"another pong", func(p *Script) { p.SendPong([]byte("b")) }, func(s *Script) { s.ExpectPong([]byte("a")) },
			`pong, fin, rsv 0, 1 bytes: "a"`, `pong, fin, rsv 0, 1 bytes: "b"`},
		{"another reason", func(p *Script) { p.SendClose(1000, "") }, func(s *Script) { s.ExpectClose(1001, "bye") },
			`close, fin, rsv 0, 5 bytes: 1001 going away "bye"`, `close, fin, rsv 0, 2 bytes: 1000 normal closure`},
		{"another code", func(p *Script) { p.SendClose(1002, "why") }, func(s *Script) { s.ExpectCloseCode(1007) },
			`close with 1007 invalid payload`, `close, fin, rsv 0, 5 bytes: 1002 protocol error "why"`},
		{"an illegal code", func(p *Script) { p.SendClose(1006, "") }, func(s *Script) { s.ExpectCloseCode(1006) },
			`close with 1006 abnormal closure`, `close, fin, rsv 0, 2 bytes: 1006 abnormal closure`},
		{"no close", func(p *Script) { p.SendText("a") }, func(s *Script) { s.ExpectCloseCode(1000) },
			`close, fin, rsv 0, any payload`, `text, fin, rsv 0, 1 bytes: "a"`},
		{"a ping in a message", func(p *Script) { p.SendHex("01 00 89 00") }, func(s *Script) { s.ExpectMessage() },
			`a message, one frame after the other`, `ping, fin, rsv 0, 0 bytes`},
		{"a continuation of nothing", func(p *Script) { p.SendHex("80 00") }, func(s *Script) { s.ExpectMessage() },
			`a message, one frame after the other`, `continuation, fin, rsv 0, 0 bytes`},
		{"a masked message", func(p *Script) { p.SendHex("81 80 00000000") }, func(s *Script) { s.ExpectMessage() },
			`a message, one frame after the other`, `text, fin, rsv 0, masked, 0 bytes`},
		{"two starts", func(p *Script) { p.SendHex("01 00 81 00") }, func(s *Script) { s.ExpectMessage() },
			`a message, one frame after the other`, `text, fin, rsv 0, 0 bytes`},
		{"nothing", func(p *Script) {}, func(s *Script) { s.ExpectFrame() },
			`a frame`, `nothing within 5s`},
		{"half a frame", func(p *Script) { p.SendHex("81 05 6865") }, func(s *Script) { s.ExpectText("hello") },
			`text, fin, rsv 0, 5 bytes: "hello"`, `no more within 5s, with 4 bytes at hand: hex 81056865`},
		{"an early end", func(p *Script) { p.Close() }, func(s *Script) { s.ExpectPing() },
			`ping, fin, rsv 0, any payload`, `the end of the connection (EOF)`},
		{"an end in a frame", func(p *Script) { p.SendHex("81"); p.Close() }, func(s *Script) { s.ExpectText("a") },
			`text, fin, rsv 0, 1 bytes: "a"`, `the end of the connection (EOF), with 1 bytes at hand: hex 81`},
		{"bytes that are no frame", func(p *Script) { p.SendHex("81 7e 0001") }, func(s *Script) { s.ExpectFrame() },
			`a frame`, `no frame: websocket:`},
		{"an HTTP answer", func(p *Script) { p.Send([]byte("HTTP/1.1 403 Forbidden\r\n")); p.Close() }, func(s *Script) { s.ExpectFrame() },
			`a frame`, `with 24 bytes at hand: "HTTP/1.1 403 Forbidden\r\n"`},
		{"a frame before the end", func(p *Script) { p.SendText("a"); p.Close() }, func(s *Script) { s.ExpectEOF() },
			`the end of the connection`, `text, fin, rsv 0, 1 bytes: "a"`},
		{"half a frame before the end", func(p *Script) { p.SendHex("81"); p.Close() }, func(s *Script) { s.ExpectEOF() },
			`the end of the connection`, `the end of the connection (EOF), with 1 bytes at hand: hex 81`},
		{"no end", func(p *Script) {}, func(s *Script) { s.ExpectEOF() },
			`the end of the connection`, `nothing within 5s`},
		{"a reset", func(p *Script) { p.Reset() }, func(s *Script) { s.ExpectEOF() },
			`the end of the connection`, `connection reset by peer`},
		{"no reset", func(p *Script) { p.Close() }, func(s *Script) { s.ExpectReset() },
			`a connection reset`, `the end of the connection (EOF)`},
		{"no end of the rest", func(p *Script) { p.Send([]byte("a")) }, func(s *Script) { s.ExpectRest() },
			`the end of the connection`, `no more within 5s, with 1 bytes at hand: "a"`},
		{"a frame in the silence", func(p *Script) { p.SendPing(nil) }, func(s *Script) { s.ExpectSilence(time.Minute) },
			`silence for 1m0s`, `ping, fin, rsv 0, 0 bytes`},
		{"a byte in the silence", func(p *Script) { p.SendHex("81") }, func(s *Script) { s.ExpectSilence(time.Minute) },
			`silence for 1m0s`, `no more within 1m0s, with 1 bytes at hand: hex 81`},
		{"an end in the silence", func(p *Script) { p.Close() }, func(s *Script) { s.ExpectSilence(time.Minute) },
			`silence for 1m0s`, `the end of the connection (EOF)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
				test.send(NewScript(t, c, Server))
				said := failure(t, func(t testing.TB) { test.expect(s.fails(t)) })
				wanted, came, _ := strings.Cut(said, "\n\tcame   ")
				assert.Equal(t, wanted, "wstest: the scripted client\n\twanted "+test.wanted)
				assert.Contains(t, came, test.came)
			})
		})
	}
}

func TestExpectOfAServerWantsAMask(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		NewScript(t, c, Server).SendText("a")
		said := failure(t, func(t testing.TB) { s.fails(t).ExpectText("a") })
		assert.Contains(t, said, `wanted text, fin, rsv 0, masked, 1 bytes: "a"`)
		assert.Contains(t, said, `came   text, fin, rsv 0, 1 bytes: "a"`)
	})
}

func TestExpectSaysWhereLongPayloadsDiffer(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		long := strings.Repeat("a", 1000)
		NewScript(t, c, Server).SendText(long[:500] + "b" + long[501:])
		said := failure(t, func(t testing.TB) { s.fails(t).ExpectText(long) })
		assert.Contains(t, said, `a" and 872 bytes more; the payloads differ from byte 500 on`)
	})
}

func TestExpectBound(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		start := time.Now()
		failure(t, func(t testing.TB) { s.fails(t).ExpectFrame() })
		assert.Equal(t, time.Since(start), 5*time.Second)
	})
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		s.SetTimeout(time.Hour)
		start := time.Now()
		time.AfterFunc(30*time.Second, func() { c.Write([]byte("\x89\x00")) })
		s.ExpectPing()
		assert.Equal(t, time.Since(start), 30*time.Second)
	})
}

func TestExpectSilence(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		start := time.Now()
		s.ExpectSilence(time.Hour)
		assert.Equal(t, time.Since(start), time.Hour)
		c.Write([]byte("\x89\x00"))
		s.ExpectPing() // the deadline is gone
	})
}

func TestExpectRest(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		c.Write([]byte("\x89\x00half"))
		s.ExpectPing()
		c.Write([]byte(" a frame"))
		c.Close()
		assert.Equal(t, string(s.ExpectRest()), "half a frame")
		s.ExpectEOF()
	})
}
