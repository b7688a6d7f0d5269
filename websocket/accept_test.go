package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// plainRequest is the request of RFC 6455 §1.2 without what is optional in it.
const plainRequest = "GET / HTTP/1.1\r\n" +
	"Host: example.com\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"\r\n"

// plainAnswer is the answer to it, with the Sec-WebSocket-Accept of RFC 6455 §1.3.
const plainAnswer = "HTTP/1.1 101 Switching Protocols\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
	"\r\n"

// hello is "Hello" in a masked text frame, RFC 6455 §5.7.
const hello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"

// edited returns plainRequest with changes: pairs of what is there and what
// stands there instead.
func edited(t testing.TB, changes ...string) string {
	t.Helper()
	r := plainRequest
	for i := 0; i < len(changes); i += 2 {
		assert.Contains(t, r, changes[i])
		r = strings.Replace(r, changes[i], changes[i+1], 1)
	}
	return r
}

// withLine returns plainRequest with one more header line, or several.
func withLine(t testing.TB, lines ...string) string {
	t.Helper()
	return edited(t, "\r\n\r\n", "\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
}

// parrot is the application behind most of the servers here.
func parrot(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// listenTCP serves h on a TCP port until the end of the test and returns its address.
func listenTCP(t testing.TB, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// dialTCP returns a raw connection to addr, closed at the end of the test.
func dialTCP(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	assert.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	assert.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// rawClient returns a scripted client on a TCP connection to addr.
func rawClient(t testing.TB, addr string) *wstest.Script {
	t.Helper()
	return wstest.NewScript(t, dialTCP(t, addr), wstest.Client)
}

// ask sends request as it is and returns the answer with its body.
func ask(t testing.TB, c net.Conn, request string) (*http.Response, string) {
	t.Helper()
	_, err := io.WriteString(c, request)
	assert.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	assert.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return resp, string(body)
}

func TestAcceptAnswersTheHandshakeOfTheRFC(t *testing.T) {
	s := rawClient(t, listenTCP(t, websocket.Handler(parrot, nil)))
	s.Send([]byte(plainRequest))
	assert.Equal(t, s.ExpectHead(), plainAnswer)
	s.SendText("Hello")
	s.ExpectText("Hello")
	s.SendClose(websocket.StatusNormalClosure, "")
	s.ExpectClose(websocket.StatusNormalClosure, "")
	s.ExpectEOF()
}

func TestAcceptTakesEveryLegalRequest(t *testing.T) {
	addr := listenTCP(t, websocket.Handler(parrot, nil))
	for name, request := range map[string]string{
		"tokens in any case":           edited(t, "Upgrade: websocket", "Upgrade: WebSocket", "Connection: Upgrade", "Connection: uPGRADE"),
		"header names in any case":     edited(t, "Upgrade:", "uPGRADE:", "Sec-WebSocket-Key", "sec-websocket-key", "Sec-WebSocket-Version", "SEC-WEBSOCKET-VERSION"),
		"tokens in lists":              edited(t, "Upgrade: websocket", "Upgrade: h2c, websocket", "Connection: Upgrade", "Connection: keep-alive, Upgrade"),
		"lists split over headers":     edited(t, "Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket", "Connection: Upgrade", "Connection: keep-alive\r\nConnection: x,,Upgrade"),
		"space around values":          edited(t, "Upgrade: websocket", "Upgrade: \t websocket \t", "==", "== "),
		"no space before values":       edited(t, "Upgrade: websocket", "Upgrade:websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version:13"),
		"target in absolute form":      edited(t, "GET / HTTP/1.1", "GET ws://localhost:5000/ HTTP/1.1"),
		"absolute form over TLS":       edited(t, "GET / HTTP/1.1", "GET wss://localhost/path?q=1 HTTP/1.1"),
		"an empty body":                withLine(t, "Content-Length: 0"),
		"a key of random digits":       edited(t, "ZQ==", "ZR=="),
		"extensions, all declined":     withLine(t, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-a; b=\"c\""),
		"subprotocols, all unknown":    withLine(t, "Sec-WebSocket-Protocol: chat, superchat"),
		"host with a port":             edited(t, "Host: example.com", "Host: example.com:8080"),
		"host that is an IPv6 address": edited(t, "Host: example.com", "Host: [::1]:8080"),
	} {
		t.Run(name, func(t *testing.T) {
			s := rawClient(t, addr)
			s.Send([]byte(request))
			head := s.ExpectHead()
			assert.Contains(t, head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
			assert.True(t, !strings.Contains(head, "Extensions") && !strings.Contains(head, "Protocol:"), "nothing more than was agreed on:\n"+head)
			s.SendText("after")
			s.ExpectText("after")
		})
	}
}

// refusals are requests that are no handshakes, with the whole answer to each.
var refusals = []struct {
	name    string
	changes []string // as for edited
	status  int
	body    string // without the prefix "websocket: handshake: " and the line break
}{
	{"plain GET", []string{"Upgrade: websocket\r\nConnection: Upgrade\r\n", ""}, 426, `this URL speaks WebSocket and the request has no "Upgrade: websocket"; open it with a WebSocket client, and if that was one, see whether a proxy in between passes Upgrade on (RFC 6455 §4.2.1)`},
	{"no Upgrade", []string{"Upgrade: websocket\r\n", ""}, 426, `this URL speaks WebSocket and the request has no "Upgrade: websocket"; open it with a WebSocket client, and if that was one, see whether a proxy in between passes Upgrade on (RFC 6455 §4.2.1)`},
	{"another upgrade", []string{"Upgrade: websocket", "Upgrade: websocket2"}, 426, `this URL speaks WebSocket and the request has no "Upgrade: websocket"; open it with a WebSocket client, and if that was one, see whether a proxy in between passes Upgrade on (RFC 6455 §4.2.1)`},
	{"no Connection", []string{"Connection: Upgrade\r\n", ""}, 400, `Connection does not list Upgrade; see whether a proxy in between removes it (RFC 6455 §4.2.1)`},
	{"other Connection", []string{"Connection: Upgrade", "Connection: keep-alive"}, 400, `Connection does not list Upgrade; see whether a proxy in between removes it (RFC 6455 §4.2.1)`},
	{"HTTP/1.0", []string{"HTTP/1.1", "HTTP/1.0"}, 426, `the request is HTTP/1.0; a WebSocket is opened with HTTP/1.1 (RFC 6455 §4.2.1)`},
	{"POST", []string{"GET", "POST"}, 405, `the method is "POST"; a WebSocket is opened with GET (RFC 6455 §4.2.1)`},
	{"body", []string{"\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello"}, 400, `a handshake with a body (RFC 9110 §9.3.1)`},
	{"chunked body", []string{"\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}, 400, `a handshake with a body (RFC 9110 §9.3.1)`},
	{"empty Host", []string{"Host: example.com", "Host:"}, 400, `Host is missing (RFC 6455 §4.2.1)`},
	{"no key", []string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""}, 400, `Sec-WebSocket-Key is missing (RFC 6455 §4.2.1)`},
	{"two keys", []string{"Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Key"}, 400, `Sec-WebSocket-Key is sent 2 times (RFC 6455 §11.3.1)`},
	{"short key", []string{"dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="}, 400, `Sec-WebSocket-Key "c2hvcnQ=" is not the base64 form of 16 bytes (RFC 6455 §4.2.1)`},
	{"key that is not base64", []string{"dGhlIHNhbXBsZSBub25jZQ==", "<script>alert(1)</script>"}, 400, `Sec-WebSocket-Key "<script>alert(1)</script>" is not the base64 form of 16 bytes (RFC 6455 §4.2.1)`},
	{"no version", []string{"Sec-WebSocket-Version: 13\r\n", ""}, 400, `Sec-WebSocket-Version is missing (RFC 6455 §4.2.1)`},
	{"older version", []string{"Version: 13", "Version: 8"}, 426, `WebSocket version "8" is not supported; use 13 (RFC 6455 §4.4)`},
	{"newer version", []string{"Version: 13", "Version: 14"}, 426, `WebSocket version "14" is not supported; use 13 (RFC 6455 §4.4)`},
	{"list of versions", []string{"Version: 13", "Version: 13, 8"}, 426, `WebSocket version "13, 8" is not supported; use 13 (RFC 6455 §4.4)`},
	{"two versions", []string{"Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 13"}, 426, `Sec-WebSocket-Version is sent 2 times (RFC 6455 §11.3.5)`},
	{"subprotocol that is no token", []string{"\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat room\r\n\r\n"}, 400, `subprotocol "chat room" in Sec-WebSocket-Protocol is not a token (RFC 6455 §4.1)`},
	{"empty list of subprotocols", []string{"\r\n\r\n", "\r\nSec-WebSocket-Protocol: ,\r\n\r\n"}, 400, `Sec-WebSocket-Protocol is empty (RFC 6455 §4.1)`},
	{"subprotocol listed twice", []string{"\r\n\r\n", "\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: a\r\n\r\n"}, 400, `subprotocol "a" is listed twice in Sec-WebSocket-Protocol (RFC 6455 §4.1)`},
	{"malformed extensions", []string{"\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; =\r\n\r\n"}, 400, `Sec-WebSocket-Extensions: a parameter has no name before "=" (RFC 6455 §9.1)`},
	{"extension quoted without end", []string{"\r\n\r\n", "\r\nSec-WebSocket-Extensions: a; b=\"c\r\n\r\n"}, 400, `Sec-WebSocket-Extensions: the quoted value of parameter "b" does not end (RFC 6455 §9.1)`},
	{"foreign origin", []string{"\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n"}, 403, `origin "https://evil.example" is not allowed for host "example.com"; list it in AcceptOptions.Origins (RFC 6455 §10.2)`},
}

func TestAcceptRefusesInWords(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			refused := make(chan error, 2)
			addr := listenTCP(t, websocket.Handler(parrot, &websocket.AcceptOptions{
				Trace: &websocket.Trace{Refused: func(_ *http.Request, err error) { refused <- err }},
			}))
			resp, body := ask(t, dialTCP(t, addr), edited(t, tt.changes...))
			assert.Equal(t, body, "websocket: handshake: "+tt.body+"\n")
			assert.Equal(t, resp.StatusCode, tt.status)
			assert.Equal(t, resp.Header.Get("Content-Type"), "text/plain; charset=utf-8")
			assert.Equal(t, resp.Header.Get("X-Content-Type-Options"), "nosniff")
			if tt.status == http.StatusUpgradeRequired {
				assert.Equal(t, resp.Header.Get("Sec-WebSocket-Version"), "13")
				assert.Equal(t, resp.Header.Get("Upgrade"), "websocket")
				if tt.name != "HTTP/1.0" { // where net/http sends no Connection
					assert.Equal(t, resp.Header.Get("Connection"), "Upgrade")
				}
			}
			if tt.status == http.StatusMethodNotAllowed {
				assert.Equal(t, resp.Header.Get("Allow"), "GET")
			}

			var problem *websocket.HandshakeError
			err := <-refused
			assert.True(t, errors.As(err, &problem), "the reason is a *HandshakeError")
			assert.Equal(t, problem.Status, tt.status)
			assert.Equal(t, err.Error()+"\n", body)
			assert.Equal(t, len(refused), 0)
		})
	}
}

func TestAcceptChoosesTheSubprotocol(t *testing.T) {
	addr := listenTCP(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return c.Write(ctx, websocket.Text, []byte(c.Subprotocol()))
	}, &websocket.AcceptOptions{Subprotocols: []string{"v2", "v1", "bad\r\nX-Injected: 1"}}))
	for _, tt := range []struct{ name, lines, want string }{
		{"none offered", "X: y", ""},
		{"one known", "Sec-WebSocket-Protocol: v1", "v1"},
		{"the server's preference counts", "Sec-WebSocket-Protocol: v1, v2", "v2"},
		{"split over headers", "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: y, v1", "v1"},
		{"case matters", "Sec-WebSocket-Protocol: V1", ""},
		{"no token of ours is ever chosen", "Sec-WebSocket-Protocol: bad", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := rawClient(t, addr)
			s.Send([]byte(withLine(t, tt.lines)))
			want := plainAnswer
			if tt.want != "" {
				want = strings.TrimSuffix(plainAnswer, "\r\n") + "Sec-WebSocket-Protocol: " + tt.want + "\r\n\r\n"
			}
			assert.Equal(t, s.ExpectHead(), want)
			s.ExpectText(tt.want)
		})
	}
}

func TestAcceptOriginPolicy(t *testing.T) {
	const foreign = `origin %q is not allowed for host "example.com"; list it in AcceptOptions.Origins (RFC 6455 §10.2)`
	const insecure = `origin "http://example.com" is not allowed: the page was not loaded over TLS but the connection uses it; load the page over https or list the origin in AcceptOptions.Origins (RFC 6455 §10.2)`
	for _, tt := range []struct {
		name    string
		origin  string // lines of the request
		secure  bool
		origins []string
		refused string // "" if it is let in
	}{
		{"no browser", "X: y", false, nil, ""},
		{"same origin", "Origin: http://example.com", false, nil, ""},
		{"same origin, other case", "Origin: HTTP://EXAMPLE.com", false, nil, ""},
		{"same origin with its default port", "Origin: http://example.com:80", false, nil, ""},
		{"https behind a proxy that ends TLS", "Origin: https://example.com", false, nil, ""},
		{"https over TLS", "Origin: https://example.com", true, nil, ""},
		{"http over TLS", "Origin: http://example.com", true, nil, insecure},
		{"http over TLS that is listed", "Origin: http://example.com", true, []string{"http://example.com"}, ""},
		{"other host", "Origin: http://evil.example", false, nil, fmt.Sprintf(foreign, "http://evil.example")},
		{"other port", "Origin: http://example.com:8080", false, nil, fmt.Sprintf(foreign, "http://example.com:8080")},
		{"our host as a prefix", "Origin: http://example.com.evil.example", false, nil, fmt.Sprintf(foreign, "http://example.com.evil.example")},
		{"our host as a user", "Origin: http://example.com@evil.example", false, nil, `origin "http://example.com@evil.example" is neither scheme://host[:port] nor null (RFC 6455 §10.2)`},
		{"null", "Origin: null", false, nil, fmt.Sprintf(foreign, "null")},
		{"null that is listed", "Origin: null", false, []string{"null"}, ""},
		{"sent twice", "Origin: http://example.com\r\nOrigin: http://example.com", false, nil, `Origin is sent 2 times (RFC 6454 §7.3)`},
		{"listed", "Origin: https://app.example", false, []string{"https://app.example"}, ""},
		{"listed with another scheme", "Origin: http://app.example", false, []string{"https://app.example"}, fmt.Sprintf(foreign, "http://app.example")},
		{"pattern", "Origin: https://a.app.example", false, []string{"https://*.app.example"}, ""},
		{"pattern is for one label", "Origin: https://a.b.app.example", false, []string{"https://*.app.example"}, fmt.Sprintf(foreign, "https://a.b.app.example")},
		{"pattern for ports", "Origin: http://localhost:5173", false, []string{"http://localhost:*"}, ""},
		{"any", "Origin: https://evil.example", false, []string{"*"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(websocket.Handler(parrot, &websocket.AcceptOptions{Origins: tt.origins}))
			t.Cleanup(srv.Close)
			start := srv.Start
			if tt.secure {
				start = srv.StartTLS
			}
			start()
			c := dialTCP(t, srv.Listener.Addr().String())
			if tt.secure {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			if tt.refused == "" {
				s := wstest.NewScript(t, c, wstest.Client)
				s.Send([]byte(withLine(t, tt.origin)))
				assert.Equal(t, s.ExpectHead(), plainAnswer)
				return
			}
			resp, body := ask(t, c, withLine(t, tt.origin))
			assert.Equal(t, body, "websocket: handshake: "+tt.refused+"\n")
			assert.Equal(t, resp.StatusCode, http.StatusForbidden)
		})
	}
}

func TestAcceptDeliversBytesBehindTheHandshake(t *testing.T) {
	addr := listenTCP(t, websocket.Handler(parrot, nil))
	t.Run("one frame", func(t *testing.T) {
		s := rawClient(t, addr)
		s.Send([]byte(plainRequest + hello))
		assert.Equal(t, s.ExpectHead(), plainAnswer)
		s.ExpectText("Hello")
	})
	t.Run("more frames than a buffer of net/http holds", func(t *testing.T) {
		const n = 2000
		s := rawClient(t, addr)
		s.Send([]byte(plainRequest + strings.Repeat(hello, n)))
		assert.Equal(t, s.ExpectHead(), plainAnswer)
		for range n {
			s.ExpectText("Hello")
		}
	})
	t.Run("a frame cut anywhere", func(t *testing.T) {
		for cut := range len(hello) {
			s := rawClient(t, addr)
			s.Send([]byte(plainRequest + hello[:cut]))
			assert.Equal(t, s.ExpectHead(), plainAnswer)
			s.Send([]byte(hello[cut:] + hello))
			s.ExpectText("Hello")
			s.ExpectText("Hello")
		}
	})
	t.Run("a broken frame", func(t *testing.T) {
		s := rawClient(t, addr)
		s.Send([]byte(plainRequest + "\x83\x80\x00\x00\x00\x00"))
		assert.Equal(t, s.ExpectHead(), plainAnswer)
		assert.Equal(t, s.ExpectCloseCode(websocket.StatusProtocolError), "reserved opcode 3 (RFC 6455 §5.2)")
		s.ExpectEOF()
	})
}

// openWriter is middleware as it should be, hidingWriter as it often is.
type (
	openWriter   struct{ http.ResponseWriter }
	hidingWriter struct{ http.ResponseWriter }
)

func (w openWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestAcceptThroughMiddleware(t *testing.T) {
	refused := make(chan error, 1)
	h := websocket.Handler(parrot, &websocket.AcceptOptions{
		Trace: &websocket.Trace{Refused: func(_ *http.Request, err error) { refused <- err }},
	})
	t.Run("that can be unwrapped", func(t *testing.T) {
		s := rawClient(t, listenTCP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(openWriter{openWriter{w}}, r)
		})))
		s.Send([]byte(plainRequest + hello))
		assert.Equal(t, s.ExpectHead(), plainAnswer)
		s.ExpectText("Hello")
	})
	t.Run("that cannot", func(t *testing.T) {
		addr := listenTCP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(openWriter{hidingWriter{w}}, r)
		}))
		resp, body := ask(t, dialTCP(t, addr), plainRequest)
		err := <-refused
		assert.ErrorIs(t, err, http.ErrNotSupported)
		assert.Equal(t, err.Error(), "websocket: handshake: websocket_test.hidingWriter cannot be hijacked: serve over HTTP/1.1, "+
			"and let middleware that wraps http.ResponseWriter have an Unwrap method: feature not supported")
		assert.Equal(t, body, err.Error()+"\n")
		assert.Equal(t, resp.StatusCode, http.StatusInternalServerError)
	})
}

func TestAcceptAnswersHTTP2InWords(t *testing.T) {
	srv := httptest.NewUnstartedServer(websocket.Handler(parrot, nil))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	assert.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, resp.ProtoMajor, 2)
	assert.Equal(t, resp.StatusCode, http.StatusHTTPVersionNotSupported)
	assert.Equal(t, string(body), "websocket: handshake: this URL speaks WebSocket over HTTP/1.1, not over HTTP/2 (RFC 6455 §4.2.1)\n")
}

func TestAcceptOutlivesTheTimeoutsOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wstest.Listen()
		srv := &http.Server{
			Handler:           websocket.Handler(parrot, &websocket.AcceptOptions{PingInterval: -1}),
			ReadTimeout:       time.Second,
			ReadHeaderTimeout: time.Second,
			WriteTimeout:      time.Second,
			IdleTimeout:       time.Second,
		}
		go srv.Serve(l)
		defer srv.Close()
		c, err := l.DialContext(t.Context(), "tcp", "")
		assert.NoError(t, err)
		s := wstest.NewScript(t, c, wstest.Client)
		s.ClientHandshake("/")
		for range 3 {
			time.Sleep(time.Hour)
			s.SendText("still here")
			s.ExpectText("still here")
		}
		s.SendClose(websocket.StatusNormalClosure, "")
		s.ExpectClose(websocket.StatusNormalClosure, "")
	})
}

func TestAcceptAnswers503OnceTheRegistryShutsDown(t *testing.T) {
	var open websocket.Registry
	addr := listenTCP(t, websocket.Handler(parrot, &websocket.AcceptOptions{Registry: &open}))
	s := rawClient(t, addr)
	s.ClientHandshake("/")
	wait := s.Go(func() {
		s.ExpectClose(websocket.StatusGoingAway, "server is shutting down")
		s.SendClose(websocket.StatusGoingAway, "")
		s.ExpectEOF()
	})
	assert.NoError(t, open.Shutdown(t.Context()))
	wait()
	resp, body := ask(t, dialTCP(t, addr), plainRequest)
	assert.Equal(t, resp.StatusCode, http.StatusServiceUnavailable)
	assert.Equal(t, body, "websocket: handshake: server is shutting down\n")
}

func TestAcceptAddsTheHeaderOfTheProgram(t *testing.T) {
	addr := listenTCP(t, websocket.Handler(parrot, &websocket.AcceptOptions{Header: http.Header{
		"X-Node":     {"7"},
		"Set-Cookie": {"a=1; HttpOnly", "b=2"},
	}}))
	s := rawClient(t, addr)
	s.Send([]byte(plainRequest))
	assert.Equal(t, s.ExpectHead(), strings.TrimSuffix(plainAnswer, "\r\n")+
		"Set-Cookie: a=1; HttpOnly\r\nSet-Cookie: b=2\r\nX-Node: 7\r\n\r\n")
}

func TestAcceptHeaderCannotBreakTheAnswer(t *testing.T) {
	const control = " has a line break or another control character in it"
	for _, tt := range []struct{ name, header, value, body string }{
		{"line break in a value", "X-Name", "a\r\nSet-Cookie: admin=1", `the value of header "X-Name"` + control},
		{"end of the head in a value", "X-Name", "a\r\n\r\n\x81\x02hi", `the value of header "X-Name"` + control},
		{"bare line feed", "X-Name", "a\nb", `the value of header "X-Name"` + control},
		{"NUL", "X-Name", "a\x00b", `the value of header "X-Name"` + control},
		{"line break in a name", "X\r\nY", "a", `header name "X\r\nY" is not a token`},
		{"colon in a name", "X: a", "b", `header name "X: a" is not a token`},
		{"empty name", "", "a", `header name "" is not a token`},
		{"the key's answer", "Sec-WebSocket-Accept", "x", `header "Sec-WebSocket-Accept" cannot be set: the handshake sets it`},
		{"the subprotocol", "sec-websocket-protocol", "x", `header "sec-websocket-protocol" cannot be set: list the subprotocols in the options`},
		{"an extension", "Sec-Websocket-Extensions", "x", `header "Sec-Websocket-Extensions" cannot be set: the handshake sets it`},
		{"Connection", "connection", "close", `header "connection" cannot be set: the handshake sets it`},
		{"a body", "Content-Length", "5", `header "Content-Length" cannot be set: a handshake has no body`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := listenTCP(t, websocket.Handler(parrot, &websocket.AcceptOptions{
				Header: http.Header{tt.header: {tt.value}},
			}))
			resp, body := ask(t, dialTCP(t, addr), plainRequest)
			assert.Equal(t, body, "websocket: handshake: "+tt.body+"\n")
			assert.Equal(t, resp.StatusCode, http.StatusInternalServerError)
			assert.Equal(t, resp.Header["Set-Cookie"], nil)
		})
	}
}

// TestHandlerFreesTheHandler holds that the handler of net/http has returned while
// the connection lives on.
func TestHandlerFreesTheHandler(t *testing.T) {
	returned := make(chan struct{})
	h := websocket.Handler(parrot, nil)
	s := rawClient(t, listenTCP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		close(returned)
	})))
	s.ClientHandshake("/")
	<-returned
	s.SendHex(hex.EncodeToString([]byte(hello)))
	s.ExpectText("Hello")
}

// TestAcceptWithoutAConnection uses a writer that no connection stands behind.
func TestAcceptWithoutAConnection(t *testing.T) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(plainRequest))))
	assert.NoError(t, err)
	w := httptest.NewRecorder()
	c, err := websocket.Accept(w, r, nil)
	assert.True(t, c == nil, "no connection")
	assert.ErrorIs(t, err, http.ErrNotSupported)
	assert.Contains(t, err.Error(), "*httptest.ResponseRecorder cannot be hijacked")
	assert.Equal(t, w.Code, http.StatusInternalServerError)
}
