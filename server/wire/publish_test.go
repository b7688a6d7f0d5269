package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestReadPost(t *testing.T) {
	for _, c := range []struct {
		name  string
		query string
		head  []string
		body  string
		want  string // kind, payload, key and ID
		code  int    // of the refusal, 0 if there is none
		says  string
	}{
		{name: "text of no type", body: "hé", want: `text "hé" "" ""`},
		{name: "bytes of no type", body: "\xff", want: `binary "\xff" "" ""`},
		{name: "nothing", want: `text "" "" ""`},
		{name: "text", head: []string{"Content-Type", "text/plain; charset=UTF-8"}, body: "hello", want: `text "hello" "" ""`},
		{name: "a form", head: []string{"Content-Type", "application/x-www-form-urlencoded"}, body: "a=b&c", want: `text "a=b&c" "" ""`},
		{name: "JSON, as it is", head: []string{"Content-Type", "application/json"}, body: " {\"a\": 1}\n", want: `json " {\"a\": 1}\n" "" ""`},
		{name: "JSON by another name", head: []string{"Content-Type", "application/ld+json"}, body: "1", want: `json "1" "" ""`},
		{name: "bytes that are text", head: []string{"Content-Type", "application/octet-stream"}, body: "a", want: `binary "a" "" ""`},
		{name: "a picture", head: []string{"Content-Type", "image/png"}, body: "\x89PNG", want: `binary "\x89PNG" "" ""`},
		{name: "a key", query: "key=a%20b", body: "x", want: `text "x" "a b" ""`},
		{name: "an ID", head: []string{"Idempotency-Key", "one"}, body: "x", want: `text "x" "" "one"`},
		{name: "an ID as RFC 9651 writes it", head: []string{"Idempotency-Key", `"one"`}, body: "x", want: `text "x" "" "one"`},
		{name: "as it is", head: []string{"Content-Encoding", "identity"}, body: "x", want: `text "x" "" ""`},
		{name: "as large as allowed", body: strings.Repeat("x", 64), want: fmt.Sprintf("text %q \"\" \"\"", strings.Repeat("x", 64))},

		{name: "too large", body: strings.Repeat("x", 65), code: 413, says: "64 bytes"},
		{name: "text that is not", head: []string{"Content-Type", "text/plain"}, body: "\xff", code: 400, says: "UTF-8"},
		{name: "another charset", head: []string{"Content-Type", "text/plain; charset=latin1"}, body: "x", code: 415, says: "UTF-8"},
		{name: "JSON that is not", head: []string{"Content-Type", "application/json"}, body: "{", code: 400, says: "byte 1"},
		{name: "no JSON", head: []string{"Content-Type", "application/json"}, code: 400, says: "byte 0"},
		{name: "two JSON values", head: []string{"Content-Type", "application/json"}, body: "1 2", code: 400, says: "byte 3"},
		{name: "JSON that is not UTF-8", head: []string{"Content-Type", "application/json"}, body: "\"\xff\"", code: 400, says: "UTF-8"},
		{name: "a part", head: []string{"Content-Type", "multipart/form-data; boundary=x"}, body: "--x--", code: 415, says: "--data-binary"},
		{name: "a type that is none", head: []string{"Content-Type", "text/"}, body: "x", code: 415, says: "Content-Type"},
		{name: "compressed", head: []string{"Content-Encoding", "gzip"}, body: "x", code: 415, says: "compressed"},
		{name: "compressed, in a second header", head: []string{"Content-Encoding", "identity", "Content-Encoding", "br"}, body: "x", code: 415, says: "compressed"},
		{name: "an empty ID", head: []string{"Idempotency-Key", ""}, body: "x", code: 400, says: "1 to 128"},
		{name: "a long ID", head: []string{"Idempotency-Key", strings.Repeat("x", 129)}, body: "x", code: 400, says: "1 to 128"},
		{name: "two IDs", head: []string{"Idempotency-Key", "a", "Idempotency-Key", "a"}, body: "x", code: 400, says: "2 times"},
		{name: "a query that is none", query: "key=%zz", body: "x", code: 400, says: "query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/t/a?"+c.query, strings.NewReader(c.body))
			for i := 0; i < len(c.head); i += 2 {
				r.Header.Add(c.head[i], c.head[i+1])
			}
			m, err := ReadPost(httptest.NewRecorder(), r, "a", 64)
			if c.code != 0 {
				e := RefusalOf(err)
				assert.Equal(t, e.Status, c.code)
				assert.Contains(t, e.Detail, c.says)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, m.Topic, "a")
			assert.Equal(t, fmt.Sprintf("%s %q %q %q", m.Kind, m.Payload, m.Key, m.ID), c.want)
		})
	}
}

// A body whose length is not announced is bounded as well, and one that ends early is
// not taken for the whole.
func TestReadBodyOfUnknownLength(t *testing.T) {
	read := func(body io.Reader, limit int64) ([]byte, error) {
		r := httptest.NewRequest(http.MethodPost, "/t/a", body)
		r.ContentLength = -1
		return ReadBody(httptest.NewRecorder(), r, limit)
	}
	_, err := read(strings.NewReader("four"), 3)
	assert.Equal(t, RefusalOf(err).Status, 413)
	body, err := read(strings.NewReader("four"), -1)
	assert.NoError(t, err)
	assert.Equal(t, string(body), "four")
	_, err = read(io.MultiReader(strings.NewReader("fo"), broken{}), -1)
	assert.Equal(t, RefusalOf(err).Status, 400)
	assert.Contains(t, err.Error(), "ended early")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// describeBatch writes a batch as one line for each object.
func describeBatch(items []BatchItem) string {
	var b strings.Builder
	for _, item := range items {
		if item.Err != nil {
			e := RefusalOf(item.Err)
			fmt.Fprintf(&b, "%s: %s\n", e.Code, e.Detail)
			continue
		}
		m := item.Message
		fmt.Fprintf(&b, "%s %s %q %q %q\n", m.Topic, m.Kind, m.Payload, m.Key, m.ID)
	}
	return b.String()
}

func TestParseBatch(t *testing.T) {
	for _, c := range []struct {
		name, body string
		limit      int64 // of a message
		want, err  string
	}{
		{name: "nothing", body: "[]"},
		{name: "each kind", body: `[{"pub":"a","data":{"x": [1]}}, {"pub":"b","text":"é","key":"k"},{"pub":"c","base64":"/w==","idem":"i"}]`,
			want: "a json \"{\\\"x\\\": [1]}\" \"\" \"\"\nb text \"é\" \"k\" \"\"\nc binary \"\\xff\" \"\" \"i\"\n"},
		{name: "null is a value", body: `[{"pub":"a","data":null}]`, want: "a json \"null\" \"\" \"\"\n"},
		{name: "what is not known", body: `[{"pub":"a","text":"","color":"red","id":{}}]`, want: "a text \"\" \"\" \"\"\n"},
		{name: "wrong ones cost themselves", body: `[1,{"text":"x"},{"pub":1,"text":""},{"pub":"a"},{"pub":"a","text":"","data":1},{"pub":"a","text":"ok"}]`,
			want: "bad_request: it is not an object\n" +
				"bad_request: \"pub\" is missing: it is the topic\n" +
				"bad_request: \"pub\" is not a string\n" +
				"bad_request: write one of \"data\", \"text\" and \"base64\"; there are 0\n" +
				"bad_request: write one of \"data\", \"text\" and \"base64\"; there are 2\n" +
				"a text \"ok\" \"\" \"\"\n"},
		{name: "null is as if it were not there", body: `[{"pub":"a","text":null},{"pub":null,"text":""},{"pub":"a","text":"","key":null,"idem":null,"base64":null}]`,
			want: "bad_request: write one of \"data\", \"text\" and \"base64\"; there are 0\n" +
				"bad_request: \"pub\" is missing: it is the topic\na text \"\" \"\" \"\"\n"},
		{name: "twice", body: `[{"pub":"a","text":"x","p\u0075b":"b"},{"pub":"a","text":"x","text":null},{"pub":"a","text":"","x":1,"x":2}]`,
			want: "bad_request: \"pub\" is there twice\nbad_request: \"text\" is there twice\na text \"\" \"\" \"\"\n"},
		{name: "too deep", body: `[{"pub":"a","data":` + nested(MaxDepth) + `},{"pub":"a","data":` + nested(MaxDepth+1) + `}]`,
			want: "a json \"" + nested(MaxDepth) + "\" \"\" \"\"\nbad_request: the JSON is deeper than 500 arrays and objects within each other; send it flatter, or as text\n"},
		{name: "a key and nothing else removes it", body: `[{"pub":"a","key":"k"},{"pub":"a","key":""}]`,
			want: "a text \"\" \"k\" \"\"\nbad_request: write one of \"data\", \"text\" and \"base64\"; there are 0\n"},
		{name: "names are exact", body: `[{"Pub":"a","text":""}]`, want: "bad_request: \"pub\" is missing: it is the topic\n"},
		{name: "Base64 that is not", body: `[{"pub":"a","base64":"/w"},{"pub":"a","base64":"/w==\n"}]`,
			want: strings.Repeat("bad_request: base64 is not Base64 of RFC 4648 §4: A to Z, a to z, 0 to 9, + and /, with = at the end\n", 2)},
		{name: "too large", limit: 8, body: `[{"pub":"a","text":"123456789"},{"pub":"a","text":"12345678"}]`,
			want: "too_large: the message is larger than 8 bytes, which is what this server takes\na text \"12345678\" \"\" \"\"\n"},

		{name: "an object", body: `{"pub":"a"}`, err: "array of objects"},
		{name: "empty", body: ``, err: "array of objects"},
		{name: "cut", body: `[{"pub":"a","text":""}`, err: "does not end"},
		{name: "broken", body: `[{"pub":"a","text":""},{]`, err: "object 1"},
		{name: "more behind it", body: `[] []`, err: "follows"},
		{name: "too many", body: "[" + strings.Repeat("1,", MaxBatch) + "1]", err: "at most 1000"},
		{name: "as many as allowed", body: "[" + strings.Repeat("1,", MaxBatch-1) + "1]", want: strings.Repeat("bad_request: it is not an object\n", MaxBatch)},
		{name: "as deep as nobody needs", body: strings.Repeat("[", 1<<20), err: "object 0"},
		{name: "an object as deep", body: "[" + strings.Repeat(`{"data":`, 1<<18), err: "object 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			items, err := parseBatch([]byte(c.body), cmp.Or(c.limit, -1))
			if c.err != "" {
				assert.Contains(t, RefusalOf(err).Detail, c.err)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, describeBatch(items), c.want)
		})
	}
}

func TestReadBatch(t *testing.T) {
	read := func(contentType, body string) ([]BatchItem, error) {
		r := httptest.NewRequest(http.MethodPost, "/batch", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return ReadBatch(httptest.NewRecorder(), r, 8)
	}
	items, err := read("application/json", `[{"pub":"a","text":"x"}]`)
	assert.NoError(t, err)
	assert.Equal(t, describeBatch(items), "a text \"x\" \"\" \"\"\n")
	_, err = read("text/plain", `[]`)
	assert.Equal(t, RefusalOf(err).Status, 415)
	_, err = read("application/json", "[\"\xff\"]")
	assert.Equal(t, RefusalOf(err).Status, 400)
	_, err = read("application/json", strings.Repeat(" ", MaxBatchBytes+1))
	assert.Equal(t, RefusalOf(err).Status, 413)
}

// Whatever is taken can be given to the hub and encoded again.
func FuzzParseBatch(f *testing.F) {
	f.Add([]byte(`[{"pub":"a","data":{"x":[1,null]}},{"pub":"b","text":"\ud83d\ude00\ud800"}]`))
	f.Add([]byte(`[{"pub":"a","base64":"AAEC"},[],7,"x"]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) {
			return
		}
		items, err := parseBatch(body, -1)
		if err != nil {
			var refusal *Refusal
			assert.True(t, errors.As(err, &refusal), "the error is no Refusal")
			return
		}
		for _, item := range items {
			m := item.Message
			if item.Err != nil {
				continue
			}
			assert.True(t, m.Kind == hub.Binary || utf8.Valid(m.Payload), "text is not UTF-8")
			assert.True(t, m.Kind != hub.JSON || json.Valid(m.Payload), "JSON is none")
			assert.True(t, json.Valid(AppendMessage(nil, m, true, "")), "its encoding is no JSON")
			assert.True(t, m.Kind != hub.JSON || bytes.Contains(body, m.Payload), "JSON was changed")
		}
	})
}
