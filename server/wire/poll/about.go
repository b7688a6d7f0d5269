package poll

import (
	"encoding/json"
	"net/http"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// A presence is the answer of /t/{topic}/presence.
type presence struct {
	Count int      `json:"count"`
	Who   []string `json:"who"`
	More  bool     `json:"more"`
}

func (a *api) presence(_ http.ResponseWriter, r *http.Request) ([]byte, error) {
	topic := r.PathValue("topic")
	if err := wire.CheckTopic(topic); err != nil {
		return nil, err
	}
	after, limit, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	page := a.hub.Presence(topic, after, limit)
	return appendJSON(nil, presence{page.Count, orEmpty(page.Names), page.More}), nil
}

// A topic is one line of /topics. Last is the cursor of its newest message, TS its time in
// Unix milliseconds.
type topic struct {
	Topic       string `json:"topic"`
	Messages    int64  `json:"messages"`
	Bytes       int64  `json:"bytes"`
	Subscribers int    `json:"subscribers"`
	Present     int    `json:"present"`
	Last        string `json:"last,omitempty"`
	TS          int64  `json:"ts,omitempty"`
}

// topics is the answer of /topics.
type topics struct {
	Topics []topic `json:"topics"`
	More   bool    `json:"more"`
}

func (a *api) topics(_ http.ResponseWriter, r *http.Request) ([]byte, error) {
	after, limit, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	filter := r.URL.Query().Get("filter")
	if filter == "" {
		filter = ">"
	}
	if err := hub.CheckFilter(filter); err != nil {
		return nil, err
	}
	found, err := a.hub.Topics(r.Context(), filter, after, limit+1)
	if err != nil {
		return nil, err
	}
	answer := topics{Topics: make([]topic, 0, len(found)), More: len(found) > limit}
	for _, t := range found[:min(limit, len(found))] {
		answer.Topics = append(answer.Topics, a.describe(t))
	}
	return appendJSON(nil, answer), nil
}

func (a *api) describe(t hub.TopicInfo) topic {
	line := topic{
		Topic:       t.Topic,
		Messages:    t.Messages,
		Bytes:       t.Bytes,
		Subscribers: t.Subscribers,
		Present:     t.Present,
	}
	if t.Last > 0 {
		at := a.hub.Position(t.Topic)
		line.Last = hub.Cursor{Epoch: at.Epoch, Offset: t.Last, Time: t.LastTime}.String()
		line.TS = t.LastTime
	}
	return line
}

// pageOf reads after and limit, the parameters of what is listed by name.
func pageOf(r *http.Request) (after string, limit int, err error) {
	values, err := wire.Query(r)
	if err != nil {
		return "", 0, err
	}
	limit, err = limitOf(values)
	return values.Get("after"), limit, err
}

func orEmpty(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// appendJSON appends a value that can be written as JSON, as all of these can.
func appendJSON(dst []byte, v any) []byte {
	p, _ := json.Marshal(v)
	return append(dst, p...)
}
