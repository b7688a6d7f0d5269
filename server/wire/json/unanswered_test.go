package json

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/server/wire/wiretest"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A lurker is a socket that reads what it is sent and answers no ping by itself, and the
// server's end of it.
type lurker struct {
	*wstest.Script
	socket *socket
}

// lurk runs a server with a small window in a bubble, and connects a lurker.
func lurk(t *testing.T) (*hub.Hub, *lurker) {
	t.Helper()
	var w *Wire
	site := wiretest.InMemory(t, "/ws", func(h *hub.Hub) wiretest.Form {
		w = New(h, &Options{Window: 1 << 10, Event: event.Options{PingInterval: -1}})
		return w
	}, nil)
	c, err := site.Dial(t.Context(), "tcp", "")
	assert.NoError(t, err)
	l := &lurker{Script: wstest.NewScript(t, c, wstest.Client)}
	l.ClientHandshake("/ws")
	go func() { _, _ = io.Copy(io.Discard, c) }()
	synctest.Wait()
	for conn := range w.server.All() {
		l.socket = socketOf(conn)
	}
	return site.Hub, l
}

// state returns what the server keeps for the socket because it does not answer.
func (l *lurker) state() (held, pings int, full bool) {
	synctest.Wait()
	l.socket.mu.Lock()
	defer l.socket.mu.Unlock()
	return len(l.socket.held), l.socket.flow.Unanswered(), l.socket.flow.Full(l.socket.wire.window)
}

// TestFloodWithoutPongs has a client ask and subscribe for ever, read the answers, and never
// answer a ping: what is kept of it is bounded. When it does answer, its window opens.
func TestFloodWithoutPongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := lurk(t)
		for _, topic := range []string{"room", "hall"} {
			_, err := h.Publish(t.Context(), &hub.Message{Topic: topic, Payload: make([]byte, 2<<10)})
			assert.NoError(t, err)
		}
		l.SendText(`{"sub":"hall","last":1}`)
		for range 100 {
			l.SendText(`{"sub":"room","last":1}`)
			l.SendText(`{"sub":"room","last":1}`)
			l.SendText(`{"unsub":"room","id":1}`)
			l.SendText(`{"who":"room","id":2}`)
		}
		held, pings, full := l.state()
		assert.True(t, full, "the window is open")
		assert.Equal(t, held, 1) // hall
		assert.True(t, pings > 0 && pings <= wire.MaxPings, "pings that are kept")
		for range 2 { // the second answers a ping that the first has made due
			l.SendPong(hub.Cursor{Offset: l.socket.pings}.Append(nil))
			held, pings, full = l.state()
		}
		assert.Equal(t, held, 0)
		assert.Equal(t, pings, 0)
		assert.True(t, !full, "the window stays closed")
	})
}

// A subscription that the hub has ended does not wait for the window any longer.
func TestEndWithoutPongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := lurk(t)
		l.SendText(`{"sub":"room"}`)
		synctest.Wait()
		for range 3 {
			_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", Payload: make([]byte, 1<<20)})
			assert.NoError(t, err)
		}
		synctest.Wait()
		l.SendText(`{"unsub":"none"}`)
		held, _, full := l.state()
		assert.True(t, full, "the window is open")
		assert.Equal(t, held, 1)
		assert.NoError(t, h.Close())
		held, _, _ = l.state()
		assert.Equal(t, held, 0)
	})
}
