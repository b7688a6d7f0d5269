package hub

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// A Cursor is a position in the log of a topic: behind one of its messages, or
// where its next one would have come. All wires use the same, as a string that
// says nothing to clients. The zero Cursor is no position.
//
// Positions of one epoch are in order: of two messages of a topic, and of two
// messages that a wildcard subscription received, the later one has the greater
// Offset. Offsets are not dense.
type Cursor struct {
	// Epoch names the life of the logs that Offset counts in. It changes when
	// something that had a position may be lost: with each start of a hub without
	// a store, and with some of a store, see Store.
	Epoch uint64

	// Offset counts the messages of all topics.
	Offset uint64

	// Time is when the message was taken, or the position was told, in
	// milliseconds since 1970 by the clock of whoever put it in order.
	Time int64
}

// IsZero tells whether c is no position.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// When returns the time of the cursor.
func (c Cursor) When() time.Time { return time.UnixMilli(c.Time) }

// MaxCursorLen is the length of the longest string of a cursor, in bytes: it fits
// into a ping (RFC 6455 §5.5).
const MaxCursorLen = 41

// ErrBadCursor is what a string is that no hub has made.
var ErrBadCursor = errors.New("hub: this is no cursor; give one that the server gave, as it was")

// String returns the cursor as clients know it: three numbers of digits and lower
// case letters with dots between them, "" for the zero Cursor. It needs no escape
// in a URL, in JSON and in a header.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return string(c.Append(make([]byte, 0, MaxCursorLen)))
}

// Append appends the string of the cursor.
func (c Cursor) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, c.Epoch, 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, c.Offset, 36)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, uint64(c.Time), 36)
}

// ParseCursor is the reverse of Cursor.String. The error is [ErrBadCursor].
func ParseCursor(s string) (Cursor, error) {
	epoch, rest, ok := strings.Cut(s, ".")
	offset, ms, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || len(s) > MaxCursorLen {
		return Cursor{}, ErrBadCursor
	}
	var c Cursor
	var err [3]error
	c.Epoch, err[0] = strconv.ParseUint(epoch, 36, 64)
	c.Offset, err[1] = strconv.ParseUint(offset, 36, 64)
	c.Time, err[2] = strconv.ParseInt(ms, 36, 64)
	// Only what String would write: one position has one string.
	if errors.Join(err[:]...) != nil || c.Time < 0 || c.String() != s {
		return Cursor{}, ErrBadCursor
	}
	return c, nil
}
