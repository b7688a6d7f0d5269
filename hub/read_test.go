package hub_test

import (
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// After a restart a subscription reads messages from the store, and the log in memory holds
// them though none of them was received. Whoever reads them in pages gets all of them.
func TestPagesOfWhatASubscriptionHasRead(t *testing.T) {
	store := hubtest.NewMemStore()
	h := open(t, &hub.Options{Engine: hub.NewLocal(store)})
	begin := h.Position("room")
	for i := range 10 {
		_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", Payload: []byte{byte(i)}})
		assert.NoError(t, err)
	}
	assert.NoError(t, h.Close())

	h = open(t, &hub.Options{Engine: hub.NewLocal(store.Reopen())})
	reader := hub.NewReader(0)
	s, err := h.Subscribe("room", reader, &hub.SubscribeOptions{After: begin})
	assert.NoError(t, err)
	defer s.Close()
	for got := 0; got < 10; {
		items, err := reader.Next(t.Context())
		assert.NoError(t, err)
		for _, it := range items {
			if it.Message != nil {
				got++
			}
		}
	}
	for _, q := range []hub.Query{{Limit: 3}, {MaxBytes: 1}, {Limit: 5}, {}} {
		var got []byte
		q.After = begin
		for more := true; more; {
			page, err := h.Read(t.Context(), "room", q)
			assert.NoError(t, err)
			for _, m := range page.Messages {
				got = append(got, m.Payload...)
			}
			q.After, more = page.At, page.More
		}
		assert.Equal(t, got, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	}
}
