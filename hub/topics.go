package hub

import (
	"context"
	"slices"
	"strings"
)

// A TopicInfo is what is known of a topic.
type TopicInfo struct {
	LogInfo

	Subscribers int // on this node
	Present     int // members of its presence
}

// Topics returns up to limit topics that a filter matches and that have messages or
// subscribers, in order of their names, from the first behind after. An empty filter matches
// all. It looks at the names of all topics in memory, and on the disk at those that begin as
// the filter does.
func (h *Hub) Topics(ctx context.Context, filter, after string, limit int) ([]TopicInfo, error) {
	if filter == "" {
		filter = ">"
	}
	if err := CheckFilter(filter); err != nil {
		return nil, err
	}
	page := topicPage{limit: max(limit, 0)}
	h.eachTopic(func(name string, t *topic, _ meta) {
		if t == nil || name <= after || !page.wants(name) || !Match(filter, name) {
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.subs > 0 || t.ring.n > 0 || len(t.latest) > 0 {
			page.add(TopicInfo{LogInfo: LogInfo{
				Topic: name, Last: t.last.Offset, LastTime: t.last.Time, Trimmed: t.ring.floor,
				Messages: int64(t.ring.n), Bytes: t.ring.bytes,
			}, Subscribers: t.subs})
		}
	})
	page.cut()
	if h.durable {
		if err := h.addStored(ctx, filter, after, &page); err != nil {
			return nil, err
		}
	}
	for i := range page.list {
		page.list[i].Present = h.roster.count(page.list[i].Topic)
	}
	return page.list, nil
}

// addStored adds the topics that the engine knows, and puts what it knows in place of what is
// known of those on the page.
func (h *Hub) addStored(ctx context.Context, filter, after string, page *topicPage) error {
	subscribers := make(map[string]int, len(page.list))
	for _, info := range page.list {
		subscribers[info.Topic] = info.Subscribers
	}
	stored := topicPage{limit: page.limit}
	prefix := literal(filter)
	for after = max(after, prefix); len(stored.list) < page.limit; {
		logs, err := h.engine.Logs(ctx, after, MaxLimit)
		if err != nil {
			return err
		}
		if len(logs) == 0 || !strings.HasPrefix(logs[0].Topic, prefix) {
			break
		}
		for _, info := range logs {
			after = info.Topic
			if Match(filter, info.Topic) {
				stored.add(TopicInfo{LogInfo: info, Subscribers: subscribers[info.Topic]})
				delete(subscribers, info.Topic)
			}
		}
	}
	for _, info := range page.list {
		if _, ok := subscribers[info.Topic]; ok { // it is not stored
			stored.add(info)
		}
	}
	stored.cut()
	*page = stored
	return nil
}

// literal returns what every other name begins with that a filter matches: what stands
// before its first wildcard.
func literal(filter string) string {
	if i := strings.IndexAny(filter, "*>"); i >= 0 {
		return filter[:i]
	}
	return filter[:len(filter)-1] // the name itself comes behind this
}

// A topicPage collects the first topics by name, of any number in any order.
type topicPage struct {
	limit int
	list  []TopicInfo
	end   string // with limit topics before it no other is wanted; "" if there are fewer
}

// wants tells whether a topic may be among the first.
func (p *topicPage) wants(name string) bool { return p.end == "" || name < p.end }

func (p *topicPage) add(info TopicInfo) {
	p.list = append(p.list, info)
	if len(p.list) >= 2*p.limit+64 {
		p.cut()
	}
}

// cut leaves the first topics, in order.
func (p *topicPage) cut() {
	slices.SortFunc(p.list, func(a, b TopicInfo) int { return strings.Compare(a.Topic, b.Topic) })
	if len(p.list) >= p.limit && p.limit > 0 {
		p.end = p.list[p.limit-1].Topic
	}
	p.list = p.list[:min(len(p.list), p.limit)]
}
