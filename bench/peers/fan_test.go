package peers_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// join connects to the fan-out of a peer for the length of a test, and waits until it
// is there: the first message comes back.
func join(t *testing.T, addr string, present []*websocket.Conn) *websocket.Conn {
	c, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/fan", nil)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.CloseNow() })
	hello := fmt.Sprintf("%d is here", len(present))
	assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte(hello)))
	for _, p := range append(present, c) {
		receives(t, p, hello)
	}
	return c
}

// receives wants a message next.
func receives(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	_, data, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(data), want)
}

// TestFan shows that a message goes to everybody on the path, the sender too, once
// and in order, and to nobody else.
func TestFan(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		addr := serve(t, p, peers.Options{})
		elsewhere := dial(t, addr, nil)
		var members []*websocket.Conn
		for range 5 {
			members = append(members, join(t, addr, members))
		}
		for i := range 20 {
			from := members[i%2]
			assert.NoError(t, from.Write(t.Context(), websocket.Text, fmt.Appendf(nil, "message %d", i)))
			if i%2 == 0 {
				assert.NoError(t, from.Write(t.Context(), websocket.Text, fmt.Appendf(nil, "and %d", i)))
			}
			for _, m := range members {
				receives(t, m, fmt.Sprintf("message %d", i))
				if i%2 == 0 {
					receives(t, m, fmt.Sprintf("and %d", i))
				}
			}
		}
		assert.NoError(t, elsewhere.Write(t.Context(), websocket.Text, []byte("an echo")))
		receives(t, elsewhere, "an echo")
	})
}

// TestFanLeave shows that the others go on when some leave, by the rules or not.
func TestFanLeave(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		addr := serve(t, p, peers.Options{})
		var members []*websocket.Conn
		for range 4 {
			members = append(members, join(t, addr, members))
		}
		_ = members[0].Close(websocket.StatusNormalClosure, "")
		_ = members[2].CloseNow()
		big := bytes.Repeat([]byte("x"), 100_000)
		for range 3 {
			assert.NoError(t, members[1].Write(t.Context(), websocket.Binary, big))
			for _, m := range []*websocket.Conn{members[1], members[3]} {
				kind, data, err := m.Read(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, kind, websocket.Binary)
				assert.True(t, bytes.Equal(data, big), "another message came")
			}
		}
	})
}

// TestTLS shows that every peer can speak it.
func TestTLS(t *testing.T) {
	trusted := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(trusted.Close)
	each(t, func(t *testing.T, p peers.Peer) {
		addr := serve(t, p, peers.Options{TLS: &tls.Config{Certificates: trusted.TLS.Certificates}})
		c, _, err := websocket.Dial(t.Context(), "wss://"+addr+"/", &websocket.DialOptions{
			TLSConfig: trusted.Client().Transport.(*http.Transport).TLSClientConfig, //nolint:forcetypeassert // what it is
		})
		assert.NoError(t, err)
		defer func() { _ = c.CloseNow() }()
		for _, message := range []string{"hello", "secrets"} {
			assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte(message)))
			receives(t, c, message)
		}
	})
}
