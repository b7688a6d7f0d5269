package json

import (
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want request
	}{
		{`{"sub":"orders.42"}`, request{verb: sub, name: "orders.42", self: true}},
		{" \t\r\n{ \"sub\" : \"a\" , \"id\" : 1 } \n", request{verb: sub, name: "a", id: "1", self: true}},
		{`{"sub":"a","after":"C","id":"x\"y"}`, request{verb: sub, name: "a", after: "C", id: `"x\"y"`, self: true}},
		{`{"sub":"a","last":1000,"presence":true,"as":"Jürgen","self":false}`, request{verb: sub, name: "a", last: 1000, presence: true, as: "Jürgen"}},
		{`{"unsub":"a.>","id":-1.5e3}`, request{verb: unsub, name: "a.>", id: "-1.5e3", self: true}},
		{`{"pub":"a","data":{"b": [1,"]}",{}]},"id":7}`, request{verb: pub, name: "a", kind: hub.JSON, payload: []byte(`{"b": [1,"]}",{}]}`), hasPayload: true, id: "7", self: true}},
		{`{"data":null,"pub":"a"}`, request{verb: pub, name: "a", kind: hub.JSON, payload: []byte("null"), hasPayload: true, self: true}},
		{`{"pub":"a","data":1e999}`, request{verb: pub, name: "a", kind: hub.JSON, payload: []byte("1e999"), hasPayload: true, self: true}},
		{`{"pub":"a","text":"\u00e9\n\ud83d\ude00\ud800"}`, request{verb: pub, name: "a", payload: []byte("é\n😀\ufffd"), hasPayload: true, self: true}},
		{`{"pub":"a","text":""}`, request{verb: pub, name: "a", payload: []byte{}, hasPayload: true, self: true}},
		{`{"pub":"a","base64":"AP8+"}`, request{verb: pub, name: "a", kind: hub.Binary, payload: []byte{0, 255, 62}, hasPayload: true, self: true}},
		{`{"pub":"a","text":"x","key":"k","idem":"u"}`, request{verb: pub, name: "a", payload: []byte("x"), hasPayload: true, key: "k", idem: "u", self: true}},
		{`{"pub":"a","key":"k"}`, request{verb: pub, name: "a", key: "k", self: true}},
		{`{"get":"a","last":20,"limit":1000,"id":8}`, request{verb: get, name: "a", last: 20, limit: 1000, id: "8", self: true}},
		{`{"who":"a","after":"bob","limit":1}`, request{verb: who, name: "a", after: "bob", limit: 1, self: true}},
		{`{"auth":"TOKEN"}`, request{verb: auth, name: "TOKEN", self: true}},
		{`{"s\u0075b":"\u0061"}`, request{verb: sub, name: "a", self: true}},
		{`{"sub":"a","id":null,"after":null,"last":null,"as":null,"self":null}`, request{verb: sub, name: "a", self: true}},
		{`{"sub":"a","more":{"sub":[1]},"more":2,"":3}`, request{verb: sub, name: "a", self: true}},
		{`{"sub":"a","pub":null,"text":null}`, request{verb: sub, name: "a", self: true}},
		{`{"sub":""}`, request{verb: sub, self: true}},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := parse([]byte(c.in))
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", c.want))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat(`[`, 100_000)
	for _, c := range []struct{ name, in, id, says string }{
		{"nothing", ``, "", "not JSON"},
		{"only space", ` `, "", "not JSON"},
		{"no JSON", `hello`, "", "not JSON"},
		{"half of it", `{"sub":"a"`, "", "not JSON"},
		{"two objects", `{"sub":"a"}{"sub":"b"}`, "", "not JSON"},
		{"a bomb", `{"pub":"a","data":` + deep, "", "not JSON"},
		{"a bomb that is whole", `{"pub":"a","data":` + deep + strings.Repeat(`]`, 100_000) + `}`, "", "not JSON"},
		{"a list", `[{"sub":"a"}]`, "", "not an object"},
		{"a string", `"sub"`, "", "not an object"},
		{"null", `null`, "", "not an object"},
		{"an empty object", `{}`, "", "no verb"},
		{"no verb", `{"id":1,"data":2}`, "1", "no verb"},
		{"a verb in capitals", `{"SUB":"a","id":1}`, "1", "no verb"},
		{"two verbs", `{"sub":"a","pub":"a","id":"x"}`, `"x"`, "several verbs"},
		{"a verb twice", `{"sub":"a","sub":"b"}`, "", `"sub" is there twice`},
		{"a verb twice in disguise", `{"sub":"a","s\u0075b":"b"}`, "", `"sub" is there twice`},
		{"a member twice", `{"sub":"a","last":1,"last":2,"id":1}`, "1", `"last" is there twice`},
		{"a topic that is a number", `{"sub":5,"id":1}`, "1", "sub is not a string"},
		{"a topic that is null", `{"id":1,"sub":null}`, "1", "no verb"},
		{"JSON that is too deep", `{"pub":"a","id":1,"data":` + strings.Repeat("[", wire.MaxDepth+1) + strings.Repeat("]", wire.MaxDepth+1) + `}`, "1", "deeper than 500"},
		{"an id that is an object", `{"sub":"a","id":{}}`, "", "id is not a string or a number"},
		{"an id that is true", `{"sub":"a","id":true}`, "", "id is not a string or a number"},
		{"a long id", `{"sub":"a","id":"` + strings.Repeat("x", 127) + `"}`, "", "id has more than 128 bytes"},
		{"a long number", `{"sub":"a","id":` + strings.Repeat("9", 1000) + `}`, "", "id has more than 128 bytes"},
		{"a cursor that is a number", `{"sub":"a","after":5}`, "", "after is not a string"},
		{"a fraction", `{"sub":"a","last":1.5}`, "", "last is a number from 0 to 1000"},
		{"a number in a string", `{"sub":"a","last":"5"}`, "", "last is a number from 0 to 1000"},
		{"too many", `{"get":"a","limit":1001}`, "", "limit is a number from 1 to 1000"},
		{"none", `{"get":"a","limit":0}`, "", "limit is a number from 1 to 1000"},
		{"presence that is a number", `{"sub":"a","presence":1}`, "", "presence is not true or false"},
		{"self that is a string", `{"sub":"a","self":"false"}`, "", "self is not true or false"},
		{"a long name", `{"sub":"a","as":"` + strings.Repeat("x", 129) + `"}`, "", "as has at most 128 bytes"},
		{"a long key", `{"pub":"a","text":"","key":"` + strings.Repeat("x", 129) + `"}`, "", "key has at most 128 bytes"},
		{"text that is a number", `{"pub":"a","text":5}`, "", "text is not a string"},
		{"no Base64", `{"pub":"a","base64":"-_"}`, "", "RFC 4648"},
		{"Base64 with a line end", `{"pub":"a","base64":"AP8+\n"}`, "", "RFC 4648"},
		{"two payloads", `{"pub":"a","text":"x","data":1}`, "", "several payloads"},
		{"no payload", `{"pub":"a","id":7}`, "7", "nothing to publish"},
		{"the first of several errors", `{"sub":5,"last":-1,"id":3}`, "3", "sub is not a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := parse([]byte(c.in))
			assert.True(t, err != nil, "it was accepted")
			code, retry, sentence := wire.Describe(err)
			assert.Equal(t, code, "bad_request")
			assert.True(t, !retry, "it is not worth another try")
			assert.Contains(t, sentence, c.says)
			assert.Equal(t, q.id, c.id)
		})
	}
}

// FuzzParse holds the parser against encoding/json: what it accepts is an object whose
// members say the same there, and what it refuses is answered with JSON.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"orders.*","after":"1.2.3","id":1,"last":3,"presence":true,"as":"ann","self":false}`,
		`{"pub":"a","data":{"b":[1,"]}",{}]},"id":"x\"y","key":"k","idem":"u"}`,
		`{"pub":"a","text":"\ud83d\ude00\ud800"}`, `{"pub":"a","base64":"AP8+"}`, `{"s\u0075b":"a"}`, `[]`, "{}", ` {"a":[[{}]],"who":"x"} `,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if !utf8.ValidString(in) {
			return // no text frame has it
		}
		q, err := parse([]byte(in))
		if err != nil {
			assert.True(t, stdjson.Valid(appendErr(nil, q.id, err)), "an answer that is not JSON")
			return
		}
		var all map[string]stdjson.RawMessage
		assert.NoError(t, stdjson.Unmarshal([]byte(in), &all))
		verbsThere := 0
		for name, v := range verbs {
			if raw, ok := all[name]; ok {
				verbsThere++
				assert.Equal(t, q.verb, v)
				assert.Equal(t, q.name, stringOf(t, raw))
			}
		}
		assert.Equal(t, verbsThere, 1)
		if id := all["id"]; string(id) != "null" {
			assert.Equal(t, q.id, string(id))
		}
		switch {
		case all["data"] != nil:
			assert.Equal(t, string(q.payload), string(all["data"]))
		case all["text"] != nil && string(all["text"]) != "null":
			assert.Equal(t, string(q.payload), stringOf(t, all["text"]))
		}
		assert.True(t, stdjson.Valid(appendOK(nil, q.id)) || q.id == "", "an id that is not JSON")
	})
}

func stringOf(t *testing.T, raw stdjson.RawMessage) (s string) {
	assert.NoError(t, stdjson.Unmarshal(raw, &s))
	return s
}

func BenchmarkParse(b *testing.B) {
	for name, in := range map[string]string{
		"sub":      `{"sub":"orders.42","id":1}`,
		"pub":      `{"pub":"orders.42","data":{"price":12.5,"name":"green tea","n":[1,2,3]},"id":7}`,
		"pub 4096": `{"pub":"orders.42","data":"` + strings.Repeat("word ", 819) + `","id":7}`,
	} {
		b.Run(name, func(b *testing.B) {
			p := []byte(in)
			b.ReportAllocs()
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				_, _ = parse(p)
			}
		})
	}
}
