package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
)

// A Refusal is an error that knows how a request is answered: with its status, and
// with code, retry and detail in the body, as docs/reference/protocol.md lists
// them.
type Refusal struct {
	Status int
	Code   string
	Retry  bool        // the same request may succeed later
	Detail string      // one sentence, which says what to do instead
	Header http.Header // added to the answer; may be nil
}

// Error returns the detail.
func (e *Refusal) Error() string { return e.Detail }

// BadRequest returns a Refusal with 400 and the code "bad_request".
func BadRequest(format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "bad_request", Detail: fmt.Sprintf(format, args...)}
}

// tooLarge returns a Refusal with 413, which closes the connection: the rest of the
// body is not worth reading.
func tooLarge(limit int64) *Refusal {
	return &Refusal{
		Status: http.StatusRequestEntityTooLarge,
		Code:   "too_large",
		Detail: fmt.Sprintf("the body is larger than %d bytes, which is what this server takes", limit),
		Header: http.Header{"Connection": {"close"}},
	}
}

// statuses are those of the codes that Describe returns.
var statuses = map[string]int{
	"bad_request": http.StatusBadRequest,
	"bad_topic":   http.StatusBadRequest,
	"bad_cursor":  http.StatusBadRequest,
	"too_large":   http.StatusRequestEntityTooLarge,
	"too_many":    http.StatusConflict,
	"denied":      http.StatusForbidden,
	"unsupported": http.StatusNotImplemented,
	"slow":        http.StatusServiceUnavailable,
	"unavailable": http.StatusServiceUnavailable,
}

// RefusalOf returns how a request that ended with err is answered: err itself if
// it is a [*Refusal], else what [Describe] makes of it.
func RefusalOf(err error) *Refusal {
	var refusal *Refusal
	var handshake *websocket.HandshakeError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.As(err, &handshake):
		return refusalOfHandshake(handshake)
	}
	e := &Refusal{}
	e.Code, e.Retry, e.Detail = Describe(err)
	e.Status = statuses[e.Code]
	if e.Status == 0 {
		e.Status = http.StatusInternalServerError
	}
	return e
}

// refusalOfHandshake says it in the words of HTTP: an origin that is not allowed is
// denied, everything else is a request that is not well formed.
func refusalOfHandshake(err *websocket.HandshakeError) *Refusal {
	e := &Refusal{Status: err.Status, Code: "bad_request", Detail: err.Problem, Header: err.Header}
	switch err.Status {
	case http.StatusForbidden:
		e.Code = "denied"
	case http.StatusServiceUnavailable:
		e.Code, e.Retry = "unavailable", true
	}
	return e
}

// Problem answers a request with what err says, as a problem of RFC 9457. Nothing may
// have been written before. A 503 has a Retry-After of 1 to 5 seconds, at random,
// so that those who were refused together do not come back together.
func Problem(w http.ResponseWriter, _ *http.Request, err error) {
	e := RefusalOf(err)
	h := w.Header()
	maps.Copy(h, e.Header)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if e.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(1+rand.IntN(5)))
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // people read it, and by its type nobody takes it for a page
	_ = encoder.Encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
		Retry  bool   `json:"retry"`
	}{http.StatusText(e.Status), e.Status, e.Detail, e.Code, e.Retry})
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body.Bytes())
}

// MethodNotAllowed is the error for a method that a resource does not have; allow
// lists those that it has, as the header Allow does.
func MethodNotAllowed(allow string) error {
	return &Refusal{
		Status: http.StatusMethodNotAllowed,
		Code:   "bad_request",
		Detail: "the method is not one of " + allow,
		Header: http.Header{"Allow": {allow}},
	}
}

// NotAcceptable is the error for a request that accepts none of the forms there are: JSON,
// and of topics that are read a stream.
func NotAcceptable() error {
	return &Refusal{
		Status: http.StatusNotAcceptable,
		Code:   "bad_request",
		Detail: "Accept does not allow application/json, which this answers with; GET of a topic knows text/event-stream, too",
	}
}

// CheckTopic returns an error unless a name is one of a topic. A filter has an answer of
// its own.
func CheckTopic(name string) error {
	if hub.CheckFilter(name) == nil && hub.IsFilter(name) {
		return errWildcards
	}
	return hub.CheckTopic(name)
}

// errWildcards is the answer to a filter where one topic is meant.
var errWildcards = &Refusal{
	Status: http.StatusBadRequest,
	Code:   "bad_topic",
	Detail: "this is a filter, and one topic is needed; filters are for streams of events and for /ws",
}
