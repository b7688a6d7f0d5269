package hub

import (
	"sync/atomic"
	"unsafe"
)

// A Kind says what the payload of a message is.
type Kind uint8

// The kinds of messages.
const (
	Text   Kind = iota // UTF-8 text
	JSON               // one JSON value, in UTF-8
	Binary             // bytes
)

// String returns "text", "json" or "binary".
func (k Kind) String() string { return [...]string{"text", "json", "binary"}[k] }

// A Message is one message of a topic. Its fields, and the bytes of Payload, must
// not be changed once it was given to [Hub.Publish]: the topic's log and every
// receiver hold the same Message, for as long as they like.
//
// The hub never looks at the payload. Whoever publishes has seen to it that Text
// is UTF-8 and JSON is JSON.
type Message struct {
	Topic   string // where it is published, see [CheckTopic]
	Kind    Kind
	Payload []byte

	// Key, if not empty, names what the message is the latest state of: see
	// Settings.Latest. At most [MaxKeyLen] bytes of UTF-8. With Settings.Latest a
	// message with a key and without a payload removes the key.
	Key string

	// By is who published it, as receivers may see it; empty if nobody says. At
	// most [MaxKeyLen] bytes.
	By string

	// From names the connection or session that published it, so that a
	// subscription can leave its own out, see SubscribeOptions.Except. Receivers
	// do not see it. At most [MaxKeyLen] bytes; empty for none.
	From string

	// ID makes a retry harmless, if it is not empty: a message whose Topic and ID
	// were published before, within Settings.Idempotency, is not published again,
	// and its publisher is told where the first one is. At most [MaxKeyLen] bytes.
	ID string

	// At is where it stands in the log of its topic. The hub sets it.
	At Cursor

	forms [formCount]atomic.Pointer[any]
	cool  atomic.Bool // forms are not kept any more
}

// MaxKeyLen is the length of the longest Key, By, From and ID of a message, and of
// the name of a presence member, in bytes.
const MaxKeyLen = 128

// A Form is a way to encode a message for a wire. Each has a place in every
// message where its encoding is kept for the next receiver.
type Form uint8

// The forms that the messages have places for. Who uses which is for the wires to
// agree upon.
const (
	FormA Form = iota
	FormB
	FormC

	formCount = 3
)

// Encoded returns the encoding of the message in a form, which encode makes if
// there is none yet. The encoding is shared by all receivers and must not be
// changed. It is kept while the message is one of the newest of its topic and the
// topic has subscribers, so that most receivers find it, and old messages cost no
// more than their payload.
//
// Goroutines that find no encoding at the same time may each make one; while it is kept they
// all return the same.
func (m *Message) Encoded(f Form, encode func(m *Message) any) any {
	if p := m.forms[f].Load(); p != nil {
		return *p
	}
	v := encode(m)
	if m.cool.Load() || m.forms[f].CompareAndSwap(nil, &v) {
		return v
	}
	if p := m.forms[f].Load(); p != nil {
		return *p
	}
	return v
}

// forget drops the encodings and has no new ones kept.
func (m *Message) forget() {
	m.cool.Store(true)
	for i := range m.forms {
		m.forms[i].Store(nil)
	}
}

// overhead is what a message takes in memory beside its strings and payload, in
// bytes, with its place in a log.
const overhead = int64(unsafe.Sizeof(Message{})) + 16

// size is how many bytes a message counts in the bounds of logs: all of it, without
// what it takes in memory beside.
func (m *Message) size() int64 {
	return int64(len(m.Payload) + len(m.Key) + len(m.By) + len(m.From) + len(m.ID))
}
