package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// A problem is the body of a refused request.
type problem struct {
	Title  string
	Status int
	Detail string
	Code   string
	Retry  bool
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) problem {
	t.Helper()
	var p problem
	assert.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	assert.Equal(t, w.Header().Get("Content-Type"), "application/problem+json")
	assert.Equal(t, w.Header().Get("Cache-Control"), "no-store")
	assert.Equal(t, w.Header().Get("Content-Length"), fmt.Sprint(w.Body.Len()))
	assert.Equal(t, p.Status, w.Code)
	assert.Equal(t, p.Title, http.StatusText(w.Code))
	return p
}

func TestProblem(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		retry  bool
		detail string // a part of it
	}{
		{"a name", hub.CheckTopic("a b"), 400, "bad_topic", false, "use letters"},
		{"a cursor", hub.ErrBadCursor, 400, "bad_cursor", false, "no cursor"},
		{"a key", hub.ErrLongKey, 400, "bad_request", false, "128 bytes"},
		{"keys", hub.ErrTooManyKeys, 409, "too_many", false, "keys"},
		{"slow", hub.ErrSlow, 503, "slow", true, "too slow"},
		{"the end", hub.ErrClosed, 503, "unavailable", true, "shutting down"},
		{"what nobody foresaw", errors.New("open /secret/path"), 503, "unavailable", true, "try again"},
		{"a body", &http.MaxBytesError{Limit: 10}, 413, "too_large", false, "10 bytes"},
		{"our own, wrapped", fmt.Errorf("it: %w", BadRequest("%d%%", 5)), 400, "bad_request", false, "5%"},
		{"the method", MethodNotAllowed("GET"), 405, "bad_request", false, "GET"},
		{"the form", NotAcceptable(), 406, "bad_request", false, "application/json"},
		{"an origin", &websocket.HandshakeError{Status: 403, Problem: "origin"}, 403, "denied", false, "origin"},
		{"the version", &websocket.HandshakeError{Status: 426, Problem: "version"}, 426, "bad_request", false, "version"},
		{"no more sockets", &websocket.HandshakeError{Status: 503, Problem: "end"}, 503, "unavailable", true, "end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Problem(w, nil, c.err)
			p := problemOf(t, w)
			assert.Equal(t, p, problem{http.StatusText(c.status), c.status, p.Detail, c.code, c.retry})
			assert.Contains(t, p.Detail, c.detail)
			assert.Equal(t, w.Header().Get("Retry-After") != "", c.status == 503)
		})
	}
}

// People read problems in a terminal.
func TestProblemIsNotEscapedForPages(t *testing.T) {
	w := httptest.NewRecorder()
	Problem(w, nil, BadRequest("write & or > or <"))
	assert.Contains(t, w.Body.String(), "write & or > or <")
	assert.Equal(t, w.Header().Get("Content-Length"), fmt.Sprint(w.Body.Len()))
}

func TestProblemHasTheHeadersOfTheError(t *testing.T) {
	w := httptest.NewRecorder()
	Problem(w, nil, &websocket.HandshakeError{Status: 426, Header: http.Header{"Upgrade": {"websocket"}}})
	assert.Equal(t, w.Header().Get("Upgrade"), "websocket")
	w = httptest.NewRecorder()
	Problem(w, nil, MethodNotAllowed("GET, HEAD"))
	assert.Equal(t, w.Header().Get("Allow"), "GET, HEAD")
}

// A code without a status would be answered with 500.
func TestEveryCodeHasAStatus(t *testing.T) {
	for _, k := range known {
		assert.True(t, statuses[k.code] != 0, k.code+" has no status")
	}
}
