package event_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// own are the ways with a listener of the server's own.
func own() (list []way) {
	for _, w := range ways {
		if !w.http {
			list = append(list, w)
		}
	}
	return list
}

const goodRequest = "GET /chat?a=b HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// TestRefusals sends requests that open nothing: they are answered with a status and
// words, and the connection is closed without a reset.
func TestRefusals(t *testing.T) {
	without := func(line string) string { return strings.Replace(goodRequest, line+"\r\n", "", 1) }
	with := func(old, repl string) string { return strings.Replace(goodRequest, old, repl, 1) }
	tests := []struct {
		name, request string
		status        int
		words         string // in the answer
	}{
		{"no upgrade", without("Upgrade: websocket"), 426, "Upgrade: websocket"},
		{"no key", without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, "Sec-WebSocket-Key"},
		{"another version", with("Version: 13", "Version: 8"), 426, "Sec-Websocket-Version: 13"},
		{"POST", with("GET", "POST"), 405, "Allow: GET"},
		{"no host", without("Host: example.com"), 400, "Host"},
		{"another origin", with("Host: example.com", "Host: example.com\r\nOrigin: http://evil.example"), 403, "evil.example"},
		{"garbage", "\x00\x01\x02 nonsense\r\n\r\n", 400, ""},
		{"refused by Accept", with("/chat", "/secret"), 401, "who are you"},
		{"refused by Accept with any error", with("/chat", "/broken"), 400, "broken"},
		{"17 KiB", with("Host: example.com", "Host: example.com\r\nX: "+strings.Repeat("x", 17<<10)), 431, ""},
		{"no end", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10), 431, ""},
	}
	for _, w := range own() {
		t.Run(w.name, func(t *testing.T) {
			srv := w.serve(t, echo, event.Options{Accept: func(r *event.Request) error {
				switch {
				case strings.HasPrefix(r.Target, "/secret"):
					return &websocket.HandshakeError{Status: http.StatusUnauthorized, Problem: "who are you?"}
				case strings.HasPrefix(r.Target, "/broken"):
					return errors.New("something is broken")
				}
				return nil
			}})
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					c := srv.connect(t)
					go func() { _, _ = c.Write([]byte(test.request)) }()
					b, err := io.ReadAll(c)
					assert.NoError(t, err)
					assert.True(t, strings.HasPrefix(string(b), fmt.Sprintf("HTTP/1.1 %d ", test.status)), string(b))
					assert.Contains(t, string(b), test.words)
					_, body, _ := strings.Cut(string(b), "\r\n\r\n")
					assert.True(t, len(body) > 10, "no words: "+string(b))
				})
			}
			for srv.Len() > 0 { // all are forgotten
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// TestHello says hello in TLS to a plain port.
func TestHello(t *testing.T) {
	for _, w := range own() {
		if w.secure {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			srv := w.serve(t, echo, event.Options{})
			_, config := certificates()
			config = config.Clone()
			config.ServerName = "example.com"
			err := tls.Client(srv.connect(t), config).HandshakeContext(t.Context())
			assert.True(t, err != nil, "a TLS handshake with a plain port")
			assert.Contains(t, err.Error(), "first record does not look like a TLS handshake")
		})
	}
}

// TestSlowRequest sends a request byte by byte, with frames right behind it.
func TestSlowRequest(t *testing.T) {
	for _, w := range own() {
		t.Run(w.name, func(t *testing.T) {
			srv := w.serve(t, echo, event.Options{})
			c := srv.connect(t)
			s := wstest.NewScript(t, c, wstest.Client)
			wire := appendText([]byte(goodRequest), "behind")
			for i := range wire {
				s.Send(wire[i : i+1])
			}
			assert.Contains(t, s.ExpectHead(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
			s.ExpectText("behind")
		})
	}
}

// TestAccept looks at requests and gives the connections their data.
func TestAccept(t *testing.T) {
	for _, w := range own() {
		t.Run(w.name, func(t *testing.T) {
			var o opened
			h := o.handler()
			h.OnMessage = echo.OnMessage
			srv := w.serve(t, h, event.Options{
				Subprotocols: []string{"chat"}, Header: http.Header{"X-Served-By": {"us"}}, Compression: &websocket.Compression{},
				Accept: func(r *event.Request) error {
					if r.RemoteAddr() == nil {
						return errors.New("no address")
					}
					r.Data = strings.Join([]string{r.Target, r.Host, r.Header["X-Name"][0]}, " ")
					return nil
				},
			})
			for target, data := range map[string]string{
				"/chat?a=b":                "/chat?a=b example.com Alice",
				"http://example.org/chat?": "/chat? example.org Alice",
			} {
				s := wstest.NewScript(t, srv.connect(t), wstest.Client)
				s.ClientRequest(target, "Host: example.com", "X-Name: Alice", "Sec-WebSocket-Protocol: other, chat",
					"Sec-WebSocket-Extensions: permessage-deflate")
				// The frames come behind the request, at once.
				s.SendText("early")
				head := s.ExpectHead()
				assert.Contains(t, head, "X-Served-By: us\r\n")
				c := within(t, o.conn, "OnOpen")
				assert.Equal(t, c.Data(), any(data))
				assert.Equal(t, c.Subprotocol(), "chat")
				assert.Contains(t, c.Extensions(), "permessage-deflate")
				assert.True(t, c.LocalAddr() != nil && c.RemoteAddr() != nil, "no addresses")
				s.ExpectText("early")
				s.SendClose(websocket.StatusNormalClosure, "")
				s.ExpectCloseCode(websocket.StatusNormalClosure)
				s.ExpectEOF()
				within(t, o.end, "OnClose")
			}
		})
	}
}

// TestAcceptPanics has Accept panic: the client is told, and the server goes on.
func TestAcceptPanics(t *testing.T) {
	for _, w := range own() {
		t.Run(w.name, func(t *testing.T) {
			panics := make(chan any, 1)
			srv := w.serve(t, echo, event.Options{
				Accept: func(r *event.Request) error {
					if strings.HasPrefix(r.Target, "/panic") {
						panic("as asked")
					}
					return nil
				},
				Panicked: func(_ *event.Conn, value any, _ []byte) { panics <- value },
			})
			c := srv.connect(t)
			go func() { _, _ = c.Write([]byte(strings.Replace(goodRequest, "/chat", "/panic", 1))) }()
			b, err := io.ReadAll(c)
			assert.NoError(t, err)
			assert.True(t, bytes.HasPrefix(b, []byte("HTTP/1.1 500 ")), string(b))
			assert.Equal(t, within(t, panics, "Panicked"), any("as asked"))
			s := srv.script(t)
			s.SendText("still there?")
			s.ExpectText("still there?")
		})
	}
}

// TestHandshakeTimeout lets a request be incomplete for too long.
func TestHandshakeTimeout(t *testing.T) {
	for _, w := range own() {
		t.Run(w.name, func(t *testing.T) {
			srv := w.serve(t, echo, event.Options{HandshakeTimeout: soon})
			for _, request := range []string{"", "GET / HT", goodRequest[:len(goodRequest)-1]} {
				c := srv.connect(t)
				if request != "" && !w.secure {
					_, _ = c.Write([]byte(request)) // too late on a busy machine
				}
				n, err := c.Read(make([]byte, 1))
				assert.True(t, n == 0 && err != nil, "an answer to an incomplete request")
			}
			for srv.Len() > 0 {
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// TestStormOfConnects connects and hangs up in all moments.
func TestStormOfConnects(t *testing.T) {
	for _, w := range own() {
		t.Run(w.name, func(t *testing.T) {
			srv := w.serve(t, echo, event.Options{})
			var wg sync.WaitGroup
			wire := appendText([]byte(goodRequest), "early")
			for i := range 8 {
				wg.Go(func() {
					for j := range 40 {
						c, err := srv.transport(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						_, _ = c.Write(wire[:(i*40+j)%(len(wire)+1)])
						if j%2 == 0 {
							reset(c)
						}
						_ = c.Close()
					}
				})
			}
			wg.Wait()
			s := srv.script(t)
			s.SendText("still there?")
			s.ExpectText("still there?")
			s.Close()
			for start := time.Now(); srv.Len() > 0 && time.Since(start) < 20*time.Second; {
				time.Sleep(time.Millisecond)
			}
			assert.Equal(t, srv.Len(), 0)
		})
	}
}

// TestListenAndServe has a listener for each loop.
func TestListenAndServe(t *testing.T) {
	for _, d := range []event.Driver{event.Goroutines, event.Epoll} {
		t.Run(d.String(), func(t *testing.T) {
			s := event.NewServer(echo, &event.Options{Driver: d, Loops: 3})
			ended := make(chan error, 1)
			go func() { ended <- s.ListenAndServe("127.0.0.1:0") }()
			for s.Addr() == nil {
				time.Sleep(time.Millisecond)
			}
			for range 20 {
				c, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String(), &websocket.DialOptions{Proxy: noProxy})
				assert.NoError(t, err)
				assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("hello")))
				_, p, err := c.Read(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, string(p), "hello")
				assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
			}
			assert.NoError(t, s.Shutdown(t.Context()))
			assert.NoError(t, within(t, ended, "ListenAndServe"))
			assert.True(t, s.ListenAndServe("127.0.0.1:0") != nil, "served after Shutdown")
		})
	}
}
