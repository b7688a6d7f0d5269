package wire

import (
	"errors"
	"strings"

	"github.com/duplexhq/duplex/hub"
)

// known are the errors of the hub that clients are told of as they are, with the codes of
// docs/reference/protocol.md.
var known = []struct {
	err   error
	code  string
	retry bool
}{
	{hub.ErrBadCursor, "bad_cursor", false},
	{hub.ErrSlow, "slow", true},
	{hub.ErrTooManyKeys, "too_many", false},
	{hub.ErrLongKey, "bad_request", false},
	{hub.ErrBadSession, "bad_request", false},
	{hub.ErrSessionTaken, "denied", false},
	{hub.ErrBusy, "unavailable", true},
	{hub.ErrClosed, "unavailable", true},
}

// Describe returns what clients are told of an error: its code, whether the same may
// succeed later, and a sentence. What is not known is "unavailable", without
// details: a client has no use for the path of a file.
func Describe(err error) (code string, retry bool, sentence string) {
	var topic *hub.TopicError
	var refusal *Refusal
	switch {
	case errors.As(err, &topic):
		return "bad_topic", false, sentenceOf(topic)
	case errors.As(err, &refusal):
		return refusal.Code, refusal.Retry, refusal.Detail
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.code, k.retry, sentenceOf(k.err)
		}
	}
	return "unavailable", true, "it could not be done now; try again later"
}

// sentenceOf returns the text of an error of the hub without the name of the package,
// which says nothing to clients.
func sentenceOf(err error) string { return strings.TrimPrefix(err.Error(), "hub: ") }
