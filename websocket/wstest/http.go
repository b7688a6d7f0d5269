package wstest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// sampleKey is the Sec-WebSocket-Key of the examples in RFC 6455 §1.3.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// headLimit bounds the bytes up to the blank line of a request or an answer.
const headLimit = 64 << 10

// ClientHandshake opens the connection as a client: it sends the request of
// ClientRequest, expects the answer 101 with the Sec-WebSocket-Accept that
// belongs to it (RFC 6455 §4.2.2), and returns the text of the answer up to
// and including the blank line. Frames behind it are kept for the next line.
func (s *Script) ClientHandshake(target string, header ...string) (answer string) {
	s.t.Helper()
	request := s.ClientRequest(target, header...)
	answer = s.ExpectHead()
	if !strings.HasPrefix(answer, "HTTP/1.1 101 ") {
		s.fail("an answer with status 101", "\n"+answer+string(s.in))
	}
	want := handshake.AcceptKey(headerValue(request, "Sec-WebSocket-Key"))
	if headerValue(answer, "Sec-WebSocket-Accept") != want {
		s.fail("an answer with Sec-WebSocket-Accept: "+want, "\n"+answer)
	}
	return answer
}

// ClientRequest sends a valid request for target, such as "/chat?room=1", and
// returns its text. Each header is a line like "Origin: http://example.com";
// it takes the place of a line that is there already for that name. For other
// changes, write the request with Send. ExpectHead reads the answer.
func (s *Script) ClientRequest(target string, header ...string) (request string) {
	s.t.Helper()
	lines := []string{
		"Host: " + s.c.RemoteAddr().String(),
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: " + sampleKey,
	}
	request = joinHead("GET "+target+" HTTP/1.1", lines, header)
	s.Send([]byte(request))
	return request
}

// ServerHandshake opens the connection as a server: it reads the request,
// answers it with 101 and the Sec-WebSocket-Accept that belongs to it, and
// returns the text of the request up to and including the blank line. Each
// header is a line like "Sec-WebSocket-Protocol: chat"; it takes the place of
// a line that is there already for that name. For other changes, read the
// request with ExpectHead and write the answer with Send.
func (s *Script) ServerHandshake(header ...string) (request string) {
	s.t.Helper()
	request = s.ExpectHead()
	key := headerValue(request, "Sec-WebSocket-Key")
	if !strings.HasPrefix(request, "GET ") || key == "" {
		s.fail("a GET request with a Sec-WebSocket-Key", "\n"+request)
	}
	lines := []string{
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: " + handshake.AcceptKey(key),
	}
	s.Send([]byte(joinHead("HTTP/1.1 101 Switching Protocols", lines, header)))
	return request
}

// ExpectHead expects an HTTP request or answer and returns its text up to and
// including the blank line. What comes behind that is kept for the next line.
func (s *Script) ExpectHead() string {
	s.t.Helper()
	defer s.bound()()
	for {
		if i := bytes.Index(s.in, []byte("\r\n\r\n")); i >= 0 {
			head := string(s.in[:i+4])
			s.in = s.in[i+4:]
			return head
		}
		if len(s.in) > headLimit {
			s.fail("a blank line", fmt.Sprintf("%d bytes without: %s", len(s.in), drawPayload(s.in)))
		}
		if err := s.fill(); err != nil {
			s.fail("a blank line", s.drawEnd(err))
		}
	}
}

// joinHead returns the head of a request or an answer. A line of lines is left
// out if one of extra has the same name.
func joinHead(first string, lines, extra []string) string {
	var b strings.Builder
	b.WriteString(first + "\r\n")
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		if !hasHeader(extra, name) {
			b.WriteString(line + "\r\n")
		}
	}
	for _, line := range extra {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n"
}

func hasHeader(lines []string, name string) bool {
	for _, line := range lines {
		if n, _, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// headerValue returns the value of the first header with this name, or "".
func headerValue(head, name string) string {
	for line := range strings.Lines(head) {
		n, value, found := strings.Cut(line, ":")
		if found && strings.EqualFold(n, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
