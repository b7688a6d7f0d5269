package raw_test

import (
	"context"
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
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A site is a server with raw rooms, in memory.
type site struct {
	t   *testing.T
	hub *hub.Hub
	l   *wstest.Listener
}

func serve(t *testing.T, o *websocket.AcceptOptions) *site {
	t.Helper()
	s := &site{t: t, hub: hub.New(), l: wstest.Listen()}
	mux := http.NewServeMux()
	mux.Handle("/t/{topic}", raw.Handler(s.hub, o))
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(s.l) }()
	t.Cleanup(func() { srv.Close() })
	return s
}

// join opens a socket in a room.
func (s *site) join(topic string) *websocket.Conn {
	s.t.Helper()
	c, _, err := websocket.Dial(s.t.Context(), "ws://"+s.l.Addr().String()+"/t/"+topic,
		&websocket.DialOptions{DialContext: s.l.DialContext, MaxMessage: -1})
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// script opens a socket in a room that does only what it is told.
func (s *site) script(topic string) *wstest.Script {
	s.t.Helper()
	c, err := s.l.DialContext(s.t.Context(), "tcp", "")
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	peer := wstest.NewScript(s.t, c, wstest.Client)
	peer.ClientHandshake("/t/" + topic)
	return peer
}

func (s *site) publish(topic, text string) {
	s.t.Helper()
	assert.NoError(s.t, s.hub.Publish(&hub.Message{Topic: topic, Payload: []byte(text)}))
}

func expect(t *testing.T, c *websocket.Conn, kind websocket.MessageType, data string) {
	t.Helper()
	got, p, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, fmt.Sprint(got, " ", string(p)), fmt.Sprint(kind, " ", data))
}

func TestMessageReachesEverybodyTheSenderToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
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
		s := serve(t, nil)
		ann, bob := s.join("one"), s.join("two")
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("for one")))
		expect(t, ann, websocket.Text, "for one")
		assert.NoError(t, bob.Write(t.Context(), websocket.Text, []byte("for two")))
		expect(t, bob, websocket.Text, "for two")
	})
}

func TestWhatOthersPublishArrivesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		ann, bob := s.join("комната"), s.join("комната")
		s.publish("комната", "from another wire")
		expect(t, ann, websocket.Text, "from another wire")
		expect(t, bob, websocket.Text, "from another wire")
	})
}

func TestMemberLeavesWithItsSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		ann, bob := s.join("room"), s.join("room")
		assert.Equal(t, s.hub.Subscribers("room"), 2)

		assert.NoError(t, ann.Close(websocket.StatusNormalClosure, ""))
		synctest.Wait()
		assert.Equal(t, s.hub.Subscribers("room"), 1)

		_ = bob.CloseNow()
		synctest.Wait()
		assert.Equal(t, s.hub.Topics(), 0)
	})
}

// What is published the moment the browser says "open" must arrive.
func TestOpenMeansInTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		for i := range 100 {
			c := s.join("room")
			text := fmt.Sprint("message ", i)
			s.publish("room", text)
			expect(t, c, websocket.Text, text)
			_ = c.CloseNow()
		}
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, path string
		header     http.Header
		status     int
		says       string
	}{
		{"a space in the topic", "/t/a%20b", nil, 400, "This is not the address of a room: hub: topic name: ' ' at byte 1 is not allowed"},
		{"a slash in the topic", "/t/a%2Fb", nil, 400, "This is not the address of a room"},
		{"an empty token", "/t/a..b", nil, 400, "the token at byte 2 is empty"},
		{"a wildcard", "/t/a.*", nil, 400, "is not allowed"},
		{"no WebSocket", "/t/room", nil, 426, "open it with a WebSocket client"},
		{"a foreign page", "/t/room", http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Origin": {"https://elsewhere.example"},
		}, 403, "elsewhere.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := 0
				s := serve(t, &websocket.AcceptOptions{Trace: &websocket.Trace{
					Refused: func(*http.Request, error) { refused++ },
				}})
				client := &http.Client{Transport: &http.Transport{DialContext: s.l.DialContext, DisableKeepAlives: true}}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+c.path, nil)
				assert.NoError(t, err)
				maps.Copy(r.Header, c.header)
				resp, err := client.Do(r)
				assert.NoError(t, err)
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.Equal(t, resp.StatusCode, c.status)
				assert.Contains(t, string(body), c.says)
				// Who was refused is no member, and the caller's trace was told.
				assert.Equal(t, s.hub.Topics(), 0)
				assert.Equal(t, refused, map[bool]int{true: 1}[c.status != 400])
			})
		})
	}
}

func TestSlowMemberIsClosedAndNobodyWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 200
		s := serve(t, &websocket.AcceptOptions{MaxQueue: 32 << 10})
		slow, fast := s.script("room"), s.join("room")
		text := strings.Repeat("x", 1<<10)

		start := time.Now()
		for range count {
			s.publish("room", text)
			expect(t, fast, websocket.Text, text)
		}
		assert.Equal(t, time.Since(start), 0) // in the time of the bubble

		// The slow one gets what was queued, in full, and then the reason: 31 frames
		// fit into the queue, and some more if they left it in time.
		n := 0
		for ; ; n++ {
			h, p := slow.ExpectFrame()
			if h.Opcode.IsControl() {
				assert.Equal(t, string(p), "\x03\xf5too slow")
				break
			}
			assert.Equal(t, string(p), text)
		}
		assert.True(t, n >= 31 && n < count, fmt.Sprintf("%d messages were delivered to the slow member", n))
		slow.SendClose(websocket.StatusTryAgainLater, "")
		slow.ExpectEOF()
		synctest.Wait()
		assert.Equal(t, s.hub.Subscribers("room"), 1)
	})
}

// A member that never reads again is dropped after the close timeout.
func TestDeadMemberIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		s := serve(t, &websocket.AcceptOptions{
			MaxQueue:     1 << 10,
			CloseTimeout: 3 * time.Second,
			Trace:        &websocket.Trace{Closed: func(_ *websocket.Conn, err error) { ended <- err }},
		})
		s.script("room")
		start := time.Now()
		for range 100 {
			s.publish("room", strings.Repeat("x", 1<<10))
		}
		err := <-ended
		assert.Equal(t, time.Since(start), 3*time.Second)
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		synctest.Wait()
		assert.Equal(t, s.hub.Topics(), 0)
	})
}

func TestMessageBeyondTheLimitEndsItsSenderOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.AcceptOptions{MaxMessage: 10})
		ann, bob := s.join("room"), s.join("room")
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("elevenbytes")))
		_, _, err := ann.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusMessageTooBig)
		s.publish("room", "still here")
		expect(t, bob, websocket.Text, "still here")
	})
}

func TestHubMessageThatIsNoTextIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		c := s.join("room")
		s.publish("room", "\xff")
		s.publish("room", "fine")
		expect(t, c, websocket.Text, "fine")
	})
}

func BenchmarkFanOut(b *testing.B) {
	const members = 100
	h, l := hub.New(), wstest.Listen()
	mux := http.NewServeMux()
	mux.Handle("/t/{topic}", raw.Handler(h, &websocket.AcceptOptions{MaxQueue: 64 << 20}))
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	got := make(chan struct{}, members)
	for range members {
		c, _, err := websocket.Dial(context.Background(), "ws://"+l.Addr().String()+"/t/room",
			&websocket.DialOptions{DialContext: l.DialContext})
		assert.NoError(b, err)
		b.Cleanup(func() { _ = c.CloseNow() })
		go func() {
			for _, err := range c.Messages(context.Background()) {
				if err != nil {
					return // the end of the benchmark
				}
				got <- struct{}{}
			}
		}()
	}
	payload := []byte(strings.Repeat("x", 100))
	b.ReportAllocs()
	for b.Loop() {
		assert.NoError(b, h.Publish(&hub.Message{Topic: "room", Payload: payload}))
		for range members {
			<-got
		}
	}
}
