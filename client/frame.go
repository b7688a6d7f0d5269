package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

// A frameKind says what the server tells.
type frameKind uint8

const (
	unknownFrame    frameKind = iota // something of a later version
	messageFrame                     // a message
	subscribedFrame                  // the answer to sub
	gapFrame                         // messages were lost
	endFrame                         // a subscription is over
	okFrame                          // the answer to another request
	errFrame                         // the answer to any request
	presenceFrame
	byeFrame
)

// A frame is what the server tells, taken out of its JSON.
type frame struct {
	kind frameKind

	id       uint64 // what it answers; 0 if that is none of our requests
	filter   string // the subscription it is about
	at       string
	message  Message  // with messageFrame
	gap      bool     // with subscribedFrame and okFrame
	problem  *Error   // with endFrame and errFrame
	presence Presence // with presenceFrame
	bye      time.Duration
	reason   string // with byeFrame

	// With okFrame.
	duplicate bool
	messages  []Message
	more      bool
	who       []string
	count     int
}

// wireMessage is a message as it stands in frames and in history.
type wireMessage struct {
	T      *string         `json:"t"`
	At     string          `json:"at"`
	TS     int64           `json:"ts"` // milliseconds since 1970
	Data   json.RawMessage `json:"data"`
	Text   *string         `json:"text"`
	Base64 []byte          `json:"base64"`
	Key    string          `json:"key"`
	By     string          `json:"by"`
}

// wireFrame is all that may stand in a frame of the server.
type wireFrame struct {
	wireMessage
	Sub       *string         `json:"sub"`
	ID        json.RawMessage `json:"id"`
	Gap       json.RawMessage `json:"gap"` // a filter, or in answers whether there is one
	End       *string         `json:"end"`
	OK        json.RawMessage `json:"ok"`
	Err       json.RawMessage `json:"err"`
	Code      Code            `json:"code"`
	Retry     bool            `json:"retry"`
	Message   string          `json:"message"`
	Presence  *string         `json:"presence"`
	Here      []string        `json:"here"`
	Join      []string        `json:"join"`
	Leave     []string        `json:"leave"`
	Count     int             `json:"count"`
	More      bool            `json:"more"`
	Who       []string        `json:"who"`
	Duplicate bool            `json:"duplicate"`
	Messages  []wireMessage   `json:"messages"`
	Bye       *struct {
		Retry  int64  `json:"retry"` // milliseconds
		Reason string `json:"reason"`
	} `json:"bye"`
}

// parseFrame returns what a message of the server says. p is not kept; if t is Text it
// is UTF-8, as a connection delivers nothing else (RFC 6455, section 8.1).
func parseFrame(t websocket.MessageType, p []byte) (*frame, error) {
	if t != websocket.Text {
		return nil, junkError("a binary frame")
	}
	var w wireFrame
	if err := json.Unmarshal(p, &w); err != nil {
		return nil, junkError(fmt.Sprintf("a frame is not as the protocol has it: %v", err))
	}
	f := &frame{at: w.At}
	gapFilter, isGap := asString(w.Gap)
	switch {
	case w.T != nil:
		if err := f.setMessage(&w); err != nil {
			return nil, err
		}
	case w.Sub != nil:
		f.kind, f.filter, f.gap, f.id = subscribedFrame, *w.Sub, isTrue(w.Gap), asID(w.ID)
	case isGap:
		f.kind, f.filter = gapFrame, gapFilter
	case w.End != nil:
		f.kind, f.filter, f.problem = endFrame, *w.End, w.problem()
	case w.OK != nil:
		f.setAnswer(&w)
	case w.Err != nil:
		f.kind, f.id, f.problem = errFrame, asID(w.Err), w.problem()
	case w.Presence != nil:
		f.kind, f.filter = presenceFrame, *w.Presence
		f.presence = Presence{Count: w.Count, Full: w.Here != nil, Here: w.Here, Join: w.Join, Leave: w.Leave, More: w.More}
	case w.Bye != nil:
		f.kind, f.bye, f.reason = byeFrame, milliseconds(w.Bye.Retry), w.Bye.Reason
	case bytes.Equal(bytes.TrimSpace(p), []byte("null")):
		return nil, junkError("a frame is not an object")
	}
	if (f.kind == subscribedFrame || f.kind == gapFrame) && f.at == "" {
		return nil, junkError("a position is missing")
	}
	return f, nil
}

// setMessage makes the frame a message.
func (f *frame) setMessage(w *wireFrame) error {
	f.kind, f.filter = messageFrame, *w.T
	if w.Sub != nil {
		f.filter = *w.Sub
	}
	if w.At == "" {
		return junkError("a message has no cursor")
	}
	f.message = w.wireMessage.message(*w.T)
	return nil
}

// setAnswer makes the frame the answer to a request that went well.
func (f *frame) setAnswer(w *wireFrame) {
	f.kind, f.id = okFrame, asID(w.OK)
	f.duplicate, f.gap, f.more = w.Duplicate, isTrue(w.Gap), w.More
	f.who, f.count = w.Who, w.Count
	for i := range w.Messages {
		f.messages = append(f.messages, w.Messages[i].message(""))
	}
}

// message returns the message, of a topic unless it says itself which.
func (w *wireMessage) message(topic string) Message {
	m := Message{Topic: topic, Key: w.Key, By: w.By, At: w.At}
	if w.T != nil {
		m.Topic = *w.T
	}
	if w.TS != 0 {
		m.Time = time.UnixMilli(w.TS)
	}
	switch {
	case w.Data != nil:
		m.Kind, m.Data = JSON, w.Data
	case w.Base64 != nil:
		m.Kind, m.Data = Binary, w.Base64
	case w.Text != nil:
		m.Data = []byte(*w.Text)
	}
	return m
}

func (w *wireFrame) problem() *Error {
	return &Error{Code: w.Code, Retry: w.Retry, Message: w.Message}
}

// asString returns a JSON string, and whether it is one.
func asString(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

func isTrue(raw json.RawMessage) bool { return string(raw) == "true" }

// asID returns the id of a request, all of which are numbers, or 0.
func asID(raw json.RawMessage) uint64 {
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// A request is what a client asks for. Which members are there makes the verb.
type request struct {
	Sub      string `json:"sub,omitempty"`
	Unsub    string `json:"unsub,omitempty"`
	Pub      string `json:"pub,omitempty"`
	Get      string `json:"get,omitempty"`
	Who      string `json:"who,omitempty"`
	Auth     string `json:"auth,omitempty"`
	After    string `json:"after,omitempty"`
	Last     int    `json:"last,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Presence bool   `json:"presence,omitempty"`
	As       string `json:"as,omitempty"`
	Self     *bool  `json:"self,omitempty"`

	Data   json.RawMessage `json:"data,omitempty"`
	Text   *string         `json:"text,omitempty"`
	Base64 *[]byte         `json:"base64,omitempty"`
	Key    string          `json:"key,omitempty"`
	Idem   string          `json:"idem,omitempty"`

	ID uint64 `json:"id"`
}

// encode returns the request as one text frame.
func (r *request) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // nothing here is put into a page
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// setMessage makes the request publish m.
func (r *request) setMessage(topic string, m *Message) {
	r.Pub, r.Key, r.Idem = topic, m.Key, m.ID
	switch m.Kind {
	case JSON:
		r.Data = m.Data
	case Binary:
		data := m.Data
		if data == nil {
			data = []byte{} // which would be null
		}
		r.Base64 = &data
	default:
		s := string(m.Data)
		r.Text = &s
	}
}
