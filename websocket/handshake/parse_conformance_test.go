package handshake_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

// TestHeadConformance runs the tests of the opening handshake against a server that has nothing
// but a Head to read requests with.
func TestHeadConformance(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveEcho(conn.(*net.TCPConn))
		}
	}()
	names := []string{"chat", "superchat"}
	r, err := conformance.CheckServer(t.Context(), "ws://"+l.Addr().String()+"/echo?a=b", &conformance.Options{
		Run: "^opening/", Subprotocols: names, Timeout: 10 * time.Second,
	})
	assert.NoError(t, err)
	for _, res := range r.Results {
		switch res.Verdict {
		case conformance.Passed, conformance.Informational:
			if res.Problem != "" {
				t.Logf("%s: %s", res.ID(), res.Problem)
			}
		default:
			t.Errorf("%s: %s: %s", res.ID(), res.Verdict, res.Problem)
		}
	}
}

// serveEcho opens a connection and sends back what comes.
func serveEcho(conn *net.TCPConn) {
	defer conn.Close()
	var h handshake.Head
	var in []byte
	chunk := make([]byte, 4096)
	n := 0
	for n == 0 {
		read, err := conn.Read(chunk)
		if err != nil {
			return
		}
		seen := len(in)
		in = append(in, chunk[:read]...)
		if n, err = h.Parse(in, seen); err != nil {
			refuse(conn, err)
			return
		}
	}
	a, err := h.Check(&handshake.Policy{Subprotocols: []string{"chat", "superchat"}})
	if err != nil {
		refuse(conn, err)
		return
	}
	answer, err := handshake.AppendResponse(nil, a, nil)
	if err != nil {
		refuse(conn, err)
		return
	}
	conn.Write(answer)
	echo(conn, in[n:])
}

// refuse answers err and reads what the client still has to say, so that it gets the answer.
func refuse(conn *net.TCPConn, err error) {
	conn.Write(handshake.AppendRefusal(nil, err))
	conn.CloseWrite()
	conn.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, conn)
}

// echo speaks WebSocket. early is what came behind the request.
func echo(conn *net.TCPConn, early []byte) {
	m := proto.New(proto.Config{Role: proto.Server})
	var out, message []byte
	buf := early
	for {
		m.Receive(buf)
		for ev := m.Next(); ev.Kind != proto.None; ev = m.Next() {
			if message = append(message, ev.Payload...); ev.Kind != proto.Data {
				message = message[:len(message)-len(ev.Payload)]
			}
			if ev.Kind == proto.Data && ev.Last {
				out, _ = m.AppendMessage(out, ev.Opcode, message)
				message = message[:0]
			}
			var action proto.Transport
			if out, action = m.Reply(out, ev); action != proto.Keep {
				conn.Write(out)
				conn.CloseWrite()
				io.Copy(io.Discard, conn)
				return
			}
		}
		conn.Write(out)
		out = out[:0]
		buf = make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		buf = buf[:n]
	}
}
