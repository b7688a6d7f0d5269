package hub_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// Whoever goes through the pages sees every topic once and in order, whatever the size of the
// page, and wherever a topic is known: in memory, on the disk, or both.
func TestPagesOfTopics(t *testing.T) {
	both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
		known := map[string]string{"a": "a 1 0"} // what there is to say of each
		say(t, h, "a", "x")
		for i := range 300 {
			name := fmt.Sprintf("%c.%c.%d", 'a'+i%3, 'é'+rune(i%5), i*7919%300)
			messages, subscribers := i%3, 0
			for range messages {
				say(t, h, name, "x")
			}
			if i%5 < 2 {
				listen(t, h, name, newTape(), nil)
				subscribers = 1
			}
			if messages+subscribers > 0 {
				known[name] = fmt.Sprint(name, " ", messages, " ", subscribers)
			}
		}
		for _, filter := range []string{"", ">", "a.>", "a", "b.*.*", "*.é.*", "c.é.>", "b", "nothing.*"} {
			var want []string
			for _, name := range slices.Sorted(maps.Keys(known)) {
				if filter == "" || hub.Match(filter, name) {
					want = append(want, known[name])
				}
			}
			for _, limit := range []int{1, 7, 100, 1000} {
				assert.Equal(t, pages(t, h, filter, limit), want)
			}
		}
		list, err := h.Topics(t.Context(), "", "", 0)
		assert.True(t, len(list) == 0 && err == nil, "a page of nothing")
	})
}

// pages returns the topics of as many pages as there are.
func pages(t *testing.T, h *hub.Hub, filter string, limit int) (all []string) {
	t.Helper()
	for after := ""; ; {
		list, err := h.Topics(t.Context(), filter, after, limit)
		assert.NoError(t, err)
		assert.True(t, len(list) <= limit, "no more than a page")
		if len(list) == 0 {
			return all
		}
		for _, info := range list {
			all = append(all, fmt.Sprint(info.Topic, " ", info.Messages, " ", info.Subscribers))
		}
		after = list[len(list)-1].Topic
	}
}
