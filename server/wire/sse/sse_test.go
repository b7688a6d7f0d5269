package sse

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// A site is a server of streams, in memory, with the limits of the real one.
type site struct {
	t      *testing.T
	hub    *hub.Hub
	l      *wstest.Listener
	client *http.Client
	srv    *http.Server
	end    context.CancelFunc // of Options.Until
}

func serve(t *testing.T, o *hub.Options, s *Options) *site {
	t.Helper()
	h, err := hub.New(o)
	assert.NoError(t, err)
	until, end := context.WithCancel(t.Context())
	if s == nil {
		s = &Options{Origins: []string{"https://friend.example"}}
	}
	s.Until = until
	mux := http.NewServeMux()
	mux.Handle("/t/{topic}", New(h, s))
	srv := &http.Server{Handler: mux, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	l := wstest.Listen()
	go func() { _ = srv.Serve(l) }()
	transport := &http.Transport{DialContext: l.DialContext}
	t.Cleanup(func() {
		end()
		_ = srv.Close()
		transport.CloseIdleConnections()
		assert.NoError(t, h.Close())
	})
	return &site{t, h, l, &http.Client{Transport: transport}, srv, end}
}

func (s *site) publish(topic, text string) hub.Cursor {
	s.t.Helper()
	receipt, err := s.hub.Publish(s.t.Context(), &hub.Message{Topic: topic, Payload: []byte(text)})
	assert.NoError(s.t, err)
	return receipt.At
}

// A source is an EventSource that does not come back by itself.
type source struct {
	t    *testing.T
	resp *http.Response
	r    *bufio.Reader
	id   string // Last-Event-ID
}

// silent opens a stream for a client that reads only when it is told to, which
// is to be closed.
func (s *site) silent(target string) net.Conn {
	s.t.Helper()
	c, err := s.l.DialContext(s.t.Context(), "tcp", "")
	assert.NoError(s.t, err)
	_, err = io.WriteString(c, "GET /t/"+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	assert.NoError(s.t, err)
	return c
}

// open opens a stream; header is names and values.
func (s *site) open(target string, header ...string) *source {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://localhost/t/"+target, nil)
	assert.NoError(s.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { resp.Body.Close() })
	return &source{t: s.t, resp: resp, r: bufio.NewReader(resp.Body)}
}

// block reads up to the next empty line, "" at the end.
func (s *source) block() string {
	s.t.Helper()
	var b strings.Builder
	for {
		line, err := s.r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\n" {
			return b.String()
		}
	}
}

// next returns the next event that a page would hear of.
func (s *source) next() event {
	s.t.Helper()
	for {
		block := s.block()
		if block == "" {
			return event{kind: "the end"}
		}
		for _, e := range parseEvents(block) {
			if e.id != "" {
				s.id = e.id
			}
			if e.told {
				return e
			}
		}
	}
}

// expect reads events of the kind message.
func (s *source) expect(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		e := s.next()
		assert.Equal(s.t, e.kind+" "+e.data, "message "+text)
	}
}

// begin reads the first blocks: retry, and the position.
func (s *source) begin() *source {
	s.t.Helper()
	assert.Equal(s.t, s.resp.StatusCode, http.StatusOK)
	retry := s.block()
	var ms int
	_, err := fmt.Sscanf(retry, "retry: %d\n\n", &ms)
	assert.NoError(s.t, err)
	assert.True(s.t, ms >= minRetry && ms < maxRetry, retry)
	block := s.block()
	assert.True(s.t, strings.HasPrefix(block, "id: ") && strings.Count(block, "\n") == 2, block)
	s.id = parseEvents(block)[0].id
	return s
}

func TestStream(t *testing.T) {
	s := serve(t, nil, nil)
	s.publish("a", "before")
	src := s.open("a").begin()
	h := src.resp.Header
	assert.Equal(t, h.Get("Content-Type"), "text/event-stream")
	assert.Equal(t, h.Get("Cache-Control"), "no-store")
	assert.Equal(t, h.Get("X-Accel-Buffering"), "no")
	at := s.publish("a", "one\ntwo")
	e := src.next()
	assert.Equal(t, e, event{id: at.String(), kind: "message", data: "one\ntwo", told: true})
	_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "a", Kind: hub.Binary, Payload: []byte{255}})
	assert.NoError(t, err)
	e = src.next()
	assert.Equal(t, e.kind+" "+e.data, "binary /w==")
}

func TestWhereAStreamBegins(t *testing.T) {
	s := serve(t, nil, nil)
	at := map[string]hub.Cursor{}
	fill := func(topic string) string {
		for _, text := range []string{"0", "1", "2", "3"} {
			at[text] = s.publish(topic, text)
		}
		return topic
	}
	for i, c := range []struct {
		name, query, last string // AT2 stands for the position of "2"
		want              []string
	}{
		{"with what is new", "", "", nil},
		{"behind a position", "?after=AT1", "", []string{"2", "3"}},
		{"with the newest", "?last=2", "", []string{"2", "3"}},
		{"where the browser was", "", "AT2", []string{"3"}},
		{"where the browser was, not where its URL says", "?last=4&after=AT0", "AT2", []string{"3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := fill(fmt.Sprint("a", i))
			place := strings.NewReplacer("AT0", at["0"].String(), "AT1", at["1"].String(), "AT2", at["2"].String())
			var header []string
			if c.last != "" {
				header = []string{"Last-Event-ID", place.Replace(c.last)}
			}
			src := s.open(topic+place.Replace(c.query), header...)
			src.t = t
			src.begin()
			src.expect(c.want...)
			s.publish(topic, "new")
			src.expect("new")
		})
	}
}

// A browser that comes back with what it has as Last-Event-ID misses nothing and gets
// nothing twice, wherever the stream was cut: before the first message too.
func TestResume(t *testing.T) {
	for name, engine := range map[string]hub.Engine{
		"memory": hub.NewLocal(nil),
		"store":  hub.NewLocal(hubtest.NewMemStore()),
	} {
		t.Run(name, func(t *testing.T) {
			resume(t, serve(t, &hub.Options{Engine: engine, Default: hub.Settings{MaxMessages: 25}}, nil))
		})
	}
}

func resume(t *testing.T, s *site) {
	t.Helper()
	src := s.open("a").begin()
	first := src.id
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprint(i))
		s.publish("a", all[i])
	}
	ids := []string{first}
	for range all {
		src.next()
		ids = append(ids, src.id)
	}
	for i, id := range ids {
		again := s.open("a", "Last-Event-ID", id).begin()
		assert.Equal(t, again.id, id)
		again.expect(all[i:]...)
	}
}

func TestGap(t *testing.T) {
	s := serve(t, &hub.Options{Default: hub.Settings{MaxMessages: 2}}, nil)
	first := s.publish("a", "1")
	for _, text := range []string{"2", "3", "4"} {
		s.publish("a", text)
	}
	for _, id := range []string{first.String(), "zz.5.5"} {
		src := s.open("a", "Last-Event-ID", id)
		e := src.next()
		assert.Equal(t, e.kind, "gap")
		assert.Equal(t, e.data, `{"at":"`+e.id+`"}`)
		src.expect("3", "4")
		// What the gap says is where to go on: what follows is the same again.
		s.open("a", "Last-Event-ID", e.id).expect("3", "4")
	}
}

func TestEnvelope(t *testing.T) {
	s := serve(t, nil, nil)
	one, all := s.open("a.b?envelope=1").begin(), s.open("a.*").begin()
	at := s.publish("a.b", "x\r\ny")
	want := fmt.Sprintf(`{"t":"a.b","at":%q,"ts":%d,"text":"x\r\ny"}`, at, at.Time)
	one.expect(want)
	all.expect(want)
	_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "a.c", Kind: hub.Binary, Payload: []byte{255}})
	assert.NoError(t, err)
	e := all.next()
	assert.Equal(t, e.kind, "message")
	assert.Contains(t, e.data, `"base64":"/w=="`)
	// A filter goes on where it was, as a topic does.
	s.publish("a.d", "later")
	assert.Contains(t, s.open("a.*", "Last-Event-ID", e.id).next().data, `"text":"later"`)
}

// The latest of each key come first, and then the stream is where it would be without them.
func TestLatest(t *testing.T) {
	s := serve(t, &hub.Options{Default: hub.Settings{Latest: true}}, nil)
	for _, m := range []struct{ key, text string }{{"a", "a1"}, {"b", "b1"}, {"a", "a2"}} {
		_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "t", Key: m.key, Payload: []byte(m.text)})
		assert.NoError(t, err)
	}
	src := s.open("t")
	src.expect("b1", "a2")
	s.publish("t", "new")
	src.expect("new")
	s.open("t", "Last-Event-ID", src.id).begin()
}

func TestPresentUnderAName(t *testing.T) {
	s := serve(t, nil, nil)
	s.open("room?as=ann").begin()
	assert.Equal(t, s.hub.Presence("room", "", 10).Names, []string{"ann"})
}

// A stream that has nothing to say says where it is, beyond the limits that the server has
// for other requests, and that may be further than its last message.
func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, nil)
		src := s.open("a").begin()
		began := time.Now()
		for i := range 10 {
			s.publish("other", "x")
			block := src.block()
			assert.Equal(t, time.Since(began), time.Duration(i+1)*DefaultKeepalive)
			assert.True(t, strings.HasPrefix(block, ":\nid: "), block)
			c, err := hub.ParseCursor(parseEvents(block)[0].id)
			assert.NoError(t, err)
			assert.Equal(t, c.Offset, s.hub.Position("a").Offset)
		}
		s.publish("a", "hello")
		src.expect("hello")
		assert.True(t, strings.HasPrefix(src.block(), ":\n"), "no comment")
		assert.Equal(t, time.Since(began), 11*DefaultKeepalive)
		_ = src.resp.Body.Close()
	})
}

func TestStreamsEnd(t *testing.T) {
	for name, end := range map[string]func(s *site){
		"with the server": func(s *site) { s.end() },
		"with the hub":    func(s *site) { _ = s.hub.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil, nil)
			one, all := s.open("a").begin(), s.open(">").begin()
			end(s)
			assert.Equal(t, one.next().kind, "the end")
			assert.Equal(t, all.next().kind, "the end")
			assert.NoError(t, s.srv.Shutdown(t.Context()))
		})
	}
}

// A client that has gone leaves no subscription.
func TestClientGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, nil)
		src := s.open("a").begin()
		_ = src.resp.Body.Close()
		synctest.Wait()
		infos, err := s.hub.Topics(t.Context(), ">", "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(infos), 0)
	})
}

// A client that does not read delays nobody, holds no more than its buffer, and is given up
// when a write takes too long.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &hub.Options{Default: hub.Settings{MaxLag: 1 << 30}}, nil)
		c := s.silent("a")
		defer c.Close()
		synctest.Wait()
		fast := s.open("a").begin()
		began := time.Now()
		text := strings.Repeat("x", 10_000)
		for range 500 {
			s.publish("a", text)
			fast.expect(text)
		}
		assert.Equal(t, time.Since(began), 0) // nobody waited
		time.Sleep(DefaultWriteTimeout)
		synctest.Wait()
		infos, err := s.hub.Topics(t.Context(), "a", "", 10)
		assert.NoError(t, err)
		assert.Equal(t, infos[0].Subscribers, 1) // the fast one
		_ = fast.resp.Body.Close()
	})
}

// A line that takes 4 KiB a second gets a message of 100 KiB, in more time than one write may
// take.
func TestSlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, nil)
		c := s.silent("a")
		defer c.Close()
		synctest.Wait()
		s.publish("a", strings.Repeat("x", 100<<10))
		got, buf := 0, make([]byte, 4<<10)
		for got < 100<<10 {
			n, err := c.Read(buf)
			assert.NoError(t, err)
			got += strings.Count(string(buf[:n]), "x")
			time.Sleep(time.Second)
		}
	})
}

func TestRefusals(t *testing.T) {
	s := serve(t, nil, nil)
	for _, c := range []struct {
		name, method, target string
		header               []string
		status               int
		code                 string
	}{
		{"no topic", "GET", "a%20b", nil, 400, "bad_topic"},
		{"no filter", "GET", "a.%3E.b", nil, 400, "bad_topic"},
		{"a way up", "GET", "%2e%2e", nil, 400, "bad_topic"},
		{"a NUL", "GET", "a%00", nil, 400, "bad_topic"},
		{"no cursor", "GET", "a?after=x", nil, 400, "bad_cursor"},
		{"no id", "GET", "a", []string{"Last-Event-ID", "5"}, 400, "bad_cursor"},
		{"an id beyond numbers", "GET", "a", []string{"Last-Event-ID", "1.99999999999999999.1"}, 400, "bad_cursor"},
		{"the newest of many", "GET", "a.*?last=5", nil, 400, "bad_request"},
		{"present in many", "GET", "a.*?as=ann", nil, 400, "bad_request"},
		{"no number", "GET", "a?last=x", nil, 400, "bad_request"},
		{"neither yes nor no", "GET", "a?envelope=maybe", nil, 400, "bad_request"},
		{"no name", "GET", "a?as=" + strings.Repeat("x", 129), nil, 400, "bad_request"},
		{"a foreign page", "GET", "a", []string{"Origin", "https://foe.example"}, 403, "denied"},
		{"another method", "POST", "a", nil, 405, "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, "http://localhost/t/"+c.target, nil)
			assert.NoError(t, err)
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Set(c.header[i], c.header[i+1])
			}
			resp, err := s.client.Do(r)
			assert.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			assert.NoError(t, err)
			assert.Equal(t, resp.StatusCode, c.status)
			assert.Equal(t, resp.Header.Get("Content-Type"), "application/problem+json")
			assert.Contains(t, string(body), `"code":"`+c.code+`"`)
		})
	}
}

func TestAllowedPage(t *testing.T) {
	s := serve(t, nil, nil)
	src := s.open("a", "Origin", "https://friend.example").begin()
	assert.Equal(t, src.resp.Header.Get("Access-Control-Allow-Origin"), "https://friend.example")
}

func TestHead(t *testing.T) {
	s := serve(t, nil, nil)
	resp, err := s.client.Head("http://localhost/t/a")
	assert.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	assert.Equal(t, resp.Header.Get("Content-Type"), "text/event-stream")
}
