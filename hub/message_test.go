package hub_test

import (
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// An encoding is made once for all receivers while the message is one of the newest and somebody
// listens, and is not kept beyond.
func TestEncodingsAreKeptForTheNewest(t *testing.T) {
	h := open(t, nil)
	s := listen(t, h, "room", newTape(), nil)
	made := 0
	encode := func(m *hub.Message) any {
		made++
		return string(m.Payload)
	}
	expect := func(m *hub.Message, times int) {
		t.Helper()
		made = 0
		for range 2 {
			assert.Equal(t, m.Encoded(hub.FormB, encode), any(string(m.Payload)))
		}
		assert.Equal(t, made, times)
	}
	var all []*hub.Message
	for i := range 129 {
		m := &hub.Message{Topic: "room", Payload: fmt.Append(nil, i)}
		h.PublishAsync(m, nil)
		expect(m, 1)
		all = append(all, m)
	}
	expect(all[0], 2)
	expect(all[1], 0)
	s.Close()
	expect(all[1], 2)
	expect(all[128], 2)
	assert.Equal(t, hub.Binary.String(), "binary")
	assert.Equal(t, s.Filter(), "room")
}

func TestChangesOfPresenceAreEncodedOnce(t *testing.T) {
	c := &hub.PresenceChange{Topic: "room", Count: 1}
	made := 0
	for range 3 {
		assert.Equal(t, c.Encoded(hub.FormA, func(c *hub.PresenceChange) any {
			made++
			return c.Count
		}), any(1))
	}
	assert.Equal(t, made, 1)
}
