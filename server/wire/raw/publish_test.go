package raw_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/websocket"
)

// A message that is not stored closes its socket, once, and what follows it is not
// published.
func TestNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		s := serve(t, raw.Options{}, &hub.Options{Engine: hub.NewLocal(store)})
		ann, bob := s.join("room"), s.join("room")
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("stored")))
		expectText(t, ann, "stored")
		expectText(t, bob, "stored")
		store.FailAppend(errors.New("the disk is full"))
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("lost")))
		synctest.Wait()
		assert.NoError(t, ann.Write(t.Context(), websocket.Text, []byte("out of order")))
		assert.Equal(t, expectClose(t, ann, websocket.StatusTryAgainLater), "not stored")
		s.publish("room", "of others")
		expectText(t, bob, "of others")
	})
}

// Nothing is delivered before it is stored, and a socket that goes on publishing while
// the store takes its time is not read from beyond a bound.
func TestFloodWhileTheStoreIsSlow(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		const messages = 4 * wire.MaxUnstored
		store := hubtest.NewMemStore()
		s := serve(t, raw.Options{}, &hub.Options{Engine: hub.NewLocal(store)})
		ann, bob, eve := s.join("room?self=0"), s.join("room"), s.script("elsewhere")
		waits, release := store.HoldAppend()
		go func() {
			for i := range messages {
				_ = ann.Write(t.Context(), websocket.Text, fmt.Append(nil, i))
			}
		}()
		<-waits
		// Others of the same loop are served meanwhile.
		eve.SendPing([]byte("still there?"))
		eve.ExpectPong([]byte("still there?"))
		release()
		for i := range messages {
			expectText(t, bob, fmt.Sprint(i))
		}
	})
}

// TestFloodIsBounded counts what a socket publishes while nothing is stored.
func TestFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		s := serve(t, raw.Options{}, &hub.Options{Engine: hub.NewLocal(store)})
		ann := s.join("room?self=0")
		_, release := store.HoldAppend()
		written := 0
		go func() {
			for range 100 {
				if ann.Write(t.Context(), websocket.Binary, make([]byte, wire.MaxUnstoredBytes/4)) == nil {
					written++
				}
			}
		}()
		synctest.Wait()
		// What the server holds, what it is handling, and what the pipe has room for.
		assert.True(t, written >= 4 && written <= 7, fmt.Sprint(written, " of 256 KiB"))
		assert.Equal(t, s.subscribers("room"), 1)
		release()
		synctest.Wait()
		assert.True(t, written > 7, "it did not go on")
		_ = ann.CloseNow()
	})
}

// TestHalfOpen has sockets that vanish, or end only their half, while they publish and are
// published to: all leave the topic.
func TestHalfOpen(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		s := serve(t, raw.Options{}, nil)
		stays := s.join("room")
		for i := range 60 {
			peer := s.script(fmt.Sprintf("room?last=%d&session=session-%d&as=ann", i%5, i/2))
			peer.SendText("hello")
			switch i % 4 {
			case 0:
				peer.Reset()
			case 1:
				peer.CloseWrite()
			case 2:
				peer.SendHex("81") // half of a header
				peer.Close()
			case 3:
				peer.SendHex("8100") // no mask
			}
		}
		for s.subscribers("room") > 1 {
			s.publish("room", "more")
			_, _, err := stays.Read(t.Context())
			assert.NoError(t, err)
		}
	})
}
