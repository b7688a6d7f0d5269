package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
)

// A contract is openapi.yaml, whose schemas are JSON Schema 2020-12 (OpenAPI 3.1 §4.8.24).
type contract struct {
	t       *testing.T
	root    map[string]any
	schemas *jsonschema.Compiler
	seen    map[string]bool // "GET /t/{topic} 200", and parameters: "GET /t/{topic} ?after"
}

func readContract(t *testing.T) *contract {
	t.Helper()
	file, err := os.ReadFile("../../docs/reference/openapi.yaml")
	assert.NoError(t, err)
	c := &contract{t: t, schemas: jsonschema.NewCompiler(), seen: map[string]bool{}}
	assert.NoError(t, yaml.Unmarshal(file, &c.root))
	text, err := json.Marshal(c.root)
	assert.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	assert.NoError(t, err)
	c.schemas.DefaultDraft(jsonschema.Draft2020)
	assert.NoError(t, c.schemas.AddResource("http://localhost/openapi.json", doc))
	return c
}

// at returns what stands at a path of names, with references followed, and where that is.
func (c *contract) at(names ...string) (node map[string]any, pointer string) {
	c.t.Helper()
	node = c.root
	for _, name := range names {
		next, ok := node[name].(map[string]any)
		assert.True(c.t, ok, fmt.Sprintf("%q: there is no %q", names, name))
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		node = next
		if ref, ok := node["$ref"].(string); ok {
			node, pointer = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node, pointer
}

// check validates a value against the schema at a pointer.
func (c *contract) check(pointer string, value any) {
	c.t.Helper()
	schema, err := c.schemas.Compile("http://localhost/openapi.json#" + (&url.URL{Path: pointer}).EscapedPath())
	assert.NoError(c.t, err)
	assert.NoError(c.t, schema.Validate(value))
}

// parameters returns those of an operation as "?after" or "Last-Event-ID".
func (c *contract) parameters(path, method string) (names []string) {
	item, _ := c.at("paths", path)
	operation, _ := c.at("paths", path, method)
	own, _ := operation["parameters"].([]any)
	common, _ := item["parameters"].([]any)
	for _, p := range slices.Concat(own, common) {
		parameter, _ := p.(map[string]any)
		if ref, ok := parameter["$ref"].(string); ok {
			parameter, _ = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		switch name := fmt.Sprint(parameter["name"]); parameter["in"] {
		case "query":
			names = append(names, "?"+name)
		case "header":
			names = append(names, name)
		}
	}
	return names
}

// answer validates an answer: its status is one that the contract has, with the headers and
// the content that it says.
func (c *contract) answer(path string, r *http.Request, resp *http.Response, body []byte) {
	c.t.Helper()
	method, status := strings.ToLower(r.Method), fmt.Sprint(resp.StatusCode)
	c.seen[r.Method+" "+path+" "+status] = true
	for _, name := range c.parameters(path, method) {
		if query, ok := strings.CutPrefix(name, "?"); ok && r.URL.Query().Has(query) || r.Header.Get(name) != "" {
			c.seen[r.Method+" "+path+" "+name] = true
		}
	}
	at := []string{"paths", path, method, "responses", status}
	response, _ := c.at(at...)
	if headers, ok := response["headers"].(map[string]any); ok {
		for name := range headers {
			_, pointer := c.at(append(at, "headers", name, "schema")...)
			c.check(pointer, resp.Header.Get(name))
		}
	}
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	_, pointer := c.at(append(at, "content", mediaType, "schema")...)
	var value any = string(body)
	if strings.HasSuffix(mediaType, "json") {
		assert.NoError(c.t, json.Unmarshal(body, &value))
	}
	c.check(pointer, value)
}

// A call is a request that the contract has something to say about.
type call struct {
	path, target, body string // the method before the path: "GET /t/{topic}"
	header             []string
	status             int
}

func (c call) do(t *testing.T, a *app.App, k *contract) {
	t.Helper()
	method, path, _ := strings.Cut(c.path, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL()+c.target, strings.NewReader(c.body))
	assert.NoError(t, err)
	for i := 0; i < len(c.header); i += 2 {
		r.Header.Set(c.header[i], c.header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	assert.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, fmt.Sprint(c.path, " ", resp.StatusCode), fmt.Sprint(c.path, " ", c.status))
	var body []byte
	if resp.Header.Get("Content-Type") != "text/event-stream" { // which does not end
		body, err = io.ReadAll(resp.Body)
		assert.NoError(t, err)
	}
	k.answer(path, r, resp, body)
}

const (
	topicGet    = "GET /t/{topic}"
	topicPost   = "POST /t/{topic}"
	presenceGet = "GET /t/{topic}/presence"
	topicsGet   = "GET /topics"
	batchPost   = "POST /batch"
)

// calls has each operation, parameter and status of the contract. AT is a cursor.
var calls = []call{
	{topicPost, "/t/a?key=k", "hello", []string{"Idempotency-Key", "one"}, 200},
	{topicPost, "/t/a", "hello", []string{"Idempotency-Key", "one"}, 200},
	{topicPost, "/t/a", `{"x":null}`, []string{"Content-Type", "application/json"}, 200},
	{topicPost, "/t/a", "\xff", nil, 200},
	{topicPost, "/t/a..b", "x", nil, 400},
	{topicPost, "/t/a", "{", []string{"Content-Type", "application/json"}, 400},
	{topicPost, "/t/a", "x", []string{"Origin", "https://foe.example"}, 403},
	{topicPost, "/t/a", "x", []string{"Accept", "text/html"}, 406},
	{topicPost, "/t/few?key=two", "x", nil, 409},
	{topicPost, "/t/a", strings.Repeat("x", 1001), nil, 413},
	{topicPost, "/t/a", "x", []string{"Content-Encoding", "gzip"}, 415},
	{topicGet, "/t/a", "", nil, 200},
	{topicGet, "/t/none", "", nil, 200},
	{topicGet, "/t/a?last=2&limit=1", "", nil, 200},
	{topicGet, "/t/a?after=AT&wait=1s", "", nil, 200},
	{topicGet, "/t/a?after=1.1.1", "", nil, 200},
	{topicGet, "/t/a.*?as=ann&envelope=1", "", []string{"Accept", "text/event-stream"}, 400},
	{topicGet, "/t/a?as=ann&envelope=1", "", []string{"Accept", "text/event-stream", "Last-Event-ID", "AT"}, 200},
	{topicGet, "/t/a?after=x", "", nil, 400},
	{topicGet, "/t/a", "", []string{"Origin", "https://foe.example"}, 403},
	{topicGet, "/t/a", "", []string{"Accept", "text/html"}, 406},
	{presenceGet, "/t/a/presence?after=a&limit=1", "", nil, 200},
	{presenceGet, "/t/a..b/presence", "", nil, 400},
	{presenceGet, "/t/a/presence", "", []string{"Origin", "https://foe.example"}, 403},
	{presenceGet, "/t/a/presence", "", []string{"Accept", "text/html"}, 406},
	{topicsGet, "/topics", "", nil, 200},
	{topicsGet, "/topics?filter=a.%3E&after=a&limit=1", "", nil, 200},
	{topicsGet, "/topics?filter=a.%3E.b", "", nil, 400},
	{topicsGet, "/topics", "", []string{"Origin", "null"}, 403},
	{topicsGet, "/topics", "", []string{"Accept", "text/html"}, 406},
	{batchPost, "/batch", `[{"pub":"a","data":[]},{"pub":"a b","text":""},{}, {"pub":"few","key":"three","text":""}]`, []string{"Content-Type", "application/json"}, 200},
	{batchPost, "/batch", `{}`, []string{"Content-Type", "application/json"}, 400},
	{batchPost, "/batch", `[]`, []string{"Content-Type", "application/json", "Origin", "https://foe.example"}, 403},
	{batchPost, "/batch", `[]`, []string{"Content-Type", "application/json", "Accept", "text/html"}, 406},
	{batchPost, "/batch", "[" + strings.Repeat("1,", 1000) + "1]", []string{"Content-Type", "application/json"}, 413},
	{batchPost, "/batch", `[]`, nil, 415},
	{"GET /healthz", "/healthz", "", nil, 200},
}

// elsewhere is what the contract has and calls does not: no method that the contract has is
// answered with 405, and what is not available is so in the tests of the handlers.
var elsewhere = regexp.MustCompile(` (405|503)$`)

func TestContract(t *testing.T) {
	k := readContract(t)
	a, _ := start(t, app.Config{MaxMessage: 1000, Rules: []app.Rule{{Filter: "few", Settings: app.Settings{Latest: true, MaxKeys: 1}}}})
	at := post(t, a, "a", "first")
	post(t, a, "few?key=one", "x")
	for _, c := range calls {
		c.target = strings.ReplaceAll(c.target, "AT", at)
		c.header = slices.Clone(c.header)
		for i := range c.header {
			c.header[i] = strings.ReplaceAll(c.header[i], "AT", at)
		}
		c.do(t, a, k)
	}
	for _, name := range k.everything() {
		assert.True(t, k.seen[name] || elsewhere.MatchString(name), name+" is in the contract, and nothing here has tried it")
	}
}

// everything lists what can be seen.
func (c *contract) everything() (names []string) {
	paths, _ := c.at("paths")
	for path := range paths {
		item, _ := c.at("paths", path)
		for method := range item {
			if method == "parameters" {
				continue
			}
			prefix := strings.ToUpper(method) + " " + path + " "
			responses, _ := c.at("paths", path, method, "responses")
			for status := range responses {
				names = append(names, prefix+status)
			}
			for _, parameter := range c.parameters(path, method) {
				names = append(names, prefix+parameter)
			}
		}
	}
	return names
}

// Methods that the contract does not have are refused, and Allow names those that it has.
func TestMethodsOfTheContract(t *testing.T) {
	k := readContract(t)
	a, _ := start(t, app.Config{})
	paths, _ := k.at("paths")
	for path := range paths {
		item, _ := k.at("paths", path)
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			if item[strings.ToLower(method)] != nil {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), method, a.URL()+strings.ReplaceAll(path, "{topic}", "a"), nil)
			assert.NoError(t, err)
			resp, err := http.DefaultClient.Do(r)
			assert.NoError(t, err)
			var problem any
			assert.NoError(t, json.NewDecoder(resp.Body).Decode(&problem))
			_ = resp.Body.Close()
			assert.Equal(t, resp.StatusCode, http.StatusMethodNotAllowed)
			k.check("/components/schemas/problem", problem)
			for _, allowed := range []string{"GET", "POST"} {
				assert.Equal(t, strings.Contains(resp.Header.Get("Allow"), allowed), item[strings.ToLower(allowed)] != nil)
			}
		}
	}
}

// The codes are those of the table in protocol.md.
func TestCodesOfTheContract(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/protocol.md")
	assert.NoError(t, err)
	var codes []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (?:yes|no) \\|").FindAllSubmatch(page, -1) {
		codes = append(codes, string(row[1]))
	}
	schema, _ := readContract(t).at("components", "schemas", "code")
	assert.Equal(t, fmt.Sprint(schema["enum"]), fmt.Sprint(codes))
}
