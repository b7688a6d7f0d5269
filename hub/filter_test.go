package hub_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

var goodFilters = []string{
	"*", ">", "*.*", "*.>", "orders.*", "orders.>", "orders.*.state", "*.eu.>", "комната.*",
	strings.Repeat("*.", 127) + ">",
}

var badFilters = []struct {
	name, filter string
	at           int
	problem      string
}{
	{"empty", "", 0, "it is empty"},
	{"256 bytes", strings.Repeat("*.", 127) + "**", 255, "it has 256 bytes"},
	{"empty token", "*..a", 2, "the token at byte 2 is empty"},
	{"dot at the end", ">.", 0, "'>' at byte 0 is not the last token; write * for one token in the middle"},
	{"rest in the middle", "a.>.b", 2, "'>' at byte 2 is not the last token"},
	{"end of a token", "a*", 1, "'*' at byte 1 is only a part of a token; a wildcard is a token of its own"},
	{"begin of a token", "a.*b", 2, "'*' at byte 2 is only a part of a token"},
	{"rest without a dot", "a>", 1, "'>' at byte 1 is only a part of a token"},
	{"two wildcards in a token", "**", 0, "'*' at byte 0 is only a part of a token"},
	{"wildcard after a letter of another script", "я*", 2, "'*' at byte 2 is only a part of a token"},
	{"mark on a wildcard", "*\u0301", 0, "'*' at byte 0 is only a part of a token"},
	{"NATS's own", "$SYS.>", 0, "'$' at byte 0 is not allowed; use letters, digits, - _ ~, dots, * and >"},
	{"MQTT's", "a/#", 1, "'/' at byte 1 is not allowed"},
	{"broken UTF-8", "*.\xff", 2, "byte 2 is not UTF-8"},
	{"replacement character", "*.\ufffd", 2, `'\ufffd' at byte 2 is not allowed`},
}

func TestCheckFilterGood(t *testing.T) {
	for _, filter := range goodFilters {
		t.Run(filter, func(t *testing.T) {
			assert.NoError(t, hub.CheckFilter(filter))
			assert.True(t, hub.IsFilter(filter), "it has wildcards")
			assert.True(t, hub.CheckTopic(filter) != nil, "it is no topic")
		})
	}
	for _, topic := range goodTopics {
		t.Run(topic, func(t *testing.T) {
			assert.NoError(t, hub.CheckFilter(topic))
			assert.True(t, !hub.IsFilter(topic), "it has no wildcards")
		})
	}
}

func TestCheckFilterBad(t *testing.T) {
	for _, c := range badFilters {
		t.Run(c.name, func(t *testing.T) {
			err := hub.CheckFilter(c.filter)
			var bad *hub.TopicError
			assert.True(t, errors.As(err, &bad), "the error is no *TopicError")
			assert.True(t, bad.Filter, "the error is not about a filter")
			assert.Equal(t, bad.Offset, c.at)
			assert.Contains(t, bad.Problem, c.problem)
			assert.Equal(t, err.Error(), "hub: filter: "+bad.Problem)
		})
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "A", false},
		{"a", "a.b", false},
		{"a.b", "a", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.b.c", false},
		{"*.b", "a.b", true},
		{"*.b", "a.c", false},
		{"a.*.c", "a.b.c", true},
		{"a.*.c", "a.b.d", false},
		{">", "a", true},
		{">", "a.b.c", true},
		{"a.>", "a.b", true},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"a.>", "ab.c", false},
		{"*.>", "a", false},
		{"*.>", "a.b", true},
		{"заказы.*", "заказы.42", true},
		// A filter that is about all that another one matches.
		{"a.>", "a.*", true},
		{"a.>", "a.>", true},
		{"a.>", "a.*.>", true},
		{"a.*", "a.*", true},
		{"a.*", "a.>", false},
		{"a.b", "a.*", false},
		{"*", ">", false},
		{">", "*", true},
	} {
		t.Run(c.filter+" "+c.topic, func(t *testing.T) {
			assert.Equal(t, hub.Match(c.filter, c.topic), c.want)
			assert.Equal(t, testing.AllocsPerRun(10, func() { hub.Match(c.filter, c.topic) }), 0)
		})
	}
}

// matchTokens is Match once more, of names cut into tokens.
func matchTokens(filter, topic []string) bool {
	for i, want := range filter {
		if want == ">" && i == len(filter)-1 {
			return len(topic) > i
		}
		if i >= len(topic) || want != topic[i] && (want != "*" || topic[i] == ">") {
			return false
		}
	}
	return len(filter) == len(topic)
}

func FuzzMatch(f *testing.F) {
	f.Add("a.*", "a.b")
	f.Add("a.>", "a.b.c")
	f.Add("*.b.>", "a.b")
	f.Add(">", "")
	f.Fuzz(func(t *testing.T, filter, topic string) {
		want := matchTokens(strings.Split(filter, "."), strings.Split(topic, "."))
		assert.Equal(t, hub.Match(filter, topic), want)
	})
}

// checkFilterTokens is CheckFilter once more: a topic with some of its tokens hidden.
func checkFilterTokens(filter string) bool {
	tokens := strings.Split(filter, ".")
	for i, token := range tokens {
		if token == "*" || token == ">" && i == len(tokens)-1 {
			tokens[i] = "x"
		}
	}
	topic := strings.Join(tokens, ".")
	return len(topic) <= hub.MaxTopicLen && utf8.ValidString(topic) && topicPattern.MatchString(topic)
}

func FuzzCheckFilter(f *testing.F) {
	for _, filter := range goodFilters {
		f.Add(filter)
	}
	for _, c := range badFilters {
		f.Add(c.filter)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		err := hub.CheckFilter(filter)
		assert.Equal(t, err == nil, checkFilterTokens(filter))
		if err == nil {
			assert.Equal(t, hub.IsFilter(filter), hub.CheckTopic(filter) != nil)
			assert.True(t, hub.Match(filter, filter), "it is about all that it matches")
			return
		}
		checkSentence(t, filter, err)
	})
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		hub.Match("orders.*.42.>", "orders.eu-west.42.state")
	}
}
