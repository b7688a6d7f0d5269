package proto_test

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

func TestCloseErrorSentences(t *testing.T) {
	frameOf := func(code frame.StatusCode, reason string) *proto.CloseFrame {
		return &proto.CloseFrame{Code: code, Reason: reason}
	}
	reset := errors.New("read tcp 10.0.0.1:80: connection reset by peer")
	broken := &proto.ProtocolError{Code: 1002, Section: "RFC 6455 §5.2", Problem: "RSV2 or RSV3 set"}
	tests := []struct {
		err  proto.CloseError
		want string
	}{
		{proto.CloseError{Received: frameOf(1001, ""), Sent: frameOf(1001, ""), ReceivedFirst: true},
			"websocket: peer closed with 1001 going away; answered"},
		{proto.CloseError{Received: frameOf(4000, "so \"long\""), Sent: frameOf(4000, ""), ReceivedFirst: true},
			`websocket: peer closed with 4000 "so \"long\""; answered`},
		{proto.CloseError{Received: frameOf(1005, ""), Sent: frameOf(1005, ""), ReceivedFirst: true},
			"websocket: peer closed with 1005 no status received; answered"},
		{proto.CloseError{Received: frameOf(1000, "")},
			"websocket: peer closed with 1000 normal closure"},
		{proto.CloseError{Received: frameOf(1000, ""), Sent: frameOf(1000, "")},
			"websocket: closed with 1000 normal closure; peer answered 1000 normal closure"},
		{proto.CloseError{Sent: frameOf(1001, "restart")},
			`websocket: closed with 1001 going away "restart"; peer did not answer`},
		{proto.CloseError{Sent: frameOf(1001, ""), Cause: errors.New("timeout")},
			"websocket: closed with 1001 going away; peer did not answer: timeout"},
		{proto.CloseError{}, "websocket: connection lost (no close frame)"},
		{proto.CloseError{Cause: reset},
			"websocket: connection lost (no close frame): read tcp 10.0.0.1:80: connection reset by peer"},
		{proto.CloseError{Cause: errors.New("websocket: nested")},
			"websocket: connection lost (no close frame): nested"},
		{proto.CloseError{Cause: broken, Sent: frameOf(1002, "RSV2 or RSV3 set")},
			"websocket: RSV2 or RSV3 set (RFC 6455 §5.2); closed with 1002 protocol error"},
		{proto.CloseError{Cause: broken},
			"websocket: RSV2 or RSV3 set (RFC 6455 §5.2)"},
		{proto.CloseError{Cause: &proto.MessageTooBigError{Limit: 9}, Sent: frameOf(1009, "")},
			"websocket: message larger than the limit of 9 bytes (option MaxMessage); closed with 1009 message too big"},
	}
	for _, test := range tests {
		assert.Equal(t, test.err.Error(), test.want)
	}
}

// TestSentencesOfRealEndings takes endings from machines, not from a table.
func TestSentencesOfRealEndings(t *testing.T) {
	for state, want := range map[proto.State]string{
		proto.Closing: "websocket: closed with 1000 normal closure; peer did not answer",
		proto.Closed:  "websocket: peer closed with 1000 normal closure; answered",
		proto.Failed:  "websocket: reserved opcode 3 (RFC 6455 §5.2); closed with 1002 protocol error",
		proto.Lost:    "websocket: connection lost (no close frame)",
	} {
		eachRole(t, func(t *testing.T, role proto.Role) {
			d := drive(role, 0)
			ways[state](t, d)
			assert.Equal(t, d.m.Ending().Error(), want)
		})
	}
}

func TestCloseErrorUnwraps(t *testing.T) {
	local := errors.New("by us")
	e := &proto.CloseError{Cause: io.ErrUnexpectedEOF, Local: local}
	assert.ErrorIs(t, e, io.ErrUnexpectedEOF)
	assert.ErrorIs(t, e, local)
	assert.True(t, !errors.Is(&proto.CloseError{}, local), "unwraps to what is not there")
	assert.Equal(t, len((&proto.CloseError{}).Unwrap()), 0)
	assert.Equal(t, (&proto.CloseError{Local: local}).Unwrap(), []error{local})
}

// TestFailureReasonFits cuts long reasons at a space, and leaves others alone.
func TestFailureReasonFits(t *testing.T) {
	e := &proto.ProtocolError{Section: "RFC 6455 §5.2", Problem: strings.Repeat("seven… ", 30)}
	reason := proto.FailureReason(e)
	assert.True(t, len(reason) <= frame.MaxReason && len(reason) > 100, "wrong length")
	assert.True(t, strings.HasSuffix(reason, "seven…"), "not cut at a space: "+reason)
	_, err := frame.AppendClosePayload(nil, 1002, reason)
	assert.NoError(t, err)

	short := &proto.ProtocolError{Section: "RFC 6455 §5.2", Problem: "RSV2 or RSV3 set"}
	assert.Equal(t, proto.FailureReason(short), "RSV2 or RSV3 set (RFC 6455 §5.2)")
	longest := &proto.MessageTooBigError{Limit: math.MaxInt64}
	assert.True(t, len(proto.FailureReason(longest)) <= frame.MaxReason, "too long")
	assert.Contains(t, longest.Error(), "9223372036854775807 bytes")
}
