package hub_test

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// A hub does not keep those who have left, nor what belongs to them, while others stay.
func TestWhoHasLeftIsNotKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter string
		room   int
		o      hub.SubscribeOptions
	}{
		{"live", "room", -1, hub.SubscribeOptions{}},
		{"held", "room", 1, hub.SubscribeOptions{}},
		{"held, through a fan", "room", 1, hub.SubscribeOptions{Fan: fan{}}},
		{"leaving something out", "room", -1, hub.SubscribeOptions{Except: "me"}},
		{"with presence", "room", -1, hub.SubscribeOptions{Presence: true, As: "me"}},
		{"of many topics", "*", -1, hub.SubscribeOptions{}},
		{"of many topics, held", "*", 1, hub.SubscribeOptions{Except: "me"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, hub.Settings{}, func(t *testing.T, h *hub.Hub) {
				listen(t, h, "room", newTape(), nil)
				listen(t, h, "*", newTape(), nil)
				gone := comeAndGo(t, h, c.filter, c.room, &c.o)
				for range 100 {
					if runtime.GC(); gone.Value() == nil {
						break
					}
					time.Sleep(time.Millisecond)
				}
				assert.True(t, gone.Value() == nil, "it is kept")
			})
		})
	}
}

//go:noinline
func comeAndGo(t *testing.T, h *hub.Hub, filter string, room int, o *hub.SubscribeOptions) weak.Pointer[tape] {
	r := newTape()
	r.room = room
	s := listen(t, h, filter, r, o)
	say(t, h, "room", "1", "2")
	r.give(-1)
	s.Close()
	return weak.Make(r)
}
