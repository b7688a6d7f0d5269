package json

import (
	"fmt"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// publish gives a message to its topic. The socket is paused while too much that it has
// published is not stored. The answer is sent when the message is, perhaps before this
// returns.
func (s *socket) publish(q *request) error {
	if err := hub.CheckTopic(q.name); err != nil {
		return err
	}
	if most := s.wire.largest; most > 0 && int64(len(q.payload)) > most {
		return &wire.Refusal{Code: "too_large", Detail: fmt.Sprintf("the message has %d bytes; at most %d are allowed", len(q.payload), most)}
	}
	m := &hub.Message{
		Topic: q.name, Kind: q.kind, Payload: q.payload,
		Key: q.key, By: s.identity.Name, From: s.sender(), ID: q.idem,
	}
	id, n := q.id, len(q.payload)
	s.unstored.Enter(s.conn, n)
	s.wire.hub.PublishAsync(m, func(r hub.Receipt, err error) {
		s.unstored.Leave(s.conn, n)
		switch {
		case err != nil:
			s.notStored(m.Topic, err)
			s.refuse(id, err)
		case id != "":
			s.send(func(dst []byte) []byte { return appendReceipt(dst, id, r) })
		}
	})
	return nil
}

// notStored tells the log that a message of the socket was not stored, once, if that is not
// the fault of its client.
func (s *socket) notStored(topic string, err error) {
	if _, later, _ := wire.Describe(err); !later {
		return
	}
	s.mu.Lock()
	again := s.warn
	s.warn = true
	s.mu.Unlock()
	if !again {
		s.wire.log.Warn("a message was not stored", "topic", topic, "error", err)
	}
}
