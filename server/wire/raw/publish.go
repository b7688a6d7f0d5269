package raw

import (
	"bytes"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// publish gives a message of the socket to its topic. The socket is paused while too much
// that it has sent is not stored.
func (m *member) publish(c *event.Conn, t websocket.MessageType, p []byte) {
	if m.failed.Load() {
		return // what follows a message that was not stored would be out of order
	}
	msg := &hub.Message{Topic: m.sub.Filter(), Payload: bytes.Clone(p), From: m.from}
	if t == websocket.Binary {
		msg.Kind = hub.Binary
	}
	n := len(p)
	m.unstored.Enter(c, n)
	m.wire.hub.PublishAsync(msg, func(_ hub.Receipt, err error) {
		m.unstored.Leave(c, n)
		if err != nil {
			m.notStored(err)
		}
	})
}

// notStored closes the socket because a message of it is lost, so that its peer knows.
func (m *member) notStored(err error) {
	if m.failed.Swap(true) {
		return
	}
	m.wire.log.Warn("a message was not stored", "topic", m.sub.Filter(), "error", err)
	m.finish(ending{code: websocket.StatusTryAgainLater, reason: "not stored"})
}
