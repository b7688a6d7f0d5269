package raw

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func text(s string) *hub.Message { return &hub.Message{Topic: "room", Payload: []byte(s)} }

func TestMessageIsEncodedOnce(t *testing.T) {
	rm := &room{topic: "room"}
	m, same := text("hello"), text("hello")
	first, err := rm.frame(m)
	assert.NoError(t, err)
	again, err := rm.frame(m)
	assert.NoError(t, err)
	assert.True(t, first == again, "a message was encoded twice")
	other, err := rm.frame(same)
	assert.NoError(t, err)
	assert.True(t, first != other, "two messages share a frame")
}

func TestFrameIsLetGoAfterPublish(t *testing.T) {
	h, rm, other := hub.New(), &room{topic: "room"}, text("of another wire")
	var seen []*hub.Message
	leave, err := h.Subscribe("room", sink(func(m *hub.Message) {
		_, err := rm.frame(m)
		assert.NoError(t, err)
		seen = append(seen, rm.latest.Load().message)
	}))
	assert.NoError(t, err)
	defer leave()

	mine := text("mine")
	assert.NoError(t, rm.publish(h, mine))
	assert.True(t, rm.latest.Load() == nil, "the frame is still held")
	assert.NoError(t, h.Publish(other))
	assert.Equal(t, seen, []*hub.Message{mine, other})

	// A publisher that comes back late does not take the frame of another's.
	assert.NoError(t, rm.publish(hub.New(), mine))
	assert.True(t, rm.latest.Load().message == other, "the frame of another message is gone")
}

type sink func(*hub.Message)

func (f sink) Deliver(m *hub.Message) { f(m) }

func TestRoomsAreForgotten(t *testing.T) {
	w := &wire{hub: hub.New(), rooms: map[string]*room{}}
	ann, err := w.join("room")
	assert.NoError(t, err)
	bob, err := w.join("room")
	assert.NoError(t, err)
	assert.True(t, ann.room == bob.room, "two members of a topic have two rooms")
	assert.Equal(t, w.hub.Subscribers("room"), 2)

	ann.leave()
	ann.leave() // counts once
	assert.Equal(t, len(w.rooms), 1)
	bob.leave()
	assert.Equal(t, len(w.rooms), 0)
	assert.Equal(t, w.hub.Topics(), 0)
}

func TestRefusedRequestsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := hub.New(), wstest.Listen()
		mux := http.NewServeMux()
		rooms := Handler(h, nil)
		mux.Handle("/t/{topic}", rooms)
		srv := &http.Server{Handler: mux}
		go func() { _ = srv.Serve(l) }()
		defer srv.Close()
		client := &http.Client{Transport: &http.Transport{DialContext: l.DialContext, DisableKeepAlives: true}}
		for i := range 3 {
			resp, err := client.Get(fmt.Sprint("http://localhost/t/", i))
			assert.NoError(t, err)
			resp.Body.Close()
		}
		w, _ := rooms.(*wire)
		assert.Equal(t, len(w.rooms), 0)
	})
}

// Messages that come while the handshake is still being answered arrive first.
func TestEarlyMessagesKeepTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := wstest.Pipe(t, nil, nil)
		m := &member{room: &room{topic: "room"}}
		m.Deliver(text("one"))
		m.Deliver(text("two"))
		m.attach(server)
		m.Deliver(text("three"))
		for _, want := range []string{"one", "two", "three"} {
			_, p, err := client.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(p), want)
		}
		assert.True(t, m.early == nil, "early messages are still held")
	})
}

func TestTooMuchBeforeTheHandshakeIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := wstest.Pipe(t, nil, nil)
		m := &member{room: &room{topic: "room"}}
		half := &hub.Message{Topic: "room", Binary: true, Payload: make([]byte, maxEarly/2+1)}
		m.Deliver(half)
		m.Deliver(half)
		m.Deliver(text("lost"))
		assert.True(t, m.early == nil, "more was kept than is allowed")
		m.attach(server)
		_, _, err := client.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusTryAgainLater)
	})
}
