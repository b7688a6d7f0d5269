package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// start runs a server on a free port. stop ends it as a signal would, and returns
// what Run returned.
func start(t *testing.T, c app.Config) (a *app.App, stop func() error) {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	a = app.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { assert.NoError(t, stop()) })
	return a, stop
}

func dial(t *testing.T, a *app.App, path string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), a.URL()+path, nil)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func send(t *testing.T, c *websocket.Conn, kind websocket.MessageType, data string) {
	t.Helper()
	assert.NoError(t, c.Write(t.Context(), kind, []byte(data)))
}

func expect(t *testing.T, c *websocket.Conn, kind websocket.MessageType, data string) {
	t.Helper()
	got, p, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, fmt.Sprint(got, " ", string(p)), fmt.Sprint(kind, " ", data))
}

func get(t *testing.T, url string, header ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	assert.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	assert.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return resp.StatusCode, string(b)
}

// A journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestRooms(t *testing.T) {
	a, _ := start(t, app.Config{})
	ann, bob, cid := dial(t, a, "/t/one"), dial(t, a, "/t/one"), dial(t, a, "/t/two")

	send(t, ann, websocket.Text, "to one")
	send(t, cid, websocket.Binary, "\x00to two")
	expect(t, ann, websocket.Text, "to one")
	expect(t, bob, websocket.Text, "to one")
	expect(t, cid, websocket.Binary, "\x00to two")

	send(t, bob, websocket.Binary, "\xff\xfe")
	expect(t, ann, websocket.Binary, "\xff\xfe")
	expect(t, bob, websocket.Binary, "\xff\xfe")
	send(t, cid, websocket.Text, "what comes next in two")
	expect(t, cid, websocket.Text, "what comes next in two")
}

func TestEcho(t *testing.T) {
	a, _ := start(t, app.Config{})
	c := dial(t, a, "/echo")
	for _, size := range []int{0, 1, 1000, 1 << 20} {
		send(t, c, websocket.Text, strings.Repeat("x", size))
		expect(t, c, websocket.Text, strings.Repeat("x", size))
	}
	send(t, c, websocket.Binary, "\xff")
	expect(t, c, websocket.Binary, "\xff")
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

func TestAnswersInWords(t *testing.T) {
	a, _ := start(t, app.Config{Origins: []string{"https://*.friends.example"}})
	upgrade := []string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Origin",
	}
	for _, c := range []struct {
		name, path string
		header     []string
		status     int
		says       string
	}{
		{"the page", "/", nil, 200, "<!doctype html>"},
		{"nothing", "/nowhere", nil, 404, "The chat is at /"},
		{"a topic without a name", "/t/", nil, 404, "a topic is at /t/{topic}"},
		{"a topic with a slash", "/t/a/b", nil, 404, "a topic is at /t/{topic}"},
		{"health", "/healthz", nil, 200, "ok"},
		{"plain GET of the echo", "/echo", nil, 426, "open it with a WebSocket client"},
		{"plain GET of the JSON protocol", "/ws", nil, 426, "open it with a WebSocket client"},
		{"plain GET of a topic", "/t/lobby", nil, 200, `{"messages":[],`},
		{"half a handshake", "/t/lobby", []string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, 426, "open it with a WebSocket client"},
		{"no topic", "/t/a%20b", nil, 400, "use letters, digits"},
		{"no topic for a socket", "/t/a%20b", append(upgrade, a.URL()), 400, "use letters, digits"},
		{"a foreign page on a topic", "/t/lobby", append(upgrade, "https://elsewhere.example"), 403, `https://elsewhere.example\" may not connect; start the server with --origin`},
		{"a foreign page on many topics", "/ws", append(upgrade, "https://elsewhere.example"), 403, `"code":"denied","retry":false`},
		{"a foreign page at the echo", "/echo", append(upgrade, "https://elsewhere.example"), 403, `https://elsewhere.example\" may not connect; start the server with --origin`},
		{"the same name without TLS", "/echo", append(upgrade, "http://a.friends.example"), 403, "friends.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := get(t, a.URL()+c.path, c.header...)
			assert.Equal(t, status, c.status)
			assert.Contains(t, strings.ToLower(body), strings.ToLower(c.says))
		})
	}
}

func TestPagesThatMayConnect(t *testing.T) {
	a, _ := start(t, app.Config{Origins: []string{"https://*.friends.example"}})
	for _, origin := range []string{a.URL(), "https://a.friends.example"} {
		c, _, err := websocket.Dial(t.Context(), a.URL()+"/t/lobby",
			&websocket.DialOptions{Header: http.Header{"Origin": {origin}}})
		assert.NoError(t, err)
		_ = c.CloseNow()
	}
}

func TestMaxMessage(t *testing.T) {
	a, _ := start(t, app.Config{MaxMessage: 10})
	for _, path := range []string{"/echo", "/t/lobby"} {
		c := dial(t, a, path)
		send(t, c, websocket.Text, "ten bytes.")
		expect(t, c, websocket.Text, "ten bytes.")
		send(t, c, websocket.Text, "eleven byte")
		_, _, err := c.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusMessageTooBig)
	}
}

// A socket that stops reading delays nobody, costs its window, and is told that it was too slow:
// behind what it was sent, when it reads again.
func TestSlowConsumer(t *testing.T) {
	a, _ := start(t, app.Config{MaxMessage: 64 << 10})
	slow, fast := dial(t, a, "/t/lobby"), dial(t, a, "/t/lobby")

	const size = 60_000
	text := func(i int) string { return fmt.Sprintf("%*d", size, i) }
	subscribers := func() string {
		_, topics := get(t, a.URL()+"/topics")
		_, rest, _ := strings.Cut(topics, `"subscribers":`)
		return rest[:1]
	}
	published := 0
	for ; subscribers() == "2"; published++ {
		send(t, fast, websocket.Text, text(published))
		expect(t, fast, websocket.Text, text(published))
	}
	assert.True(t, published*size > hub.DefaultMaxLag, "it was given up too early")

	n := 0
	for ; ; n++ {
		_, p, err := slow.Read(t.Context())
		if err != nil {
			var closed *websocket.CloseError
			assert.True(t, errors.As(err, &closed) && closed.Received != nil, err.Error())
			assert.Equal(t, fmt.Sprint(int(closed.Received.Code), " ", closed.Received.Reason), "1013 slow")
			break
		}
		assert.Equal(t, string(p), text(n))
	}
	assert.True(t, n > 0 && (n-1)*size < wire.DefaultWindow, fmt.Sprint("it was sent ", n, " messages"))
}

func TestShutdown(t *testing.T) {
	var log journal
	a, stop := start(t, app.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	url := a.URL()
	ends := make(chan error, 4)
	for _, path := range []string{"/echo", "/t/one", "/t/one", "/t/two"} {
		c := dial(t, a, path)
		send(t, c, websocket.Text, "hello") // the answer shows that the server counts it
		expect(t, c, websocket.Text, "hello")
		go func() {
			for {
				if _, _, err := c.Read(context.Background()); err != nil {
					ends <- err
					return
				}
			}
		}()
	}
	assert.NoError(t, stop())
	for range 4 {
		err := <-ends
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusGoingAway)
		assert.Contains(t, err.Error(), `"server is shutting down"`)
	}
	_, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	assert.True(t, err != nil, "the port is still open")
	assert.Contains(t, log.String(), "msg=listening page="+url+"/")
	assert.Contains(t, log.String(), `msg="shutting down" sockets=4`)
	assert.Contains(t, log.String(), "msg=bye")
}

// A socket that does not answer the close frame holds the end up only so long.
func TestShutdownIsBounded(t *testing.T) {
	var log journal
	a, stop := start(t, app.Config{
		ShutdownTimeout: 500 * time.Millisecond,
		Log:             slog.New(slog.NewTextHandler(&log, nil)),
	})
	c, err := net.Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
	assert.NoError(t, err)
	defer c.Close()
	peer := wstest.NewScript(t, c, wstest.Client)
	peer.ClientHandshake("/t/lobby")
	peer.SendText("hello")
	peer.ExpectText("hello")

	assert.NoError(t, stop())
	peer.ExpectClose(websocket.StatusGoingAway, "server is shutting down")
	assert.Contains(t, log.String(), "cut off")
}

func TestListenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	assert.NoError(t, os.WriteFile(file, nil, 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer taken.Close()

	a := app.New(app.Config{Listen: taken.Addr().String()})
	err = a.Run(t.Context())
	assert.True(t, err != nil, "two listen on one port")
	assert.Equal(t, a.Listen(), err)
	assert.Equal(t, a.URL(), "")

	for says, c := range map[string]app.Config{
		`"example.com": a scheme is missing`: {Origins: []string{"example.com"}},
		`rule "a..b": hub: filter`:           {Rules: []app.Rule{{Filter: "a..b"}}},
		`sync "never" is none of always`:     {Sync: "never"},
		"cannot be made":                     {Data: filepath.Join(file, "data")},
	} {
		c.Listen = "127.0.0.1:0"
		err = app.New(c).Run(t.Context())
		assert.True(t, err != nil, "no error for "+says)
		assert.Contains(t, err.Error(), says)
	}
}

func TestURL(t *testing.T) {
	for listen, host := range map[string]string{
		"127.0.0.1:0": "http://127.0.0.1:",
		"0.0.0.0:0":   "http://localhost:",
		":0":          "http://localhost:",
	} {
		a, _ := start(t, app.Config{Listen: listen})
		assert.True(t, strings.HasPrefix(a.URL(), host), a.URL()+" for "+listen)
		status, _ := get(t, a.URL())
		assert.Equal(t, status, 200)
	}
}

func TestWarnsWhenOthersCanReachIt(t *testing.T) {
	const warning = "everybody who reaches it may read and write all topics"
	for listen, warns := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		var log journal
		_, stop := start(t, app.Config{Listen: listen, Log: slog.New(slog.NewTextHandler(&log, nil))})
		assert.NoError(t, stop())
		assert.Equal(t, strings.Contains(log.String(), warning), warns)
	}
}

// More than 64 KiB of headers are not read.
func TestLargeHeadersAreRefused(t *testing.T) {
	a, _ := start(t, app.Config{})
	status, _ := get(t, a.URL()+"/echo", "X-Large", strings.Repeat("x", 100<<10))
	assert.Equal(t, status, http.StatusRequestHeaderFieldsTooLarge)
}

// TestCompress has members of a room with compression and without read what one of
// them says.
func TestCompress(t *testing.T) {
	for _, on := range []bool{true, false} {
		a, _ := start(t, app.Config{Compress: on})
		compressed, _, err := websocket.Dial(t.Context(), a.URL()+"/t/lobby", &websocket.DialOptions{Compression: &websocket.Compression{}})
		assert.NoError(t, err)
		defer compressed.CloseNow()
		assert.Equal(t, compressed.Extensions(), map[bool]string{true: "permessage-deflate"}[on])
		plain := dial(t, a, "/t/lobby")
		for range 3 {
			said := strings.Repeat("the same again, ", 100)
			send(t, compressed, websocket.Text, said)
			expect(t, compressed, websocket.Text, said)
			expect(t, plain, websocket.Text, said)
			send(t, plain, websocket.Binary, said)
			expect(t, compressed, websocket.Binary, said)
			expect(t, plain, websocket.Binary, said)
		}
	}
}
