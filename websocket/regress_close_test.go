package websocket_test

import (
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestDefectCloseBlocks: Close waits for fixed times, of which no option knows. Here
// it takes as long as the peer takes for its answer, and no longer than CloseTimeout.
func TestDefectCloseBlocks(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers bool
		took    time.Duration
	}{
		{"the peer answers at once", true, 0},
		{"the peer takes its time", true, 700 * time.Millisecond},
		{"the peer never answers", false, time.Second},
	} {
		for _, reader := range []string{"nobody reads", "somebody reads"} {
			t.Run(tt.name+", "+reader, func(t *testing.T) {
				bothRoles(t, &websocket.AcceptOptions{CloseTimeout: time.Second}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
					if reader == "somebody reads" {
						reading(t.Context(), c)
					}
					begun := time.Now()
					closed := start(func() time.Duration {
						_ = c.Close(websocket.StatusNormalClosure, "")
						return time.Since(begun)
					})
					s.ExpectClose(websocket.StatusNormalClosure, "")
					if tt.answers {
						time.Sleep(tt.took)
						s.SendClose(websocket.StatusNormalClosure, "")
					}
					assert.Equal(t, closed(), tt.took)
				})
			})
		}
	}
}

// TestDefectTransportEndsWithTheCloseFrame: whoever closes the transport right
// behind his close frame cuts off what the peer still sends, and its answer; on TCP
// the reset that follows may take the close frame with it (RFC 6455 §7.1.1).
func TestDefectTransportEndsWithTheCloseFrame(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		closed := closing(c, websocket.StatusGoingAway, "bye")
		s.ExpectClose(websocket.StatusGoingAway, "bye")
		s.ExpectSilence(3 * time.Second)
		s.SendText("said before your close frame arrived")
		s.SendClose(websocket.StatusGoingAway, "")
		assert.NoError(t, closed())
	})
}

// TestDefectCloseSendsNothing: a program that calls the obvious function ends the
// connection without a close frame, and its peer is told 1006.
func TestDefectCloseSendsNothing(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		closed := closing(c, websocket.StatusNormalClosure, "done")
		s.ExpectClose(websocket.StatusNormalClosure, "done")
		s.SendClose(websocket.StatusNormalClosure, "")
		assert.NoError(t, closed())
	})
}
