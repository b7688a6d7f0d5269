package client

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestParseFrame(t *testing.T) {
	text := "x"
	for _, tt := range []struct {
		in   string
		want frame
	}{
		{`{"t":"a","at":"c","text":"x"}`, frame{kind: messageFrame, filter: "a", at: "c", message: Message{Topic: "a", At: "c", Data: []byte(text)}}},
		{`{"t":"a","at":"c"}`, frame{kind: messageFrame, filter: "a", at: "c", message: Message{Topic: "a", At: "c"}}},
		{`{"t":"a","at":"c","data":null}`, frame{kind: messageFrame, filter: "a", at: "c", message: Message{Topic: "a", At: "c", Kind: JSON, Data: []byte("null")}}},
		{`{"t":"a.b","sub":"a.*","at":"c","base64":""}`, frame{kind: messageFrame, filter: "a.*", at: "c", message: Message{Topic: "a.b", At: "c", Kind: Binary, Data: []byte{}}}},
		{`{"sub":"a","at":"c","gap":true,"id":7}`, frame{kind: subscribedFrame, filter: "a", at: "c", gap: true, id: 7}},
		{`{"gap":"a","at":"c"}`, frame{kind: gapFrame, filter: "a", at: "c"}},
		{`{"end":"a","code":"slow","retry":true,"message":"m","at":"c"}`, frame{kind: endFrame, filter: "a", at: "c", problem: &Error{CodeSlow, true, "m"}}},
		{`{"ok":7,"at":"c","duplicate":true}`, frame{kind: okFrame, id: 7, at: "c", duplicate: true}},
		{`{"ok":18446744073709551616}`, frame{kind: okFrame}},
		{`{"err":null,"code":"bad_request","retry":false,"message":"m"}`, frame{kind: errFrame, problem: &Error{CodeBadRequest, false, "m"}}},
		{`{"err":7,"code":"denied"}`, frame{kind: errFrame, id: 7, problem: &Error{Code: CodeDenied}}},
		{`{"presence":"a","count":2,"here":[]}`, frame{kind: presenceFrame, filter: "a", presence: Presence{Count: 2, Full: true, Here: []string{}}}},
		{`{"bye":{"retry":8400,"reason":"drain"}}`, frame{kind: byeFrame, bye: 8400 * time.Millisecond, reason: "drain"}},
		{`{"bye":{"retry":-1}}`, frame{kind: byeFrame}},
		{` {"else":1} `, frame{}},
	} {
		f, err := parseFrame(websocket.Text, []byte(tt.in))
		assert.NoError(t, err)
		assert.Equal(t, *f, tt.want)
	}
}

// Whatever a server sends, nothing goes wrong, and what comes of it is within the
// bounds that the rest of the client relies on.
func FuzzParseFrame(f *testing.F) {
	for _, seed := range []string{
		`{"t":"a","at":"c","ts":1790000000000,"text":"x","key":"k","by":"b"}`, `{"t":"a.b","sub":"a.*","at":"c","data":{"a":[1]}}`,
		`{"sub":"a","at":"c","gap":true,"id":7}`, `{"gap":"a","at":"c"}`, `{"end":"a","code":"slow","retry":true,"at":"c"}`,
		`{"ok":7,"messages":[{"at":"c","base64":"AP8="}],"at":"c","gap":false,"more":true}`, `{"ok":9,"who":["carol"],"count":812}`,
		`{"presence":"a","count":1,"here":["ann"],"more":true}`, `{"bye":{"retry":8400,"reason":"drain"}}`, `{"err":null}`, `null`, `{"t":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if !utf8.Valid(p) {
			return // no text frame is that
		}
		before := bytes.Clone(p)
		fr, err := parseFrame(websocket.Text, p)
		assert.Equal(t, p, before)
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "client: the server broke the protocol: "), err.Error())
			return
		}
		assert.True(t, json.Valid(p), "only JSON is taken")
		switch fr.kind {
		case messageFrame:
			assert.True(t, fr.message.At != "" && fr.at == fr.message.At, "a message has its cursor")
			m := fr.message
			assert.True(t, utf8.ValidString(m.Topic) && utf8.ValidString(m.Key), "names are UTF-8")
			assert.True(t, m.Kind == Binary || utf8.Valid(m.Data), "the data is UTF-8")
			assert.True(t, m.Kind != JSON || json.Valid(m.Data), "the data is JSON")
		case subscribedFrame, gapFrame:
			assert.True(t, fr.at != "", "a position is there")
		case errFrame, endFrame:
			assert.True(t, fr.problem != nil, "it says what is wrong")
		case byeFrame:
			assert.True(t, fr.bye >= 0 && fr.bye <= maxRetry, "the time is within bounds")
		}
	})
}

// What a client publishes comes out at the other end as it was, if the server does
// nothing but change the verb.
func FuzzMessageRoundTrip(f *testing.F) {
	f.Add("a", uint8(0), []byte("x"), "key")
	f.Add("ünï.code", uint8(1), []byte(`{"a":[1e400,"<"]}`), "")
	f.Add("a", uint8(2), []byte{0, 255}, "\u2028")
	f.Add("a", uint8(JSON), []byte{}, "key")
	f.Fuzz(func(t *testing.T, topic string, kind uint8, data []byte, key string) {
		m := Message{Kind: Kind(kind), Data: data, Key: key}
		if m.check() != nil || topic == "" || !utf8.ValidString(topic) {
			return
		}
		r := &request{ID: 1}
		r.setMessage(topic, &m)
		p, err := r.encode()
		assert.NoError(t, err)
		p = append([]byte(`{"t"`), bytes.TrimPrefix(p, []byte(`{"pub"`))...)
		p = append(bytes.TrimSuffix(p, []byte("}")), `,"at":"c"}`...)
		fr, err := parseFrame(websocket.Text, p)
		assert.NoError(t, err)
		if len(data) == 0 && m.Kind == JSON {
			m.Kind = Text // it removes the key, and comes as an empty message
		}
		got := fr.message
		assert.Equal(t, []any{got.Topic, got.Kind, got.Key}, []any{topic, m.Kind, key})
		if m.Kind == JSON { // without the space between its tokens
			var compact bytes.Buffer
			assert.NoError(t, json.Compact(&compact, data))
			data = compact.Bytes()
		}
		assert.True(t, bytes.Equal(got.Data, data), "the data is the same")
	})
}

func FuzzRetryIn(f *testing.F) {
	for _, seed := range []string{"retry=8400", "drain; retry=1", "retry=", "retry=-1", "retry=99999999999999999999", "no"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reason string) {
		d, ok := retryIn(reason)
		assert.True(t, d >= 0 && d <= maxRetry, "the time is within bounds")
		assert.True(t, !ok || strings.Contains(reason, "retry="), "only what the server said")
	})
}
