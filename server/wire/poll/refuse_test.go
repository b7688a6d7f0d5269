package poll_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestRefusals(t *testing.T) {
	s := serve(t, nil)
	for _, c := range []struct {
		name, method, target, body string
		header                     []string
		status                     int
		code, says                 string
	}{
		{"no topic", "GET", "/t/a%20b", "", nil, 400, "bad_topic", "use letters"},
		{"a filter", "GET", "/t/a.*", "", nil, 400, "bad_topic", "streams"},
		{"a filter to publish to", "POST", "/t/%3E", "x", nil, 400, "bad_topic", "streams"},
		{"a slash in a topic", "GET", "/t/a%2Fb", "", nil, 400, "bad_topic", "byte 1"},
		{"a way up", "GET", "/t/%2e%2e%2ftopics", "", nil, 400, "bad_topic", "empty"},
		{"a NUL", "POST", "/t/a%00b", "x", nil, 400, "bad_topic", "byte 1"},
		{"a line end", "GET", "/t/a%0d%0aX-Evil:%201", "", nil, 400, "bad_topic", `\r`},
		{"not UTF-8", "GET", "/t/%ff", "", nil, 400, "bad_topic", "UTF-8"},
		{"too long", "GET", "/t/" + strings.Repeat("a", 256), "", nil, 400, "bad_topic", "255"},
		{"no cursor", "GET", "/t/a?after=1", "", nil, 400, "bad_cursor", "cursor"},
		{"a cursor with a header", "GET", "/t/a?after=1.1.1%0d%0aX-Evil:1", "", nil, 400, "bad_cursor", "cursor"},
		{"a negative number", "GET", "/t/a?last=-1", "", nil, 400, "bad_request", "last"},
		{"a large number", "GET", "/t/a?limit=1001", "", nil, 400, "bad_request", "1000"},
		{"no number", "GET", "/t/a?limit=x", "", nil, 400, "bad_request", "limit"},
		{"no time", "GET", "/t/a?wait=soon", "", nil, 400, "bad_request", "1s to 60s"},
		{"too short a time", "GET", "/t/a?wait=10ms", "", nil, 400, "bad_request", "1s to 60s"},
		{"too long a time", "GET", "/t/a?wait=61s", "", nil, 400, "bad_request", "1s to 60s"},
		{"a time beyond all times", "GET", "/t/a?wait=99999999999999", "", nil, 400, "bad_request", "1s to 60s"},
		{"no query", "GET", "/t/a?%zz", "", nil, 400, "bad_request", "write & between"},
		{"another form", "GET", "/t/a", "", []string{"Accept", "text/html"}, 406, "bad_request", "Accept"},
		{"another method", "DELETE", "/t/a", "", nil, 405, "bad_request", "GET, HEAD, POST"},
		{"too large", "POST", "/t/a", strings.Repeat("x", 1001), nil, 413, "too_large", "1000 bytes"},
		{"compressed", "POST", "/t/a", "x", []string{"Content-Encoding", "br"}, 415, "bad_request", "compressed"},
		{"a long key", "POST", "/t/a?key=" + strings.Repeat("k", 129), "x", nil, 400, "bad_request", "128"},
		{"a key that is not UTF-8", "POST", "/t/a?key=%ff", "x", nil, 400, "bad_request", "UTF-8"},
		{"a foreign page", "POST", "/t/a", "x", []string{"Origin", "https://foe.example"}, 403, "denied", "--origin"},
		{"a foreign page reads", "GET", "/t/a", "", []string{"Origin", "https://foe.example"}, 403, "denied", "--origin"},
		{"a foreign page lists", "GET", "/topics", "", []string{"Origin", "https://foe.example"}, 403, "denied", "--origin"},
		{"a foreign page publishes many", "POST", "/batch", "[]", []string{"Origin", "https://foe.example"}, 403, "denied", "--origin"},
		{"a batch that is read", "GET", "/batch", "", nil, 405, "bad_request", "POST"},
		{"a batch of another type", "POST", "/batch", "[]", []string{"Content-Type", "text/plain"}, 415, "bad_request", "application/json"},
		{"no batch", "POST", "/batch", "{}", []string{"Content-Type", "application/json"}, 400, "bad_request", "array"},
		{"a batch with one ID", "POST", "/batch", "[]", []string{"Content-Type", "application/json", "Idempotency-Key", "x"}, 400, "bad_request", "idem of its own"},
		{"presence of a filter", "GET", "/t/a.%3E/presence", "", nil, 400, "bad_topic", "one topic"},
		{"presence is read", "POST", "/t/a/presence", "", nil, 405, "bad_request", "GET"},
		{"topics of no filter", "GET", "/topics?filter=a..b", "", nil, 400, "bad_topic", "empty"},
		{"topics are read", "PUT", "/topics", "", nil, 405, "bad_request", "GET"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.do(c.method, c.target, c.body, c.header...)
			var p struct {
				Title, Detail, Code string
				Status              int
				Retry               *bool
			}
			assert.NoError(t, json.Unmarshal([]byte(a.body), &p))
			assert.Equal(t, fmt.Sprint(a.status, p.Status, p.Code), fmt.Sprint(c.status, c.status, c.code))
			assert.Contains(t, p.Detail, c.says)
			assert.Equal(t, p.Title, http.StatusText(c.status))
			assert.True(t, p.Retry != nil, "retry is not said")
			assert.Equal(t, a.header.Get("Content-Type"), "application/problem+json")
			assert.Equal(t, a.header.Get("X-Evil"), "")
			assert.Equal(t, a.header.Get("Allow") != "", c.status == 405)
			assert.Equal(t, a.header.Get("Access-Control-Allow-Origin"), "")
		})
	}
	infos, err := s.hub.Topics(t.Context(), ">", "", 10)
	assert.NoError(t, err)
	assert.Equal(t, len(infos), 0) // none of this left a trace
}

func TestAllowedPage(t *testing.T) {
	s := serve(t, nil)
	a := s.do("POST", "/t/a", "x", "Origin", "https://friend.example")
	assert.Equal(t, a.status, 200)
	assert.Equal(t, a.header.Get("Access-Control-Allow-Origin"), "https://friend.example")
	a = s.do("OPTIONS", "/batch", "", "Origin", "https://friend.example", "Access-Control-Request-Method", "POST")
	assert.Equal(t, a.status, 204)
	assert.Equal(t, a.header.Get("Access-Control-Allow-Methods"), "POST")
}

func TestHead(t *testing.T) {
	s := serve(t, nil)
	s.publish("a", "hello")
	get, head := s.do("GET", "/t/a", ""), s.do("HEAD", "/t/a?wait=60s", "")
	assert.Equal(t, head.status, 200)
	assert.Equal(t, head.body, "")
	assert.Equal(t, head.header.Get("Content-Length"), get.header.Get("Content-Length"))
}

func TestClosedHub(t *testing.T) {
	s := serve(t, nil)
	assert.NoError(t, s.hub.Close())
	for _, a := range []answer{s.do("POST", "/t/a", "x"), s.do("GET", "/t/a", "")} {
		assert.Equal(t, a.status, 503)
		assert.True(t, a.header.Get("Retry-After") != "", "it does not say when")
		assert.Contains(t, a.body, `"code":"unavailable","retry":true`)
	}
	assert.Contains(t, s.do("POST", "/batch", `[{"pub":"a","text":""}]`, "Content-Type", "application/json").body, `"code":"unavailable","retry":true`)
}

// A body that comes a byte at a time is given up with the time that the server has for
// requests, and publishes nothing.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		transport, _ := s.client.Transport.(*http.Transport)
		c, err := transport.DialContext(t.Context(), "tcp", "localhost")
		assert.NoError(t, err)
		var slow sync.WaitGroup
		defer slow.Wait()
		defer c.Close()
		began := time.Now()
		slow.Go(func() { trickle(c, "POST /t/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n") })
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		assert.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		assert.Equal(t, resp.StatusCode, 400)
		assert.Contains(t, string(body), "took too long")
		assert.Equal(t, time.Since(began), 30*time.Second)
		assert.Equal(t, s.history("a").String(), "")
	})
}

// trickle writes a head and then a byte a second, until it cannot.
func trickle(c net.Conn, head string) {
	_, err := io.WriteString(c, head)
	for err == nil {
		time.Sleep(time.Second)
		_, err = c.Write([]byte("x"))
	}
}
