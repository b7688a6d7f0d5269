package json

import (
	stdjson "encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

// messagesOf returns the names of the messages of an operation.
func (d *document) messagesOf(operation string) (names []string) {
	list, _ := d.at("/operations/" + operation)["messages"].([]any)
	for _, ref := range list {
		path, _ := ref.(map[string]any)["$ref"].(string)
		names = append(names, path[strings.LastIndex(path, "/")+1:])
	}
	return names
}

func TestAsyncAPIRequests(t *testing.T) {
	d := readDocument(t)
	names := d.messagesOf("request")
	slices.Sort(names)
	assert.Equal(t, names, slices.Sorted(maps.Keys(verbs)))
	all := make(map[string]bool)
	for _, name := range names {
		message := d.at("/components/messages/" + name)
		schema := d.at("/components/messages/" + name + "/payload")
		assert.Equal(t, fmt.Sprint(schema["required"]), fmt.Sprint([]string{name}))
		for member := range d.at("/components/messages/" + name + "/payload/properties") {
			all[member] = true
		}
		list, _ := message["examples"].([]any)
		assert.True(t, len(list) > 0, name+" has no example")
		for _, example := range list {
			b, err := stdjson.Marshal(example.(map[string]any)["payload"])
			assert.NoError(t, err)
			q, err := parse(b)
			assert.NoError(t, err)
			assert.Equal(t, q.verb, verbs[name])
			assert.Equal(t, d.check(schema, decoded(t, b)), "")
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(knownMembers)))
}

func decoded(t *testing.T, b []byte) (v any) {
	t.Helper()
	assert.NoError(t, stdjson.Unmarshal(b, &v))
	return v
}

// TestAsyncAPIAnswers has everything that the server sends fit exactly one message.
func TestAsyncAPIAnswers(t *testing.T) {
	d := readDocument(t)
	at := hub.Cursor{Epoch: 1, Offset: 2, Time: 1790000000000}
	text := &hub.Message{Topic: "a", Payload: []byte("x"), Key: "k", By: "ann", At: at}
	data := &hub.Message{Topic: "a", Kind: hub.JSON, Payload: []byte("[1]"), At: at}
	bytes := &hub.Message{Topic: "a", Kind: hub.Binary, Payload: []byte{255}, At: at}
	seen := make(map[string]bool)
	for _, b := range [][]byte{
		appendSub(nil, "a", "", hub.Notice{At: at, Gap: true}),
		appendSub(nil, "a.>", `"x"`, hub.Notice{At: at}),
		wire.AppendMessage(nil, text, true, ""),
		wire.AppendMessage(nil, data, true, "a.*"),
		wire.AppendMessage(nil, bytes, true, ""),
		appendGap(nil, "a", at),
		appendEnd(nil, "a", hub.Notice{At: at, Err: hub.ErrSlow}),
		appendOK(nil, "1.5"),
		appendReceipt(nil, "1", hub.Receipt{At: at}),
		appendReceipt(nil, "1", hub.Receipt{At: at, Duplicate: true}),
		appendHistory(nil, "1", &hub.History{Messages: []*hub.Message{text, data, bytes}, At: at, Gap: true}),
		appendWho(nil, "1", &hub.PresencePage{Names: []string{"ann", "bob"}, Count: 2}),
		appendPresence(nil, &hub.PresenceChange{Topic: "a", Full: true}),
		appendPresence(nil, &hub.PresenceChange{Topic: "a", Count: 1, Join: []string{"ann"}, More: true}),
		appendBye(nil, 1, "shutdown"),
		appendErr(nil, "", errExpired),
		appendErr(nil, `"x"`, hub.ErrBadCursor),
	} {
		var fits []string
		problems := make(map[string]string)
		for _, name := range d.messagesOf("answer") {
			if problems[name] = d.check(d.at("/components/messages/"+name+"/payload"), decoded(t, b)); problems[name] == "" {
				fits = append(fits, name)
			}
		}
		assert.True(t, len(fits) == 1, fmt.Sprintf("%s fits %q: %q", b, fits, problems))
		seen[fits[0]] = true
	}
	assert.Equal(t, len(seen), len(d.messagesOf("answer")))
}

func TestAsyncAPIParameters(t *testing.T) {
	d := readDocument(t)
	assert.Equal(t, d.at("/channels/raw")["address"], "/t/{topic}")
	assert.Equal(t, d.at("/channels/json")["address"], "/ws")
	protocol := d.at("/channels/json/bindings/ws/headers/properties/Sec-WebSocket-Protocol")
	assert.Equal(t, protocol["const"], Subprotocol)

	properties := d.at("/channels/raw/bindings/ws/query/properties")
	assert.Equal(t, slices.Sorted(maps.Keys(properties)), []string{"after", "as", "last", "self", "session"})
	for name, node := range properties {
		schema, _ := node.(map[string]any)
		for _, value := range []string{"", "0", "1000", "1001", "-1", "false", "maybe", "1.z.mubbs7i8", "12345678", "a b c d e", strings.Repeat("x", 65), strings.Repeat("x", 129)} {
			_, err := wire.ParseStart(url.Values{name: {value}})
			problem := d.check(schema, parameter(name, value))
			switch {
			case value == "": // as if it were not there
				assert.NoError(t, err)
			case name == "after": // a pattern does not say all that there is to say
				assert.True(t, err != nil || problem == "", name+"="+value+": "+problem)
			default:
				assert.True(t, (err == nil) == (problem == ""), fmt.Sprintf("%s=%s: %v, and %q", name, value, err, problem))
			}
		}
	}
}

// parameter returns the value of a parameter as its schema sees it.
func parameter(name, value string) any {
	var n float64
	if name == "last" && stdjson.Unmarshal([]byte(value), &n) == nil {
		return n
	}
	return value
}

// TestAsyncAPICodes holds the lists of codes against the tables of the protocol's page.
func TestAsyncAPICodes(t *testing.T) {
	d := readDocument(t)
	page, err := os.ReadFile("../../../docs/reference/protocol.md")
	assert.NoError(t, err)
	list := func(pattern string) (codes []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(page), -1) {
			codes = append(codes, strings.Split(m[1], ", ")...)
		}
		slices.Sort(codes)
		return slices.Compact(codes)
	}
	var codes, closes []string
	for _, code := range d.at("/components/schemas/code")["enum"].([]any) {
		codes = append(codes, code.(string))
	}
	for _, c := range d.at("/channels/raw")["x-close-codes"].([]any) {
		closes = append(closes, fmt.Sprint(c.(map[string]any)["code"]))
	}
	slices.Sort(codes)
	assert.Equal(t, codes, list("(?m)^\\| `([a-z_]+)` \\| (?:yes|no) \\|"))
	assert.Equal(t, closes, list(`(?m)^\| ([0-9, ]+) \|`))
}
