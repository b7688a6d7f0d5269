package wstest

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// A Role is the end of a connection that a Script plays.
type Role uint8

// The roles. A client masks its frames and a server does not (RFC 6455 §5.1).
const (
	Client Role = iota + 1
	Server
)

// String returns "client" or "server".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// scriptTimeout is how long a Script waits unless SetTimeout says otherwise.
const scriptTimeout = 5 * time.Second

// A Script is a raw peer that is written line by line: send this, expect that.
// It speaks bytes and keeps no state of the protocol, so it can break every
// rule; it answers nothing on its own account.
//
// Every line that cannot be carried out ends the test with Fatalf, says what
// came instead, and closes the connection, so that whoever waits at its other
// end goes on. Each line has a bound of 5 seconds, which SetTimeout changes; in
// a synctest bubble those are seconds of fake time.
//
// A Script is for one goroutine at a time. If that is not the one of the test,
// start it with Go.
type Script struct {
	t       testing.TB
	c       net.Conn
	role    Role
	timeout time.Duration
	in      []byte // received, not yet expected
	key     uint32 // masks the next frame
}

// NewScript returns a Script that plays role on c, which it closes at the end
// of the test. The handshake is for the script to do, or to leave out.
func NewScript(t testing.TB, c net.Conn, role Role) *Script {
	t.Cleanup(func() { c.Close() })
	// The first key is the one of the examples in RFC 6455 §5.7.
	return &Script{t: t, c: c, role: role, timeout: scriptTimeout, key: 0x3d21fa37}
}

// SetTimeout changes how long each of the following lines may take.
func (s *Script) SetTimeout(d time.Duration) { s.timeout = d }

// Go runs the lines of f in a goroutine of their own, for a test that is busy
// with the other end, with Dial for example. The returned function waits until
// f has returned and ends the test if it has failed meanwhile. The test does
// not end before f has returned, with or without that call.
func (s *Script) Go(f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.c.Close() // f would only wait for a test that has given up
		}
		<-done
	})
	return func() {
		s.t.Helper()
		<-done
		if s.t.Failed() {
			s.t.FailNow()
		}
	}
}

// Send sends the bytes of b as they are.
func (s *Script) Send(b []byte) {
	s.t.Helper()
	if err := s.TrySend(b); err != nil {
		s.fail("to send "+drawPayload(b), err.Error())
	}
}

// TrySend is Send for a peer that may have closed the connection already: it
// returns the error instead of failing the test.
func (s *Script) TrySend(b []byte) error {
	_ = s.c.SetWriteDeadline(time.Now().Add(s.timeout))
	defer func() { _ = s.c.SetWriteDeadline(time.Time{}) }()
	_, err := s.c.Write(b)
	return err
}

// SendHex sends bytes written in hexadecimal, with white space wherever it
// helps the reader: "81 05 68656c6c6f".
func (s *Script) SendHex(h string) {
	s.t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(h), ""))
	if err != nil {
		s.fail("to send hex", err.Error())
	}
	s.Send(b)
}

// SendFrame sends a frame with the payload. It sets h.Length, and a client
// masks the frame, with h.Key or if that is 0 with a key of its own choice. A
// server masks it only if h.Masked is set. Opcode, Fin and RSV go out as they
// are, and so does everything with SendExact.
func (s *Script) SendFrame(h frame.Header, payload []byte) {
	s.t.Helper()
	h.Length = int64(len(payload))
	h.Masked = h.Masked || s.role == Client
	if h.Masked && h.Key == 0 {
		h.Key = s.key
		s.key = s.key*1664525 + 1013904223
	}
	s.SendExact(h, payload)
}

// SendExact sends the header exactly as it is, also where it does not fit the
// role or where h.Length lies, and then the payload, masked if h.Masked is set.
func (s *Script) SendExact(h frame.Header, payload []byte) {
	s.t.Helper()
	b := frame.AppendHeader(nil, h)
	start := len(b)
	b = append(b, payload...)
	if h.Masked {
		frame.Mask(b[start:], h.Key)
	}
	s.Send(b)
}

// SendText sends a text message in one frame. It need not be valid UTF-8.
func (s *Script) SendText(text string) {
	s.t.Helper()
	s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpText}, []byte(text))
}

// SendBinary sends a binary message in one frame.
func (s *Script) SendBinary(p []byte) {
	s.t.Helper()
	s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpBinary}, p)
}

// SendPing sends a ping. It may be longer than the 125 bytes that are legal.
func (s *Script) SendPing(p []byte) {
	s.t.Helper()
	s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpPing}, p)
}

// SendPong sends a pong. It may be longer than the 125 bytes that are legal.
func (s *Script) SendPong(p []byte) {
	s.t.Helper()
	s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpPong}, p)
}

// SendClose sends a close frame with any code and reason, also illegal ones.
// Only frame.StatusNoStatusReceived stands for a frame without a payload.
func (s *Script) SendClose(code frame.StatusCode, reason string) {
	s.t.Helper()
	s.SendFrame(frame.Header{Fin: true, Opcode: frame.OpClose}, closePayload(code, reason))
}

// closePayload is frame.AppendClosePayload without its rules.
func closePayload(code frame.StatusCode, reason string) []byte {
	if code == frame.StatusNoStatusReceived {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// Close closes the connection. The peer reads what was sent and then io.EOF.
func (s *Script) Close() { s.c.Close() }

// CloseWrite closes the direction towards the peer alone. The connection must
// be a PipeConn, or have a method CloseWrite like TCP and TLS.
func (s *Script) CloseWrite() {
	s.t.Helper()
	c, ok := s.c.(interface{ CloseWrite() error })
	if !ok {
		s.t.Fatalf("wstest: %T cannot close one direction: it has no method CloseWrite", s.c)
	}
	if err := c.CloseWrite(); err != nil {
		s.fail("to close the direction towards the peer", err.Error())
	}
}

// Reset breaks the connection off: the peer gets syscall.ECONNRESET. The
// connection must be a PipeConn or a *net.TCPConn.
func (s *Script) Reset() {
	s.t.Helper()
	switch c := s.c.(type) {
	case *PipeConn:
		_ = c.Reset()
	case *net.TCPConn:
		_ = c.SetLinger(0)
		c.Close()
	default:
		s.t.Fatalf("wstest: %T cannot be reset: use a PipeConn or a *net.TCPConn", s.c)
	}
}

// fail ends the test. The connection goes first, for the sake of whoever waits
// at its other end.
func (s *Script) fail(want, came string) {
	s.t.Helper()
	s.c.Close()
	s.t.Fatalf("wstest: the scripted %s\n\twanted %s\n\tcame   %s", s.role, want, came)
}
