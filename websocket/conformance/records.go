package conformance

import (
	"net"
	"sync"
)

// Types of TLS records (RFC 8446 §5.1).
const (
	recordAlert       = 21
	recordApplication = 23
)

// sealedAlert is the length of an alert under TLS 1.3: two bytes, the true type and
// the tag of every cipher suite there is. A close frame with a code is longer.
const sealedAlert = 2 + 1 + 16

// A recordSpy is the connection below TLS. It looks at the headers of the records
// that come, as package tls does not tell an end with close_notify from one
// without.
type recordSpy struct {
	net.Conn

	mu     sync.Mutex
	header []byte // of the record that begins
	left   int    // bytes of the record that is under way
	kind   byte   // of the last record
	length int
}

// Read reads from the connection.
func (s *recordSpy) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look(b[:n])
	return n, err
}

// look goes on with what came.
func (s *recordSpy) look(b []byte) {
	const headerLen = 5 // type, version, length
	for len(b) > 0 {
		if s.left > 0 {
			n := min(s.left, len(b))
			s.left -= n
			b = b[n:]
			continue
		}
		s.header = append(s.header, b[0])
		b = b[1:]
		if len(s.header) == headerLen {
			s.kind, s.length = s.header[0], int(s.header[3])<<8|int(s.header[4])
			s.left, s.header = s.length, s.header[:0]
		}
	}
}

// endedTLS reports whether the last record was an alert, whole.
func (s *recordSpy) endedTLS() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed := s.kind == recordApplication && s.length == sealedAlert
	return s.left == 0 && len(s.header) == 0 && (s.kind == recordAlert || sealed)
}

// A spyListener puts a recordSpy below each connection.
type spyListener struct{ net.Listener }

// Accept waits for a connection.
func (l spyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &recordSpy{Conn: conn}, nil
}

// rawConn returns the connection below TLS, or conn itself.
func rawConn(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = c.NetConn()
	}
	if s, ok := conn.(*recordSpy); ok {
		conn = s.Conn
	}
	return conn
}

// endsTLS reports whether TLS on conn, if there is any, was ended with an alert.
func endsTLS(conn net.Conn) bool {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		if s, ok := c.NetConn().(*recordSpy); ok {
			return s.endedTLS()
		}
	}
	return true
}
