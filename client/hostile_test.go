package client

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// What no frame can carry is refused at once. Sent, it would end the connection, or could
// not be told whose it is, and would be sent again over every next one.
func TestJSONThatNoFrameCanCarry(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{"\"\xff\"", "client: the data is not one JSON value: publish it as Text or Binary"},
		{levels(maxLevels + 1), "client: the JSON has too many levels: publish it as Text or Binary"},
		{levels(maxLevels), ""},
		{"[" + strings.Repeat("[],", maxLevels) + `"["]`, ""},
	} {
		m := Message{Kind: JSON, Data: []byte(tt.data)}
		err := m.check()
		if tt.want == "" {
			assert.NoError(t, err)
			_, err = parseFrame(websocket.Text, []byte(`{"ok":1,"messages":[{"at":"c1","data":`+tt.data+`}]}`))
			assert.NoError(t, err)
			continue
		}
		assert.Equal(t, err.Error(), tt.want)
	}
}

// levels returns arrays within arrays.
func levels(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// A token that is set while a connection opens is that of this connection: what was asked
// for before would be refused for good without it.
func TestTokenIsSetWhileItConnects(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		subscribe(t, c, "a", nil)
		p := s.acceptRaw()
		p.ExpectHead()
		assert.NoError(t, c.SetToken(t.Context(), "T1"))
		p.Close()
		p = s.acceptRaw()
		synctest.Wait()
		assert.NoError(t, c.SetToken(t.Context(), "T2"))
		p.ServerHandshake("Sec-WebSocket-Protocol: " + subprotocol)
		p.expect(`{"auth":"T1","id":1}`)
		assert.NoError(t, c.SetToken(t.Context(), "T3"))
		p.say(`{"ok":1}`)
		p.expect(`{"auth":"T3","id":2}`)
		p.silent(time.Second)
		assert.Equal(t, c.State().Phase, Connecting)
		p.say(`{"ok":2}`)
		p.expect(`{"sub":"a","id":3}`)
		assert.Equal(t, c.State().Phase, Open)
	})
}

// A server that goes while it looks at the token says when to come back all the same.
func TestByeBeforeTheTokenIsAccepted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(&Options{Token: "T"})
		subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"auth":"T","id":1}`)
		p.say(`{"bye":{"retry":8400,"reason":"drain"}}`)
		p.SendClose(websocket.StatusGoingAway, "")
		p.ExpectCloseCode(websocket.StatusGoingAway)
		p.Close()
		synctest.Wait()
		assert.Equal(t, time.Until(c.State().RetryAt), 8400*time.Millisecond)
		p = s.accept()
		p.expect(`{"auth":"T","id":2}`)
	})
}

// A binary message is not the answer to a token either, whatever it says.
func TestBytesBeforeTheTokenIsAccepted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(&Options{Token: "T"})
		subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"auth":"T","id":1}`)
		p.SendBinary([]byte(`{"ok":1}`))
		p.Close()
		synctest.Wait()
		st := c.State()
		assert.Equal(t, st.Phase, Waiting)
		assert.Equal(t, st.Err.Error(), "client: the server broke the protocol: a binary frame")
	})
}
