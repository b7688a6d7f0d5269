package raw_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

func asCloseError(err error, e **websocket.CloseError) bool { return errors.As(err, e) }

func TestMessageReachesEverybodyTheSenderToo(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		s := serve(t, raw.Options{}, nil)
		ann, bob := s.join("room"), s.join("room")
		for _, m := range []struct {
			kind websocket.MessageType
			data string
		}{
			{websocket.Text, "grüß dich"},
			{websocket.Binary, "\x00\xff\xfe"},
			{websocket.Text, ""},
			{websocket.Binary, ""},
			{websocket.Text, strings.Repeat("long ", 100_000)},
		} {
			assert.NoError(t, ann.Write(t.Context(), m.kind, []byte(m.data)))
			expect(t, ann, m.kind, m.data)
			expect(t, bob, m.kind, m.data)
		}
	})
}

func TestTopicsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		ann, bob := s.join("one"), s.join("two")
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("for one")))
		expectText(t, ann, "for one")
		assert.NoError(t, bob.Write(t.Context(), websocket.Text, []byte("for two")))
		expectText(t, bob, "for two")
	})
}

// What other forms publish arrives as the frame that can hold it.
func TestKindsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		ann := s.join("комната")
		for _, c := range []struct {
			kind hub.Kind
			data string
			want websocket.MessageType
		}{
			{hub.Text, "text", websocket.Text},
			{hub.JSON, `{ "a": 1 }`, websocket.Text},
			{hub.Binary, "\xff", websocket.Binary},
			{hub.Text, "not UTF-8 \xff", websocket.Binary},
		} {
			_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "комната", Kind: c.kind, Payload: []byte(c.data)})
			assert.NoError(t, err)
			expect(t, ann, c.want, c.data)
		}
	})
}

func TestMemberLeavesWithItsSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		ann, bob := s.join("room"), s.join("room")
		assert.Equal(t, s.subscribers("room"), 2)
		assert.Equal(t, s.wire.Len(), 2)

		assert.NoError(t, ann.Close(websocket.StatusNormalClosure, ""))
		synctest.Wait()
		assert.Equal(t, s.subscribers("room"), 1)

		_ = bob.CloseNow()
		synctest.Wait()
		assert.Equal(t, s.subscribers("room"), 0)
		assert.Equal(t, s.wire.Len(), 0)
	})
}

// What is published the moment the browser says "open" must arrive, however the socket
// begins.
func TestOpenMeansInTheRoom(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		s := serve(t, raw.Options{}, &hub.Options{SessionTTL: 1}) // all that is new is known to be
		for i := range 60 {
			query := []string{"", "?last=1", "?session=" + fmt.Sprint("12345678-", i)}[i%3]
			topic := fmt.Sprint("room.", i)
			c := s.join(topic + query)
			var want []string
			for j := range 5 {
				want = append(want, fmt.Sprint("message ", j))
				s.publish(topic, want[j])
			}
			expectText(t, c, want...)
			_ = c.CloseNow()
		}
	})
}

func TestWhereASocketBegins(t *testing.T) {
	for _, c := range []struct {
		query string // %s is the position of the second message
		want  []string
	}{
		{"", nil},
		{"?last=2", []string{"two", "three"}},
		{"?last=100", []string{"one", "two", "three"}},
		{"?after=%s", []string{"three"}},
		{"?last=3&after=%s", []string{"three"}},
	} {
		t.Run(c.query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, raw.Options{}, nil)
				s.publish("room", "one")
				two := s.publish("room", "two")
				s.publish("room", "three")
				ann := s.join("room" + strings.Replace(c.query, "%s", two.String(), 1))
				s.publish("room", "now")
				expectText(t, ann, append(c.want, "now")...)
			})
		})
	}
}

func TestLatestOfEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, &hub.Options{Default: hub.Settings{Latest: true, MaxMessages: 1}})
		for _, m := range []*hub.Message{
			{Key: "a", Payload: []byte("a1")}, {Key: "b", Payload: []byte("b1")}, {Key: "a", Payload: []byte("a2")},
		} {
			m.Topic = "prices"
			_, err := s.hub.Publish(t.Context(), m)
			assert.NoError(t, err)
		}
		expectText(t, s.join("prices"), "b1", "a2")
	})
}

func TestNotToHearOneself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, nil)
		ann, bob := s.join("room?self=0"), s.join("room?self=0")
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("of ann")))
		expectText(t, bob, "of ann")
		assert.NoError(t, bob.Write(t.Context(), websocket.Text, []byte("of bob")))
		expectText(t, ann, "of bob")

		// A session is the same whoever connects with it.
		const session = "&session=0123456789"
		eve := s.join("room?self=0" + session)
		assert.NoError(t, eve.Write(t.Context(), websocket.Text, []byte("of eve")))
		expectText(t, bob, "of eve")
		s.publish("room", "last")
		expectText(t, eve, "last")
		_ = eve.CloseNow()
		synctest.Wait()
		again := s.join("room?self=0" + session)
		expectText(t, again, "last") // it was not answered, as no ping had come
	})
}

func TestPresentUnderAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		s.join("room")
		s.join("room?as=ann")
		c := s.join("room?as=J%C3%BCrgen")
		assert.Equal(t, s.hub.Presence("room", "", 10), hub.PresencePage{Count: 2, Names: []string{"Jürgen", "ann"}})
		assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		time.Sleep(2 * hub.DefaultPresenceGrace)
		assert.Equal(t, s.hub.Presence("room", "", 10), hub.PresencePage{Count: 1, Names: []string{"ann"}})
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, path string
		header     http.Header
		status     int
		says       string
	}{
		{"a space in the topic", "/t/a%20b", nil, 400, "topic name: ' ' at byte 1 is not allowed"},
		{"a slash in the topic", "/t/a%2Fb", nil, 400, "bad_topic"},
		{"NUL in the topic", "/t/a%00b", nil, 400, "bad_topic"},
		{"a topic that is not UTF-8", "/t/a%FFb", nil, 400, "byte 1 is not UTF-8"},
		{"an empty token", "/t/a..b", nil, 400, "the token at byte 2 is empty"},
		{"a wildcard", "/t/a.*", nil, 400, "this is a filter, and one topic is needed"},
		{"a long topic", "/t/" + strings.Repeat("x", 256), nil, 400, "at most 255"},
		{"a bad cursor", "/t/room?after=x", nil, 400, "bad_cursor"},
		{"a bad number", "/t/room?last=-1", nil, 400, "last is a number from 0 to 1000"},
		{"a bad session", "/t/room?session=short", nil, 400, "8 to 64"},
		{"a query that is none", "/t/room?last=%zz", nil, 400, "bad_request"},
		{"no WebSocket", "/t/room", http.Header{"Upgrade": nil}, 426, "open it with a WebSocket client"},
		{"no key", "/t/room", http.Header{"Sec-WebSocket-Key": nil}, 400, "Sec-WebSocket-Key"},
		{"a foreign page", "/t/room", http.Header{"Origin": {"https://evil.example"}}, 403, "origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, raw.Options{}, nil)
				client := &http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+c.path, http.NoBody)
				assert.NoError(t, err)
				for name, value := range map[string]string{
					"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
					"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
				} {
					r.Header.Set(name, value)
				}
				maps.Copy(r.Header, canonical(c.header))
				resp, err := client.Do(r)
				assert.NoError(t, err)
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.Equal(t, resp.StatusCode, c.status)
				assert.Contains(t, string(body), c.says)
				assert.Equal(t, s.subscribers("room"), 0)
				assert.Equal(t, s.wire.Len(), 0)
			})
		})
	}
}

func canonical(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		out[http.CanonicalHeaderKey(name)] = values
	}
	return out
}

func TestShutdown(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		s := serve(t, raw.Options{}, nil)
		c := s.join("room")
		ended := make(chan error, 1)
		go func() { ended <- s.wire.Shutdown(t.Context()) }()
		assert.Equal(t, expectClose(t, c, websocket.StatusGoingAway), "server is shutting down")
		assert.NoError(t, <-ended)
		_, resp, err := websocket.Dial(t.Context(), "ws://localhost/t/room", &websocket.DialOptions{DialContext: s.dial})
		assert.True(t, err != nil && resp != nil && resp.StatusCode == http.StatusServiceUnavailable, "a socket after the end")
	})
}

func TestHubThatClosesEndsSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		c := s.join("room")
		assert.NoError(t, s.hub.Close())
		assert.Equal(t, expectClose(t, c, websocket.StatusGoingAway), "server is shutting down")
		_, resp, err := websocket.Dial(t.Context(), "ws://localhost/t/room", &websocket.DialOptions{DialContext: s.dial})
		assert.True(t, err != nil && resp != nil && resp.StatusCode == http.StatusServiceUnavailable, "a socket after the end")
	})
}

func TestMessageThatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, options(event.Options{MaxMessage: 10}), nil)
		c := s.join("room")
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("12345678901")))
		expectClose(t, c, websocket.StatusMessageTooBig)
	})
}
