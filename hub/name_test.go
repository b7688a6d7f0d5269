package hub_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

var goodTopics = []string{
	"a", "0", "-", "_", "~", "room.1", "Orders.eu-west_1.~tmp", "a.b.c.d",
	"raum.küche", "部屋", "غرفة.١", "комната", "हिन्दी", "ห้อง",
	strings.Repeat("x", 255), strings.Repeat("ü", 127), strings.Repeat("a.", 127) + "a",
}

var badTopics = []struct {
	name, topic string
	at          int
	problem     string
}{
	{"empty", "", 0, "it is empty"},
	{"256 bytes", strings.Repeat("x", 256), 255, "it has 256 bytes, at most 255 are allowed"},
	{"more bytes than letters", strings.Repeat("ü", 128), 255, "it has 256 bytes"},
	{"only a dot", ".", 0, "the token at byte 0 is empty"},
	{"dot in front", ".a", 0, "the token at byte 0 is empty"},
	{"dot at the end", "a.", 2, "the token at byte 2 is empty"},
	{"two dots", "a..b", 2, "the token at byte 2 is empty"},
	{"space", "a b", 1, "' ' at byte 1 is not allowed; use letters, digits, - _ ~ and dots"},
	{"slash", "a/b", 1, "'/' at byte 1"},
	{"wildcard for a token", "a.*", 2, "'*' at byte 2"},
	{"wildcard for the rest", "a.>", 2, "'>' at byte 2"},
	{"subscription group", "$a", 0, "'$' at byte 0"},
	{"percent", "a%20b", 1, "'%' at byte 1"},
	{"line feed", "a\nb", 1, `'\n' at byte 1`},
	{"NUL", "a\x00", 1, `'\x00' at byte 1`},
	{"emoji", "a😀", 1, `'\U0001f600' at byte 1`},
	{"zero width space", "a\u200bb", 1, `'\u200b' at byte 1`},
	{"text direction", "a\u202eb", 1, `'\u202e' at byte 1`},
	{"Roman numeral", "Ⅷ", 0, `'\u2167' at byte 0`},
	{"mark without a letter", "a.\u0301", 2, `'\u0301' at byte 2`},
	{"broken UTF-8", "a\xffb", 1, "byte 1 is not UTF-8"},
	{"UTF-8 cut off", "ab\xe2\x82", 2, "byte 2 is not UTF-8"},
	{"surrogate", "\xed\xa0\x80", 0, "byte 0 is not UTF-8"},
	{"replacement character", "a\ufffd", 1, `'\ufffd' at byte 1 is not allowed`},
}

func TestCheckTopicGood(t *testing.T) {
	for _, topic := range goodTopics {
		t.Run(topic, func(t *testing.T) { assert.NoError(t, hub.CheckTopic(topic)) })
	}
}

func TestCheckTopicBad(t *testing.T) {
	for _, c := range badTopics {
		t.Run(c.name, func(t *testing.T) {
			err := hub.CheckTopic(c.topic)
			var bad *hub.TopicError
			assert.True(t, errors.As(err, &bad), "the error is no *TopicError")
			assert.Equal(t, bad.Offset, c.at)
			assert.Contains(t, bad.Problem, c.problem)
			assert.Equal(t, err.Error(), "hub: topic name: "+bad.Problem)
		})
	}
}

func TestCheckTopicAllocatesNothing(t *testing.T) {
	for _, topic := range goodTopics {
		assert.Equal(t, testing.AllocsPerRun(10, func() { hub.CheckTopic(topic) }), 0)
	}
}

// The rule once more, as a regular expression.
var topicPattern = regexp.MustCompile(`^[\p{L}\p{Nd}_~-][\p{L}\p{Nd}\p{M}_~-]*(\.[\p{L}\p{Nd}_~-][\p{L}\p{Nd}\p{M}_~-]*)*$`)

func FuzzCheckTopic(f *testing.F) {
	for _, topic := range goodTopics {
		f.Add(topic)
	}
	for _, c := range badTopics {
		f.Add(c.topic)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		err := hub.CheckTopic(topic)
		want := len(topic) <= hub.MaxTopicLen && utf8.ValidString(topic) && topicPattern.MatchString(topic)
		assert.Equal(t, err == nil, want)

		if want {
			assert.NoError(t, hub.CheckFilter(topic))
			return
		}
		checkSentence(t, topic, err)
	})
}

// checkSentence holds an error about a name against what TopicError promises.
func checkSentence(t *testing.T, name string, err error) {
	t.Helper()
	var bad *hub.TopicError
	assert.True(t, errors.As(err, &bad), "the error is no *TopicError")
	assert.True(t, 0 <= bad.Offset && bad.Offset <= len(name), "the offset is outside of the name")
	assert.True(t, len(err.Error()) <= 123, "the sentence does not fit into a close frame")
	assert.True(t, utf8.ValidString(err.Error()), "the sentence is not UTF-8")
}
