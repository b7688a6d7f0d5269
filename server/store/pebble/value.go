package pebble

import (
	"encoding/binary"
	"errors"

	"github.com/duplexhq/duplex/hub"
)

// A value begins with its version. Numbers are varints, strings come behind their
// length; the payload of a message is last and has none. Reading a value never panics,
// whatever the disk gives.
const valueVersion = 1

var errDamaged = errors.New("it is damaged")

// A decoder reads a value from its front. After an error it returns zeros.
type decoder struct {
	b   []byte
	bad bool
}

// decode begins to read a value.
func decode(value []byte) *decoder {
	if len(value) == 0 || value[0] != valueVersion {
		return &decoder{bad: true}
	}
	return &decoder{b: value[1:]}
}

func (d *decoder) fail() {
	d.b, d.bad = nil, true
}

func (d *decoder) byte() (c byte) {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c, d.b = d.b[0], d.b[1:]
	return c
}

func (d *decoder) uint() uint64 {
	n, used := binary.Uvarint(d.b)
	if used <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[used:]
	return n
}

func (d *decoder) int() int64 {
	n, used := binary.Varint(d.b)
	if used <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[used:]
	return n
}

// string returns a string as a part of the value.
func (d *decoder) string() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// end returns the error, and it is one too if there is something left.
func (d *decoder) end() error {
	if d.bad || len(d.b) > 0 {
		return errDamaged
	}
	return nil
}

// A messageValue is the value of a message, whose slices are parts of it.
type messageValue struct {
	offset            uint64 // of those of spaceLatest, whose keys have none
	kind              hub.Kind
	time              int64
	key, by, from, id []byte
	payload           []byte
}

// size counts as Settings.MaxBytes does.
func (v *messageValue) size() int64 {
	return int64(len(v.key) + len(v.by) + len(v.from) + len(v.id) + len(v.payload))
}

// sizeOf is the same of a message.
func sizeOf(m *hub.Message) int64 {
	return int64(len(m.Key) + len(m.By) + len(m.From) + len(m.ID) + len(m.Payload))
}

func appendMessage(dst []byte, m *hub.Message) []byte {
	dst = append(dst, valueVersion, byte(m.Kind))
	dst = binary.AppendUvarint(dst, m.At.Offset)
	dst = binary.AppendVarint(dst, m.At.Time)
	for _, s := range [...]string{m.Key, m.By, m.From, m.ID} {
		dst = appendString(dst, s)
	}
	return append(dst, m.Payload...)
}

func parseMessage(value []byte) (v messageValue, err error) {
	d := decode(value)
	v.kind = hub.Kind(d.byte())
	v.offset, v.time = d.uint(), d.int()
	v.key, v.by, v.from, v.id = d.string(), d.string(), d.string(), d.string()
	if d.bad || v.kind > hub.Binary {
		return messageValue{}, errDamaged
	}
	v.payload = d.b
	return v, nil
}

// message makes a message that has nothing in common with the value.
func (v *messageValue) message(topic string, epoch uint64) *hub.Message {
	m := &hub.Message{Topic: topic, Kind: v.kind, At: hub.Cursor{Epoch: epoch, Offset: v.offset, Time: v.time}}
	m.Payload = append(make([]byte, 0, len(v.payload)), v.payload...)
	m.Key, m.By, m.From, m.ID = string(v.key), string(v.by), string(v.from), string(v.id)
	return m
}

// An info is what is known of a log.
type info struct {
	hub.LogInfo

	oldest int64 // time of the oldest message there is
}

func appendInfo(dst []byte, in *info) []byte {
	dst = binary.AppendUvarint(append(dst, valueVersion), in.Last)
	dst = binary.AppendVarint(dst, in.LastTime)
	dst = binary.AppendUvarint(dst, in.Trimmed)
	dst = binary.AppendVarint(dst, in.Messages)
	dst = binary.AppendVarint(dst, in.Bytes)
	return binary.AppendVarint(dst, in.oldest)
}

func parseInfo(topic string, value []byte) (in info, err error) {
	d := decode(value)
	in.Topic = topic
	in.Last, in.LastTime, in.Trimmed = d.uint(), d.int(), d.uint()
	in.Messages, in.Bytes, in.oldest = d.int(), d.int(), d.int()
	if in.Messages < 0 || in.Bytes < 0 {
		d.fail()
	}
	return in, d.end()
}

func appendID(dst []byte, m *hub.Message) []byte {
	dst = binary.AppendUvarint(append(dst, valueVersion), m.At.Offset)
	dst = binary.AppendVarint(dst, m.At.Time)
	return appendString(appendString(dst, m.Topic), m.ID)
}

func parseID(value []byte) (id hub.StoredID, err error) {
	d := decode(value)
	id.At.Offset, id.At.Time = d.uint(), d.int()
	id.Topic, id.ID = string(d.string()), string(d.string())
	return id, d.end()
}

// A session is what is kept of one.
type session struct {
	seen    int64 // Unix milliseconds
	cursors map[string]hub.Cursor
}

func appendSession(dst []byte, s *session) []byte {
	dst = binary.AppendVarint(append(dst, valueVersion), s.seen)
	dst = binary.AppendUvarint(dst, uint64(len(s.cursors)))
	for topic, at := range s.cursors {
		dst = appendString(dst, topic)
		dst = binary.AppendUvarint(dst, at.Epoch)
		dst = binary.AppendUvarint(dst, at.Offset)
		dst = binary.AppendVarint(dst, at.Time)
	}
	return dst
}

// minCursorLen is the length of the shortest topic with its cursor.
const minCursorLen = 4

func parseSession(value []byte) (s session, err error) {
	d := decode(value)
	s.seen = d.int()
	n := d.uint()
	if n > uint64(len(d.b)/minCursorLen) { // or a damaged number asks for all memory
		return session{}, errDamaged
	}
	s.cursors = make(map[string]hub.Cursor, n)
	for range n {
		topic := string(d.string())
		s.cursors[topic] = hub.Cursor{Epoch: d.uint(), Offset: d.uint(), Time: d.int()}
	}
	if d.end() != nil || uint64(len(s.cursors)) != n {
		return session{}, errDamaged
	}
	return s, nil
}
