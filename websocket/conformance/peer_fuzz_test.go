package conformance

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// heard returns a peer to which an endpoint has sent b and then closed.
func heard(role Role, b []byte, run func(p *peer)) *peer {
	o := &Options{Timeout: time.Second, keys: new(keyRing)}
	p := &peer{
		o: o, role: role, test: &Test{run: run}, in: b,
		end: &ending{how: "closed TCP", err: io.EOF}, broken: true, deadline: time.Now().Add(time.Minute),
	}
	p.perform()
	return p
}

// FuzzFrames shows that whatever an endpoint sends as frames gets a verdict, and
// that what is cut off does not pass.
func FuzzFrames(f *testing.F) {
	for _, c := range Cases()[:100] {
		f.Add(c.AppendWire(nil, Server, 0), true)
		f.Add(c.AppendWire(nil, Client, exampleMask), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, fromServer bool) {
		role := Server
		if fromServer {
			role = Client
		}
		p := heard(role, b, func(p *peer) {
			p.await(p.o.Timeout, func() bool { return false })
			p.noMore(nil)
			p.must(len(p.in) == 0 && p.exchange.message == nil, "cut off")
		})
		problem := strings.Join(p.problems, "; ")
		assert.True(t, !strings.Contains(problem, "internal error"), problem)
		assert.Equal(t, p.verdict == Passed, problem == "")
		assert.True(t, p.verdict != Passed || len(p.exchange.messages) == 0, "a message nobody sent passes")
	})
}

// FuzzHeads shows the same for answers and requests.
func FuzzHeads(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00"), true)
	f.Add([]byte("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nNo."), true)
	f.Add([]byte("GET /chat HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, fromServer bool) {
		role, run := Server, func(p *peer) { p.answer() }
		if fromServer {
			role, run = Client, func(p *peer) { p.opened() }
		}
		p := heard(role, b, run)
		problem := strings.Join(p.problems, "; ")
		assert.True(t, !strings.Contains(problem, "internal error"), problem)
		assert.True(t, !fromServer || p.verdict == Failed, "an answer to nothing passes")
		if a := p.opening.answer; a != nil {
			assert.True(t, len(a.Body) <= maxBody && a.Status >= 100 && a.Status <= 999, "answer of no form")
		}
	})
}
