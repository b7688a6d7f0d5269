package pebble

import (
	"bytes"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

var aMessage = &hub.Message{Topic: "room", Kind: hub.Binary, Key: "k", By: "ann", From: "c1", ID: "id-1",
	Payload: []byte("payload"), At: hub.Cursor{Offset: 1 << 40, Time: 1_790_000_000_000}}

var anInfo = info{hub.LogInfo{Topic: "room", Last: 1 << 40, LastTime: -1, Trimmed: 300, Messages: 5, Bytes: 1 << 33}, 77}

var aSession = session{seen: 1_790_000_000_000, cursors: map[string]hub.Cursor{"room.*": {Epoch: 1 << 63, Offset: 300, Time: 4}}}

func TestValues(t *testing.T) {
	v, err := parseMessage(appendMessage(nil, aMessage))
	assert.NoError(t, err)
	got := v.message("room", 9)
	assert.Equal(t, got.At, hub.Cursor{Epoch: 9, Offset: 1 << 40, Time: aMessage.At.Time})
	assert.Equal(t, [...]string{got.Topic, got.Key, got.By, got.From, got.ID, string(got.Payload)},
		[...]string{"room", "k", "ann", "c1", "id-1", "payload"})
	assert.Equal(t, got.Kind, hub.Binary)
	assert.Equal(t, v.size(), sizeOf(aMessage))

	in, err := parseInfo("room", appendInfo(nil, &anInfo))
	assert.NoError(t, err)
	assert.Equal(t, in, anInfo)

	id, err := parseID(appendID(nil, aMessage))
	assert.NoError(t, err)
	assert.Equal(t, id, hub.StoredID{Topic: "room", ID: "id-1", At: aMessage.At})

	s, err := parseSession(appendSession(nil, &aSession))
	assert.NoError(t, err)
	assert.Equal(t, s, aSession)
}

// parsers has what reads a value, and writes what it has read.
var parsers = map[string]func(value []byte) (again []byte, err error){
	"message": func(value []byte) ([]byte, error) {
		v, err := parseMessage(value)
		return appendMessage(nil, v.message("room", 0)), err
	},
	"info": func(value []byte) ([]byte, error) {
		in, err := parseInfo("room", value)
		return appendInfo(nil, &in), err
	},
	"id": func(value []byte) ([]byte, error) {
		id, err := parseID(value)
		return appendID(nil, &hub.Message{Topic: id.Topic, ID: id.ID, At: id.At}), err
	},
	"session": func(value []byte) ([]byte, error) {
		s, err := parseSession(value)
		return appendSession(nil, &s), err
	},
}

// values has a good value for each parser.
var values = map[string][]byte{
	"message": appendMessage(nil, aMessage),
	"info":    appendInfo(nil, &anInfo),
	"id":      appendID(nil, aMessage),
	"session": appendSession(nil, &aSession),
}

// A value that is cut anywhere is damaged, but a payload, which has no length.
func TestValuesCut(t *testing.T) {
	for name, value := range values {
		least := len(value)
		if name == "message" {
			least -= len(aMessage.Payload)
		}
		for n := range value {
			_, err := parsers[name](value[:n])
			assert.Equal(t, err != nil, n < least)
		}
		later := append([]byte{valueVersion + 1}, value[1:]...)
		_, err := parsers[name](later)
		assert.ErrorIs(t, err, errDamaged)
	}
	_, err := parseSession([]byte{valueVersion, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	assert.ErrorIs(t, err, errDamaged)
}

// Whatever is on the disk, reading it does not panic, and what is read is written again as
// the same.
func FuzzValues(f *testing.F) {
	for _, value := range values {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for name, parse := range parsers {
			once, err := parse(value)
			if err != nil {
				continue
			}
			twice, err := parse(once)
			assert.NoError(t, err)
			if name == "session" { // its topics come in any order
				assert.Equal(t, len(twice), len(once))
			} else {
				assert.True(t, bytes.Equal(twice, once), name+" is not the same when it is read again")
			}
		}
	})
}
