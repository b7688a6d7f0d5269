package event

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/proto"
)

// An agreement is what a request for a connection led to.
type agreement struct {
	subprotocol string
	deflate     *proto.Deflate
	data        any
}

// answer answers the request that h has parsed: it appends the answer to dst. With an
// error that is a refusal.
func (s *Server) answer(h *handshake.Head, dst []byte, remote func() net.Addr) (out []byte, a agreement, err error) {
	set := &s.settings
	accepted, err := h.Check(&set.policy)
	if err == nil && set.accept != nil {
		var q Request
		q.set(&h.Request, remote)
		err = s.ask(&q)
		a.data = q.Data
	}
	if err == nil {
		a.deflate, err = set.compression.Accept(&accepted)
	}
	if err == nil {
		out, err = handshake.AppendResponse(dst, accepted, set.header)
	}
	if err != nil {
		return appendRefusal(dst, err), agreement{}, err
	}
	a.subprotocol = accepted.Subprotocol
	return out, a, nil
}

// ask calls Options.Accept, which may panic: then the client is told, as net/http would.
func (s *Server) ask(q *Request) (err error) {
	defer func() {
		if value := recover(); value != nil {
			s.report(nil, value)
			err = &handshake.Error{Status: http.StatusInternalServerError, Problem: "the server failed to look at the request"}
		}
	}()
	return s.settings.accept(q)
}

// appendRefusal appends the answer to a request that is refused because of err. Whoever
// has a clock must date it (RFC 9110 §6.6.1).
func appendRefusal(dst []byte, err error) []byte {
	var problem *handshake.Error
	if !errors.As(err, &problem) || problem.Status == 0 {
		problem = &handshake.Error{Status: http.StatusBadRequest, Problem: err.Error()}
	}
	dated := *problem
	dated.Header = map[string][]string{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	maps.Copy(dated.Header, problem.Header)
	return handshake.AppendRefusal(dst, &dated)
}

// serveStreams accepts connections from l and opens each in a goroutine of its own.
func (s *Server) serveStreams(l net.Listener) error {
	var delay time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			go s.openStream(conn)
			continue
		case s.isClosed():
			return nil
		case !isTemporary(err):
			_ = l.Close()
			return err
		}
		// As net/http does: out of descriptors, mostly, which others give back.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		time.Sleep(delay)
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// openStream performs the opening handshake on conn.
func (s *Server) openStream(conn net.Conn) {
	if t := s.settings.handshakeTimeout; t > 0 {
		_ = conn.SetDeadline(time.Now().Add(t))
	}
	if !s.await(conn) {
		_ = conn.Close()
		return
	}
	t, data, err := s.readRequest(conn)
	s.awaited(conn)
	if err != nil {
		farewell(conn, t.Answer)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	if err := s.enter(); err != nil {
		_ = conn.Close()
		return
	}
	s.startStream(t, data)
}

// await takes note of a connection whose request is awaited, unless the server is shutting
// down, which drops those.
func (s *Server) await(conn net.Conn) bool {
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.isClosed() {
		return false
	}
	if s.pending == nil {
		s.pending = map[net.Conn]struct{}{}
	}
	s.pending[conn] = struct{}{}
	return true
}

// awaited takes that back.
func (s *Server) awaited(conn net.Conn) {
	s.listening.Lock()
	delete(s.pending, conn)
	s.listening.Unlock()
}

// readRequest reads a request and makes the answer, which is a refusal, or empty, if there
// is an error.
func (s *Server) readRequest(conn net.Conn) (t *websocket.Transport, data any, err error) {
	t = &websocket.Transport{Conn: conn}
	var head handshake.Head
	head.Request.Secure = isSecure(conn)
	b := make([]byte, 0, ownSize)
	for seen := 0; ; {
		if len(b) == cap(b) {
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
		n, err := conn.Read(b[len(b):cap(b)])
		if n == 0 && err != nil {
			return t, nil, err
		}
		b = b[:len(b)+n]
		used, err := head.Parse(b, seen)
		if err != nil {
			t.Answer = appendRefusal(nil, err)
			return t, nil, err
		}
		if seen = len(b); used == 0 {
			continue
		}
		answer, a, err := s.answer(&head, nil, conn.RemoteAddr)
		t.Answer, t.Early, t.Subprotocol, t.Deflate = answer, b[used:], a.subprotocol, a.deflate
		return t, a.data, err
	}
}

// isSecure tells that conn is TLS.
func isSecure(conn net.Conn) bool {
	_, ok := conn.(interface{ VerifyHostname(host string) error })
	return ok
}

// farewell sends an answer that refuses and closes conn, without resetting it while the
// answer is on its way.
func farewell(conn net.Conn, answer []byte) {
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(answer); err != nil || len(answer) == 0 {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, ownSize)
	for total := 0; total < lingerBytes; {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		total += n
	}
}
