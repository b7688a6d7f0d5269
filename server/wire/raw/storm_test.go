package raw_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// TestStormOfTakeOvers has many connections come with one session at the same time: one goes
// on with it, and all others are told, whether they were open yet or not.
func TestStormOfTakeOvers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		s := serveSessions(t, nil)
		ended := make(chan websocket.StatusCode, n)
		received := make(chan string, n)
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				c, _, err := websocket.Dial(t.Context(), "ws://localhost/t/"+withSession, &websocket.DialOptions{DialContext: s.dial})
				if err != nil {
					t.Error(err)
					return
				}
				for err == nil {
					var p []byte
					if _, p, err = c.Read(t.Context()); err == nil {
						received <- string(p)
					}
				}
				ended <- websocket.CloseStatus(err)
			})
		}
		synctest.Wait()
		assert.Equal(t, len(ended), n-1)
		for range n - 1 {
			assert.Equal(t, <-ended, 4009)
		}
		assert.Equal(t, s.subscribers("room"), 1)
		s.publish("room", "for one")
		synctest.Wait()
		assert.Equal(t, len(received), 1)
		assert.NoError(t, s.wire.Shutdown(t.Context()))
		all.Wait()
		assert.Equal(t, <-ended, websocket.StatusGoingAway)
	})
}
