package sse

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// An event is what a browser makes of a block, by the rules of HTML §9.2.6.
type event struct {
	id, kind, data string
	told           bool // the page hears of it
}

// parseEvents is EventSource, written from its standard.
func parseEvents(stream string) (list []event) {
	e := event{kind: "message"}
	var data strings.Builder
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(stream, "\n"), "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			e.told = data.Len() > 0
			e.data = strings.TrimSuffix(data.String(), "\n")
			list = append(list, e)
			data.Reset()
			e = event{kind: "message", id: e.id}
		case name == "id" && !strings.Contains(value, "\x00"):
			e.id = value
		case name == "event":
			e.kind = value
		case name == "data":
			data.WriteString(value + "\n")
		}
	}
	return list
}

// data writes lines of data.
func data(lines ...string) string { return "data: " + strings.Join(lines, "\ndata: ") + "\n" }

var at = hub.Cursor{Epoch: 1, Offset: 35, Time: 36}

func TestAppendMessage(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    hub.Kind
		payload string
		want    string // without the id
	}{
		{"text", hub.Text, "hello", "data: hello\n"},
		{"empty text", hub.Text, "", "data: \n"},
		{"a space before it", hub.Text, " x", "data:  x\n"},
		{"lines", hub.Text, "a\nb\n\nc", data("a", "b", "", "c")},
		{"a line end at the end", hub.Text, "a\n", "data: a\ndata: \n"},
		{"lines of Windows", hub.Text, "a\r\nb", "data: a\ndata: b\n"},
		{"lines of an old Macintosh", hub.Text, "a\rb\r", "data: a\ndata: b\ndata: \n"},
		{"what looks like a field", hub.Text, "x\nid: 5\n\nevent: gap", data("x", "id: 5", "", "event: gap")},
		{"JSON", hub.JSON, `{"a":"\r\n"}`, `data: {"a":"\r\n"}` + "\n"},
		{"JSON in lines", hub.JSON, "{\r\n}", "data: {\ndata: }\n"},
		{"binary", hub.Binary, "\xff\n\x00", "event: binary\ndata: /woA\n"},
		{"no bytes", hub.Binary, "", "event: binary\ndata: \n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &hub.Message{Topic: "a", Kind: c.kind, Payload: []byte(c.payload), At: at}
			assert.Equal(t, string(appendMessage(nil, m)), "id: 1.z.10\n"+c.want+"\n")
		})
	}
}

func TestAppendOthers(t *testing.T) {
	m := &hub.Message{Topic: "a.b", Kind: hub.Text, Payload: []byte("x\r\ny"), Key: "k", At: at}
	assert.Equal(t, string(appendEnvelope(nil, m)), "id: 1.z.10\ndata: {\"t\":\"a.b\",\"at\":\"1.z.10\",\"ts\":36,\"text\":\"x\\r\\ny\",\"key\":\"k\"}\n\n")
	m = &hub.Message{Topic: "a", Kind: hub.JSON, Payload: []byte("{\r\n\n}"), At: at}
	assert.Equal(t, string(appendEnvelope(nil, m)), "id: 1.z.10\n"+data(`{"t":"a","at":"1.z.10","ts":36,"data":{`, "", "}}")+"\n")
	assert.Equal(t, string(appendGap(nil, at)), "id: 1.z.10\nevent: gap\ndata: {\"at\":\"1.z.10\"}\n\n")
	assert.Equal(t, parseEvents(string(appendID(nil, at))), []event{{id: "1.z.10", kind: "message"}})
	assert.Equal(t, parseEvents(string(appendKeepalive(nil, at))), []event{{id: "1.z.10", kind: "message"}})
	assert.Equal(t, string(appendKeepalive(nil, hub.Cursor{})), ":\n\n")
}

// A message is one event for a browser, with its id, and with its text but for how lines end.
func FuzzAppendMessage(f *testing.F) {
	f.Add([]byte("a\r\n\rb\n"), uint8(hub.Text))
	f.Add([]byte("\n\n:\nid\x00"), uint8(hub.JSON))
	f.Add([]byte("\xff"), uint8(hub.Binary))
	f.Add([]byte("[\n\n]"), uint8(hub.JSON))
	f.Fuzz(func(t *testing.T, payload []byte, kind uint8) {
		m := &hub.Message{Topic: "a", Kind: hub.Kind(kind % 3), Payload: payload, At: at}
		if m.Kind != hub.Binary && !utf8.Valid(payload) {
			return
		}
		want := event{id: at.String(), kind: "message", told: true}
		want.data = strings.ReplaceAll(strings.ReplaceAll(string(payload), "\r\n", "\n"), "\r", "\n")
		if m.Kind == hub.Binary {
			want.kind, want.data = "binary", base64.StdEncoding.EncodeToString(payload)
		}
		assert.Equal(t, parseEvents(string(appendMessage(nil, m))), []event{want})
		assert.Equal(t, len(parseEvents(string(appendEnvelope(nil, m)))), 1)
	})
}

func BenchmarkAppendMessage(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			m := &hub.Message{Payload: []byte(strings.Repeat("0123456789abcde\n", size/16)), At: at}
			b.SetBytes(int64(size))
			var p []byte
			for b.Loop() {
				p = appendMessage(p[:0], m)
			}
		})
	}
}

// BenchmarkEncoded has 100 streams ask for the event of one message.
func BenchmarkEncoded(b *testing.B) {
	for _, envelope := range []bool{false, true} {
		b.Run(fmt.Sprint("envelope=", envelope), func(b *testing.B) {
			payload := []byte(strings.Repeat("0123456789abcde\n", 256))
			var p []byte
			for b.Loop() {
				m := &hub.Message{Topic: "a", Payload: payload, At: at}
				for range 100 {
					p = append(p[:0], encoded(m, envelope)...)
				}
			}
		})
	}
}
