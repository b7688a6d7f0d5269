package sse

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// idle opens n streams over TCP that say nothing any more, with clients that cost next to
// nothing, and returns what ends them.
func idle(t testing.TB, addr string, n int) (closeAll func()) {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		assert.NoError(t, err)
		conns[i] = c
		_, err = io.WriteString(c, "GET /t/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
		assert.NoError(t, err)
	}
	for _, c := range conns { // until the position has come
		r := bufio.NewReader(c)
		for blank := 0; blank < 5; { // behind the header, and two for each of two blocks, as chunks
			line, err := r.ReadString('\n')
			assert.NoError(t, err)
			if strings.TrimSpace(line) == "" {
				blank++
			}
		}
	}
	return func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// listen starts a server over TCP.
func listen(t testing.TB, o *hub.Options) (h *hub.Hub, srv *httptest.Server) {
	t.Helper()
	h, err := hub.New(o)
	assert.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/t/{topic}", New(h, nil))
	srv = httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		assert.NoError(t, h.Close())
	})
	return h, srv
}

// used returns the memory in use, in bytes: heap and stacks.
func used() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkIdle measures what a stream costs that says nothing: B/stream is heap and stacks
// of the server, net/http's share among them, and of a client that is a file descriptor.
func BenchmarkIdle(b *testing.B) {
	const n = 2000
	_, srv := listen(b, nil)
	for b.Loop() {
		before := used()
		closeAll := idle(b, srv.Listener.Addr().String(), n)
		b.ReportMetric(float64(used()-before)/n, "B/stream")
		closeAll()
	}
}

// Streams whose clients never read hold no more than their buffers together, and delay
// nobody: neither the publisher nor one that reads.
func TestManyThatNeverRead(t *testing.T) {
	const n = 32
	h, srv := listen(t, nil)
	addr := srv.Listener.Addr().String()
	defer idle(t, addr, n)()
	resp, err := http.Get(srv.URL + "/t/a")
	assert.NoError(t, err)
	defer resp.Body.Close()
	fast := &source{t: t, resp: resp, r: bufio.NewReader(resp.Body)}
	fast.begin()

	before, text := used(), strings.Repeat("x", 64<<10)
	for range 240 { // 15 MiB for each, of which the log keeps 4 MiB for all
		_, err := h.Publish(t.Context(), &hub.Message{Topic: "a", Payload: []byte(text)})
		assert.NoError(t, err)
		fast.expect(text)
	}
	held := used() - before
	// The log, what Readers hold, which is the same for all who are at one place, and for each
	// of them as much that is being written, with room to grow.
	assert.True(t, held < 8<<20+n*4*DefaultBuffer, fmt.Sprint("streams hold more than their buffers: ", held))
}
