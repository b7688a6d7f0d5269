package json_test

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/json"
	"github.com/duplexhq/duplex/server/wire/wiretest"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// A site is a server with the JSON form of a hub's topics.
type site struct {
	t    testing.TB
	hub  *hub.Hub
	wire *json.Wire
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// serve runs a site in memory, for bubbles: there is a goroutine for each socket.
func serve(t testing.TB, o json.Options, ho *hub.Options) *site {
	t.Helper()
	return serveOn(t, wiretest.InMemory, o, ho)
}

// serveTCP runs a site on a port, with the epoll driver where there is one.
func serveTCP(t testing.TB, o json.Options, ho *hub.Options) *site {
	t.Helper()
	return serveOn(t, wiretest.TCP, o, ho)
}

// everyWay runs f on a site in memory and on one over TCP.
func everyWay(t *testing.T, f func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site)) {
	t.Helper()
	t.Run("in memory", func(t *testing.T) { f(t, serve) })
	t.Run("TCP", func(t *testing.T) { f(t, serveTCP) })
}

func serveOn(t testing.TB, run wiretest.Serve, o json.Options, ho *hub.Options) *site {
	t.Helper()
	s := &site{t: t}
	at := run(t, "/ws", func(h *hub.Hub) wiretest.Form {
		s.wire = json.New(h, &o)
		return s.wire
	}, ho)
	s.hub, s.dial = at.Hub, at.Dial
	return s
}

// quiet are options without pings but those of the window, so that time can pass.
func quiet(window int) json.Options {
	return json.Options{Window: window, Event: event.Options{PingInterval: -1}}
}

// A client is a socket that offers the subprotocol. It reads, and so answers pings, only
// when it is told to.
type client struct {
	t testing.TB
	*websocket.Conn
}

func (s *site) connect() *client {
	s.t.Helper()
	c, _, err := websocket.Dial(s.t.Context(), "ws://localhost/ws", &websocket.DialOptions{
		DialContext: s.dial, MaxMessage: -1, Subprotocols: []string{json.Subprotocol},
	})
	assert.NoError(s.t, err)
	assert.Equal(s.t, c.Subprotocol(), json.Subprotocol)
	s.t.Cleanup(func() { _ = c.CloseNow() })
	return &client{s.t, c}
}

// script opens a socket that does only what it is told. It offers no subprotocol.
func (s *site) script() *wstest.Script {
	s.t.Helper()
	c, err := s.dial(s.t.Context(), "tcp", "")
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	peer := wstest.NewScript(s.t, c, wstest.Client)
	peer.ClientHandshake("/ws")
	return peer
}

func (s *site) publish(m *hub.Message) hub.Cursor {
	s.t.Helper()
	r, err := s.hub.Publish(s.t.Context(), m)
	assert.NoError(s.t, err)
	return r.At
}

func (s *site) publishText(topic, text string) hub.Cursor {
	s.t.Helper()
	return s.publish(&hub.Message{Topic: topic, Payload: []byte(text)})
}

// send sends requests, each in a frame.
func (c *client) send(requests ...string) {
	c.t.Helper()
	for _, r := range requests {
		assert.NoError(c.t, c.Write(c.t.Context(), websocket.Text, []byte(r)))
	}
}

// next returns what the server sends next.
func (c *client) next() string {
	c.t.Helper()
	kind, p, err := c.Read(c.t.Context())
	assert.NoError(c.t, err)
	assert.Equal(c.t, kind, websocket.Text)
	assert.True(c.t, stdjson.Valid(p), "not JSON: "+string(p))
	return string(p)
}

// expect expects these answers. In them CURSOR stands for any cursor, TIME for any time,
// and … for any rest of a string.
func (c *client) expect(answers ...string) {
	c.t.Helper()
	for _, want := range answers {
		got := c.next()
		assert.True(c.t, matches(want, got), fmt.Sprintf("got  %s\nwant %s", got, want))
	}
}

// ask sends a request and expects its answer.
func (c *client) ask(request, answer string) {
	c.t.Helper()
	c.send(request)
	c.expect(answer)
}

// matches tells whether got is what want says.
func matches(want, got string) bool {
	for {
		i := strings.IndexAny(want, "CT…")
		for i >= 0 && !strings.HasPrefix(want[i:], "CURSOR") && !strings.HasPrefix(want[i:], "TIME") && !strings.HasPrefix(want[i:], "…") {
			next := strings.IndexAny(want[i+1:], "CT…")
			if next < 0 {
				i = -1
			} else {
				i += 1 + next
			}
		}
		if i < 0 {
			return want == got
		}
		if len(got) < i || got[:i] != want[:i] {
			return false
		}
		want, got = want[i:], got[i:]
		var n int
		switch {
		case strings.HasPrefix(want, "CURSOR"):
			want = want[len("CURSOR"):]
			n = span(got, "0123456789abcdefghijklmnopqrstuvwxyz.")
		case strings.HasPrefix(want, "TIME"):
			want = want[len("TIME"):]
			n = span(got, "0123456789")
		default:
			want = want[len("…"):]
			n = max(0, strings.Index(got, `"`))
			got = got[n:]
			continue
		}
		if n == 0 {
			return false
		}
		got = got[n:]
	}
}

// span returns how many bytes at the beginning of s are of a set.
func span(s, set string) int {
	return len(s) - len(strings.TrimLeft(s, set))
}

// expectClose expects the server's close frame and returns its reason.
func (c *client) expectClose(code websocket.StatusCode) string {
	c.t.Helper()
	_, p, err := c.Read(c.t.Context())
	assert.True(c.t, err != nil, "a message: "+string(p))
	assert.Equal(c.t, websocket.CloseStatus(err), code)
	return err.Error()
}

func (c *client) close() { _ = c.Close(websocket.StatusNormalClosure, "") }
