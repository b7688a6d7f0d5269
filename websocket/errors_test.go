package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestCloseStatus(t *testing.T) {
	closed := &websocket.CloseError{Received: &websocket.CloseFrame{Code: 4000}}
	for _, tt := range []struct {
		name string
		err  error
		want websocket.StatusCode
	}{
		{"nil", nil, 0},
		{"another error", io.EOF, 0},
		{"a context's", context.Canceled, 0},
		{"closing", net.ErrClosed, 0},
		{"a close frame", closed, 4000},
		{"a wrapped one", fmt.Errorf("in room 7: %w", closed), 4000},
		{"a joined one", errors.Join(io.EOF, closed), 4000},
		{"a close frame without a code", &websocket.CloseError{
			Received: &websocket.CloseFrame{Code: websocket.StatusNoStatusReceived},
		}, websocket.StatusNoStatusReceived},
		{"no close frame", &websocket.CloseError{Cause: io.EOF}, websocket.StatusAbnormalClosure},
		{"only our close frame", &websocket.CloseError{Sent: &websocket.CloseFrame{Code: 1002}}, websocket.StatusAbnormalClosure},
	} {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, websocket.CloseStatus(tt.err), tt.want) })
	}
}

func TestMessageTypeString(t *testing.T) {
	for kind, want := range map[websocket.MessageType]string{
		websocket.Text: "text", websocket.Binary: "binary", 0: "unknown", 8: "unknown",
	} {
		assert.Equal(t, kind.String(), want)
	}
}

// TestEndingsInWords ends connections in many ways and reads the sentences.
func TestEndingsInWords(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, c *websocket.Conn, s *wstest.Script)
		want string
	}{
		{"the peer closes", func(_ *testing.T, _ *websocket.Conn, s *wstest.Script) {
			s.SendClose(websocket.StatusGoingAway, "lunch")
		}, `websocket: peer closed with 1001 going away "lunch"; answered`},
		{"we close", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			closed := closing(c, websocket.StatusNormalClosure, "")
			s.ExpectClose(websocket.StatusNormalClosure, "")
			s.SendClose(websocket.StatusNormalClosure, "")
			assert.NoError(t, closed())
		}, "websocket: closed with 1000 normal closure; peer answered 1000 normal closure"},
		{"we close and the peer hangs up", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
			closed := closing(c, websocket.StatusNormalClosure, "")
			s.ExpectClose(websocket.StatusNormalClosure, "")
			s.Close()
			assert.ErrorIs(t, closed(), net.ErrClosed)
		}, "websocket: closed with 1000 normal closure; peer did not answer"},
		{"we close and the peer is silent", func(t *testing.T, c *websocket.Conn, _ *wstest.Script) {
			assert.ErrorIs(t, c.Close(websocket.StatusNormalClosure, ""), net.ErrClosed)
		}, "websocket: closed with 1000 normal closure; peer did not answer: no close frame within the close timeout"},
		{"the peer hangs up", func(_ *testing.T, _ *websocket.Conn, s *wstest.Script) {
			s.Close()
		}, "websocket: connection lost (no close frame)"},
		{"CloseNow", func(_ *testing.T, c *websocket.Conn, _ *wstest.Script) {
			c.CloseNow()
		}, "websocket: connection lost (no close frame): use of closed network connection"},
		{"the peer breaks a rule", func(_ *testing.T, _ *websocket.Conn, s *wstest.Script) {
			s.SendFrame(frame.Header{Fin: true, RSV: frame.RSV2, Opcode: frame.OpText}, nil)
		}, "websocket: RSV2 or RSV3 set (RFC 6455 §5.2); closed with 1002 protocol error"},
		{"the peer breaks a limit", func(_ *testing.T, _ *websocket.Conn, s *wstest.Script) {
			s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpText}, make([]byte, 1001))
		}, "websocket: message larger than the limit of 1000 bytes (option MaxMessage); closed with 1009 message too big"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothRoles(t, &websocket.AcceptOptions{MaxMessage: 1000}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				read := reading(t.Context(), c)
				synctest.Wait()
				tt.end(t, c, s)
				err := read()
				assert.Equal(t, err.Error(), tt.want)
				// It stays like that.
				assert.Equal(t, c.Write(t.Context(), websocket.Text, nil).Error(), tt.want)
				s.Close()
			})
		})
	}
}

// TestPeersFaultIsInTheError gives the application the rule that was broken.
func TestPeersFaultIsInTheError(t *testing.T) {
	bothRoles(t, nil, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		s.SendText("\xff")
		_, _, err := c.Read(t.Context())
		var broken *websocket.ProtocolError
		assert.True(t, errors.As(err, &broken), fmt.Sprintf("%v is no *ProtocolError", err))
		assert.Equal(t, broken.Code, websocket.StatusInvalidPayload)
		assert.Equal(t, broken.Section, "RFC 6455 §8.1")
		e := ending(t, err)
		assert.Equal(t, e.Received, nil)
		assert.Equal(t, *e.Sent, websocket.CloseFrame{
			Code: websocket.StatusInvalidPayload, Reason: "text is not valid UTF-8 (RFC 6455 §8.1)",
		})
		s.ExpectClose(e.Sent.Code, e.Sent.Reason)
	})
}
