package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// noProxy keeps the environment of the test out of it.
func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// request reads a client's request.
func request(t testing.TB, s *wstest.Script) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s.ExpectHead())))
	assert.NoError(t, err)
	return r
}

// answer reads a client's request and answers it with text, in which ACCEPT
// stands for the Sec-WebSocket-Accept that belongs to it. The client may hang up
// before it has all of it.
func answer(t testing.TB, s *wstest.Script, text string) *http.Request {
	t.Helper()
	r := request(t, s)
	_ = s.TrySend([]byte(strings.ReplaceAll(text, "ACCEPT", handshake.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))))
	return r
}

// dialScript dials rawURL with o, nil for the defaults, in memory: server is
// the other end. The address that was dialled is returned too.
func dialScript(ctx context.Context, t testing.TB, rawURL string, o *websocket.DialOptions, server func(s *wstest.Script)) (
	c *websocket.Conn, resp *http.Response, addr string, err error) {
	t.Helper()
	near, far := wstest.NetPipe()
	s := wstest.NewScript(t, far, wstest.Server)
	wait := s.Go(func() { server(s) })
	var direct websocket.DialOptions
	if o != nil {
		direct = *o
	}
	direct.Proxy = noProxy
	direct.DialContext = func(_ context.Context, _, a string) (net.Conn, error) {
		addr = a
		return near, nil
	}
	c, resp, err = websocket.Dial(ctx, rawURL, &direct)
	if err == nil {
		t.Cleanup(func() { c.CloseNow() })
	}
	wait()
	return c, resp, addr, err
}

// switching is a good answer.
const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"

func TestDialKnowsFourSchemes(t *testing.T) {
	plain := httptest.NewServer(websocket.Handler(parrot, nil))
	defer plain.Close()
	secure := httptest.NewTLSServer(websocket.Handler(parrot, nil))
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for scheme, srv := range map[string]*httptest.Server{"ws": plain, "http": plain, "wss": secure, "https": secure, "WSS": secure} {
		t.Run(scheme, func(t *testing.T) {
			c, resp, err := websocket.Dial(t.Context(), scheme+"://"+srv.Listener.Addr().String()+"/", &websocket.DialOptions{
				TLSConfig: &tls.Config{RootCAs: roots},
			})
			assert.NoError(t, err)
			defer c.CloseNow()
			assert.Equal(t, resp.StatusCode, http.StatusSwitchingProtocols)
			assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("Hello")))
			_, p, err := c.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(p), "Hello")
			assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		})
	}
}

func TestDialRefusesBadURLs(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"ws://example.com/#top", `websocket: URL "ws://example.com/#top" has a fragment: write # as %23 (RFC 6455 §3)`},
		{"ws://example.com/#", `websocket: URL "ws://example.com/" has a fragment: write # as %23 (RFC 6455 §3)`},
		{"ftp://example.com/", `websocket: URL "ftp://example.com/": the scheme must be ws, wss, http or https`},
		{"example.com/chat", `websocket: URL "example.com/chat": the scheme must be ws, wss, http or https`},
		{"/chat", `websocket: URL "/chat": the scheme must be ws, wss, http or https`},
		{"ws:///chat", `websocket: URL "ws:///chat" has no host`},
		{"ws:example.com", `websocket: URL "ws:example.com" has no host`},
		{"ws://:80/", `websocket: URL "ws://:80/" has no host`},
		{"", `websocket: URL "": the scheme must be ws, wss, http or https`},
		{"ws://example.com:http/", `websocket: parse "ws://example.com:http/": invalid port ":http" after host`},
		{"ws://example.com/%zz", `websocket: parse "ws://example.com/%zz": invalid URL escape "%zz"`},
		{"ws://exa\r\nmple.com/", `websocket: parse "ws://exa\r\nmple.com/": net/url: invalid control character in URL`},
		{"ws://example.com/?q=a b", `websocket: handshake: request target "/?q=a b" is not an escaped path and query that begins with '/' (RFC 6455 §3)`},
		{"ws://example.com:99999/", `websocket: handshake: host "example.com:99999" is not host[:port] (RFC 6455 §4.1)`},
		{"ws://user:secret@example.com/#top", `websocket: URL "ws://user:xxxxx@example.com/#top" has a fragment: write # as %23 (RFC 6455 §3)`},
	} {
		t.Run(tt.url, func(t *testing.T) {
			c, resp, err := websocket.Dial(t.Context(), tt.url, &websocket.DialOptions{
				DialContext: func(context.Context, string, string) (net.Conn, error) { panic("nothing is dialled") },
			})
			assert.True(t, c == nil && resp == nil && err != nil, "an error and nothing else")
			assert.Equal(t, err.Error(), tt.want)
		})
	}
}

func TestDialSendsTheRequest(t *testing.T) {
	const rest = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: KEY\r\nSec-WebSocket-Version: 13\r\n"
	for _, tt := range []struct {
		name, url string
		o         websocket.DialOptions
		addr      string
		want      string
	}{
		{"as short as it gets", "ws://example.com", websocket.DialOptions{}, "example.com:80",
			"GET / HTTP/1.1\r\nHost: example.com\r\n" + rest + "\r\n"},
		{"path and query", "ws://example.com/a%2Fb/?x=1&y=%20", websocket.DialOptions{}, "example.com:80",
			"GET /a%2Fb/?x=1&y=%20 HTTP/1.1\r\nHost: example.com\r\n" + rest + "\r\n"},
		{"path that is not ASCII", "ws://example.com/ü/?", websocket.DialOptions{}, "example.com:80",
			"GET /%C3%BC/? HTTP/1.1\r\nHost: example.com\r\n" + rest + "\r\n"},
		{"default port", "ws://example.com:80/", websocket.DialOptions{}, "example.com:80",
			"GET / HTTP/1.1\r\nHost: example.com\r\n" + rest + "\r\n"},
		{"other port", "ws://example.com:443/", websocket.DialOptions{}, "example.com:443",
			"GET / HTTP/1.1\r\nHost: example.com:443\r\n" + rest + "\r\n"},
		{"IPv6", "ws://[2001:db8::1]/", websocket.DialOptions{}, "[2001:db8::1]:80",
			"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n" + rest + "\r\n"},
		{"IPv6 with port and zone", "ws://[fe80::1%25eth0]:8080/", websocket.DialOptions{}, "[fe80::1%eth0]:8080",
			"GET / HTTP/1.1\r\nHost: [fe80::1]:8080\r\n" + rest + "\r\n"},
		{"headers and subprotocols", "ws://example.com/", websocket.DialOptions{
			Subprotocols: []string{"v2", "v1"},
			Header:       http.Header{"Origin": {"https://example.com"}, "X-A": {"1", "2"}},
		}, "example.com:80",
			"GET / HTTP/1.1\r\nHost: example.com\r\n" + rest + "Sec-WebSocket-Protocol: v2, v1\r\nOrigin: https://example.com\r\nX-A: 1\r\nX-A: 2\r\n\r\n"},
		{"another host", "ws://127.0.0.1:8080/", websocket.DialOptions{Host: "example.com"}, "127.0.0.1:8080",
			"GET / HTTP/1.1\r\nHost: example.com\r\n" + rest + "\r\n"},
		{"user and password", "ws://Aladdin:open%20sesame@example.com/", websocket.DialOptions{}, "example.com:80",
			"GET / HTTP/1.1\r\nHost: example.com\r\n" + rest + "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
		{"a header goes before them", "ws://Aladdin:x@example.com/", websocket.DialOptions{
			Header: http.Header{"Authorization": {"Bearer t"}},
		}, "example.com:80",
			"GET / HTTP/1.1\r\nHost: example.com\r\n" + rest + "Authorization: Bearer t\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var head string
			_, _, addr, err := dialScript(t.Context(), t, tt.url, &tt.o, func(s *wstest.Script) {
				head = s.ServerHandshake()
			})
			assert.NoError(t, err)
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
			assert.NoError(t, err)
			key := r.Header.Get("Sec-WebSocket-Key")
			nonce, err := base64.StdEncoding.DecodeString(key)
			assert.NoError(t, err)
			assert.Equal(t, len(nonce), 16)
			assert.Equal(t, strings.ReplaceAll(head, key, "KEY"), tt.want)
			assert.Equal(t, addr, tt.addr)
		})
	}
}

func TestDialMakesAKeyForEachHandshake(t *testing.T) {
	seen := make(map[string]bool)
	for range 20 {
		_, _, _, err := dialScript(t.Context(), t, "ws://example.com/", nil, func(s *wstest.Script) {
			seen[answer(t, s, switching+"\r\n").Header.Get("Sec-WebSocket-Key")] = true
		})
		assert.NoError(t, err)
	}
	assert.Equal(t, len(seen), 20)
}

func TestDialRefusesToSendABrokenRequest(t *testing.T) {
	const control = " has a line break or another control character in it"
	for _, tt := range []struct {
		name string
		o    websocket.DialOptions
		want string
	}{
		{"line break in a header", websocket.DialOptions{Header: http.Header{"X": {"a\r\nY: b"}}}, `the value of header "X"` + control},
		{"line break in a name", websocket.DialOptions{Header: http.Header{"X\r\nY": {"a"}}}, `header name "X\r\nY" is not a token`},
		{"header of the handshake", websocket.DialOptions{Header: http.Header{"Sec-WebSocket-Key": {"a"}}}, `header "Sec-WebSocket-Key" cannot be set: the handshake sets it`},
		{"extensions", websocket.DialOptions{Header: http.Header{"sec-websocket-extensions": {"a"}}}, `header "sec-websocket-extensions" cannot be set: the handshake sets it`},
		{"subprotocols as a header", websocket.DialOptions{Header: http.Header{"Sec-Websocket-Protocol": {"a"}}}, `header "Sec-Websocket-Protocol" cannot be set: list the subprotocols in the options`},
		{"Upgrade", websocket.DialOptions{Header: http.Header{"Upgrade": {"h2c"}}}, `header "Upgrade" cannot be set: the handshake sets it`},
		{"Host as a header", websocket.DialOptions{Header: http.Header{"Host": {"example.org"}}}, `header Host cannot be set: give the host in the options`},
		{"a body", websocket.DialOptions{Header: http.Header{"Transfer-Encoding": {"chunked"}}}, `header "Transfer-Encoding" cannot be set: a handshake has no body`},
		{"line break in the host", websocket.DialOptions{Host: "a\r\nX: y"}, `host "a\r\nX: y" is not host[:port] (RFC 6455 §4.1)`},
		{"subprotocol that is no token", websocket.DialOptions{Subprotocols: []string{"a\r\nX: y"}}, `subprotocol "a\r\nX: y" is not a token (RFC 6455 §4.1)`},
		{"subprotocol offered twice", websocket.DialOptions{Subprotocols: []string{"a", "b", "a"}}, `subprotocol "a" is offered twice (RFC 6455 §4.1)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.DialContext = func(context.Context, string, string) (net.Conn, error) { panic("nothing is dialled") }
			_, resp, err := websocket.Dial(t.Context(), "ws://example.com/", &tt.o)
			var problem *websocket.HandshakeError
			assert.True(t, errors.As(err, &problem) && resp == nil, "a *HandshakeError and no response")
			assert.Equal(t, err.Error(), "websocket: handshake: "+tt.want)
		})
	}
}

func TestDialHoldsTheAnswerAgainstTheRules(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"status 200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "the server answered with status 200 instead of 101 (RFC 6455 §4.1)"},
		{"status 426", "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n", `the server answered with status 426 instead of 101; it speaks version "8" of WebSocket, not 13 (RFC 6455 §4.4)`},
		{"HTTP/1.0", strings.Replace(switching, "HTTP/1.1", "HTTP/1.0", 1) + "\r\n", "the server answered with HTTP/1.0; a WebSocket needs HTTP/1.1 (RFC 6455 §4.1)"},
		{"no Upgrade", strings.Replace(switching, "Upgrade: websocket\r\n", "", 1) + "\r\n", "Upgrade is missing in the answer (RFC 6455 §4.1)"},
		{"other Upgrade", strings.Replace(switching, "Upgrade: websocket", "Upgrade: h2c", 1) + "\r\n", `Upgrade in the answer is "h2c", not websocket (RFC 6455 §4.1)`},
		{"no Connection", strings.Replace(switching, "Connection: Upgrade\r\n", "", 1) + "\r\n", "Connection in the answer does not list Upgrade (RFC 6455 §4.1)"},
		{"no accept", strings.Replace(switching, "Sec-WebSocket-Accept: ACCEPT\r\n", "", 1) + "\r\n", "Sec-WebSocket-Accept is missing in the answer (RFC 6455 §4.1)"},
		{"wrong accept", strings.Replace(switching, "ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 1) + "\r\n", `Sec-WebSocket-Accept "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in the answer does not belong to our key (RFC 6455 §4.1)`},
		{"two accepts", switching + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n", "Sec-WebSocket-Accept is 2 times in the answer (RFC 6455 §11.3.3)"},
		{"extension", switching + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", `the answer has extension "permessage-deflate", which was not offered (RFC 6455 §4.1)`},
		{"malformed extension", switching + "Sec-WebSocket-Extensions: ;\r\n\r\n", `Sec-WebSocket-Extensions: an extension has no name before ";" (RFC 6455 §9.1)`},
		{"subprotocol that was not offered", switching + "Sec-WebSocket-Protocol: v3\r\n\r\n", `the answer has subprotocol "v3", which was not offered (RFC 6455 §4.1)`},
		{"two subprotocols", switching + "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2\r\n\r\n", "Sec-WebSocket-Protocol is 2 times in the answer (RFC 6455 §11.3.4)"},
		{"list of subprotocols", switching + "Sec-WebSocket-Protocol: v1, v2\r\n\r\n", `the answer has subprotocol "v1, v2", which was not offered (RFC 6455 §4.1)`},
		{"not HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n", `malformed HTTP response "SSH-2.0-OpenSSH_9.6"`},
		{"nothing", "", "the other end hung up before it answered: unexpected EOF"},
		{"half an answer", "HTTP/1.1 101 Switching Pro", "the other end hung up before it answered: unexpected EOF"},
		{"head without end", switching + "X: " + strings.Repeat("x", 60<<10) + "\r\n" + "Y: " + strings.Repeat("y", 4<<10), "the head of the answer is larger than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, resp, _, err := dialScript(t.Context(), t, "ws://example.com/", &websocket.DialOptions{Subprotocols: []string{"v1", "v2"}}, func(s *wstest.Script) {
				answer(t, s, tt.answer)
				s.Close()
			})
			assert.True(t, c == nil && err != nil, "an error and no connection")
			assert.Equal(t, err.Error(), "websocket: handshake: "+tt.want)
			var problem *websocket.HandshakeError
			assert.Equal(t, errors.As(err, &problem), resp != nil)
		})
	}
}

func TestDialTakesEveryLegalAnswer(t *testing.T) {
	for _, tt := range []struct{ name, answer, subprotocol string }{
		{"as it should be", switching + "\r\n", ""},
		{"any case", strings.NewReplacer("websocket", "WebSocket", "Connection: Upgrade", "connection: uPGRADE").Replace(switching) + "\r\n", ""},
		{"list in Connection", strings.Replace(switching, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: x, upgrade", 1) + "\r\n", ""},
		{"second subprotocol", switching + "Sec-WebSocket-Protocol: v1\r\n\r\n", "v1"},
		{"a length that means nothing", switching + "Content-Length: 5\r\n\r\n", ""},
		{"early hints before", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + switching + "\r\n", ""},
		{"other words for 101", strings.Replace(switching, "Switching Protocols", "Web Socket Protocol Handshake", 1) + "\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, resp, _, err := dialScript(t.Context(), t, "ws://example.com/", &websocket.DialOptions{Subprotocols: []string{"v2", "v1"}}, func(s *wstest.Script) {
				answer(t, s, tt.answer+"\x81\x05Hello")
			})
			assert.NoError(t, err)
			assert.Equal(t, c.Subprotocol(), tt.subprotocol)
			assert.Equal(t, resp.StatusCode, http.StatusSwitchingProtocols)
			assert.True(t, resp.Body == http.NoBody, "there is no body")
			_, p, err := c.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(p), "Hello")
		})
	}
}

func TestDialKeepsFramesBehindTheAnswer(t *testing.T) {
	for name, frames := range map[string]string{
		"one frame":                    "\x81\x05Hello",
		"more than a buffer holds":     strings.Repeat("\x81\x05Hello", 3000),
		"and a part of the next frame": "\x81\x05Hello\x81\x05He",
	} {
		t.Run(name, func(t *testing.T) {
			c, _, _, err := dialScript(t.Context(), t, "ws://example.com/", nil, func(s *wstest.Script) {
				answer(t, s, switching+"\r\n"+frames)
			})
			assert.NoError(t, err)
			for range strings.Count(frames, "Hello") {
				_, p, err := c.Read(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, string(p), "Hello")
			}
		})
	}
}

func TestDialKeepsTheBodyOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ name, answer, body string }{
			{"with a length", "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot you! and more", "not you! "},
			{"chunked", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnot \r\n4\r\nyou!\r\n0\r\n\r\n", "not you!"},
			{"without end", "HTTP/1.1 403 Forbidden\r\n\r\nnot you!", "not you!"},
			{"shorter than it says", "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nnot you!", "not you!"},
			{"endless", "HTTP/1.1 403 Forbidden\r\n\r\n" + strings.Repeat("no! ", 10000), strings.Repeat("no! ", 1024)},
		} {
			start := time.Now()
			_, resp, _, err := dialScript(t.Context(), t, "ws://example.com/", nil, func(s *wstest.Script) { answer(t, s, tt.answer) })
			assert.Equal(t, err.Error(), "websocket: handshake: the server answered with status 403 instead of 101 (RFC 6455 §4.1)")
			body, err := io.ReadAll(resp.Body)
			assert.NoError(t, err)
			assert.Equal(t, string(body), tt.body)
			assert.True(t, time.Since(start) <= time.Second, tt.name+": a body that does not end is not waited for")
		}
	})
}

func TestDialSpeaksTLSAndNothingElseBeneathIt(t *testing.T) {
	srv := httptest.NewUnstartedServer(websocket.Handler(parrot, nil))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}} // the server would choose h2 if it were offered
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	addr := "wss://" + srv.Listener.Addr().String()

	t.Run("a certificate of nobody", func(t *testing.T) {
		_, _, err := websocket.Dial(t.Context(), addr, nil)
		var unknown x509.UnknownAuthorityError
		assert.True(t, errors.As(err, &unknown), "the reason can be told by type")
		assert.Equal(t, err.Error(), "websocket: dial: tls: failed to verify certificate: x509: certificate signed by unknown authority")
	})
	t.Run("a certificate for another host", func(t *testing.T) {
		roots := x509.NewCertPool()
		roots.AddCert(srv.Certificate())
		_, _, err := websocket.Dial(t.Context(), addr, &websocket.DialOptions{TLSConfig: &tls.Config{RootCAs: roots, ServerName: "example.org"}})
		var other x509.HostnameError
		assert.True(t, errors.As(err, &other), "the reason can be told by type")
	})
	t.Run("HTTP/1.1 is all that is offered", func(t *testing.T) {
		state := make(chan tls.ConnectionState, 1)
		config := &tls.Config{
			InsecureSkipVerify: true,
			NextProtos:         []string{"h2", "http/1.1"},
			VerifyConnection:   func(s tls.ConnectionState) error { state <- s; return nil },
		}
		c, _, err := websocket.Dial(t.Context(), addr, &websocket.DialOptions{TLSConfig: config})
		assert.NoError(t, err)
		defer c.CloseNow()
		assert.Equal(t, (<-state).NegotiatedProtocol, "http/1.1")
		assert.Equal(t, config.NextProtos, []string{"h2", "http/1.1"}) // the caller's is left alone
	})
	t.Run("not TLS at all", func(t *testing.T) {
		_, _, _, err := dialScript(t.Context(), t, "wss://example.com/", nil, func(s *wstest.Script) {
			s.Send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		})
		assert.Equal(t, err.Error(), "websocket: dial: tls: first record does not look like a TLS handshake")
	})
}

func TestDialWithCookies(t *testing.T) {
	jar, err := cookiejar.New(nil)
	assert.NoError(t, err)
	u := &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	jar.SetCookies(u, []*http.Cookie{{Name: "secret", Value: "s", Secure: true}})
	jar.SetCookies(u, []*http.Cookie{{Name: "open", Value: "o"}})
	o := &websocket.DialOptions{Jar: jar, Header: http.Header{"Cookie": {"own=1"}}}

	_, _, _, err = dialScript(t.Context(), t, "ws://example.com/", o, func(s *wstest.Script) {
		r := answer(t, s, switching+"Set-Cookie: session=42; Path=/\r\n\r\n")
		assert.Equal(t, r.Header["Cookie"], []string{"own=1; open=o"})
	})
	assert.NoError(t, err)
	assert.Equal(t, o.Header, http.Header{"Cookie": {"own=1"}}) // the caller's is left alone

	_, resp, _, err := dialScript(t.Context(), t, "http://example.com/", o, func(s *wstest.Script) {
		r := answer(t, s, "HTTP/1.1 401 Unauthorized\r\nSet-Cookie: session=43; Path=/\r\nContent-Length: 0\r\n\r\n")
		assert.Equal(t, r.Header["Cookie"], []string{"own=1; open=o; session=42"})
	})
	assert.True(t, err != nil && resp.StatusCode == http.StatusUnauthorized, "refused")
	assert.Equal(t, jar.Cookies(&url.URL{Scheme: "http", Host: "example.com", Path: "/"}),
		[]*http.Cookie{{Name: "open", Value: "o"}, {Name: "session", Value: "43"}})
}

func TestDialTimesOut(t *testing.T) {
	hang := func(s *wstest.Script) { s.ExpectHead() }
	for _, tt := range []struct {
		name   string
		url    string
		o      websocket.DialOptions
		server func(s *wstest.Script)
		want   time.Duration
	}{
		{"after 30 s by default", "ws://example.com/", websocket.DialOptions{}, hang, 30 * time.Second},
		{"when it is told to", "ws://example.com/", websocket.DialOptions{HandshakeTimeout: time.Second}, hang, time.Second},
		{"in the middle of the answer", "ws://example.com/", websocket.DialOptions{}, func(s *wstest.Script) {
			s.ExpectHead()
			s.Send([]byte("HTTP/1.1 101 "))
		}, 30 * time.Second},
		{"in the middle of TLS", "wss://example.com/", websocket.DialOptions{}, func(*wstest.Script) {}, 30 * time.Second},
		{"with an answer that comes by the byte", "ws://example.com/", websocket.DialOptions{}, func(s *wstest.Script) {
			s.ExpectHead()
			for _, b := range []byte("HTTP/1.1 101 Switching Protocols")[:30] {
				s.Send([]byte{b})
				time.Sleep(time.Second - 1)
			}
			s.ExpectEOF()
		}, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, _, _, err := dialScript(t.Context(), t, tt.url, &tt.o, func(s *wstest.Script) { tt.server(s) })
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, err.Error(), "websocket: dial interrupted: context deadline exceeded")
				assert.Equal(t, time.Since(start), tt.want)
			})
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := websocket.Dial(ctx, "ws://127.0.0.1:1/", nil)
		assert.ErrorIs(t, err, context.Canceled)
	})
	t.Run("while it dials", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, _, err := websocket.Dial(ctx, "ws://example.com/", &websocket.DialOptions{
			Proxy: noProxy,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			},
		})
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, err.Error(), "websocket: dial interrupted: context canceled")
	})
	t.Run("while it waits for the answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			_, _, _, err := dialScript(ctx, t, "ws://example.com/", &websocket.DialOptions{HandshakeTimeout: -1}, func(s *wstest.Script) {
				s.ExpectHead()
				time.Sleep(time.Hour)
				cancel()
				s.ExpectEOF()
			})
			assert.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, err.Error(), "websocket: dial interrupted: context canceled")
		})
	})
	t.Run("but the connection does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, _, _, err := dialScript(ctx, t, "ws://example.com/", &websocket.DialOptions{PingInterval: -1}, func(s *wstest.Script) {
				s.ServerHandshake()
				time.Sleep(time.Minute) // longer than ctx and the handshake timeout
				s.SendText("still there")
			})
			assert.NoError(t, err)
			_, p, err := c.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(p), "still there")
		})
	})
}

func TestDialOverAUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "ws") //nolint:usetesting // that of t.TempDir is too long for the address of a socket
	assert.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	assert.NoError(t, err)
	srv := &http.Server{Handler: websocket.Handler(parrot, nil)}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })

	c, _, err := websocket.Dial(t.Context(), "ws://unix/echo", &websocket.DialOptions{
		Proxy: noProxy,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			assert.Equal(t, network+" "+addr, "tcp unix:80")
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	})
	assert.NoError(t, err)
	defer c.CloseNow()
	assert.Equal(t, c.RemoteAddr().String(), path)
	big := bytes.Repeat([]byte("x"), 300<<10)
	for range 3 {
		sent := make(chan error, 1)
		go func() { sent <- c.Write(t.Context(), websocket.Binary, big) }()
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.NoError(t, <-sent)
		assert.True(t, bytes.Equal(p, big), "the message came back as it was")
	}
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

func TestDialOfAClosedRegistry(t *testing.T) {
	var open websocket.Registry
	assert.NoError(t, open.Shutdown(t.Context()))
	_, _, err := websocket.Dial(t.Context(), "ws://example.com/", &websocket.DialOptions{
		Registry:    &open,
		DialContext: func(context.Context, string, string) (net.Conn, error) { panic("nothing is dialled") },
	})
	assert.Equal(t, err.Error(), "websocket: server is shutting down")
}
