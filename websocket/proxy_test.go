package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// through returns options that send everything through proxy.
func through(t testing.TB, proxy string) *websocket.DialOptions {
	t.Helper()
	u, err := url.Parse(proxy)
	assert.NoError(t, err)
	return &websocket.DialOptions{Proxy: http.ProxyURL(u)}
}

// splice copies between two connections until one of them ends.
func splice(a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(a, b); a.Close() })
	io.Copy(b, a)
	b.Close()
	wg.Wait()
}

// trustAll trusts the certificates of net/http/httptest, whatever the name.
var trustAll = &tls.Config{InsecureSkipVerify: true}

// A connectProxy is a proxy for the method CONNECT. Whatever address it is asked
// for, it connects to target.
type connectProxy struct {
	target   string
	requests chan string
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests <- fmt.Sprintf("%s %s host %s auth %q", r.Method, r.RequestURI, r.Host, r.Header.Get("Proxy-Authorization"))
	near, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		near.Close()
		return
	}
	rw.WriteString("HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
	rw.Flush()
	splice(near, far)
}

// echoes exchanges a message over c and closes it.
func echoes(t testing.TB, c *websocket.Conn) {
	t.Helper()
	assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("through")))
	_, p, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(p), "through")
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

func TestDialThroughHTTPProxies(t *testing.T) {
	plain := httptest.NewServer(websocket.Handler(parrot, nil))
	defer plain.Close()
	secure := httptest.NewTLSServer(websocket.Handler(parrot, nil))
	defer secure.Close()
	for _, tt := range []struct {
		name, proxy, target string
		server              *httptest.Server
		want                string
	}{
		{"ws through http", "http://", "ws://server.example/", plain, `CONNECT server.example:80 host server.example:80 auth ""`},
		{"ws to another port", "http://", "ws://server.example:8080/", plain, `CONNECT server.example:8080 host server.example:8080 auth ""`},
		{"wss through http", "http://", "wss://server.example/", secure, `CONNECT server.example:443 host server.example:443 auth ""`},
		{"ws through https", "https://", "ws://server.example/", plain, `CONNECT server.example:80 host server.example:80 auth ""`},
		{"wss through https", "https://", "wss://server.example/", secure, `CONNECT server.example:443 host server.example:443 auth ""`},
		{"with a password", "http://user:p%40ss@", "ws://server.example/", plain, `CONNECT server.example:80 host server.example:80 auth "Basic dXNlcjpwQHNz"`},
		{"to an IPv6 address", "http://", "ws://[2001:db8::1]/", plain, `CONNECT [2001:db8::1]:80 host [2001:db8::1]:80 auth ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := &connectProxy{target: tt.server.Listener.Addr().String(), requests: make(chan string, 1)}
			srv := httptest.NewUnstartedServer(proxy)
			start := srv.Start
			if strings.HasPrefix(tt.proxy, "https") {
				start = srv.StartTLS
			}
			start()
			t.Cleanup(srv.Close)

			o := through(t, tt.proxy+srv.Listener.Addr().String())
			o.TLSConfig = trustAll
			o.Header = http.Header{"Authorization": {"Bearer for the server, not for the proxy"}}
			c, _, err := websocket.Dial(t.Context(), tt.target, o)
			assert.NoError(t, err)
			assert.Equal(t, <-proxy.requests, tt.want)
			echoes(t, c)
		})
	}
}

// TestDialProvesTheNameOfAnHTTPSProxy holds that TLSConfig.ServerName, the name of
// the server, is not what the proxy has to prove.
func TestDialProvesTheNameOfAnHTTPSProxy(t *testing.T) {
	secure := httptest.NewTLSServer(websocket.Handler(parrot, nil))
	defer secure.Close()
	proxy := &connectProxy{target: secure.Listener.Addr().String(), requests: make(chan string, 1)}
	srv := httptest.NewTLSServer(proxy)
	defer srv.Close()

	var names []string
	o := through(t, "https://proxy.example.com")
	o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		assert.Equal(t, addr, "proxy.example.com:443")
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	o.TLSConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	o.TLSConfig.ServerName = "example.com" // the certificate is for both names
	o.TLSConfig.VerifyConnection = func(s tls.ConnectionState) error {
		names = append(names, s.ServerName)
		return nil
	}
	c, _, err := websocket.Dial(t.Context(), "wss://server.example/", o)
	assert.NoError(t, err)
	assert.Equal(t, names, []string{"proxy.example.com", "example.com"})
	assert.Equal(t, o.TLSConfig.ServerName, "example.com") // the caller's is left alone
	echoes(t, c)
}

func TestDialIsRefusedByAnHTTPProxy(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"wants a password", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "answered CONNECT with 407 Proxy Authentication Required"},
		{"does not let us", "HTTP/1.1 403 No Sockets Here\r\n\r\n", "answered CONNECT with 403 No Sockets Here"},
		{"cannot reach the server", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered CONNECT with 502 Bad Gateway"},
		{"sends us elsewhere", "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\n\r\n", "answered CONNECT with 302 Found"},
		{"hangs up", "", "the other end hung up before it answered: unexpected EOF"},
		{"does not speak HTTP", "\x05\x00\x00\x01\r\n\r\n", `malformed HTTP response "\x05\x00\x00\x01"`},
		{"talks without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10), "the head of the answer is larger than 65536 bytes"},
		{"speaks for the server", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n", "sent more than the answer to CONNECT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := wstest.NetPipe()
			s := wstest.NewScript(t, far, wstest.Server)
			wait := s.Go(func() {
				s.ExpectHead()
				_ = s.TrySend([]byte(tt.answer))
				s.Close()
			})
			o := through(t, "http://user:secret@proxy.example:3128")
			o.DialContext = func(_ context.Context, network, addr string) (net.Conn, error) {
				assert.Equal(t, network+" "+addr, "tcp proxy.example:3128")
				return near, nil
			}
			_, resp, err := websocket.Dial(t.Context(), "ws://server.example/", o)
			wait()
			assert.True(t, resp == nil, "there is no answer of the server")
			assert.Equal(t, err.Error(), "websocket: dial: proxy http://user:xxxxx@proxy.example:3128: "+tt.want)
		})
	}
}

func TestDialTakesEveryAnswerThatOpensATunnel(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.0 200 Connection established\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	} {
		near, far := wstest.NetPipe()
		s := wstest.NewScript(t, far, wstest.Server)
		wait := s.Go(func() {
			assert.Equal(t, s.ExpectHead(), "CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80\r\nUser-Agent: Go-http-client/1.1\r\n\r\n")
			s.Send([]byte(head))
			s.ServerHandshake()
			s.SendText("Hello")
		})
		o := through(t, "http://proxy.example")
		o.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
		c, _, err := websocket.Dial(t.Context(), "ws://server.example/", o)
		assert.NoError(t, err)
		wait()
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, string(p), "Hello")
		c.CloseNow()
	}
}

// socksScript is what a SOCKS proxy reads ("< hex") and says ("> hex").
func socksScript(c net.Conn, script ...string) error {
	for _, line := range script {
		direction, text, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			return err
		}
		if direction == ">" {
			if _, err := c.Write(b); err != nil {
				return err
			}
			continue
		}
		got := make([]byte, len(b))
		if _, err := io.ReadFull(c, got); err != nil {
			return err
		}
		if string(got) != string(b) {
			return fmt.Errorf("got %x, want %x", got, b)
		}
	}
	return nil
}

const (
	socksGreeting = "< 050100"
	socksNoAuth   = "> 0500"
	socksDone     = "> 050000 01 00000000 0000"
	socksServer   = "< 050100 03 0e 7365727665722e6578616d706c65 0050" // server.example:80
)

// dialSOCKS dials target through proxy, which follows the script and then either
// plays the server or hangs up.
func dialSOCKS(t testing.TB, proxy, target string, opens bool, script []string) error {
	t.Helper()
	near, far := wstest.NetPipe()
	s := wstest.NewScript(t, far, wstest.Server)
	var failed error
	wait := s.Go(func() {
		failed = socksScript(far, script...)
		if failed == nil && opens {
			s.ServerHandshake()
			return
		}
		s.Close()
	})
	o := through(t, proxy)
	var dialled string
	o.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = addr
		return near, nil
	}
	c, _, err := websocket.Dial(t.Context(), target, o)
	wait()
	assert.NoError(t, failed)
	assert.Equal(t, dialled, "proxy.example:1080")
	if err == nil {
		c.CloseNow()
	}
	return err
}

func TestDialThroughSOCKS(t *testing.T) {
	for _, tt := range []struct {
		name, proxy, target string
		script              []string
	}{
		{"a name", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, socksDone}},
		{"socks5h is the same", "socks5h://proxy.example:1080", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, socksDone}},
		{"IPv4", "socks5://proxy.example", "ws://192.0.2.1:8080/", []string{socksGreeting, socksNoAuth, "< 050100 01 c0000201 1f90", socksDone}},
		{"IPv6", "socks5://proxy.example", "ws://[2001:db8::1]/", []string{socksGreeting, socksNoAuth, "< 050100 04 20010db8000000000000000000000001 0050", socksDone}},
		{"bound to IPv6", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, "> 050000 04 20010db8000000000000000000000001 0050"}},
		{"bound to a name", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, "> 050000 03 03 616263 0050"}},
		{"bound to no name", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, "> 050000 03 00 0050"}},
		{"a password", "socks5://user:pass@proxy.example", "ws://server.example/", []string{"< 05020002", "> 0502", "< 01 04 75736572 04 70617373", "> 0100", socksServer, socksDone}},
		{"a password nobody wants", "socks5://user:pass@proxy.example", "ws://server.example/", []string{"< 05020002", socksNoAuth, socksServer, socksDone}},
		{"a user without a password", "socks5://user@proxy.example", "ws://server.example/", []string{"< 05020002", "> 0502", "< 01 04 75736572 00", "> 0100", socksServer, socksDone}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.NoError(t, dialSOCKS(t, tt.proxy, tt.target, true, tt.script))
		})
	}
}

func TestDialIsRefusedBySOCKS(t *testing.T) {
	refusal := func(code string) []string {
		return []string{socksGreeting, socksNoAuth, socksServer, "> 05" + code + "00 01 00000000 0000"}
	}
	long := strings.Repeat("x", 256)
	for _, tt := range []struct {
		name, proxy, target string
		script              []string
		want                string
	}{
		{"general failure", "socks5://proxy.example", "ws://server.example/", refusal("01"), "general failure"},
		{"rules", "socks5://proxy.example", "ws://server.example/", refusal("02"), "not allowed by the rules"},
		{"unreachable", "socks5://proxy.example", "ws://server.example/", refusal("04"), "host unreachable"},
		{"refused", "socks5://proxy.example", "ws://server.example/", refusal("05"), "connection refused"},
		{"address type", "socks5://proxy.example", "ws://server.example/", refusal("08"), "address type not supported"},
		{"unknown code", "socks5://proxy.example", "ws://server.example/", refusal("ff"), "failed with code 255"},
		{"no way of authentication", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, "> 05ff"}, "wants a way of authentication that was not offered"},
		{"a password that was not offered", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, "> 0502"}, "wants a way of authentication that was not offered"},
		{"wrong password", "socks5://user:pass@proxy.example", "ws://server.example/", []string{"< 05020002", "> 0502", "< 01 04 75736572 04 70617373", "> 0101"}, "refused user and password"},
		{"SOCKS 4", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, "> 045b"}, "is not a SOCKS 5 proxy"},
		{"HTTP", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, "> 485454502f312e31"}, "is not a SOCKS 5 proxy"},
		{"nonsense later on", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, "> 040000 01 00000000 0000"}, "is not a SOCKS 5 proxy"},
		{"unknown type of address", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, "> 050000 09 00000000 0000"}, "answered with an unknown type of address"},
		{"hangs up", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting}, "the other end hung up before it answered: EOF"},
		{"hangs up later on", "socks5://proxy.example", "ws://server.example/", []string{socksGreeting, socksNoAuth, socksServer, "> 0501"}, "the other end hung up before it answered: unexpected EOF"},
		{"user too long", "socks5://" + long + "@proxy.example", "ws://server.example/", []string{"< 05020002", "> 0502"}, "user or password is longer than 255 bytes"},
		{"name too long", "socks5://proxy.example", "ws://" + long + "/", []string{socksGreeting, "> 0500"}, "host name is longer than 255 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := dialSOCKS(t, tt.proxy, tt.target, false, tt.script)
			u, parseErr := url.Parse(tt.proxy)
			assert.NoError(t, parseErr)
			assert.True(t, err != nil, "refused")
			assert.Equal(t, err.Error(), "websocket: dial: proxy "+u.Redacted()+": "+tt.want)
		})
	}
}

// TestDialSecureThroughSOCKS runs TLS through the tunnel, over TCP.
func TestDialSecureThroughSOCKS(t *testing.T) {
	secure := httptest.NewTLSServer(websocket.Handler(parrot, nil))
	defer secure.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	failed := make(chan error, 1)
	go func() {
		near, err := l.Accept()
		if err != nil {
			failed <- err
			return
		}
		failed <- socksScript(near, "< 05020002", "> 0502", "< 01 04 75736572 04 70617373", "> 0100",
			"< 050100 03 0e 7365727665722e6578616d706c65 01bb", socksDone)
		far, err := net.Dial("tcp", secure.Listener.Addr().String())
		if err != nil {
			near.Close()
			return
		}
		splice(near, far)
	}()
	o := through(t, "socks5://user:pass@"+l.Addr().String())
	o.TLSConfig = trustAll
	c, _, err := websocket.Dial(t.Context(), "wss://server.example/", o)
	assert.NoError(t, <-failed)
	assert.NoError(t, err)
	echoes(t, c)
}

func TestDialAsksTheProxyFunction(t *testing.T) {
	for target, want := range map[string]string{
		"ws://example.com/a?b":     "http://example.com/a?b",
		"wss://example.com:8443/a": "https://example.com:8443/a",
	} {
		sentinel := errors.New("ask somebody else")
		_, _, err := websocket.Dial(t.Context(), target, &websocket.DialOptions{
			Header: http.Header{"X-A": {"1"}},
			Proxy: func(r *http.Request) (*url.URL, error) {
				assert.Equal(t, r.Method+" "+r.URL.String(), "GET "+want)
				assert.Equal(t, r.Header, http.Header{"X-A": {"1"}})
				return nil, sentinel
			},
		})
		assert.ErrorIs(t, err, sentinel)
	}
	for proxy, want := range map[string]string{
		"ftp://proxy.example":  "websocket: dial: proxy ftp://proxy.example: the scheme must be http, https, socks5 or socks5h",
		"http://proxy.example": "websocket: dial: proxy http://proxy.example: no route",
	} {
		o := through(t, proxy)
		o.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") }
		_, _, err := websocket.Dial(t.Context(), "ws://server.example/", o)
		assert.True(t, err != nil, "no connection")
		assert.Equal(t, err.Error(), want)
	}
}

func TestDialTimesOutInTheProxy(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wstest.NetPipe()
				defer far.Close()
				o := through(t, scheme+"://proxy.example")
				o.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
				start := time.Now()
				_, _, err := websocket.Dial(t.Context(), "wss://server.example/", o)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, err.Error(), "websocket: dial interrupted: context deadline exceeded")
				assert.Equal(t, time.Since(start), websocket.DefaultHandshakeTimeout)
				_, err = io.Copy(io.Discard, far) // the transport was closed
				assert.NoError(t, err)
			})
		})
	}
}

// proxyChildEnv makes this test binary a client that knows no more of proxies than
// the environment says: net/http reads that only once.
const proxyChildEnv = "DUPLEX_TEST_PROXY_CHILD"

func TestDialHonoursTheEnvironment(t *testing.T) {
	if os.Getenv(proxyChildEnv) != "" {
		c, _, err := websocket.Dial(t.Context(), "ws://server.example/", nil)
		assert.NoError(t, err)
		echoes(t, c)
		return
	}
	plain := httptest.NewServer(websocket.Handler(parrot, nil))
	defer plain.Close()
	proxy := &connectProxy{target: plain.Listener.Addr().String(), requests: make(chan string, 1)}
	srv := httptest.NewServer(proxy)
	defer srv.Close()

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDialHonoursTheEnvironment$")
	cmd.Env = append(os.Environ(), proxyChildEnv+"=1", "HTTP_PROXY="+srv.URL, "http_proxy="+srv.URL, "NO_PROXY=", "no_proxy=")
	out, err := cmd.CombinedOutput()
	assert.True(t, err == nil, string(out))
	assert.Equal(t, <-proxy.requests, `CONNECT server.example:80 host server.example:80 auth ""`)
}

// TestCloseNowThroughTwoLayersOfTLS holds that the socket itself is closed.
func TestCloseNowThroughTwoLayersOfTLS(t *testing.T) {
	certificates := httptest.NewTLSServer(nil)
	defer certificates.Close()
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.NetPipe()
		opened := make(chan error, 1)
		go func() {
			proxy := tls.Server(far, certificates.TLS)
			r, err := http.ReadRequest(bufio.NewReader(proxy))
			if err != nil || r.Method != http.MethodConnect {
				opened <- fmt.Errorf("no CONNECT: %w", err)
				return
			}
			io.WriteString(proxy, "HTTP/1.1 200 OK\r\n\r\n")
			s := wstest.NewScript(t, tls.Server(proxy, certificates.TLS), wstest.Server)
			s.ServerHandshake()
			opened <- nil
		}()
		o := through(t, "https://proxy.example")
		o.TLSConfig = trustAll
		o.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
		c, _, err := websocket.Dial(t.Context(), "wss://server.example/", o)
		assert.NoError(t, err)
		assert.NoError(t, <-opened)
		start := time.Now()
		c.CloseNow()
		assert.Equal(t, time.Since(start), 0)
		rest, err := io.ReadAll(far)
		assert.NoError(t, err)
		assert.Equal(t, len(rest), 0) // no goodbye of TLS either, which could block
	})
}
