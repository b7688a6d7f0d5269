package wire_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

func TestParseStart(t *testing.T) {
	for _, c := range []struct {
		query string
		want  wire.Start
	}{
		{"", wire.Start{Self: true}},
		{"after=1.z.mubbs7i8", wire.Start{After: at, Self: true}},
		{"last=0", wire.Start{Self: true}},
		{"last=1000", wire.Start{Last: 1000, Self: true}},
		{"session=0123456-_.~aZ", wire.Start{Session: "0123456-_.~aZ", Self: true}},
		{"self=0", wire.Start{}},
		{"self=false", wire.Start{}},
		{"self=1", wire.Start{Self: true}},
		{"as=J%C3%BCrgen", wire.Start{As: "Jürgen", Self: true}},
		{"after=&last=&session=&self=&as=", wire.Start{Self: true}},
		{"token=x&wait=3&last=2", wire.Start{Last: 2, Self: true}},
		{"last=3&last=5", wire.Start{Last: 3, Self: true}},
	} {
		t.Run(c.query, func(t *testing.T) {
			query, err := url.ParseQuery(c.query)
			assert.NoError(t, err)
			got, err := wire.ParseStart(query)
			assert.NoError(t, err)
			assert.Equal(t, got, c.want)
		})
	}
}

func TestParseStartRefuses(t *testing.T) {
	for _, c := range []struct{ name, key, value, code, says string }{
		{"no cursor", "after", "yesterday", "bad_cursor", "this is no cursor"},
		{"a cursor in capitals", "after", "1.Z.mubbs7i8", "bad_cursor", "this is no cursor"},
		{"a negative number", "last", "-1", "bad_request", `last is a number from 0 to 1000, not "-1"`},
		{"a large number", "last", "1001", "bad_request", "from 0 to 1000"},
		{"a huge number", "last", "99999999999999999999", "bad_request", "from 0 to 1000"},
		{"a fraction", "last", "1.5", "bad_request", "from 0 to 1000"},
		{"a long value is cut", "last", strings.Repeat("x", 1000), "bad_request", strings.Repeat("x", 40) + `"`},
		{"a short session", "session", "1234567", "bad_request", "8 to 64"},
		{"a long session", "session", strings.Repeat("x", 65), "bad_request", "8 to 64"},
		{"a session with a space", "session", "1234 5678", "bad_request", "8 to 64"},
		{"a session of letters elsewhere", "session", "ééééééééé", "bad_request", "8 to 64"},
		{"self is a word", "self", "no", "bad_request", `self is 0 or 1, not "no"`},
		{"a long name", "as", strings.Repeat("x", 129), "bad_request", "as has at most 128 bytes"},
		{"a name that is not UTF-8", "as", "a\xff", "bad_request", "as has at most 128 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := wire.ParseStart(url.Values{c.key: {c.value}})
			assert.True(t, err != nil, "it was accepted")
			assert.Equal(t, got, wire.Start{})
			code, retry, sentence := wire.Describe(err)
			assert.Equal(t, code, c.code)
			assert.True(t, !retry, "it is not worth another try")
			assert.Contains(t, sentence, c.says)
		})
	}
}

func FuzzParseStart(f *testing.F) {
	f.Add("after=1.z.mubbs7i8&last=3&session=12345678&self=0&as=ann")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		s, err := wire.ParseStart(query)
		if err != nil {
			return
		}
		// What is accepted can be said again, and then means the same.
		again := url.Values{"after": {s.After.String()}, "session": {s.Session}, "as": {s.As}, "last": {query.Get("last")}}
		if !s.Self {
			again.Set("self", "0")
		}
		got, err := wire.ParseStart(again)
		assert.NoError(t, err)
		assert.Equal(t, got, s)
	})
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		code  string
		retry bool
		says  string
	}{
		{"a bad topic", hub.CheckTopic("a b"), "bad_topic", false, "topic name: ' ' at byte 1"},
		{"a bad cursor", hub.ErrBadCursor, "bad_cursor", false, "this is no cursor"},
		{"too slow", hub.ErrSlow, "slow", true, "too slow"},
		{"too many keys", hub.ErrTooManyKeys, "too_many", false, "as many keys"},
		{"a long key", hub.ErrLongKey, "bad_request", false, "128 bytes"},
		{"no session", hub.ErrBadSession, "bad_request", false, "8 to 64"},
		{"a session that goes on elsewhere", hub.ErrSessionTaken, "denied", false, "another connection"},
		{"too much to do", hub.ErrBusy, "unavailable", true, "try again later"},
		{"shutting down", errors.Join(errors.New("store"), hub.ErrClosed), "unavailable", true, "shutting down"},
		{"what only the server knows", errors.New("open /var/lib/duplex: no space left"), "unavailable", true, "try again later"},
		{"a refusal", &wire.Refusal{Code: "denied", Retry: true, Detail: "no"}, "denied", true, "no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, retry, sentence := wire.Describe(c.err)
			assert.Equal(t, code, c.code)
			assert.Equal(t, retry, c.retry)
			assert.Contains(t, sentence, c.says)
			assert.True(t, !strings.Contains(sentence, "hub:") && !strings.Contains(sentence, "/var"), sentence)
		})
	}
}
