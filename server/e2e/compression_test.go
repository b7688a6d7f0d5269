package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// ways are the ways in which our end compresses.
var ways = []struct {
	name string
	o    websocket.Compression
}{
	{"defaults", websocket.Compression{}},
	{"no takeover", websocket.Compression{NoContextTakeover: true, PeerNoContextTakeover: true}},
	{"they take over, we do not", websocket.Compression{NoContextTakeover: true}},
	{"we take over, they do not", websocket.Compression{PeerNoContextTakeover: true}},
	{"our window of 256 bytes", websocket.Compression{WindowBits: 8, Threshold: -1}},
	{"our window of 32 KiB", websocket.Compression{WindowBits: 15}},
	{"their window of 512 bytes", websocket.Compression{PeerWindowBits: 9}},
	{"their window of 1 KiB", websocket.Compression{PeerWindowBits: 10, Threshold: 1}},
}

// An offer is what a client says of compression: the options by which its library
// knows that, and what the answer must and must not have for it.
type offer struct {
	options map[string]any
	must    []string
}

// wsOffers are all parameters that npm's ws can offer.
func wsOffers() []offer {
	list := []offer{
		{},
		{map[string]any{"serverNoContextTakeover": true}, []string{"server_no_context_takeover"}},
		{map[string]any{"clientNoContextTakeover": true}, []string{"client_no_context_takeover"}},
		{map[string]any{"clientMaxWindowBits": false}, nil},
		{map[string]any{"serverNoContextTakeover": true, "clientNoContextTakeover": true, "serverMaxWindowBits": 10, "clientMaxWindowBits": 11},
			[]string{"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"}},
	}
	for bits := 8; bits <= 15; bits++ {
		list = append(list, offer{map[string]any{"serverMaxWindowBits": bits}, bounded(bits)})
		list = append(list, offer{map[string]any{"clientMaxWindowBits": bits}, nil})
	}
	return list
}

// bounded is what must be agreed on if a client bounds the server's window. 15 bits
// are no bound.
func bounded(bits int) []string {
	if bits == 15 {
		return nil
	}
	return []string{"server_max_window_bits"}
}

// pythonOffers are all parameters that Python's websockets can offer.
func pythonOffers() []offer {
	list := []offer{
		{},
		{map[string]any{"server_no_context_takeover": true}, []string{"server_no_context_takeover"}},
		{map[string]any{"client_no_context_takeover": true}, []string{"client_no_context_takeover"}},
		{map[string]any{"server_no_context_takeover": true, "client_no_context_takeover": true, "server_max_window_bits": 10, "client_max_window_bits": 11},
			[]string{"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"}},
		{map[string]any{"client_max_window_bits": true}, nil},
	}
	for bits := 9; bits <= 15; bits++ { // zlib has no window of 8 bits for those who compress
		list = append(list, offer{map[string]any{"server_max_window_bits": bits, "client_max_window_bits": true}, bounded(bits)})
		list = append(list, offer{map[string]any{"client_max_window_bits": bits}, nil})
	}
	return list
}

// A compressing is a server of ours that compresses and counts.
type compressing struct {
	url      string
	messages atomic.Int64 // bytes of the messages it sent back
	wire     atomic.Int64 // bytes that went over the wire, both ways, handshakes included
	agreed   chan string
}

func newCompressing(t testing.TB, o websocket.Compression) *compressing {
	s := &compressing{agreed: make(chan string, 100)}
	h := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		s.agreed <- c.Extensions()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			s.messages.Add(int64(len(m.Data)))
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.AcceptOptions{Compression: &o, Origins: []string{"*"}})
	server := httptest.NewUnstartedServer(h)
	server.Listener = &meteredListener{server.Listener, &s.wire}
	server.Start()
	t.Cleanup(server.Close)
	s.url = socketURL(server.URL)
	return s
}

// ratio is how many bytes went over the wire, in percent of those in messages.
func (s *compressing) ratio() int64 { return 100 * s.wire.Load() / max(2*s.messages.Load(), 1) }

// A meteredListener counts the bytes of its connections.
type meteredListener struct {
	net.Listener
	bytes *atomic.Int64
}

func (l *meteredListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &meteredConn{c, l.bytes}, nil
}

type meteredConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c *meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *meteredConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// worst is the ratio in percent that is still called compression. A good part of the
// messages is noise on purpose, and a window of 256 bytes holds next to nothing.
const worst = 75

// Other people's clients and our server compress for each other, with all that
// either can ask for.
func TestCompressingClients(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		peer   peer
		offers []offer
	}{
		{"npm ws", node("ws_compressed.mjs", "ws"), wsOffers()},
		{"undici", node("undici_compressed.mjs", "undici"), []offer{{}}},
		{"Python websockets", python("compressed.py"), pythonOffers()},
	} {
		for i, w := range ways {
			offers := c.offers
			if i > 0 { // all windows with our defaults, and one of each kind with the rest
				offers = offers[:min(len(offers), 7)]
			}
			t.Run(c.name+", "+w.name, func(t *testing.T) {
				t.Parallel()
				testCompressingClient(t, c.peer, offers, w.o)
			})
		}
	}
}

func testCompressingClient(t *testing.T, p peer, offers []offer, o websocket.Compression) {
	type task struct {
		URL   string         `json:"url"`
		Offer map[string]any `json:"offer,omitempty"`
	}
	var tasks []task
	var servers []*compressing
	for _, offer := range offers {
		s := newCompressing(t, o)
		servers = append(servers, s)
		tasks = append(tasks, task{s.url, offer.options})
	}
	var results []struct {
		Extensions     string
		Sent, Returned int
		End            string
	}
	assert.NoError(t, json.Unmarshal([]byte(report(t, p.start(t, tasks))["results"]), &results))
	assert.Equal(t, len(results), len(offers))
	for i, r := range results {
		what := fmt.Sprintf("offer %v, answer %q", offers[i].options, r.Extensions)
		agreed := receive(t, "a connection", servers[i].agreed)
		assert.True(t, r.Sent > 50 && r.Returned == r.Sent, fmt.Sprintf("%s: %d of %d messages came back", what, r.Returned, r.Sent))
		assert.Equal(t, r.End, "1000  clean")
		if agreed == "" { // a client that cannot bound its window
			assert.True(t, o.PeerWindowBits != 0 && !bounds(offers[i]), what+": was declined")
			continue
		}
		assert.Contains(t, agreed, "permessage-deflate")
		for _, param := range offers[i].must {
			assert.Contains(t, agreed, param)
		}
		assert.True(t, servers[i].ratio() < worst, fmt.Sprintf("%s: %d %% of the bytes were sent", what, servers[i].ratio()))
	}
}

// bounds tells whether a client offers to bound its window. That of npm's ws does
// so unless it is told not to, Python's websockets only if it is told to.
func bounds(o offer) bool {
	if v, said := o.options["clientMaxWindowBits"]; said {
		return v != false
	}
	_, said := o.options["client_max_window_bits"]
	return said
}

// Our client and other people's servers compress for each other.
func TestCompressingServers(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name    string
		peer    peer
		options []map[string]any
	}{
		{"npm ws", node("ws_compressing.mjs", "ws"), []map[string]any{
			{},
			{"serverNoContextTakeover": true},
			{"clientNoContextTakeover": true},
			{"serverNoContextTakeover": true, "clientNoContextTakeover": true},
			{"serverMaxWindowBits": 9},
			{"clientMaxWindowBits": 8},
			{"clientMaxWindowBits": 10, "serverMaxWindowBits": 11},
		}},
		{"Python websockets", python("compressing.py"), []map[string]any{
			{},
			{"server_no_context_takeover": true},
			{"client_no_context_takeover": true},
			{"server_no_context_takeover": true, "client_no_context_takeover": true},
			{"server_max_window_bits": 9},
			{"client_max_window_bits": 9},
			{"client_max_window_bits": 10, "server_max_window_bits": 11},
		}},
	} {
		for _, options := range s.options {
			t.Run(fmt.Sprint(s.name, ", ", options), func(t *testing.T) {
				t.Parallel()
				p := s.peer.start(t, options)
				line := p.awaitLine("its port", &p.stdout, func(string) bool { return true })
				var port struct{ Plain int }
				assert.NoError(t, json.Unmarshal([]byte(line), &port))
				for _, w := range ways {
					t.Run(w.name, func(t *testing.T) {
						url := fmt.Sprintf("ws://127.0.0.1:%d", port.Plain)
						if options["serverMaxWindowBits"] == 11 && (w.o.WindowBits == 8 || w.o.PeerWindowBits != 0) {
							testNarrowServer(t, url, w.o)
							return
						}
						testCompressingServer(t, url, w.o)
					})
				}
				assert.NoError(t, p.stdin.Close())
				p.wait()
			})
		}
	}
}

// testNarrowServer is about a server that refuses clients whose windows are smaller
// than its own, where the standard would have it go without compression.
func testNarrowServer(t *testing.T, url string, o websocket.Compression) {
	_, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Compression: &o})
	var refused *websocket.HandshakeError
	assert.True(t, errors.As(err, &refused), fmt.Sprintf("the error is %v", err))
	assert.Equal(t, resp.StatusCode, http.StatusBadRequest)
}

func testCompressingServer(t *testing.T, url string, o websocket.Compression) {
	var wire atomic.Int64
	c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
		Compression:  &o,
		CloseTimeout: patience,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &meteredConn{conn, &wire}, err
		},
	})
	assert.NoError(t, err)
	defer func() { assert.NoError(t, c.Close(websocket.StatusNormalClosure, "")) }()
	answer := resp.Header.Get("Sec-WebSocket-Extensions")
	assert.Contains(t, answer, "permessage-deflate")
	assert.Contains(t, c.Extensions(), "permessage-deflate")
	total := int64(0)
	for i, m := range compressible() {
		total += 2 * int64(len(m.Data))
		if i%3 == 0 {
			w, err := c.Writer(t.Context(), m.Type)
			assert.NoError(t, err)
			_, err = w.Write(m.Data)
			assert.NoError(t, err)
			assert.NoError(t, w.Close())
		} else {
			assert.NoError(t, c.Write(t.Context(), m.Type, m.Data))
		}
		kind, data, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.True(t, kind == m.Type && string(data) == string(m.Data), fmt.Sprintf("message %d came back as it was", i))
	}
	assert.True(t, wire.Load() < total/2, fmt.Sprintf("answer %q: %d bytes were sent for %d", answer, wire.Load(), total))
}

// compressible returns messages of which most shrink, small ones and some that are larger than
// every window. Nobody changes them.
var compressible = sync.OnceValue(func() (list []websocket.Message) {
	for i := range 40 {
		list = append(list, websocket.Message{Type: websocket.Text, Data: fmt.Appendf(nil,
			`{"id":%d,"room":"lobby","from":"ada","text":%q}`, 4711+i, strings.Repeat(fmt.Sprintf("message number %d, hällo wörld ", i*i), 1+i%7))})
	}
	noise := payloads()[9].Data // 64 KiB that repeat only after a while
	return append(list,
		websocket.Message{Type: websocket.Text, Data: []byte{}},
		websocket.Message{Type: websocket.Binary, Data: noise[:200]},
		list[3],
		websocket.Message{Type: websocket.Text, Data: []byte(strings.Repeat("ах", 20_000))},
		websocket.Message{Type: websocket.Binary, Data: noise},
		list[5],
		websocket.Message{Type: websocket.Binary, Data: make([]byte, 256<<10)},
		list[7],
	)
})

// A page and our server compress for each other, which the page only sees in the
// attribute extensions.
func TestCompressionInChromium(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(file("testdata/standard/page.html", "text/html"))
	t.Cleanup(page.Close)
	w := &standard{tab: openTab(t, browser{newBrowser(t)}, page.URL)}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s := newCompressing(t, way.o)
			got := w.run(t, `
				const w = await opened(%s);
				const chat = (i) => JSON.stringify({ id: 4711 + i, room: "lobby", from: "ada", text: ("message number " + i * i + ", hällo wörld").repeat(1 + (i %% 7)) });
				const all = [];
				for (let i = 0; i < 40; i++) all.push(chat(i));
				all.push("", crypto.getRandomValues(new Uint8Array(2000)), chat(3), "х".repeat(70000), bytes(70000), chat(5));
				const wrong = [];
				for (const data of all) {
					w.ws.send(data);
					const back = await w.message();
					if (typeof data === "string" ? back !== data : !same(data, back)) wrong.push(data.length);
				}
				w.ws.close(1000);
				await w.closed();
				return [all.length, wrong, w.ws.extensions];`, s.url)
			agreed := receive(t, "a connection", s.agreed)
			assert.Contains(t, agreed, "permessage-deflate")
			assert.Equal(t, got, fmt.Sprintf(`[46,[],%q]`, agreed))
			assert.True(t, s.ratio() < worst, fmt.Sprintf("%d %% of the bytes were sent", s.ratio()))
		})
	}
}

// A server that does not compress declines what is offered, and all goes on.
func TestCompressionDeclined(t *testing.T) {
	offered := make(chan string, 1)
	h := websocket.Handler(echo, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offered <- r.Header.Get("Sec-WebSocket-Extensions")
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c, _, err := websocket.Dial(t.Context(), socketURL(s.URL), &websocket.DialOptions{Compression: &websocket.Compression{}})
	assert.NoError(t, err)
	assert.Equal(t, receive(t, "the request", offered), "permessage-deflate; client_max_window_bits") // as browsers do
	assert.Equal(t, c.Extensions(), "")
	text := strings.Repeat("as it is ", 100)
	assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte(text)))
	_, data, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(data), text)
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}
