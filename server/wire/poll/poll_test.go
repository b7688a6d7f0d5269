package poll_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/poll"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// A site is a server with the HTTP forms, in memory, with the limits of the real one.
type site struct {
	t      *testing.T
	hub    *hub.Hub
	client *http.Client
	end    context.CancelFunc // of Options.Until
}

func serve(t *testing.T, o *hub.Options) *site {
	t.Helper()
	h, err := hub.New(o)
	assert.NoError(t, err)
	until, end := context.WithCancel(t.Context())
	p := poll.New(h, &poll.Options{MaxMessage: 1000, Until: until, Origins: []string{"https://friend.example"}})
	mux := http.NewServeMux()
	mux.Handle("/t/{topic}", p.Topic)
	mux.Handle("/t/{topic}/presence", p.Presence)
	mux.Handle("/topics", p.Topics)
	mux.Handle("/batch", p.Batch)
	srv := &http.Server{Handler: mux, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute}
	l := wstest.Listen()
	go func() { _ = srv.Serve(l) }()
	transport := &http.Transport{DialContext: l.DialContext}
	t.Cleanup(func() {
		end()
		transport.CloseIdleConnections()
		_ = srv.Close()
		assert.NoError(t, h.Close())
	})
	return &site{t, h, &http.Client{Transport: transport}, end}
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. header is names and values.
func (s *site) do(method, target, body string, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://localhost"+target, strings.NewReader(body))
	assert.NoError(s.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	assert.NoError(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	assert.NoError(s.t, err)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// into reads a JSON answer with 200.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	assert.Equal(t, fmt.Sprint(a.status, " ", a.header.Get("Content-Type")), "200 application/json")
	assert.Equal(t, a.header.Get("Cache-Control"), "no-store")
	assert.NoError(t, json.Unmarshal([]byte(a.body), v))
}

// A receipt is the answer to a message.
type receipt struct {
	At            string
	Duplicate     bool
	Code, Message string
	Retry         bool
}

func (s *site) publish(topic, text string, header ...string) (r receipt) {
	s.t.Helper()
	s.do("POST", "/t/"+topic, text, header...).into(s.t, &r)
	return r
}

// A history is the answer to a GET.
type history struct {
	Messages []struct {
		At, Text, Base64, Key string
		TS                    int64
		Data                  json.RawMessage
	}
	At        string
	Gap, More bool
}

// String is what can be foreseen of it.
func (h history) String() string {
	var b strings.Builder
	for _, m := range h.Messages {
		fmt.Fprintf(&b, "%s%s%s ", m.Text, m.Base64, m.Data)
	}
	if h.Gap {
		b.WriteString("gap ")
	}
	if h.More {
		b.WriteString("more")
	}
	return strings.TrimSpace(b.String())
}

func (s *site) history(query string) (h history) {
	s.t.Helper()
	s.do("GET", "/t/"+query, "").into(s.t, &h)
	return h
}

func TestPublishAndRead(t *testing.T) {
	s := serve(t, nil)
	assert.Equal(t, s.history("a").String(), "")
	text := s.publish("a", "héllo", "Content-Type", "text/plain")
	data := s.publish("a", `{"x": [1]}`, "Content-Type", "application/json")
	bytes := s.publish("a?key=k", "\xff\x00")
	s.publish("other", "elsewhere")

	h := s.history("a")
	assert.Equal(t, h.String(), `héllo {"x": [1]} /wA=`)
	for i, r := range []receipt{text, data, bytes} {
		assert.Equal(t, h.Messages[i].At, r.At)
		assert.True(t, h.Messages[i].TS > 0, "no time")
	}
	assert.Equal(t, h.Messages[2].Key, "k")

	assert.Equal(t, s.history("a?last=2").String(), `{"x": [1]} /wA=`)
	assert.Equal(t, s.history("a?limit=1").String(), "héllo more")
	assert.Equal(t, s.history("a?after="+text.At).String(), `{"x": [1]} /wA=`)
	assert.Equal(t, s.history("a?last=1&after="+text.At).String(), `{"x": [1]} /wA=`)
	assert.Equal(t, s.history("a?limit=1&after="+text.At).At, data.At)
	assert.Equal(t, s.history("a?after="+h.At).String(), "")
}

// Paging with at comes to every message once.
func TestPages(t *testing.T) {
	s := serve(t, nil)
	for i := range 25 {
		s.publish("a", fmt.Sprint(i))
	}
	var got []string
	for at, more := "", true; more; {
		h := s.history("a?limit=7&after=" + at)
		for _, m := range h.Messages {
			got = append(got, m.Text)
		}
		at, more = h.At, h.More
	}
	assert.Equal(t, strings.Join(got, " "), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24")
}

func TestGap(t *testing.T) {
	s := serve(t, &hub.Options{Default: hub.Settings{MaxMessages: 2}})
	first := s.publish("a", "1")
	for _, text := range []string{"2", "3", "4"} {
		s.publish("a", text)
	}
	h := s.history("a?after=" + first.At)
	assert.Equal(t, h.String(), "3 4 gap")
	assert.Equal(t, s.history("a?wait=60s&after="+first.At).String(), "3 4 gap") // does not wait
	assert.Equal(t, s.history("a?after=zz.1.1").String(), "3 4 gap")             // of another life
}

func TestIdempotency(t *testing.T) {
	s := serve(t, nil)
	first := s.publish("a", "once", "Idempotency-Key", "k1")
	again := s.publish("a", "once", "Idempotency-Key", `"k1"`)
	assert.Equal(t, again, receipt{At: first.At, Duplicate: true})
	assert.True(t, s.publish("b", "once", "Idempotency-Key", "k1").At != first.At, "topics share keys")
	assert.Equal(t, s.history("a").String(), "once")
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		at := s.publish("a", "before").At
		began := time.Now()
		// A message that is there is the answer at once.
		assert.Equal(t, s.history("a?wait=60s").String(), "before")
		assert.Equal(t, time.Since(began), 0)

		// Nothing is an answer as well, when the time is over, beyond the limits that
		// the server has for other requests.
		h := s.history("a?wait=60s&after=" + at)
		assert.Equal(t, h.String(), "")
		assert.Equal(t, time.Since(began), time.Minute)

		// The position that came with it misses nothing.
		time.AfterFunc(40*time.Second, func() {
			for _, text := range []string{"one", "two"} {
				_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "a", Payload: []byte(text)})
				assert.NoError(t, err)
			}
		})
		h = s.history("a?wait=60&after=" + h.At)
		assert.Equal(t, time.Since(began), 100*time.Second)
		assert.True(t, h.String() == "one" || h.String() == "one two", h.String())
		if len(h.Messages) == 1 {
			h = s.history("a?wait=1s&after=" + h.At)
			assert.Equal(t, h.String(), "two")
		}
		assert.Equal(t, time.Since(began), 100*time.Second)

		// The connection is good for the next request, with the usual limits.
		assert.Equal(t, s.history("a?last=1").String(), "two")
	})
}

// A topic that keeps nothing can be followed all the same.
func TestLongPollOfATopicWithoutALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &hub.Options{Default: hub.Settings{MaxMessages: -1}})
		at := s.history("a").At
		time.AfterFunc(time.Second, func() {
			_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "a", Payload: []byte("now")})
			assert.NoError(t, err)
		})
		assert.Equal(t, s.history("a?wait=60s&after="+at).String(), "now")
	})
}

// What comes while a request waits is bounded by limit, and the rest is not lost.
func TestLongPollIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		at := s.history("a").At
		go func() {
			time.Sleep(time.Second)
			for i := range 100 {
				s.hub.PublishAsync(&hub.Message{Topic: "a", Payload: fmt.Appendf(make([]byte, 0, 1000), "%0900d", i)}, nil)
			}
		}()
		n := 0
		for n < 100 {
			h := s.history("a?wait=30s&limit=9&after=" + at)
			assert.True(t, len(h.Messages) > 0 && len(h.Messages) <= 9 && !h.Gap, h.String())
			for _, m := range h.Messages {
				assert.Equal(t, m.Text, fmt.Sprintf("%0900d", n))
				n++
			}
			at = h.At
		}
	})
}

func TestLongPollEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		at := s.history("a").At
		began := time.Now()
		time.AfterFunc(time.Second, s.end)
		h := s.history("a?wait=60s&after=" + at)
		assert.Equal(t, h.String(), "")
		assert.Equal(t, h.At, at)
		assert.Equal(t, time.Since(began), time.Second)
	})
}

// A client that has gone leaves nothing waiting.
func TestLongPollEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		at := s.history("a").At
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/t/a?wait=60s&after="+at, nil)
		assert.NoError(t, err)
		_, err = s.client.Do(r)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		infos, err := s.hub.Topics(t.Context(), "a", "", 10)
		assert.NoError(t, err)
		for _, info := range infos {
			assert.Equal(t, info.Subscribers, 0)
		}
	})
}
