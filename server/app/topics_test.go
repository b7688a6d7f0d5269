package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
)

// post publishes and returns the cursor.
func post(t *testing.T, a *app.App, topic, body string, header ...string) (at string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/t/"+topic, strings.NewReader(body))
	assert.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	assert.NoError(t, err)
	defer resp.Body.Close()
	var answer struct{ At string }
	assert.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	return answer.At
}

// A stream is an open stream of events.
type stream struct {
	t *testing.T
	r *bufio.Reader
	c io.Closer
}

func listen(t *testing.T, a *app.App, target, last string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/t/"+target, nil)
	assert.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	assert.NoError(t, err)
	assert.Equal(t, resp.Header.Get("Content-Type"), "text/event-stream")
	t.Cleanup(func() { resp.Body.Close() })
	s := &stream{t, bufio.NewReader(resp.Body), resp.Body}
	s.block() // retry
	return s
}

// block returns the lines up to the next empty one.
func (s *stream) block() (lines []string) {
	s.t.Helper()
	for {
		line, err := s.r.ReadString('\n')
		if err != nil || line == "\n" {
			return lines
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// expect reads the next event, which has a cursor and these other lines.
func (s *stream) expect(lines ...string) {
	s.t.Helper()
	got := s.block()
	assert.True(s.t, len(got) > 0 && strings.HasPrefix(got[0], "id: "), fmt.Sprint(got))
	assert.Equal(s.t, append([]string{}, got[1:]...), append([]string{}, lines...))
}

// What one form publishes all forms receive, with one cursor.
func TestOneTopicInAllForms(t *testing.T) {
	a, _ := start(t, app.Config{})
	raw := dial(t, a, "/t/orders.42")
	many := dial(t, a, "/ws")
	send(t, many, websocket.Text, `{"sub":"orders.*","id":1}`)
	_, p, err := many.Read(t.Context())
	assert.NoError(t, err)
	assert.Contains(t, string(p), `"sub":"orders.*"`)
	events, filter := listen(t, a, "orders.42", ""), listen(t, a, "orders.%3E", "")
	events.expect()
	filter.expect()
	_, body := get(t, a.URL()+"/t/orders.42")
	var before struct{ At string }
	assert.NoError(t, json.Unmarshal([]byte(body), &before))

	send(t, raw, websocket.Text, "from a socket")
	expect(t, raw, websocket.Text, "from a socket")
	events.expect("data: from a socket")
	_, p, err = many.Read(t.Context())
	assert.NoError(t, err)
	assert.Contains(t, string(p), `"text":"from a socket"`)
	assert.Contains(t, filter.block()[1], `"text":"from a socket"`)

	at := post(t, a, "orders.42", `{"n":1}`, "Content-Type", "application/json")
	expect(t, raw, websocket.Text, `{"n":1}`)
	events.expect(`data: {"n":1}`)
	_, p, err = many.Read(t.Context())
	assert.NoError(t, err)
	assert.Contains(t, string(p), `"at":"`+at+`"`)
	assert.Contains(t, string(p), `"data":{"n":1}`)

	send(t, many, websocket.Text, `{"pub":"orders.42","base64":"/w=="}`)
	expect(t, raw, websocket.Binary, "\xff")
	events.expect("event: binary", "data: /w==")

	_, body = get(t, a.URL()+"/t/orders.42?after="+at)
	assert.Contains(t, body, `"base64":"/w=="}],`)
	assert.True(t, !strings.Contains(body, "socket"), "what was before the cursor came too")
	again := dial(t, a, "/t/orders.42?after="+before.At)
	expect(t, again, websocket.Text, "from a socket")
	expect(t, again, websocket.Text, `{"n":1}`)
	expect(t, again, websocket.Binary, "\xff")
	resumed := listen(t, a, "orders.42", at)
	resumed.expect()
	resumed.expect("event: binary", "data: /w==")
}

// With a directory a restart is no gap, and without one it is.
func TestRestart(t *testing.T) {
	for _, data := range []string{"", t.TempDir()} {
		a, stop := start(t, app.Config{Data: data})
		at := post(t, a, "a", "one", "Idempotency-Key", "k")
		post(t, a, "a", "two")
		assert.NoError(t, stop())

		a, stop = start(t, app.Config{Data: data})
		_, body := get(t, a.URL()+"/t/a?after="+at)
		assert.Equal(t, strings.Contains(body, `"text":"two"`), data != "")
		assert.Equal(t, strings.Contains(body, `"gap":true`), data == "")
		events := listen(t, a, "a", at)
		if data == "" {
			assert.Equal(t, events.block()[1], "event: gap")
		} else {
			events.expect()
			events.expect("data: two")
			assert.Equal(t, post(t, a, "a", "one", "Idempotency-Key", "k"), at)
		}
		assert.NoError(t, stop())
	}
}

func TestDataInUse(t *testing.T) {
	dir := t.TempDir()
	first, _ := start(t, app.Config{Data: dir})
	first.URL() // waits until it is there
	err := app.New(app.Config{Data: dir, Listen: "127.0.0.1:0"}).Listen()
	assert.True(t, err != nil, "two servers use one directory")
	assert.Contains(t, err.Error(), "in use by another duplex")
}

func TestRulesAreUsed(t *testing.T) {
	a, _ := start(t, app.Config{Rules: []app.Rule{{Filter: "short.*", Settings: app.Settings{MaxMessages: 1}}}})
	for _, topic := range []string{"short.a", "long"} {
		post(t, a, topic, "one")
		post(t, a, topic, "two")
		_, body := get(t, a.URL()+"/t/"+topic)
		assert.Equal(t, strings.Contains(body, "one"), topic == "long")
		assert.Contains(t, body, "two")
	}
}

// Streams and requests that wait end with the server, which does not wait for them.
func TestShutdownOfWhatWaits(t *testing.T) {
	var log journal
	a, stop := start(t, app.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), ShutdownTimeout: time.Hour})
	events, all := listen(t, a, "a", ""), listen(t, a, "a.%3E", "")
	events.expect()
	all.expect()
	at := post(t, a, "b", "x")
	polled := make(chan string, 1)
	go func() {
		_, body := get(t, a.URL()+"/t/b?wait=60s&after="+at)
		polled <- body
	}()
	for subscribers := ""; !strings.Contains(subscribers, `"subscribers":1,`); {
		_, subscribers = get(t, a.URL()+"/topics?filter=b")
	}
	assert.NoError(t, stop())
	assert.Contains(t, <-polled, `{"messages":[],`)
	assert.Equal(t, len(events.block()), 0)
	assert.Equal(t, len(all.block()), 0)
	assert.True(t, !strings.Contains(log.String(), "cut off"), log.String())
}

func TestSaysWhereDataAre(t *testing.T) {
	dir := t.TempDir()
	for says, c := range map[string]app.Config{
		"kept in memory: a restart loses them": {},
		"kept on disk\" data=" + dir:           {Data: dir},
		"a power cut can lose messages":        {Data: dir, Sync: app.SyncInterval},
		"sync=off":                             {Data: dir, Sync: app.SyncOff},
	} {
		var log journal
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		_, stop := start(t, c)
		assert.NoError(t, stop())
		assert.Contains(t, log.String(), says)
		assert.Equal(t, strings.Contains(log.String(), "a power cut can lose"), c.Sync != "")
	}
}

// Whatever the path says, it is one topic, nothing, or a redirect within the server.
func TestTricksWithPaths(t *testing.T) {
	a, _ := start(t, app.Config{})
	for target, status := range map[string]int{
		"/t/a%2Fb":                     400,
		"/t/..%2f..%2fbatch":           400,
		"/t/%2e%2e":                    400,
		"/t/a%00":                      400,
		"/t/a%0d%0aX-Evil:%201":        400,
		"/t/a/b":                       404,
		"/t/a/presence/":               404,
		"/t":                           404, // a redirect would look to curl -d like a success
		"/t/":                          404,
		"/t//a":                        307,
		"/t/../topics":                 307,
		"/t/./a":                       307,
		"/T/a":                         404,
		"http://elsewhere.example/t/a": 200, // the absolute form, RFC 9112 §3.2.2
		"/t/a?after=%00":               400,
		"/t/a#x":                       400,
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
		assert.NoError(t, err)
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target)
		assert.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		assert.NoError(t, err)
		_ = c.Close()
		assert.Equal(t, fmt.Sprint(target, " ", resp.StatusCode), fmt.Sprint(target, " ", status))
		assert.Equal(t, resp.Header.Get("X-Evil"), "")
	}
	_, topics := get(t, a.URL()+"/topics")
	assert.Equal(t, topics, "{\"topics\":[],\"more\":false}\n")
}
