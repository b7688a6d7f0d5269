package raw_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// A topic that keeps the latest message of each key begins with these behind a gap, too: in
// the connection that goes on behind it.
func TestGapOfATopicThatKeepsTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, &hub.Options{Default: hub.Settings{Latest: true, MaxMessages: 2}})
		publish := func(i int) hub.Cursor {
			r, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "room", Key: fmt.Sprint("k", i%4), Payload: fmt.Append(nil, i)})
			assert.NoError(t, err)
			return r.At
		}
		first := publish(0)
		for i := range 10 {
			publish(i + 1)
		}
		after := cursorIn(t, expectClose(t, s.join("room?after="+first.String()), 4010))
		c := s.join("room?after=" + after)
		for i := 7; i <= 10; i++ {
			expect(t, c, websocket.Text, fmt.Sprint(i))
		}
	})
}

// So it is with a session, and after the epoch in which it was here.
func TestGapOfASessionThatKeepsTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, &hub.Options{Default: hub.Settings{Latest: true, MaxMessages: 2}})
		s.script(withSession).Close()
		synctest.Wait()
		for i := range 10 {
			_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "room", Key: fmt.Sprint("k", i%4), Payload: fmt.Append(nil, i)})
			assert.NoError(t, err)
		}
		for range 2 {
			s.script(withSession).ExpectCloseCode(4010) // not answered, so not told
			synctest.Wait()
		}
		peer := s.script(withSession)
		peer.SendClose(4010, peer.ExpectCloseCode(4010))
		synctest.Wait()
		peer.Close()
		synctest.Wait()
		peer = s.script(withSession)
		for i := 6; i < 10; i++ {
			peer.ExpectText(fmt.Sprint(i))
		}
	})
}
