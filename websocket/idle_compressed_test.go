package websocket_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// What a client may offer, by what of the context is taken over.
const (
	offerTakeover  = "permessage-deflate"
	offerSending   = "permessage-deflate; client_no_context_takeover" // by the server only
	offerReceiving = "permessage-deflate; server_no_context_takeover"
	offerNothing   = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
)

// BenchmarkIdleCompressed measures what BenchmarkIdle does, after 48 KiB of JSON were
// compressed in both directions, which fills every window.
func BenchmarkIdleCompressed(b *testing.B) {
	b.Run("takeover", func(b *testing.B) { benchmarkIdle(b, 1000, "compressed", openCompressed(offerTakeover)) })
	b.Run("takeover-sending", func(b *testing.B) { benchmarkIdle(b, 1000, "compressed", openCompressed(offerSending)) })
	b.Run("takeover-receiving", func(b *testing.B) { benchmarkIdle(b, 1000, "compressed", openCompressed(offerReceiving)) })
	b.Run("no-takeover", func(b *testing.B) { benchmarkIdle(b, 4000, "compressed", openCompressed(offerNothing)) })
}

// TestIdleMemoryWithCompression holds what compression adds to the heap of a silent
// connection to what is promised: 64 KB with the connection itself, 20 KB without
// context takeover.
func TestIdleMemoryWithCompression(t *testing.T) {
	plain := heapOfEach(t, openIdle)
	for _, tt := range []struct {
		offer string
		most  int64
	}{{offerTakeover, 60_000}, {offerSending, 26_000}, {offerReceiving, 42_000}, {offerNothing, 8000}} {
		more := heapOfEach(t, openCompressed(tt.offer)) - plain
		t.Logf("%s: %d bytes", tt.offer, more)
		assert.True(t, more <= tt.most, fmt.Sprintf("%s: %d bytes", tt.offer, more))
	}
}

// heapOfEach returns how many bytes of the heap a connection takes that open makes.
func heapOfEach(t *testing.T, open func(b testing.TB, addr string, n int, secure bool) []net.Conn) int64 {
	const n = 40
	l := listenOnTCP(t)
	srv := &http.Server{Handler: idleHandlers["compressed"]}
	stopped := start(func() error { return srv.Serve(l) })
	warm := open(t, l.Addr().String(), 4, false)
	before := liveBytes()
	conns := open(t, l.Addr().String(), n, false)
	each := (liveBytes() - before) / n
	for _, c := range append(conns, warm...) {
		assert.NoError(t, c.Close())
	}
	srv.Close()
	stopped()
	return each
}

// openCompressed returns a function that opens connections with an offer and has
// compressed messages echoed on each.
func openCompressed(offer string) func(b testing.TB, addr string, n int, secure bool) []net.Conn {
	return func(b testing.TB, addr string, n int, secure bool) []net.Conn {
		messages := idleMessages(b, strings.Contains(offer, "client_no_context_takeover"))
		conns := make([]net.Conn, n)
		r := bufio.NewReader(nil)
		for i := range conns {
			conns[i] = openBare(b, addr, secure, "Sec-WebSocket-Extensions: "+offer+"\r\n")
			r.Reset(conns[i])
			for _, m := range messages {
				_, err := conns[i].Write(m)
				assert.NoError(b, err)
				skipFrame(b, r)
			}
		}
		return conns
	}
}

// idleMessages returns the frames of messages of 1 KiB.
func idleMessages(b testing.TB, alone bool) (messages [][]byte) {
	var z squeezer
	for p := orders(48 << 10); len(p) > 0; p = p[1<<10:] {
		if alone {
			z = squeezer{}
		}
		message := z.message(b, string(p[:1<<10]))
		h := frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.OpText, Masked: true, Length: int64(len(message))}
		messages = append(messages, append(frame.AppendHeader(nil, h), message...))
	}
	return messages
}

// skipFrame reads a compressed frame of a server.
func skipFrame(b testing.TB, r *bufio.Reader) {
	head, err := r.Peek(4)
	assert.NoError(b, err)
	assert.True(b, head[0]>>4&frame.RSV1 != 0, "the echo is not compressed")
	h, n, err := frame.ParseHeader(bytes.Clone(head))
	assert.NoError(b, err)
	_, err = io.CopyN(io.Discard, r, int64(n)+h.Length)
	assert.NoError(b, err)
}
