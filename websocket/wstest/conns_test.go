package wstest

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestPipeOfConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := Pipe(t, nil, nil)
		assert.NoError(t, server.Write(t.Context(), websocket.Text, []byte("from the server")))
		assert.NoError(t, client.Write(t.Context(), websocket.Binary, []byte("from the client")))
		kind, p, err := client.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, websocket.Text)
		assert.Equal(t, string(p), "from the server")
		kind, p, err = server.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, websocket.Binary)
		assert.Equal(t, string(p), "from the client")
		assert.Equal(t, client.RemoteAddr(), server.LocalAddr())
	})
}

func TestPipeOfConnsUsesTheOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open websocket.Registry
		do := &websocket.DialOptions{
			Subprotocols: []string{"a", "b"},
			Header:       http.Header{"Origin": {"https://example.com"}},
		}
		server, client := Pipe(t, &websocket.AcceptOptions{
			Subprotocols: []string{"b"},
			Origins:      []string{"https://example.com"},
			Registry:     &open,
		}, do)
		assert.Equal(t, server.Subprotocol(), "b")
		assert.Equal(t, client.Subprotocol(), "b")
		assert.Equal(t, open.Len(), 1)
		assert.True(t, do.DialContext == nil && do.Proxy == nil, "Pipe changed the caller's options")
	})
}

func TestPipeOfConnsClosesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open websocket.Registry
		end := &cleanupTB{failingTB: failingTB{TB: t}}
		Pipe(end, &websocket.AcceptOptions{Registry: &open}, &websocket.DialOptions{Registry: &open})
		assert.Equal(t, open.Len(), 2)
		end.end()
		assert.Equal(t, open.Len(), 0)
	})
}

func TestPipeOfConnsThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		foreign := &websocket.DialOptions{Header: http.Header{"Origin": {"https://example.com"}}}
		said := failure(t, func(t testing.TB) { Pipe(t, nil, foreign) })
		assert.Contains(t, said, "the client could not connect: websocket: ")
		assert.Contains(t, said, "403")
	})
}

func TestAcceptScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client := AcceptScript(t, &websocket.AcceptOptions{Subprotocols: []string{"chat"}}, "Sec-WebSocket-Protocol: chat")
		assert.Equal(t, c.Subprotocol(), "chat")
		client.SendText("hello")
		kind, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, websocket.Text)
		assert.Equal(t, string(p), "hello")
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("welcome")))
		client.ExpectText("welcome")
	})
}

func TestAcceptScriptThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := failure(t, func(t testing.TB) { AcceptScript(t, nil, "Origin: https://example.com") })
		assert.Contains(t, said, "the scripted client")
		assert.Contains(t, said, "HTTP/1.1 403 Forbidden")
	})
}

func TestDialScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := DialScript(t, &websocket.DialOptions{Subprotocols: []string{"chat"}}, "Sec-WebSocket-Protocol: chat")
		assert.Equal(t, c.Subprotocol(), "chat")
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("hello")))
		server.ExpectText("hello")
		server.SendBinary([]byte{1})
		kind, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, kind, websocket.Binary)
		assert.Equal(t, p, []byte{1})
	})
}

func TestDialScriptThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := failure(t, func(t testing.TB) { DialScript(t, nil, "Upgrade: something else") })
		assert.Contains(t, said, "the client could not connect: websocket: ")
	})
}

// TestPackageComment is the example of the package comment.
func TestPackageComment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client := AcceptScript(t, nil)
		go c.Read(t.Context())

		client.SendPing([]byte("are you there?"))
		client.ExpectPong([]byte("are you there?"))
		client.SendHex("c1 80 00000000") // RSV1, and no extension was agreed on
		client.ExpectCloseCode(websocket.StatusProtocolError)
		client.ExpectEOF()
	})
}

// TestScriptInFakeTime meets a keepalive to the second.
func TestScriptInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client := AcceptScript(t, &websocket.AcceptOptions{PingInterval: 30 * time.Second})
		client.Go(func() { c.Read(t.Context()) })
		start := time.Now()
		client.SetTimeout(time.Minute)
		client.SendPong(client.ExpectPing())
		assert.Equal(t, time.Since(start), 30*time.Second)
		client.SendClose(websocket.StatusNormalClosure, "")
		client.ExpectClose(websocket.StatusNormalClosure, "")
		client.ExpectEOF()
	})
}
