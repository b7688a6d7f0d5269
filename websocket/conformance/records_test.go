package conformance

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestEndOfTLS shows that the suite tells a TLS session that was ended from one
// that was cut off, in both versions and with data in flight.
func TestEndOfTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, data := range []string{"", "x", letters(40000)} {
			for _, clean := range []bool{true, false} {
				secure, spy := endedSession(t, version, data, clean)
				got, err := io.ReadAll(secure)
				assert.NoError(t, err)
				assert.Equal(t, string(got), data)
				assert.Equal(t, spy.endedTLS(), clean)
				assert.Equal(t, endsTLS(secure), clean)
				assert.Equal(t, rawConn(secure), spy.Conn)
			}
		}
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	assert.True(t, endsTLS(a), "without TLS there is nothing to end")
	assert.Equal(t, rawConn(a), a)
}

// endedSession returns a client of a server that sends data and ends the
// connection.
func endedSession(t *testing.T, version uint16, data string, clean bool) (*tls.Conn, *recordSpy) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate()}})
		_, _ = io.WriteString(secure, data)
		if clean || secure.Handshake() != nil {
			_ = secure.CloseWrite()
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	assert.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	spy := &recordSpy{Conn: conn}
	secure := tls.Client(spy, &tls.Config{RootCAs: authority(), ServerName: "127.0.0.1", MinVersion: version, MaxVersion: version})
	assert.NoError(t, secure.Handshake())
	return secure, spy
}

func TestRecordSpy(t *testing.T) {
	record := func(kind byte, n int) []byte {
		return append([]byte{kind, 3, 3, byte(n >> 8), byte(n)}, make([]byte, n)...)
	}
	for _, test := range []struct {
		what string
		in   []byte
		want bool
	}{
		{"nothing", nil, false},
		{"data", record(recordApplication, 300), false},
		{"data and an alert", append(record(recordApplication, 300), record(recordAlert, 2)...), true},
		{"data and a sealed alert", append(record(recordApplication, 300), record(recordApplication, sealedAlert)...), true},
		{"an alert and data", append(record(recordAlert, 2), record(recordApplication, 21)...), false},
		{"half an alert", record(recordAlert, 2)[:6], false},
		{"an alert and half a header", append(record(recordAlert, 2), recordAlert, 3), false},
	} {
		for n := 1; n <= max(1, len(test.in)); n++ {
			var s recordSpy
			for rest := test.in; len(rest) > 0; {
				k := min(n, len(rest))
				s.look(rest[:k])
				rest = rest[k:]
			}
			assert.True(t, s.endedTLS() == test.want, test.what)
		}
	}
}

// FuzzRecordSpy shows that it makes no difference how what came is cut.
func FuzzRecordSpy(f *testing.F) {
	f.Add([]byte{recordAlert, 3, 3, 0, 2, 1, 0}, 3)
	f.Add([]byte{recordApplication, 3, 3, 0, 0, recordAlert, 3, 3}, 1)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		if cut < 0 || cut > len(in) {
			return
		}
		var whole, parts recordSpy
		whole.look(in)
		parts.look(in[:cut])
		parts.look(in[cut:])
		assert.Equal(t, parts.endedTLS(), whole.endedTLS())
		assert.Equal(t, parts.left, whole.left)
		assert.Equal(t, string(parts.header), string(whole.header))
	})
}
