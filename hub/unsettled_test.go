package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

// A topic stays in memory while a message of another one, which was published before, is not
// received: the position of a topic that is made anew would be before what it has received.
func TestReceivedAndNotSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := hub.NewLocal(hubtest.NewMemStore())
		h, err := hub.New(&hub.Options{Engine: e})
		assert.NoError(t, err)
		defer h.Close()
		start := h.Position("room")
		end := hub.BeginUnreceived(e)
		say(t, h, "room", "1")
		time.Sleep(2 * time.Minute) // more than topics stay in memory that nobody listens to
		assert.Equal(t, resume(t, h, "room", start), []string{"attached", "1", "live"})
		end()
	})
}
