package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

var at = hub.Cursor{Epoch: 1, Offset: 35, Time: 1790000000000}

func TestAppendMessage(t *testing.T) {
	const head = `"at":"1.z.mubbs7i8","ts":1790000000000,`
	for _, c := range []struct {
		name  string
		m     *hub.Message
		topic bool
		sub   string
		want  string
	}{
		{"text", &hub.Message{Payload: []byte("grüß dich")}, false, "", `{` + head + `"text":"grüß dich"}`},
		{"empty text", &hub.Message{}, false, "", `{` + head + `"text":""}`},
		{"JSON as it came", &hub.Message{Kind: hub.JSON, Payload: []byte(`{ "b":1e999, "a":"\u00e9" }`)}, false, "", `{` + head + `"data":{ "b":1e999, "a":"\u00e9" }}`},
		{"binary", &hub.Message{Kind: hub.Binary, Payload: []byte{0, 255, 62}}, false, "", `{` + head + `"base64":"AP8+"}`},
		{"of a topic", &hub.Message{Topic: "orders.42", Payload: []byte("x")}, true, "", `{"t":"orders.42",` + head + `"text":"x"}`},
		{"of a filter", &hub.Message{Topic: "orders.42", Payload: []byte("x")}, true, "orders.*", `{"t":"orders.42","sub":"orders.*",` + head + `"text":"x"}`},
		{"key and publisher", &hub.Message{Payload: []byte("x"), Key: `a"b`, By: "ann"}, false, "", `{` + head + `"text":"x","key":"a\"b","by":"ann"}`},
		{"whom it is from is nobody's business", &hub.Message{Payload: []byte("x"), From: "secret", ID: "secret"}, false, "", `{` + head + `"text":"x"}`},
		{"escapes", &hub.Message{Payload: []byte("\"\\\n\r\t\b\x00\x1f\x7f<>&/")}, false, "", `{` + head + `"text":"\"\\\n\r\t\u0008\u0000\u001f\u007f<>&/"}`},
		{"line separators", &hub.Message{Payload: []byte("a\u2028b\u2029c\u2027\u202a€")}, false, "", `{` + head + `"text":"a\u2028b\u2029c` + "\u2027\u202a€" + `"}`},
		{"text that is not UTF-8", &hub.Message{Payload: []byte("a\xff")}, false, "", `{` + head + `"base64":"Yf8="}`},
		{"text that ends early", &hub.Message{Payload: []byte("a\xe2\x80")}, false, "", `{` + head + `"base64":"YeKA"}`},
		{"JSON that is none", &hub.Message{Kind: hub.JSON, Payload: []byte(`{`)}, false, "", `{` + head + `"base64":"ew=="}`},
		{"JSON that is not UTF-8", &hub.Message{Kind: hub.JSON, Payload: []byte("\"\xff\"")}, false, "", `{` + head + `"base64":"Iv8i"}`},
		{"a key that is not UTF-8", &hub.Message{Payload: []byte("x"), Key: "k\xff"}, false, "", `{` + head + `"text":"x","key":"k` + "\ufffd" + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.At = at
			got := wire.AppendMessage([]byte("before "), c.m, c.topic, c.sub)
			assert.Equal(t, string(got), "before "+c.want)
		})
	}
}

func TestAppendMessageAllocatesNothing(t *testing.T) {
	m := &hub.Message{Topic: "room", Payload: []byte(strings.Repeat("grüße\n", 100)), Key: "k", By: "ann", At: at}
	dst := make([]byte, 0, 4<<10)
	assert.Equal(t, testing.AllocsPerRun(100, func() { wire.AppendMessage(dst, m, true, "room.*") }), 0)
}

// FuzzAppendMessage holds what is appended against encoding/json: it is one line of
// valid JSON, for JavaScript too, and holds what went in.
func FuzzAppendMessage(f *testing.F) {
	f.Add(uint8(0), []byte("a\u2028\"\\\x00€"), "key", "by")
	f.Add(uint8(1), []byte(`{"a":[1,2]}`), "", "\xff")
	f.Add(uint8(2), []byte{0xE2, 0x80}, "\xe2\x80", "")
	f.Fuzz(func(t *testing.T, kind uint8, p []byte, key, by string) {
		m := &hub.Message{Topic: "t", Kind: hub.Kind(kind % 3), Payload: p, Key: key, By: by, At: at}
		b := wire.AppendMessage(nil, m, true, "")
		var got struct {
			T, At, Key, By string
			TS             int64
			Text           *string
			Data           json.RawMessage
			Base64         *string
		}
		assert.NoError(t, json.Unmarshal(b, &got))
		assert.True(t, utf8.Valid(b), "not UTF-8")
		assert.Equal(t, got.T+got.At, m.Topic+at.String())
		assert.Equal(t, got.Key+got.By, string([]rune(key))+string([]rune(by)))
		switch {
		case got.Text != nil:
			assert.Equal(t, *got.Text, string(p))
			assert.True(t, !strings.ContainsAny(string(b), "\n\r\u2028\u2029"), "more than one line")
		case got.Base64 != nil:
			back, err := base64.StdEncoding.DecodeString(*got.Base64)
			assert.NoError(t, err)
			assert.Equal(t, string(back), string(p))
		default:
			assert.Equal(t, string(got.Data), strings.TrimSpace(string(p)))
		}
	})
}

func BenchmarkAppendMessage(b *testing.B) {
	for _, c := range []struct {
		name string
		kind hub.Kind
		p    string
	}{
		{"text 64", hub.Text, strings.Repeat("word ", 13)},
		{"text 4096", hub.Text, strings.Repeat("word ", 819)},
		{"Chinese 4096", hub.Text, strings.Repeat("双工通信", 341)},
		{"JSON 4096", hub.JSON, `"` + strings.Repeat("word ", 819) + `"`},
		{"binary 4096", hub.Binary, strings.Repeat("\x00\xff", 2048)},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := &hub.Message{Topic: "orders.42", Kind: c.kind, Payload: []byte(c.p), At: at}
			b.SetBytes(int64(len(c.p)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = wire.AppendMessage(dst[:0], m, true, "")
			}
		})
	}
}
