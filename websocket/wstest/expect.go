package wstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// ExpectFrame returns the next frame whatever it is, with its payload
// unmasked. The header is as it was received.
func (s *Script) ExpectFrame() (frame.Header, []byte) {
	s.t.Helper()
	return s.next("a frame")
}

// ExpectMessage returns the next message, which may come in any number of
// frames. No control frame may come between them.
func (s *Script) ExpectMessage() (frame.Opcode, []byte) {
	s.t.Helper()
	h, p := s.next("the first frame of a message")
	op := h.Opcode
	s.checkFragment(h, p, op == frame.OpText || op == frame.OpBinary)
	for !h.Fin {
		var part []byte
		h, part = s.next("the rest of a message")
		s.checkFragment(h, part, h.Opcode == frame.OpContinuation)
		p = append(p, part...)
	}
	return op, p
}

func (s *Script) checkFragment(h frame.Header, p []byte, inPlace bool) {
	s.t.Helper()
	if !inPlace || h.RSV != 0 || h.Masked != (s.role == Server) {
		s.fail("a message, one frame after the other", draw(h, p))
	}
}

// ExpectText expects a text message in one frame.
func (s *Script) ExpectText(text string) {
	s.t.Helper()
	s.expect(frame.OpText, []byte(text))
}

// ExpectBinary expects a binary message in one frame.
func (s *Script) ExpectBinary(p []byte) {
	s.t.Helper()
	s.expect(frame.OpBinary, p)
}

// ExpectPing expects a ping and returns its payload.
func (s *Script) ExpectPing() []byte {
	s.t.Helper()
	return s.expectAny(frame.OpPing)
}

// ExpectPong expects a pong with the payload p.
func (s *Script) ExpectPong(p []byte) {
	s.t.Helper()
	s.expect(frame.OpPong, p)
}

// ExpectClose expects a close frame with this code and this reason.
// frame.StatusNoStatusReceived stands for a frame without a payload.
func (s *Script) ExpectClose(code frame.StatusCode, reason string) {
	s.t.Helper()
	s.expect(frame.OpClose, closePayload(code, reason))
}

// ExpectCloseCode expects a close frame with this code and returns its reason.
func (s *Script) ExpectCloseCode(code frame.StatusCode) (reason string) {
	s.t.Helper()
	p := s.expectAny(frame.OpClose)
	got, text, err := frame.ParseClose(p)
	if err != nil || got != code {
		h := s.header(frame.OpClose)
		h.Length = int64(len(p))
		s.fail("close with "+code.String(), draw(h, p))
	}
	return string(text)
}

// ExpectSilence expects that nothing comes for d, no byte and no end of the
// connection.
func (s *Script) ExpectSilence(d time.Duration) {
	s.t.Helper()
	usual := s.timeout
	s.timeout = d
	defer func() { s.timeout = usual }()
	h, p, err := s.receive()
	switch {
	case err == nil:
		s.fail(fmt.Sprintf("silence for %v", d), draw(h, p))
	case !errors.Is(err, os.ErrDeadlineExceeded) || len(s.in) > 0:
		s.fail(fmt.Sprintf("silence for %v", d), s.drawEnd(err))
	}
}

// ExpectEOF expects that the peer has closed the connection, or its direction
// of it, behind what was expected so far.
func (s *Script) ExpectEOF() {
	s.t.Helper()
	s.expectEnd("the end of the connection", io.EOF)
}

// ExpectReset expects that the peer has reset the connection.
func (s *Script) ExpectReset() {
	s.t.Helper()
	s.expectEnd("a connection reset", syscall.ECONNRESET)
}

func (s *Script) expectEnd(want string, end error) {
	s.t.Helper()
	h, p, err := s.receive()
	switch {
	case err == nil:
		s.fail(want, draw(h, p))
	case !errors.Is(err, end) || len(s.in) > 0:
		s.fail(want, s.drawEnd(err))
	}
}

// ExpectRest returns all bytes up to the end of the connection, as they came:
// half a frame too, or the body of an HTTP answer.
func (s *Script) ExpectRest() []byte {
	s.t.Helper()
	defer s.bound()()
	for {
		switch err := s.fill(); {
		case err == nil:
		case errors.Is(err, io.EOF):
			rest := s.in
			s.in = nil
			return rest
		default:
			s.fail("the end of the connection", s.drawEnd(err))
		}
	}
}

// header returns the header that the peer's frames with this opcode have.
func (s *Script) header(op frame.Opcode) frame.Header {
	return frame.Header{Fin: true, Opcode: op, Masked: s.role == Server}
}

func (s *Script) expect(op frame.Opcode, payload []byte) {
	s.t.Helper()
	wanted := s.header(op)
	wanted.Length = int64(len(payload))
	want := draw(wanted, payload)
	h, p := s.next(want)
	came := draw(h, p)
	h.Key = 0
	if h != wanted || !bytes.Equal(p, payload) {
		s.fail(want, came+drawDifference(p, payload))
	}
}

func (s *Script) expectAny(op frame.Opcode) []byte {
	s.t.Helper()
	wanted := s.header(op)
	want := drawHeader(wanted) + ", any payload"
	h, p := s.next(want)
	came := draw(h, p)
	h.Key, h.Length = 0, 0
	if h != wanted {
		s.fail(want, came)
	}
	return p
}

// next returns the next frame. If none comes the test fails, and want says
// what it waited for.
func (s *Script) next(want string) (frame.Header, []byte) {
	s.t.Helper()
	h, p, err := s.receive()
	if err != nil {
		s.fail(want, s.drawEnd(err))
	}
	return h, p
}

// receive returns the next frame with its payload unmasked, or the error of
// the connection or the parser instead. What came before that is in s.in.
func (s *Script) receive() (frame.Header, []byte, error) {
	defer s.bound()()
	for {
		h, n, err := frame.ParseHeader(s.in)
		if err != nil {
			return h, nil, err
		}
		if rest := s.in[n:]; n > 0 && int64(len(rest)) >= h.Length {
			p := bytes.Clone(rest[:h.Length])
			s.in = rest[h.Length:]
			if h.Masked {
				frame.Mask(p, h.Key)
			}
			return h, p, nil
		}
		if err := s.fill(); err != nil {
			return h, nil, err
		}
	}
}

// bound gives the following reads the time that a line has, until the function
// it returns is called.
func (s *Script) bound() (done func()) {
	_ = s.c.SetReadDeadline(time.Now().Add(s.timeout))
	return func() { _ = s.c.SetReadDeadline(time.Time{}) }
}

// fill reads more bytes into s.in, or returns an error.
func (s *Script) fill() error {
	var buf [4096]byte
	n, err := s.c.Read(buf[:])
	s.in = append(s.in, buf[:n]...)
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// drawEnd says in words why there is no next frame.
func (s *Script) drawEnd(err error) string {
	var broken *frame.ProtocolError
	end := "nothing within " + s.timeout.String()
	switch {
	case errors.As(err, &broken):
		end = "no frame: " + err.Error()
	case errors.Is(err, io.EOF):
		end = "the end of the connection (EOF)"
	case !errors.Is(err, os.ErrDeadlineExceeded):
		end = err.Error()
	case len(s.in) > 0:
		end = "no more within " + s.timeout.String()
	}
	if len(s.in) > 0 {
		end += fmt.Sprintf(", with %d bytes at hand: %s", len(s.in), drawPayload(s.in))
	}
	return end
}
