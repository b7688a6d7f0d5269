package proto

import "github.com/duplexhq/duplex/websocket/frame"

// AppendClose appends a close frame to dst and begins the closing handshake: the
// connection is Closing until the peer's close frame comes. A code of 1005 sends
// a close frame without a payload; 1006, 1015 and codes that mean nothing on the
// wire are refused (RFC 6455 §7.4), as is a reason of more than 123 bytes or one
// that is not UTF-8. After a close frame was sent or the connection ended it
// appends nothing and returns ErrClosing.
func (s *sender) AppendClose(dst []byte, code frame.StatusCode, reason string) ([]byte, error) {
	payload, err := frame.AppendClosePayload(make([]byte, 0, frame.MaxControlPayload), code, reason)
	if err != nil {
		return dst, err
	}
	t, _ := s.move(localClose)
	if !t.send {
		return dst, ErrClosing
	}
	s.end().Sent = &CloseFrame{Code: code, Reason: reason}
	return s.appendFrame(dst, frame.OpClose, true, payload), nil
}

// Abandon marks the connection as lost because of cause: this end drops the
// transport, whatever the peer does. It changes nothing once the connection ended.
func (s *sender) Abandon(cause error) {
	switch s.state {
	case Open, Closing:
		s.move(peerEnd)
		s.end().Cause = cause
	}
}

// Unsent tells the machine that the close frame appended last will never leave,
// because of cause, so that Ending does not claim that it went out.
func (s *sender) Unsent(cause error) {
	if e := s.ending; e != nil {
		e.Sent, e.ReceivedFirst = nil, e.Received != nil
		if e.Cause == nil {
			e.Cause = cause
		}
	}
}

// Ending returns how the connection ended or is about to: which close frames went
// over the wire, in which order, and why. It is nil while the connection is open.
// The result is shared, and does not change any more once State is Closed, Failed
// or Lost.
func (s *sender) Ending() *CloseError { return s.ending }

// end returns the record of the ending, begun if need be.
func (s *sender) end() *CloseError {
	if s.ending == nil {
		s.ending = new(CloseError)
	}
	return s.ending
}

// peerClosed takes the peer's close frame and answers it (RFC 6455 §5.5.1).
func (s *sender) peerClosed(dst []byte, ev Event) ([]byte, Transport) {
	before := s.state
	t, action := s.move(peerClose)
	if before == s.state {
		return dst, action
	}
	e := s.end()
	e.Received = &CloseFrame{Code: ev.Code, Reason: string(ev.Payload)}
	e.ReceivedFirst = e.Sent == nil
	if !t.send {
		return dst, action
	}
	// The code is echoed, the reason is not: it was the peer's.
	return s.appendClose(dst, ev.Code, ""), action
}

// peerFailed gives the connection up because of what the peer sent.
func (s *sender) peerFailed(dst []byte, ev Event) ([]byte, Transport) {
	before := s.state
	t, action := s.move(peerFault)
	if before != s.state {
		s.end().Cause = ev.Err
	}
	if !t.send {
		return dst, action
	}
	return s.appendClose(dst, ev.Code, failureReason(ev.Err)), action
}

// peerEnded takes the end of the transport.
func (s *sender) peerEnded(ev Event) Transport {
	before := s.state
	_, action := s.move(peerEnd)
	if before != s.state {
		s.end().Cause = ev.Err
	}
	return action
}

// appendClose appends a close frame whose code and reason are known to be legal.
func (s *sender) appendClose(dst []byte, code frame.StatusCode, reason string) []byte {
	payload, _ := frame.AppendClosePayload(make([]byte, 0, frame.MaxControlPayload), code, reason)
	s.end().Sent = &CloseFrame{Code: code, Reason: reason}
	return s.appendFrame(dst, frame.OpClose, true, payload)
}
