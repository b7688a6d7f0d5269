package proto_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// closed returns the ending of a complete closing handshake.
func closed(received, sent *proto.CloseFrame, receivedFirst bool) *proto.CloseError {
	return &proto.CloseError{Received: received, Sent: sent, ReceivedFirst: receivedFirst}
}

// from returns what a machine with the other role sends by calls.
func from(t *testing.T, role proto.Role, calls ...appending) (out []byte) {
	t.Helper()
	m := machine(role)
	for _, a := range calls {
		var err error
		out, err = a.call(m, out)
		assert.NoError(t, err)
	}
	return out
}

func TestPeerClosesFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		d := drive(role, 0)
		d.feed(from(t, 1-role, bye(1001, "going")), whole().next)
		assert.Equal(t, d.m.State(), proto.Closed)
		assert.Equal(t, d.m.Ending(), closed(&proto.CloseFrame{Code: 1001, Reason: "going"}, &proto.CloseFrame{Code: 1001}, true))
		frames := sent(t, role, d.out)
		assert.Equal(t, len(frames), 1)
		assert.Equal(t, string(frames[0].payload), "\x03\xe9") // the reason is not echoed
	})
}

func TestWeCloseFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		d := drive(role, 0)
		out, err := d.m.AppendClose(nil, 4000, "enough")
		assert.NoError(t, err)
		assert.Equal(t, string(sent(t, role, out)[0].payload), "\x0f\xa0enough")
		assert.Equal(t, d.m.State(), proto.Closing)
		assert.Equal(t, d.m.Ending(), closed(nil, &proto.CloseFrame{Code: 4000, Reason: "enough"}, false))

		d.feed(from(t, 1-role, message(frame.OpText, "wait"), ping("p"), bye(1000, "")), whole().next)
		assert.Equal(t, d.m.State(), proto.Closed)
		assert.Equal(t, d.m.Ending(), closed(&proto.CloseFrame{Code: 1000}, &proto.CloseFrame{Code: 4000, Reason: "enough"}, false))
		assert.Equal(t, len(d.saw), 2) // messages before the answer still come
		assert.Equal(t, len(d.out), 0) // but there is no pong after a close frame
	})
}

// TestBothCloseAtOnce crosses two close frames on the wire: neither is answered,
// whichever end reads first.
func TestBothCloseAtOnce(t *testing.T) {
	for _, first := range bothRoles {
		one, two := drive(first, 0), drive(1-first, 0)
		fromOne, err := one.m.AppendClose(nil, 1000, "one")
		assert.NoError(t, err)
		fromTwo, err := two.m.AppendClose(nil, 1001, "two")
		assert.NoError(t, err)
		one.feed(fromTwo, whole().next)
		assert.Equal(t, one.m.State(), proto.Closed)
		assert.Equal(t, two.m.State(), proto.Closing)
		two.feed(fromOne, fixed(1).next)
		assert.Equal(t, two.m.State(), proto.Closed)
		assert.Equal(t, len(one.out)+len(two.out), 0)
		a, b := &proto.CloseFrame{Code: 1000, Reason: "one"}, &proto.CloseFrame{Code: 1001, Reason: "two"}
		assert.Equal(t, one.m.Ending(), closed(b, a, false))
		assert.Equal(t, two.m.Ending(), closed(a, b, false))
	}
}

// TestEventCrossesOurClose has the peer's close frame read before we close and
// handed to Reply after it, as two goroutines may.
func TestEventCrossesOurClose(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		m.Receive(from(t, 1-role, ping("p"), bye(1001, "")))
		pinged := m.Next()
		assert.Equal(t, pinged.Kind, proto.Ping)
		received := m.Next()
		_, err := m.AppendClose(nil, 1000, "")
		assert.NoError(t, err)
		out, action := m.Reply(nil, pinged)
		assert.Equal(t, len(out), 0)
		assert.Equal(t, action, proto.Keep)
		out, _ = m.Reply(out, received)
		assert.Equal(t, len(out), 0)
		assert.Equal(t, m.Ending(), closed(&proto.CloseFrame{Code: 1001}, &proto.CloseFrame{Code: 1000}, false))
	})
}

func TestCloseWhileSendingFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		out, err := m.AppendFragment(nil, frame.OpText, []byte("\xe2"), false)
		assert.NoError(t, err)
		out, err = m.AppendClose(out, 1000, "")
		assert.NoError(t, err)
		_, err = m.AppendFragment(nil, frame.OpText, []byte("\x82\xac"), true)
		assert.Equal(t, err, proto.ErrClosing)
		d := drive(1-role, 0)
		d.feed(out, whole().next)
		assert.Equal(t, d.m.State(), proto.Closed)
		assert.Equal(t, len(d.saw), 0)
	})
}

// TestCloseCodes tries every code there is.
func TestCloseCodes(t *testing.T) {
	m := machine(proto.Server)
	for code := range 1 << 16 {
		c := frame.StatusCode(code)
		out, err := m.AppendClose(nil, c, "")
		if !c.Sendable() && c != frame.StatusNoStatusReceived {
			assert.True(t, err != nil && len(out) == 0 && m.State() == proto.Open, c.String()+" is sent")
			continue
		}
		assert.NoError(t, err)
		got, _, err := frame.ParseClose(sent(t, proto.Server, out)[0].payload)
		assert.NoError(t, err)
		assert.Equal(t, got, c)
		m.Init(proto.Config{})
	}
}

func TestCloseRefusesReasons(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for reason, why := range map[string]string{
			strings.Repeat("x", 124): "shorten it to 123",
			"\xff":                   "not valid UTF-8",
		} {
			m := machine(role)
			out, err := m.AppendClose([]byte("before"), 1000, reason)
			assert.True(t, err != nil, "a bad reason is sent")
			assert.Contains(t, err.Error(), why)
			assert.Equal(t, string(out), "before")
			assert.Equal(t, m.State(), proto.Open)
			assert.True(t, m.Ending() == nil, "an Ending without a close frame")
		}
		m := machine(role)
		_, err := m.AppendClose(nil, frame.StatusNoStatusReceived, "why")
		assert.True(t, err != nil, "a reason without a code is sent")
		out, err := m.AppendClose(nil, frame.StatusNoStatusReceived, "")
		assert.NoError(t, err)
		assert.Equal(t, len(sent(t, role, out)[0].payload), 0)
	})
}

func TestSecondCloseIsErrClosing(t *testing.T) {
	m := machine(proto.Server)
	_, err := m.AppendClose(nil, 1000, "first")
	assert.NoError(t, err)
	out, err := m.AppendClose(nil, 1001, "second")
	assert.Equal(t, err, proto.ErrClosing)
	assert.Equal(t, len(out), 0)
	assert.Equal(t, *m.Ending().Sent, proto.CloseFrame{Code: 1000, Reason: "first"})
}

func TestAbandon(t *testing.T) {
	cause, later := errors.New("timeout"), errors.New("later")
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		m.Abandon(cause)
		assert.Equal(t, m.State(), proto.Lost)
		assert.Equal(t, m.Ending(), &proto.CloseError{Cause: cause})

		m = machine(role)
		_, err := m.AppendClose(nil, 1000, "")
		assert.NoError(t, err)
		m.Abandon(cause)
		m.Abandon(later)
		assert.Equal(t, m.State(), proto.Lost)
		assert.Equal(t, m.Ending(), &proto.CloseError{Sent: &proto.CloseFrame{Code: 1000}, Cause: cause})

		for _, state := range []proto.State{proto.Closed, proto.Failed, proto.Lost} {
			d := drive(role, 0)
			ways[state](t, d)
			before := *d.m.Ending()
			d.m.Abandon(later)
			assert.Equal(t, d.m.State(), state)
			assert.Equal(t, *d.m.Ending(), before)
		}
	})
}

// TestEndingIsFinal hands every event to a machine whose connection has ended.
func TestEndingIsFinal(t *testing.T) {
	broken := &proto.ProtocolError{Code: 1002, Section: "RFC 6455 §5.2", Problem: "anything"}
	events := []proto.Event{
		{Kind: proto.Ping}, {Kind: proto.Close, Code: 4001, Payload: []byte("again")},
		{Kind: proto.Failure, Code: 1002, Err: broken}, {Kind: proto.End, Err: io.ErrUnexpectedEOF},
	}
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, state := range []proto.State{proto.Closed, proto.Failed, proto.Lost} {
			d := drive(role, 0)
			ways[state](t, d)
			before := *d.m.Ending()
			for _, ev := range events {
				out, _ := d.m.Reply(nil, ev)
				assert.Equal(t, len(out), 0)
				assert.Equal(t, d.m.State(), state)
				assert.Equal(t, *d.m.Ending(), before)
			}
		}
	})
}

// TestTransportBreaks gives the transport's error as the cause.
func TestTransportBreaks(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		d := drive(role, 0)
		d.eof(io.ErrUnexpectedEOF)
		assert.Equal(t, d.m.Ending(), &proto.CloseError{Cause: io.ErrUnexpectedEOF})
		assert.ErrorIs(t, d.m.Ending(), io.ErrUnexpectedEOF)
		assert.Equal(t, d.actions, []proto.Transport{proto.Drop})
	})
}

// TestFailureAnswersWithItsReason reads what the peer is told.
func TestFailureAnswersWithItsReason(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		d := drive(role, 3)
		d.feed(from(t, 1-role, message(frame.OpText, "four")), whole().next)
		code, reason, err := frame.ParseClose(sent(t, role, d.out)[0].payload)
		assert.NoError(t, err)
		assert.Equal(t, code, frame.StatusMessageTooBig)
		assert.Contains(t, string(reason), "message larger than the limit of 3 bytes")
		var tooBig *proto.MessageTooBigError
		assert.True(t, errors.As(d.m.Ending(), &tooBig) && tooBig.Limit == 3, "the cause is lost")
	})
}
