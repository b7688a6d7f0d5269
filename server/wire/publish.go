package wire

import (
	"bytes"
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
// body has at most limit bytes, any number if limit is negative. Nothing of the message is
// part of the request. The errors are those that [Problem] knows.
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
	if cap(body)-len(body) > len(body)/8 {
		body = bytes.Clone(body) // it is kept, and a small one was read into 512 bytes
	}
	m := &hub.Message{Topic: topic, Payload: body, Key: strings.Clone(query.Get("key")), ID: id}
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
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, unsupportedMedia("the body is compressed; send it as it is")
		}
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
// it is, and no receiver fails at it.
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
	return CheckDepth(p)
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
// is about the whole. It looks at no more objects than are allowed. An Idempotency-Key is
// refused, as each message needs an ID of its own.
func ReadBatch(w http.ResponseWriter, r *http.Request, limit int64) ([]BatchItem, error) {
	if kind, err := kindOf(r.Header); err != nil {
		return nil, err
	} else if kind != bodyKind(hub.JSON) {
		return nil, unsupportedMedia("a batch is application/json: with curl use --json")
	}
	if r.Header["Idempotency-Key"] != nil { // left unheeded it would let a retry do harm
		return nil, BadRequest("a batch has no Idempotency-Key: give each message an idem of its own")
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

// parseItem reads {"pub":TOPIC,"data"|"text"|"base64":…,"key":…,"idem":…}, by the rules of
// the JSON form.
func parseItem(raw json.RawMessage, limit int64) (*hub.Message, error) {
	members, err := itemMembers(raw)
	if err != nil {
		return nil, err
	}
	m := &hub.Message{}
	err = errors.Join(stringMember(members, "pub", &m.Topic), stringMember(members, "key", &m.Key), stringMember(members, "idem", &m.ID))
	switch {
	case err != nil:
		return nil, err
	case members["pub"] == nil:
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

// itemMembers returns the members of an object of a batch that mean something. One that is
// null is nil, as if it were not there, but for data; none may be there twice.
func itemMembers(raw json.RawMessage) (map[string][]byte, error) {
	if raw[0] != '{' {
		return nil, BadRequest("it is not an object")
	}
	members := make(map[string][]byte)
	for key, value := range Members(raw) {
		name := MemberText(key)
		switch name {
		case "pub", "key", "idem", "data", "text", "base64":
		default:
			continue
		}
		if _, again := members[name]; again {
			return nil, BadRequest("%q is there twice", name)
		}
		if string(value) == "null" && name != "data" {
			value = nil
		}
		members[name] = value
	}
	return members, nil
}

// stringMember stores a member that is a string, if it is there.
func stringMember(members map[string][]byte, name string, field *string) error {
	switch value := members[name]; {
	case value == nil:
		return nil
	case value[0] != '"':
		return BadRequest("%q is not a string", name)
	default:
		*field = MemberText(value)
		return nil
	}
}

// payloadOf sets kind and payload of a message from the one member that has it.
func payloadOf(members map[string][]byte, m *hub.Message) error {
	data, text, binary := members["data"], members["text"], members["base64"]
	switch found := count(data) + count(text) + count(binary); {
	case found == 0 && m.Key != "":
		return nil // it removes the key
	case found != 1:
		return BadRequest(`write one of "data", "text" and "base64"; there are %d`, found)
	case data != nil:
		m.Kind, m.Payload = hub.JSON, bytes.Clone(data)
		return CheckDepth(data)
	}
	var s string
	if err := errors.Join(stringMember(members, "text", &s), stringMember(members, "base64", &s)); err != nil {
		return err
	}
	if text != nil {
		m.Kind, m.Payload = hub.Text, []byte(s)
		return nil
	}
	var err error
	m.Kind = hub.Binary
	m.Payload, err = DecodeBase64(s)
	return err
}

// count returns how many members a value is.
func count(value []byte) int {
	if value == nil {
		return 0
	}
	return 1
}

// fields splits a list of methods.
func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
