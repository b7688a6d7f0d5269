package raw

import (
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A gap that is found before there is a socket is the first thing that the socket is told.
// What is published while it is opened and closed does not get to it: it would come before
// the gap that it lies behind.
func TestGapIsToldFirst(t *testing.T) {
	h, err := hub.New(nil)
	assert.NoError(t, err)
	defer h.Close()
	w := New(h, nil)
	defer w.Shutdown(t.Context())
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/t/room?after="+hub.Cursor{Epoch: 1, Offset: 1, Time: 1}.String(), nil)
	r.SetPathValue("topic", "room")
	m, err := w.join(r)
	assert.NoError(t, err)
	defer m.leave()

	late := &hub.Message{Payload: []byte("late")}
	took := make(chan bool, 1)
	s := event.NewServer(event.Handler{OnOpen: func(c *event.Conn) {
		m.open(c)
		took <- m.socket(late) != nil
	}}, nil)
	defer s.Shutdown(t.Context())
	l := wstest.Listen()
	go s.Serve(l)
	c, err := l.DialContext(t.Context(), "tcp", "")
	assert.NoError(t, err)
	peer := wstest.NewScript(t, c, wstest.Client)
	peer.ClientHandshake("/")
	assert.True(t, !<-took, "a socket that is closed with a gap took a message")
	assert.Equal(t, len(m.early), 0)
	peer.SendClose(websocket.StatusCode(4010), peer.ExpectCloseCode(4010))
}
