package handshake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestAppendRefusal(t *testing.T) {
	const fixed = "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"RFC 6455 §4.2.1 missing key", refuse(400, "RFC 6455 §4.2.1", "no key"),
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + fixed +
				"Content-Length: 48\r\n\r\nwebsocket: handshake: no key (RFC 6455 §4.2.1)\n"},
		{"RFC 6455 §4.4 other version", refuse(426, "", "use 13").withUpgrade(),
			"HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade, close\r\n" + fixed +
				"Content-Length: 29\r\nSec-Websocket-Version: 13\r\nUpgrade: websocket\r\n\r\nwebsocket: handshake: use 13\n"},
		{"RFC 9110 §15.5.6 Allow", refuse(405, "", "no").with("Allow", "GET"),
			"HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n" + fixed +
				"Content-Length: 25\r\nAllow: GET\r\n\r\nwebsocket: handshake: no\n"},
		{"an Error within", fmt.Errorf("outer: %w", refuse(403, "", "no")),
			"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n" + fixed +
				"Content-Length: 32\r\n\r\nouter: websocket: handshake: no\n"},
		{"another error", errors.New("no"),
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + fixed + "Content-Length: 3\r\n\r\nno\n"},
		{"an Error of a client", fail("", "no").with("X", "y"),
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + fixed + "Content-Length: 25\r\n\r\nwebsocket: handshake: no\n"},
		{"RFC 9110 §15.2 status that is no answer", refuse(101, "", "no"),
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + fixed + "Content-Length: 25\r\n\r\nwebsocket: handshake: no\n"},
		{"RFC 9112 §4 status of four digits", refuse(1000, "", "no"),
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + fixed + "Content-Length: 25\r\n\r\nwebsocket: handshake: no\n"},
		{"RFC 9112 §4 status without a name", refuse(499, "", "no"),
			"HTTP/1.1 499 status code 499\r\nConnection: close\r\n" + fixed + "Content-Length: 25\r\n\r\nwebsocket: handshake: no\n"},
		{"headers that the answer has", refuse(503, "", "no").with("content-type", "text/html").with("Content-Length", "0").
			with("Transfer-Encoding", "chunked").with("Trailer", "X").with("Connection", "keep-alive").with("Retry-After", "1"),
			"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n" + fixed +
				"Content-Length: 25\r\nRetry-After: 1\r\n\r\nwebsocket: handshake: no\n"},
		{"headers that break out of the header", refuse(400, "", "no").with("X", "a\r\nY: b").with("Z: c\r\n", "d"),
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + fixed + "Content-Length: 25\r\n\r\nwebsocket: handshake: no\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, string(AppendRefusal([]byte("before "), tt.err)), "before "+tt.want)
		})
	}
}

// TestRefusalIsThatOfNetHTTP compares what a client gets with what it gets from a server on
// net/http: the same but for Date, and for Connection, as that server may read on.
func TestRefusalIsThatOfNetHTTP(t *testing.T) {
	errs := []error{errors.New("no handshake")}
	for _, status := range []int{401, 403, 404, 405, 408, 413, 414, 429, 431, 500, 501, 502, 503, 504, 505} {
		errs = append(errs, refuse(status, "RFC 6455 §4.2.1", "a sentence"))
	}
	for _, tt := range badRequests {
		r := goodRequest()
		tt.change(r)
		_, err := Check(r, nil)
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, refusal := range errs {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			status := 400
			if e, ok := errors.AsType[*Error](refusal); ok {
				status = e.Status
				maps.Copy(w.Header(), e.Header)
			}
			http.Error(w, refusal.Error(), status)
		}))
		want, err := http.Get(s.URL)
		assert.NoError(t, err)
		got, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(AppendRefusal(nil, refusal))), nil)
		assert.NoError(t, err)
		assert.Equal(t, strings.ToLower(got.Status), strings.ToLower(want.Status))
		assert.Equal(t, body(t, got), body(t, want))
		assert.True(t, got.Close, "the connection stays open")
		for _, r := range []*http.Response{got, want} {
			r.Header.Del("Connection")
			r.Header.Del("Date")
		}
		assert.Equal(t, got.Header, want.Header)
		s.Close()
	}
}

// body reads the body of a response.
func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	assert.NoError(t, err)
	r.Body.Close()
	return string(b)
}

// TestRefusalOfAnyRequest refuses requests in all ways that Parse and Check do. The answer is one
// that net/http can read.
func TestRefusalOfAnyRequest(t *testing.T) {
	var h Head
	for _, tt := range badHeads {
		_, err := h.Parse([]byte(tt.wire), 0)
		b := AppendRefusal(nil, err)
		br := bufio.NewReader(bytes.NewReader(b))
		r, readErr := http.ReadResponse(br, nil)
		assert.NoError(t, readErr)
		assert.Equal(t, r.StatusCode, tt.status)
		assert.Equal(t, body(t, r), err.Error()+"\n")
		rest, readErr := io.ReadAll(br)
		assert.NoError(t, readErr)
		assert.Equal(t, len(rest), 0)
	}
}
