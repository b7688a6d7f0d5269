package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
)

// What is not the latest of a key, or goes from the log with it, is not left out in silence.
func TestConflatedOrTold(t *testing.T) {
	type message struct{ key, text string }
	big := func(s string) string { return s + strings.Repeat("\x00", 100<<10) }
	for _, c := range []struct {
		name     string
		s        hub.Settings
		messages []message
		want     []string
	}{
		{"all are there", hub.Settings{MaxMessages: 4},
			[]message{{"a", "1"}, {"b", "2"}, {"a", "3"}, {"", "4"}}, []string{"2", "3", "4"}},
		{"a key went with the log", hub.Settings{MaxMessages: 2},
			[]message{{"a", "1"}, {"b", "2"}, {"c", "3"}}, []string{"gap", "2", "3"}},
		{"each key is kept", hub.Settings{MaxMessages: 2, Latest: true},
			[]message{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}, []string{"1", "2", "3", "4"}},
		{"a removal went", hub.Settings{MaxMessages: 2, Latest: true},
			[]message{{"a", "1"}, {"a", ""}, {"c", "3"}, {"d", "4"}}, []string{"gap", "3", "4"}},
		{"one without a key went", hub.Settings{MaxMessages: 2, Latest: true},
			[]message{{"", "1"}, {"b", "2"}, {"c", "3"}}, []string{"gap", "2", "3"}},
		{"no log", hub.Settings{MaxMessages: -1, Latest: true},
			[]message{{"a", "1"}, {"b", "2"}, {"a", "3"}}, []string{"2", "3"}},
		{"out of memory", hub.Settings{MaxLag: 1, MaxBytes: 1 << 30},
			[]message{{"a", big("1")}, {"b", big("2")}, {"c", big("3")}, {"c", big("4")}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Slow = hub.SlowConflate
			both(t, c.s, func(t *testing.T, h *hub.Hub) {
				r := newTape()
				r.room = 1
				listen(t, h, "room", r, nil)
				say(t, h, "room", "0")
				for _, m := range c.messages {
					set(t, h, "room", m.key, m.text)
				}
				r.expect(t, "attached", "live", "0")
				r.give(-1)
				if c.want == nil {
					c.want = []string{"1", "2", "4"}
					if strings.HasSuffix(t.Name(), "store") {
						c.want = []string{"1", "2", "3", "4"} // read from there
					}
				}
				r.expect(t, c.want...)
				say(t, h, "room", "now")
				r.expect(t, "now")
			})
		})
	}
}

// More keys than are taken at once come in order, and before what is new.
func TestManyKeys(t *testing.T) {
	both(t, hub.Settings{Latest: true, MaxMessages: 1}, func(t *testing.T, h *hub.Hub) {
		want := []string{"attached"}
		for i := range 200 {
			set(t, h, "room", fmt.Sprint("key ", i), fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
		}
		r := newTape()
		r.room = 90
		s := listen(t, h, "room", r, &hub.SubscribeOptions{Latest: true})
		r.expect(t, want[:91]...)
		at := s.At()
		set(t, h, "room", "key 3", "again")
		r.give(-1)
		rest := append(slices.Clone(want[91:]), "again", "live")
		r.expect(t, rest...)
		r = newTape()
		listen(t, h, "room", r, &hub.SubscribeOptions{After: at})
		r.expect(t, append([]string{"attached+gap"}, rest...)...)
	})
}
