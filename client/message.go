package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"
)

// A Kind says what the data of a message is.
type Kind uint8

// The kinds of messages.
const (
	Text   Kind = iota // UTF-8 text
	JSON               // one JSON value
	Binary             // bytes
)

// String returns "text", "json" or "binary".
func (k Kind) String() string { return [...]string{"text", "json", "binary"}[k] }

// A Message is one message of a topic.
type Message struct {
	Kind Kind
	Data []byte // of a message received it is the receiver's

	// Key, if not empty, names what the message is the latest state of. At most
	// 128 bytes. A message with a Key and no Data, of any Kind, says that there is no
	// such state any more.
	Key string

	// ID makes it harmless to publish the message again, also by another process:
	// the server stores it once, if the second time comes within some minutes,
	// five by default. At most 128 bytes. Default: an ID of the Client's own, for
	// its own retries. It does not come with messages received.
	ID string

	// The rest comes with messages received, and is not looked at by Publish.
	Topic string
	By    string    // who published it, if the server says so
	At    string    // its cursor
	Time  time.Time // when the server took it
}

// check tells what is wrong with a message to be published.
func (m *Message) check() error {
	if !utf8.ValidString(m.Key) || !utf8.ValidString(m.ID) {
		return errors.New("client: the key or the ID of the message is not UTF-8")
	}
	switch m.Kind {
	case Text:
		if !utf8.Valid(m.Data) {
			return errors.New("client: the text is not UTF-8: publish it as Binary")
		}
	case JSON:
		if len(m.Data) == 0 && m.Key != "" {
			return nil // sent without data, it removes the key
		}
		if !utf8.Valid(m.Data) || !json.Valid(m.Data) {
			return errors.New("client: the data is not one JSON value: publish it as Text or Binary")
		}
		if tooDeep(m.Data) {
			return errors.New("client: the JSON has too many levels: publish it as Text or Binary")
		}
	case Binary:
	default:
		return errors.New("client: the kind of the message is none of Text, JSON and Binary")
	}
	return nil
}

// maxLevels is how many levels of arrays and objects encoding/json reads, and in a page
// of history data stands three levels down. A server could not tell whose request it is
// that has more, and a subscriber could not read it.
const maxLevels = 10_000 - 3

// tooDeep tells whether p, which is valid JSON, has more levels than a frame has room for.
func tooDeep(p []byte) bool {
	if bytes.Count(p, []byte("["))+bytes.Count(p, []byte("{")) <= maxLevels {
		return false
	}
	return !json.Valid(slices.Concat([]byte("[[["), p, []byte("]]]")))
}

// An EventType says what a subscription brings.
type EventType uint8

// The types of events.
const (
	// MessageEvent brings a message.
	MessageEvent EventType = iota

	// GapEvent says that messages are lost which should have come now. Topic is
	// the filter and At the position behind them. A topic that keeps the latest
	// message of each key then goes on with those that are newer than the position
	// before; that a key was removed may be among what is lost.
	GapEvent

	// PresenceEvent brings who is there, if SubscribeOptions.Presence is set.
	PresenceEvent
)

// String returns "message", "gap" or "presence".
func (t EventType) String() string { return [...]string{"message", "gap", "presence"}[t] }

// An Event is what a subscription brings.
type Event struct {
	Type EventType

	Message

	// Presence is there with PresenceEvent only.
	Presence *Presence
}

// size is how many bytes an event counts in a queue.
func (e *Event) size() int {
	n := eventOverhead + len(e.Data) + len(e.Key) + len(e.Topic) + len(e.By) + len(e.At)
	if p := e.Presence; p != nil {
		for _, names := range [][]string{p.Here, p.Join, p.Leave} {
			for _, name := range names {
				n += nameOverhead + len(name)
			}
		}
	}
	return n
}

// What an event and a name take in memory beside their bytes.
const (
	eventOverhead = 256
	nameOverhead  = 16
)

// A Presence says who is there, or who came and left.
type Presence struct {
	// Count is how many members there are.
	Count int

	// Full tells that Here has the members, or some of them: it comes first, and
	// after a time in which changes were missed. Otherwise Join and Leave have
	// those who came and left.
	Full              bool
	Here, Join, Leave []string

	// More tells that there are more names than these.
	More bool
}
