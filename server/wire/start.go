package wire

import (
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
)

// MaxLast is how many of the newest messages, and MaxLimit how many of any, may be
// asked for at once.
const (
	MaxLast  = hub.MaxLimit
	MaxLimit = hub.MaxLimit
)

// A Start says where a subscription begins and for whom it is, as the parameters of a
// URL have it.
type Start struct {
	After   hub.Cursor // behind which position, zero if none is given
	Last    int        // with how many of the newest messages
	Session string     // which session goes on, "" for none
	Self    bool       // whether what it sends itself is wanted, true if nothing is said
	As      string     // the name to be counted as present under, "" for none
}

// ParseStart reads the parameters after, last, session, self and as. Others are
// ignored, and an empty one is as if it were not there. The error is
// hub.ErrBadCursor, hub.ErrBadSession or a [*Refusal] with the code bad_request.
func ParseStart(query url.Values) (Start, error) {
	s := Start{Session: query.Get("session"), As: query.Get("as"), Self: true}
	var err error
	if after := query.Get("after"); after != "" {
		if s.After, err = hub.ParseCursor(after); err != nil {
			return Start{}, err
		}
	}
	if s.Last, err = ParseCount("last", query.Get("last"), 0, MaxLast); err != nil {
		return Start{}, err
	}
	if s.Session != "" && !isSession(s.Session) {
		return Start{}, hub.ErrBadSession
	}
	if s.As != "" {
		if err := CheckName("as", s.As); err != nil {
			return Start{}, err
		}
	}
	switch self := query.Get("self"); self {
	case "", "1", "true":
	case "0", "false":
		s.Self = false
	default:
		return Start{}, BadRequest("self is 0 or 1, not %.40q", self)
	}
	return s, nil
}

// ParseCount reads the parameter of a URL that is a number of things, 0 to most; empty
// means byDefault. The error is a [*Refusal] with the code bad_request.
func ParseCount(name, value string, byDefault, most int) (int, error) {
	if value == "" {
		return byDefault, nil
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n > uint64(most) {
		return 0, BadRequest("%s is a number from 0 to %d, not %.40q", name, most, value)
	}
	return int(n), nil
}

// CheckName tells whether a name of a presence member, a key or an ID is one: up to
// hub.MaxKeyLen bytes of UTF-8. what names it in the error, a [*Refusal] with the
// code bad_request.
func CheckName(what, name string) error {
	if len(name) > hub.MaxKeyLen || !utf8.ValidString(name) {
		return BadRequest("%s has at most %d bytes of UTF-8", what, hub.MaxKeyLen)
	}
	return nil
}

// isSession tells whether the hub would take id: its check comes too late for a
// request that must be refused before anything is subscribed.
func isSession(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == '~':
		default:
			return false
		}
	}
	return true
}
