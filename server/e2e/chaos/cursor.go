package chaos

import (
	"errors"
	"strconv"
	"strings"
)

// A Cursor is what the cursors of the server say. To clients they say nothing, but a witness
// has to know which position is before another one. It shares no code with the hub that it
// watches.
type Cursor struct {
	Epoch  uint64 // of the life of the server in which it is a position
	Offset uint64 // counts the messages of all topics
	Time   int64  // in milliseconds since 1970, and no part of the position
}

// IsZero tells whether c is no position.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns the cursor as the server gave it.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return strconv.FormatUint(c.Epoch, 36) + "." + strconv.FormatUint(c.Offset, 36) + "." + strconv.FormatInt(c.Time, 36)
}

// ParseCursor reads a cursor of the server.
func ParseCursor(text string) (c Cursor, err error) {
	var errs [3]error
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return c, errors.New("chaos: a cursor has three parts: " + text)
	}
	c.Epoch, errs[0] = strconv.ParseUint(parts[0], 36, 64)
	c.Offset, errs[1] = strconv.ParseUint(parts[1], 36, 64)
	c.Time, errs[2] = strconv.ParseInt(parts[2], 36, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return Cursor{}, err
	}
	if c.String() != text {
		return Cursor{}, errors.New("chaos: not what the server would give: " + text)
	}
	return c, nil
}

// isFilter tells whether a filter has wildcards.
func isFilter(filter string) bool { return strings.ContainsAny(filter, "*>") }

// match tells whether a filter matches a topic.
func match(filter, topic string) bool {
	want, got := strings.Split(filter, "."), strings.Split(topic, ".")
	for i, token := range want {
		switch {
		case token == ">":
			return len(got) > i
		case i >= len(got) || token != "*" && token != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}
