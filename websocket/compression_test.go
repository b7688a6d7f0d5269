package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// orders is JSON text of about n bytes, which compresses well.
func orders(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"topic":"orders.%d","price":%d,"side":"buy","note":"%x"}`, i%7, 1000+i*i%977, i*7919)
	}
	return []byte(b.String()[:n])
}

// TestExtensions shows what two ends agree on.
func TestExtensions(t *testing.T) {
	off, on := (*websocket.Compression)(nil), &websocket.Compression{}
	alone := &websocket.Compression{NoContextTakeover: true}
	lonely := &websocket.Compression{PeerNoContextTakeover: true}
	narrow := &websocket.Compression{WindowBits: 10}
	strict := &websocket.Compression{PeerWindowBits: 9}
	const name = "permessage-deflate"
	for _, tt := range []struct {
		name           string
		server, client *websocket.Compression
		want           string
	}{
		{"nobody wants it", off, off, ""},
		{"the server declines", off, on, ""},
		{"the client does not offer", on, off, ""},
		{"defaults", on, on, name},
		{"the server compresses each message by itself", alone, on, name + "; server_no_context_takeover"},
		{"the client compresses each message by itself", on, alone, name + "; client_no_context_takeover"},
		{"the server demands it of the client", lonely, on, name + "; client_no_context_takeover"},
		{"the client demands it of the server", on, lonely, name + "; server_no_context_takeover"},
		{"the client hints at a small window", on, narrow, name + "; client_max_window_bits=10"},
		{"the server bounds the client's window", strict, on, name + "; client_max_window_bits=9"},
		{"the client bounds the server's window", on, strict, name + "; server_max_window_bits=9"},
		{"the client bounds a window that is small already", narrow, &websocket.Compression{PeerWindowBits: 12}, name + "; server_max_window_bits=10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, client := wstest.Pipe(t, &websocket.AcceptOptions{Compression: tt.server}, &websocket.DialOptions{Compression: tt.client})
			assert.Equal(t, server.Extensions(), tt.want)
			assert.Equal(t, client.Extensions(), tt.want)
			m := websocket.Message{Type: websocket.Text, Data: orders(3000)}
			for range 3 {
				there := writing(t.Context(), server, m)
				expect(t, client, m)
				assert.NoError(t, there())
				back := writing(t.Context(), client, m)
				expect(t, server, m)
				assert.NoError(t, back())
			}
		})
	}
}

// wrongCompression are options that only the program can mend, with what is said.
var wrongCompression = map[string]*websocket.Compression{
	"websocket: handshake: option Compression.WindowBits is 7: take 8 to 15, or 0 for 13":        {WindowBits: 7},
	"websocket: handshake: option Compression.WindowBits is 268: take 8 to 15, or 0 for 13":      {WindowBits: 268},
	"websocket: handshake: option Compression.PeerWindowBits is 16: take 8 to 15, or 0 for 15":   {PeerWindowBits: 16},
	"websocket: handshake: option Compression.PeerWindowBits is -1: take 8 to 15, or 0 for 15":   {PeerWindowBits: -1},
	"websocket: handshake: option Compression.WindowBits is -8: take 8 to 15, or 0 for 13":       {WindowBits: -8, PeerWindowBits: 99},
	"websocket: handshake: option Compression.PeerWindowBits is 1000: take 8 to 15, or 0 for 15": {WindowBits: 8, PeerWindowBits: 1000},
}

// TestWrongCompressionIsRefused answers 500 as a server, and does not connect as a
// client.
func TestWrongCompressionIsRefused(t *testing.T) {
	for want, z := range wrongCompression {
		var refused error
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for name, value := range map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade",
			"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		_, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Compression: z, Trace: &websocket.Trace{Refused: func(_ *http.Request, err error) { refused = err }},
		})
		assert.Equal(t, err.Error(), want)
		assert.Equal(t, refused, err)
		assert.Equal(t, w.Code, http.StatusInternalServerError)
		assert.Equal(t, strings.TrimSpace(w.Body.String()), want)

		_, _, err = websocket.Dial(t.Context(), "ws://example.com", &websocket.DialOptions{
			Compression: z, Proxy: noProxy,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				t.Error("it connects")
				return nil, io.EOF
			},
		})
		assert.Equal(t, err.Error(), want)
		_, isHandshake := errors.AsType[*websocket.HandshakeError](err)
		assert.True(t, isHandshake, "the error is no HandshakeError")
	}
}

// TestWrongAnswerFailsTheHandshake has servers agree to what was not offered.
func TestWrongAnswerFailsTheHandshake(t *testing.T) {
	strict := &websocket.Compression{PeerWindowBits: 10, PeerNoContextTakeover: true}
	for _, tt := range []struct {
		offer  *websocket.Compression
		answer string
		want   string
	}{
		{nil, "permessage-deflate", "RFC 6455 §4.1"},
		{&websocket.Compression{}, "permessage-brotli", "RFC 6455 §4.1"},
		{&websocket.Compression{}, "permessage-deflate, permessage-deflate", "RFC 7692 §5"},
		{&websocket.Compression{}, "permessage-deflate; server_max_window_bits=16", "RFC 7692 §7.1.2.1"},
		{&websocket.Compression{}, "permessage-deflate; client_max_window_bits", "RFC 7692 §7.1.2.2"},
		{&websocket.Compression{}, "permessage-deflate; level=9", "RFC 7692 §7"},
		{strict, "permessage-deflate; server_max_window_bits=10", "RFC 7692 §7.1.1.1"},
		{strict, "permessage-deflate; server_no_context_takeover; server_max_window_bits=11", "RFC 7692 §7.1.2.1"},
	} {
		a, b := wstest.NetPipe()
		s := wstest.NewScript(t, b, wstest.Server)
		wait := s.Go(func() {
			s.ServerHandshake("Sec-WebSocket-Extensions: " + tt.answer)
			s.ExpectEOF()
		})
		_, resp, err := websocket.Dial(t.Context(), "ws://example.com", &websocket.DialOptions{
			Compression: tt.offer, Proxy: noProxy,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return a, nil },
		})
		wait()
		broken, ok := errors.AsType[*websocket.HandshakeError](err)
		assert.True(t, ok, fmt.Sprintf("%s: %v", tt.answer, err))
		assert.Equal(t, broken.Section, tt.want)
		assert.Equal(t, resp.StatusCode, http.StatusSwitchingProtocols)
	}
}

// TestDecliningIsNoError goes on without compression.
func TestDecliningIsNoError(t *testing.T) {
	c, s := wstest.DialScript(t, &websocket.DialOptions{Compression: &websocket.Compression{PeerWindowBits: 9}})
	assert.Equal(t, c.Extensions(), "")
	wait := writing(t.Context(), c, text(strings.Repeat("plain ", 100)))
	s.ExpectText(strings.Repeat("plain ", 100))
	assert.NoError(t, wait())
}

// TestThreshold sends messages around it, which all compress well.
func TestThreshold(t *testing.T) {
	for _, tt := range []struct{ threshold, from int }{{0, websocket.DefaultThreshold}, {-1, 40}, {500, 500}} {
		compressing(t, websocket.Compression{Threshold: tt.threshold}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			for _, send := range []func(p []byte) error{
				func(p []byte) error { return c.Write(t.Context(), websocket.Binary, p) },
				func(p []byte) error { return c.Post(websocket.Binary, p) },
				func(p []byte) error { return writeStream(t.Context(), c, p) },
			} {
				for _, n := range []int{39, 40, 127, 128, 499, 500} {
					assert.NoError(t, send(make([]byte, n)))
					h, _ := s.ExpectFrame()
					assert.True(t, (h.RSV == frame.RSV1) == (n >= tt.from || tt.from == 40), fmt.Sprintf("%d bytes: RSV %d", n, h.RSV))
				}
			}
		})
	}
}

// frames expects the frames of one message and returns their headers and payloads.
func frames(s *wstest.Script) (headers []frame.Header, payloads [][]byte) {
	for {
		h, p := s.ExpectFrame()
		headers, payloads = append(headers, h), append(payloads, p)
		if h.Fin {
			return headers, payloads
		}
	}
}

// TestLargeWrite sends messages that are not copied: what compresses goes out in a
// frame for each 16 KiB, what does not in a single one.
func TestLargeWrite(t *testing.T) {
	compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		for _, tt := range []struct {
			p      []byte
			frames int
			rsv    byte
		}{
			{orders(16 << 10), 1, frame.RSV1},
			{orders(16<<10 + 1), 2, frame.RSV1},
			{orders(100_000), 7, frame.RSV1},
			{sample(websocket.Binary, 100_000).Data, 1, 0},
			{append(orders(16<<10), sample(websocket.Binary, 20_000).Data...), 3, frame.RSV1},
			{append(sample(websocket.Binary, 16<<10).Data, orders(20_000)...), 1, 0}, // judged by its beginning
			{orders(32 << 10), 2, frame.RSV1},
		} {
			wait := writing(t.Context(), c, websocket.Message{Type: websocket.Binary, Data: tt.p})
			headers, payloads := frames(s)
			assert.NoError(t, wait())
			assert.Equal(t, len(headers), tt.frames)
			var all []byte
			for i, h := range headers {
				assert.Equal(t, h.Opcode == frame.OpBinary, i == 0)
				assert.Equal(t, h.RSV, map[bool]byte{true: tt.rsv}[i == 0])
				all = append(all, payloads[i]...)
			}
			if tt.rsv == 0 {
				assert.True(t, string(all) == string(tt.p), "the payload differs")
			}
		}
		assert.Equal(t, c.Queued(), 0)
	})
}

// TestLargeWriteArrives reads such messages at the other end.
func TestLargeWriteArrives(t *testing.T) {
	overAll(t, &websocket.AcceptOptions{MaxMessage: -1}, func(t *testing.T, a, b *websocket.Conn) {
		long := 300_000
		if raced {
			long = 70_000
		}
		for _, n := range []int{20_000, 40_000, long} {
			for _, kind := range []websocket.MessageType{websocket.Text, websocket.Binary} {
				m := websocket.Message{Type: kind, Data: orders(n)}
				wait := writing(t.Context(), a, m)
				expect(t, b, m)
				assert.NoError(t, wait())
			}
		}
		assert.ErrorIs(t, a.Write(t.Context(), websocket.Text, append(orders(40_000), 0xff)), websocket.ErrNotUTF8)
		wait := writing(t.Context(), a, text("nothing was sent"))
		expect(t, b, text("nothing was sent"))
		assert.NoError(t, wait())
	})
}

// TestControlFramesAreNotCompressed sends those that could be.
func TestControlFramesAreNotCompressed(t *testing.T) {
	compressing(t, websocket.Compression{Threshold: -1}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		read := reading(t.Context(), c)
		s.SendPing(make([]byte, 125))
		s.ExpectPong(make([]byte, 125))
		closed := closing(c, websocket.StatusGoingAway, strings.Repeat("a", 123))
		s.ExpectClose(websocket.StatusGoingAway, strings.Repeat("a", 123))
		s.SendClose(websocket.StatusGoingAway, "")
		assert.NoError(t, closed())
		assert.True(t, read() != nil, "the connection did not end")
	})
}
