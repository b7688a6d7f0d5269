package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	lsm "github.com/cockroachdb/pebble/v2"
)

// The layout. A key begins with the version of the layout and the letter of its space;
// names of topics and sessions have no zero byte; numbers are big endian, so that keys
// are in order of them.
//
//	l topic               what is known of a log          infoValue
//	m topic 0 offset      a message                       messageValue
//	k topic 0 key         the latest message of a key     messageValue with an offset
//	i minute offset       an ID, by when it expires       idValue
//	s session             a session                       sessionValue
//	e seen session        the same, by when it was seen   nothing
//	n name                a number of the store           8 bytes
const (
	layout = 1

	spaceInfo     = 'l'
	spaceMessage  = 'm'
	spaceLatest   = 'k'
	spaceID       = 'i'
	spaceSession  = 's'
	spaceSeen     = 'e'
	spaceNumber   = 'n'
	offsetLen     = 8
	keyPrefixLen  = 2
	seenPrefixLen = keyPrefixLen + 8
)

// The numbers of the store.
var (
	keyFormat    = nameKey(spaceNumber, "format")
	keyEpoch     = nameKey(spaceNumber, "epoch")
	keyLast      = nameKey(spaceNumber, "last")      // the greatest offset appended
	keyForgotten = nameKey(spaceNumber, "forgotten") // the greatest Last of a LogInfo that was removed
	keyClean     = nameKey(spaceNumber, "clean")     // 1: closed
	keyTorn      = nameKey(spaceNumber, "torn")      // 1: something may be lost, and no new epoch was begun
	keyBoot      = nameKey(spaceNumber, "boot")      // the boot of the system it was last opened in, 0 if not known
	keyMode      = nameKey(spaceNumber, "mode")      // the SyncMode of the last who opened it
)

func nameKey(space byte, name string) []byte { return appendNameKey(nil, space, name) }

func appendNameKey(dst []byte, space byte, name string) []byte {
	return append(append(dst, layout, space), name...)
}

// appendTopicKey appends what the keys of a topic begin with.
func appendTopicKey(dst []byte, space byte, topic string) []byte {
	return append(appendNameKey(dst, space, topic), 0)
}

func appendMessageKey(dst []byte, topic string, offset uint64) []byte {
	return binary.BigEndian.AppendUint64(appendTopicKey(dst, spaceMessage, topic), offset)
}

// messagesEnd is the first key behind the messages of a topic.
func messagesEnd(topic string) []byte {
	end := appendTopicKey(nil, spaceMessage, topic)
	end[len(end)-1] = 1
	return end
}

// latestBounds are the first key of the latest messages of a topic, and the first behind.
func latestBounds(topic string) (lower, upper []byte) {
	lower = appendTopicKey(nil, spaceLatest, topic)
	upper = bytes.Clone(lower)
	upper[len(upper)-1] = 1
	return lower, upper
}

func appendIDKey(dst []byte, minute, offset uint64) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, layout, spaceID), minute)
	return binary.BigEndian.AppendUint64(dst, offset)
}

func seenKey(ms int64, session string) []byte {
	// The sign bit is turned so that times before 1970 come first.
	key := binary.BigEndian.AppendUint64([]byte{layout, spaceSeen}, uint64(ms)^1<<63)
	return append(key, session...)
}

// seenAt returns the time in a key that seenKey has made, in Unix milliseconds.
func seenAt(key []byte) int64 {
	return int64(binary.BigEndian.Uint64(key[keyPrefixLen:]) ^ 1<<63)
}

// offsetOf returns the number at the end of a key of a message.
func offsetOf(key []byte) uint64 {
	if len(key) < keyPrefixLen+offsetLen {
		return 0
	}
	return binary.BigEndian.Uint64(key[len(key)-offsetLen:])
}

func setNumber(b *lsm.Batch, key []byte, n uint64) {
	_ = b.Set(key, binary.BigEndian.AppendUint64(nil, n), nil) // writing to a batch cannot fail
}

// number returns a number of the store, 0 if it is not there.
func (s *Store) number(key []byte) (uint64, error) {
	value, found, err := s.get(key)
	if err != nil || !found {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("pebble: the number %q of the store in %s is damaged", key[keyPrefixLen:], s.dir)
	}
	return binary.BigEndian.Uint64(value), nil
}

// get returns a copy of the value of a key.
func (s *Store) get(key []byte) (value []byte, found bool, err error) {
	return s.getFrom(s.db, key)
}

// getFrom is get of the database with what a batch would change.
func (s *Store) getFrom(r lsm.Reader, key []byte) (value []byte, found bool, err error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, lsm.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer closer.Close()
	return bytes.Clone(value), true, nil
}
