package raw_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/server/wire/wiretest"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// A site is a server with the raw form of a hub's topics.
type site struct {
	t    testing.TB
	hub  *hub.Hub
	wire *raw.Wire
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// serve runs a site in memory, for bubbles: there is a goroutine for each socket.
func serve(t testing.TB, o raw.Options, ho *hub.Options) *site {
	t.Helper()
	return serveOn(t, wiretest.InMemory, o, ho)
}

// serveTCP runs a site on a port, with the epoll driver where there is one.
func serveTCP(t testing.TB, o raw.Options, ho *hub.Options) *site {
	t.Helper()
	return serveOn(t, wiretest.TCP, o, ho)
}

// everyWay runs f on a site in memory and on one over TCP.
func everyWay(t *testing.T, f func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site)) {
	t.Helper()
	t.Run("in memory", func(t *testing.T) { f(t, serve) })
	t.Run("TCP", func(t *testing.T) { f(t, serveTCP) })
}

func serveOn(t testing.TB, run wiretest.Serve, o raw.Options, ho *hub.Options) *site {
	t.Helper()
	s := &site{t: t}
	at := run(t, "/t/{topic}", func(h *hub.Hub) wiretest.Form {
		s.wire = raw.New(h, &o)
		return s.wire
	}, ho)
	s.hub, s.dial = at.Hub, at.Dial
	return s
}

// join opens a socket at a topic, with a query perhaps. It reads, and so answers pings,
// only when it is told to.
func (s *site) join(target string) *websocket.Conn {
	s.t.Helper()
	c, _, err := websocket.Dial(s.t.Context(), "ws://localhost/t/"+target,
		&websocket.DialOptions{DialContext: s.dial, MaxMessage: -1})
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// script opens a socket that does only what it is told.
func (s *site) script(target string) *wstest.Script {
	s.t.Helper()
	c, err := s.dial(s.t.Context(), "tcp", "")
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	peer := wstest.NewScript(s.t, c, wstest.Client)
	peer.ClientHandshake("/t/" + target)
	return peer
}

func (s *site) publish(topic, text string) hub.Cursor {
	s.t.Helper()
	r, err := s.hub.Publish(s.t.Context(), &hub.Message{Topic: topic, Payload: []byte(text)})
	assert.NoError(s.t, err)
	return r.At
}

// subscribers returns how many subscriptions a topic has.
func (s *site) subscribers(topic string) int {
	s.t.Helper()
	list, err := s.hub.Topics(s.t.Context(), topic, "", 10)
	assert.NoError(s.t, err)
	for _, info := range list {
		if info.Topic == topic {
			return info.Subscribers
		}
	}
	return 0
}

func expect(t testing.TB, c *websocket.Conn, kind websocket.MessageType, data string) {
	t.Helper()
	got, p, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, fmt.Sprint(got, " ", string(p)), fmt.Sprint(kind, " ", data))
}

func expectText(t testing.TB, c *websocket.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		expect(t, c, websocket.Text, text)
	}
}

// expectClose expects the server's close frame and returns its reason.
func expectClose(t testing.TB, c *websocket.Conn, code websocket.StatusCode) string {
	t.Helper()
	_, p, err := c.Read(t.Context())
	assert.True(t, err != nil, "a message: "+string(p))
	assert.Equal(t, websocket.CloseStatus(err), code)
	var e *websocket.CloseError
	assert.True(t, asCloseError(err, &e) && e.Received != nil, err.Error())
	return e.Received.Reason
}

func options(o event.Options) raw.Options { return raw.Options{Event: o} }

// cursorIn returns the cursor of the reason of a close frame with 4010.
func cursorIn(t testing.TB, reason string) string {
	t.Helper()
	after, ok := strings.CutPrefix(reason, "gap after=")
	assert.True(t, ok, reason)
	_, err := hub.ParseCursor(after)
	assert.NoError(t, err)
	return after
}
