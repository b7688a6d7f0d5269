package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
)

// ReadPost returns the message that a POST publishes: the body, of the kind that its
// Content-Type says, with the key of the query and the ID of Idempotency-Key. The
// body has at most limit bytes, any number if limit is negative. The errors are
// those that [Problem] knows.
func ReadPost(w http.ResponseWriter, r *http.Request, topic string, limit int64) (*hub.Message, error) {
	query, err := Query(r)
	if err != nil {
		return nil, err
	}
	id, err := idempotencyKey(r.Header)
	if err != nil {
		return nil, err
	}
	kind, err := kindOf(r.Header)
	if err != nil {
		return nil, err
	}
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	m := &hub.Message{Topic: topic, Payload: body, Key: query.Get("key"), ID: id}
	if m.Kind, err = kind.check(body); err != nil {
		return nil, err
	}
	return m, nil
}

// Query returns the parameters of a request, and an error that says which part is
// not well formed.
func Query(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, BadRequest("the query is not well formed: write & between parameters and %%XX for what is special")
	}
	return query, nil
}

// ReadBody returns the body of a request, which must not be compressed and has at most
// limit bytes, any number if limit is negative. What it holds grows with what has
// arrived, never with what is announced.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, unsupportedMedia("the body is compressed; send it as it is")
	}
	from := io.Reader(r.Body)
	if limit >= 0 {
		if r.ContentLength > limit {
			return nil, tooLarge(limit)
		}
		from = http.MaxBytesReader(w, r.Body, limit)
	}
	body, err := io.ReadAll(from)
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &large):
		return nil, err
	default:
		return nil, BadRequest("the body ended early, or took too long")
	}
}

func unsupportedMedia(detail string) *Refusal {
	return &Refusal{
		Status: http.StatusUnsupportedMediaType,
		Code:   "bad_request",
		Detail: detail,
		Header: http.Header{"Accept-Encoding": {"identity"}},
	}
}

// idempotencyKey returns the value of Idempotency-Key, "" if there is none. Quotes
// around it, which make it a string of RFC 9651, are not part of it.
func idempotencyKey(h http.Header) (string, error) {
	values := h["Idempotency-Key"]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", BadRequest("Idempotency-Key is sent %d times", len(values))
	}
	id := values[0]
	if inner, ok := strings.CutPrefix(id, `"`); ok && strings.HasSuffix(inner, `"`) {
		id = strings.TrimSuffix(inner, `"`)
	}
	if id == "" || len(id) > hub.MaxKeyLen || !utf8.ValidString(id) {
		return "", BadRequest("Idempotency-Key has 1 to %d bytes of UTF-8", hub.MaxKeyLen)
	}
	return id, nil
}

// A bodyKind is what Content-Type says of a body: a hub.Kind, or that the body has to
// be looked at.
type bodyKind int

const untyped bodyKind = -1

// kindOf returns the kind of a body.
func kindOf(h http.Header) (bodyKind, error) {
	sent := h.Get("Content-Type")
	if sent == "" {
		return untyped, nil
	}
	mediaType, parameters, err := mime.ParseMediaType(sent)
	if err != nil {
		return 0, unsupportedMedia("Content-Type is not well formed")
	}
	switch {
	case mediaType == "application/json", strings.HasSuffix(mediaType, "+json"):
		return bodyKind(hub.JSON), nil
	case strings.HasPrefix(mediaType, "multipart/"):
		return 0, unsupportedMedia("a message is the body itself, not one of several parts: with curl use --data-binary")
	case strings.HasPrefix(mediaType, "text/"), mediaType == "application/x-www-form-urlencoded":
	default:
		return bodyKind(hub.Binary), nil
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return bodyKind(hub.Text), nil
	}
	return 0, unsupportedMedia("text must be UTF-8")
}

// check returns what the body is, or what is wrong with it.
func (k bodyKind) check(body []byte) (hub.Kind, error) {
	switch k {
	case untyped:
		if utf8.Valid(body) {
			return hub.Text, nil
		}
		return hub.Binary, nil
	case bodyKind(hub.Text):
		if !utf8.Valid(body) {
			return 0, BadRequest("the body is not UTF-8; send it as application/octet-stream if it is not text")
		}
	case bodyKind(hub.JSON):
		if err := checkJSON(body); err != nil {
			return 0, err
		}
	}
	return hub.Kind(k), nil
}

// checkJSON says what is wrong with JSON. What passes can stand within other JSON as
// it is.
func checkJSON(p []byte) error {
	var v json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(p, &v); {
	case errors.As(err, &syntax):
		return BadRequest("the JSON is not well formed at byte %d", syntax.Offset)
	case err != nil:
		return BadRequest("the JSON is not well formed")
	case !utf8.Valid(p):
		return BadRequest("the JSON is not UTF-8")
	}
	return nil
}

// Bounds of ReadBatch.
const (
	MaxBatch      = 1000
	MaxBatchBytes = 8 << 20
)

// A BatchItem is one object of a batch: a message, or why it is none.
type BatchItem struct {
	Message *hub.Message
	Err     error
}

// ReadBatch returns the messages of the body of POST /batch, a JSON array of up to
// [MaxBatch] objects in at most [MaxBatchBytes]. Payloads have at most limit bytes,
// any number if it is negative. An object that is wrong costs only itself; the error
// is about the whole. It looks at no more objects than are allowed.
func ReadBatch(w http.ResponseWriter, r *http.Request, limit int64) ([]BatchItem, error) {
	if kind, err := kindOf(r.Header); err != nil {
		return nil, err
	} else if kind != bodyKind(hub.JSON) {
		return nil, unsupportedMedia("a batch is application/json")
	}
	body, err := ReadBody(w, r, MaxBatchBytes)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, BadRequest("the JSON is not UTF-8")
	}
	return parseBatch(body, limit)
}

func parseBatch(body []byte, limit int64) ([]BatchItem, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return nil, BadRequest("a batch is a JSON array of objects")
	}
	var items []BatchItem
	for d.More() {
		if len(items) == MaxBatch {
			return nil, &Refusal{
				Status: http.StatusRequestEntityTooLarge,
				Code:   "too_large",
				Detail: fmt.Sprintf("a batch has at most %d messages; send several", MaxBatch),
			}
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, BadRequest("the JSON is not well formed in object %d", len(items))
		}
		m, err := parseItem(raw, limit)
		items = append(items, BatchItem{m, err})
	}
	if _, err := d.Token(); err != nil {
		return nil, BadRequest("the JSON array does not end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, BadRequest("something follows the JSON array")
	}
	return items, nil
}

// parseItem reads {"pub":TOPIC,"data"|"text"|"base64":…,"key":…,"idem":…}. It goes by
// way of a map because the names of members are compared exactly.
func parseItem(raw json.RawMessage, limit int64) (*hub.Message, error) {
	var members map[string]json.RawMessage
	if raw[0] != '{' || json.Unmarshal(raw, &members) != nil {
		return nil, BadRequest("it is not an object")
	}
	m := &hub.Message{}
	for name, field := range map[string]*string{"pub": &m.Topic, "key": &m.Key, "idem": &m.ID} {
		if err := stringMember(members, name, field); err != nil {
			return nil, err
		}
	}
	if members["pub"] == nil {
		return nil, BadRequest(`"pub" is missing: it is the topic`)
	}
	if err := payloadOf(members, m); err != nil {
		return nil, err
	}
	if limit >= 0 && int64(len(m.Payload)) > limit {
		return nil, &Refusal{
			Status: http.StatusRequestEntityTooLarge,
			Code:   "too_large",
			Detail: fmt.Sprintf("the message is larger than %d bytes, which is what this server takes", limit),
		}
	}
	return m, nil
}

// stringMember stores a member that is a string, if it is there.
func stringMember(members map[string]json.RawMessage, name string, field *string) error {
	raw, ok := members[name]
	if ok && (raw[0] != '"' || json.Unmarshal(raw, field) != nil) {
		return BadRequest("%q is not a string", name)
	}
	return nil
}

// payloadOf sets kind and payload of a message from the one member that has it.
func payloadOf(members map[string]json.RawMessage, m *hub.Message) error {
	var text string
	found := 0
	for _, name := range []string{"data", "text", "base64"} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		found++
		if name == "data" {
			m.Kind, m.Payload = hub.JSON, bytes.Clone(raw)
			continue
		}
		if err := stringMember(members, name, &text); err != nil {
			return err
		}
		m.Kind, m.Payload = hub.Text, []byte(text)
		if name == "base64" {
			decoded, err := base64.StdEncoding.Strict().DecodeString(text)
			if err != nil {
				return BadRequest(`"base64" is not Base64 of RFC 4648 §4`)
			}
			m.Kind, m.Payload = hub.Binary, decoded
		}
	}
	if found == 0 && m.Key != "" {
		return nil // it removes the key
	}
	if found != 1 {
		return BadRequest(`write one of "data", "text" and "base64"; there are %d`, found)
	}
	return nil
}

// fields splits a list of methods.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
