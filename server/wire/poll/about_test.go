package poll_test

import (
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestPresence(t *testing.T) {
	s := serve(t, nil)
	assert.Equal(t, s.do("GET", "/t/room/presence", "").body, "{\"count\":0,\"who\":[],\"more\":false}\n")
	for _, name := range []string{"bob", "ann", "cid", "ann"} {
		sub, err := s.hub.Subscribe("room", hub.NewReader(0), &hub.SubscribeOptions{As: name})
		assert.NoError(t, err)
		defer sub.Close()
	}
	for query, want := range map[string]string{
		"":                 `{"count":3,"who":["ann","bob","cid"],"more":false}`,
		"?limit=2":         `{"count":3,"who":["ann","bob"],"more":true}`,
		"?after=bob":       `{"count":3,"who":["cid"],"more":false}`,
		"?after=a&limit=1": `{"count":3,"who":["ann"],"more":true}`,
	} {
		assert.Equal(t, s.do("GET", "/t/room/presence"+query, "").body, want+"\n")
	}
}

func TestTopics(t *testing.T) {
	s := serve(t, nil)
	assert.Equal(t, s.do("GET", "/topics", "").body, "{\"topics\":[],\"more\":false}\n")
	last := s.publish("a.1", "four").At
	s.publish("a.2", "x")
	s.publish("b", "x")
	sub, err := s.hub.Subscribe("a.1", hub.NewReader(0), &hub.SubscribeOptions{As: "ann"})
	assert.NoError(t, err)
	defer sub.Close()
	quiet, err := s.hub.Subscribe("quiet", hub.NewReader(0), nil)
	assert.NoError(t, err)
	defer quiet.Close()

	type line struct {
		Topic                string
		Messages, Bytes      int64
		Subscribers, Present int
		Last                 string
	}
	list := func(query string) (lines []line, more bool) {
		var answer struct {
			Topics []line
			More   bool
		}
		s.do("GET", "/topics"+query, "").into(t, &answer)
		return answer.Topics, answer.More
	}
	names := func(query string) string {
		text := ""
		lines, more := list(query)
		for _, l := range lines {
			text += l.Topic + " "
		}
		return text + fmt.Sprint(more)
	}
	lines, _ := list("")
	assert.Equal(t, lines[0], line{"a.1", 1, 4, 1, 1, last})
	assert.Equal(t, lines[3], line{Topic: "quiet", Subscribers: 1})
	assert.Equal(t, names(""), "a.1 a.2 b quiet false")
	assert.Equal(t, names("?filter=a.*"), "a.1 a.2 false")
	assert.Equal(t, names("?filter=b"), "b false")
	assert.Equal(t, names("?limit=2"), "a.1 a.2 true")
	assert.Equal(t, names("?limit=2&after=a.2"), "b quiet false")
	// The cursor of a topic's newest message is one to go on behind.
	assert.Equal(t, s.history("a.1?after="+last).String(), "")
}
