package websocket_test

import (
	"context"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A web is a few hosts in memory. A request with "to" in its query is sent on to the
// URL there; every other one opens a WebSocket.
type web struct {
	hosts    map[string]*wstest.Listener // by address
	requests []*http.Request
}

func newWeb(t testing.TB, addrs ...string) *web {
	w := &web{hosts: make(map[string]*wstest.Listener)}
	for _, addr := range addrs {
		l := wstest.Listen()
		srv := &http.Server{Handler: w}
		go srv.Serve(l)
		t.Cleanup(func() { srv.Close() })
		w.hosts[addr] = l
	}
	return w
}

// ServeHTTP is called for one request at a time: each test dials once.
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.requests = append(w.requests, r)
	if to := r.URL.Query().Get("to"); to != "" {
		http.SetCookie(rw, &http.Cookie{Name: "seen", Value: "1"})
		rw.Header().Set("Location", to)
		rw.WriteHeader(http.StatusFound)
		return
	}
	websocket.Handler(parrot, nil).ServeHTTP(rw, r)
}

func (w *web) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return w.hosts[addr].DialContext(ctx, network, addr)
}

// targets returns what was asked for, host and target.
func (w *web) targets() (all []string) {
	for _, r := range w.requests {
		all = append(all, r.Host+r.URL.Path)
	}
	return all
}

func (w *web) dial(t testing.TB, rawURL string, o websocket.DialOptions) (*http.Response, error) {
	o.Proxy, o.DialContext = noProxy, w.DialContext
	c, resp, err := websocket.Dial(t.Context(), rawURL, &o)
	if err == nil {
		defer c.CloseNow()
	}
	return resp, err
}

func to(rawURL string) string { return "?to=" + url.QueryEscape(rawURL) }

func TestDialFollowsNoRedirectUnlessTold(t *testing.T) {
	w := newWeb(t, "a.example:80")
	resp, err := w.dial(t, "ws://a.example/1"+to("/2"), websocket.DialOptions{})
	assert.Equal(t, err.Error(), "websocket: handshake: the server answered with status 302 instead of 101 (RFC 6455 §4.1)")
	assert.Equal(t, resp.Header.Get("Location"), "/2")
	assert.Equal(t, w.targets(), []string{"a.example/1"})
}

func TestDialFollowsRedirects(t *testing.T) {
	for _, tt := range []struct {
		name, url string
		want      []string
	}{
		{"a path", "ws://a.example/1" + to("/2"), []string{"a.example/1", "a.example/2"}},
		{"a relative path", "ws://a.example/x/1" + to("2"), []string{"a.example/x/1", "a.example/x/2"}},
		{"a host", "ws://a.example/1" + to("//b.example:8080/2"), []string{"a.example/1", "b.example:8080/2"}},
		{"a URL", "ws://a.example/1" + to("ws://b.example:8080/2"), []string{"a.example/1", "b.example:8080/2"}},
		{"a URL of http", "ws://a.example/1" + to("http://b.example:8080/2"), []string{"a.example/1", "b.example:8080/2"}},
		{"a fragment, which is dropped", "ws://a.example/1" + to("/2#top"), []string{"a.example/1", "a.example/2"}},
		{"twice", "ws://a.example/1" + to("/2"+to("/3")), []string{"a.example/1", "a.example/2", "a.example/3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWeb(t, "a.example:80", "b.example:8080")
			resp, err := w.dial(t, tt.url, websocket.DialOptions{MaxRedirects: 2})
			assert.NoError(t, err)
			assert.Equal(t, resp.StatusCode, http.StatusSwitchingProtocols)
			assert.Equal(t, w.targets(), tt.want)
		})
	}
}

func TestDialFollowsSoManyRedirectsAndNoMore(t *testing.T) {
	w := newWeb(t, "a.example:80")
	resp, err := w.dial(t, "ws://a.example/1"+to("/2"+to("/3"+to("/4"))), websocket.DialOptions{MaxRedirects: 2})
	assert.Equal(t, err.Error(), "websocket: handshake: the server answered with status 302 instead of 101 (RFC 6455 §4.1)")
	assert.Equal(t, resp.Header.Get("Location"), "/4")
	assert.Equal(t, w.targets(), []string{"a.example/1", "a.example/2", "a.example/3"})
}

func TestDialRefusesBadRedirects(t *testing.T) {
	for _, tt := range []struct{ name, location, want string }{
		{"no Location", "", "websocket: redirect: the answer with status 302 has no Location"},
		{"not a URL", "ws://a b/", `websocket: redirect: parse "ws://a b/": invalid character " " in host name`},
		{"another scheme", "file:///etc/passwd", `websocket: URL "file:///etc/passwd": the scheme must be ws, wss, http or https`},
		{"no host", "ws:///x", `websocket: URL "ws:///x" has no host`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, resp, _, err := dialScript(t.Context(), t, "ws://a.example/", &websocket.DialOptions{MaxRedirects: 5}, func(s *wstest.Script) {
				answer(t, s, "HTTP/1.1 302 Found\r\nLocation: "+tt.location+"\r\nContent-Length: 0\r\n\r\n")
			})
			assert.Equal(t, err.Error(), tt.want)
			assert.Equal(t, resp.StatusCode, http.StatusFound)
		})
	}
}

func TestDialDoesNotGiveUpTLS(t *testing.T) {
	for _, scheme := range []string{"ws", "http"} {
		srv := httptest.NewTLSServer(http.RedirectHandler(scheme+"://user:secret@example.com/", http.StatusMovedPermanently))
		t.Cleanup(srv.Close)
		tlsConfig := srv.Client().Transport.(*http.Transport).TLSClientConfig
		_, resp, err := websocket.Dial(t.Context(), srv.URL, &websocket.DialOptions{TLSConfig: tlsConfig, MaxRedirects: 1})
		assert.Equal(t, err.Error(), "websocket: redirect from "+strings.Replace(srv.URL, "https", "wss", 1)+
			" to ws://user:xxxxx@example.com/ would give up TLS")
		assert.Equal(t, resp.StatusCode, http.StatusMovedPermanently)
	}
}

func TestDialKeepsSecretsFromOtherHosts(t *testing.T) {
	options := func() websocket.DialOptions {
		return websocket.DialOptions{
			MaxRedirects: 5,
			Host:         "virtual.example",
			Header: http.Header{
				"Authorization":       {"Bearer t"},
				"Cookie":              {"own=1"},
				"cookie":              {"lower=1"},
				"Proxy-Authorization": {"Basic x"},
				"X-Harmless":          {"h"},
			},
		}
	}
	secrets := func(r *http.Request) (all []string) {
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Harmless"} {
			all = append(all, strings.Join(r.Header[name], "|"))
		}
		return append(all, r.Host)
	}
	all := []string{"Bearer t", "own=1|lower=1", "Basic x", "h", "virtual.example"}

	t.Run("the same host gets them", func(t *testing.T) {
		w := newWeb(t, "a.example:80")
		_, err := w.dial(t, "ws://a.example/"+to("/2"), options())
		assert.NoError(t, err)
		assert.Equal(t, secrets(w.requests[0]), all)
		assert.Equal(t, secrets(w.requests[1]), all)
	})
	for name, other := range map[string]string{"another host": "b.example", "another port": "a.example:8080"} {
		t.Run(name+" does not", func(t *testing.T) {
			w := newWeb(t, "a.example:80", "b.example:80", "a.example:8080")
			o := options()
			_, err := w.dial(t, "ws://user:password@a.example/"+to("ws://"+other+"/2"+to("ws://a.example/3")), o)
			assert.NoError(t, err)
			assert.Equal(t, secrets(w.requests[0]), all)
			assert.Equal(t, secrets(w.requests[1]), []string{"", "", "", "h", other})
			// The way back was chosen by the other host.
			assert.Equal(t, secrets(w.requests[2]), []string{"", "", "", "h", "a.example"})
			assert.Equal(t, o.Header, options().Header)
		})
	}
	t.Run("user and password stay with their host", func(t *testing.T) {
		w := newWeb(t, "a.example:80", "b.example:80")
		_, err := w.dial(t, "ws://user:password@a.example/"+to("/2"+to("ws://b.example/3")), websocket.DialOptions{MaxRedirects: 2})
		assert.NoError(t, err)
		for i, want := range []string{"Basic dXNlcjpwYXNzd29yZA==", "Basic dXNlcjpwYXNzd29yZA==", ""} {
			assert.Equal(t, w.requests[i].Header.Get("Authorization"), want)
		}
	})
	t.Run("the jar knows by itself", func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		assert.NoError(t, err)
		w := newWeb(t, "a.example:80", "b.example:80")
		_, err = w.dial(t, "ws://a.example/"+to("/2"+to("ws://b.example/3")), websocket.DialOptions{MaxRedirects: 2, Jar: jar})
		assert.NoError(t, err)
		for i, want := range []string{"", "seen=1", ""} {
			assert.Equal(t, w.requests[i].Header.Get("Cookie"), want)
		}
	})
}
