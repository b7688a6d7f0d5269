package json

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/duplexhq/duplex/internal/assert"
)

// A document is asyncapi.yaml. Its schemas are those of JSON Schema, as far as they are
// used there.
type document struct {
	t    *testing.T
	root map[string]any
}

func readDocument(t *testing.T) *document {
	t.Helper()
	file, err := os.ReadFile("../../../docs/reference/asyncapi.yaml")
	assert.NoError(t, err)
	d := &document{t: t}
	assert.NoError(t, yaml.Unmarshal(file, &d.root))
	d.checkReferences(d.root)
	return d
}

// at returns what stands at a path, such as "/channels/json", with references followed.
func (d *document) at(path string) map[string]any {
	d.t.Helper()
	node := d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		next, ok := node[name].(map[string]any)
		assert.True(d.t, ok, path+": there is no "+name)
		node = d.follow(next)
	}
	return node
}

func (d *document) follow(node map[string]any) map[string]any {
	if ref, ok := node["$ref"].(string); ok {
		return d.at(strings.TrimPrefix(ref, "#"))
	}
	return node
}

// checkReferences follows all references once.
func (d *document) checkReferences(node any) {
	switch node := node.(type) {
	case map[string]any:
		d.follow(node)
		for _, child := range node {
			d.checkReferences(child)
		}
	case []any:
		for _, child := range node {
			d.checkReferences(child)
		}
	}
}

// understood are the keywords of schemas that check knows, or that say nothing to it.
var understood = map[string]bool{
	"type": true, "properties": true, "required": true, "additionalProperties": true, "items": true, "enum": true, "const": true,
	"oneOf": true, "minLength": true, "maxLength": true, "minimum": true, "maximum": true, "pattern": true, "description": true, "format": true,
}

// check returns what is wrong with a value of JSON, "" if nothing is.
func (d *document) check(schema map[string]any, value any) string {
	schema = d.follow(schema)
	for keyword := range schema {
		assert.True(d.t, understood[keyword], "a schema uses "+keyword)
	}
	if want, ok := schema["const"]; ok && !reflect.DeepEqual(want, value) {
		return fmt.Sprintf("%v is not %v", value, want)
	}
	if list, ok := schema["oneOf"].([]any); ok {
		good := 0
		for _, s := range list {
			if d.check(s.(map[string]any), value) == "" {
				good++
			}
		}
		if good != 1 {
			return fmt.Sprintf("%v is %d of the alternatives", value, good)
		}
	}
	kind, typed := schema["type"].(string)
	switch v := value.(type) {
	case nil:
		return wrongUnless(!typed || kind == "null", value, kind)
	case bool:
		return wrongUnless(!typed || kind == "boolean", value, kind)
	case float64:
		isInt := v == float64(int64(v))
		return wrongUnless(!typed || kind == "number" || kind == "integer" && isInt, value, kind) + bounds(schema, "minimum", "maximum", v)
	case string:
		return wrongUnless(!typed || kind == "string", value, kind) + d.checkString(schema, v)
	case []any:
		return wrongUnless(!typed || kind == "array", value, kind) + d.checkItems(schema, v)
	case map[string]any:
		return wrongUnless(!typed || kind == "object", value, kind) + d.checkMembers(schema, v)
	default:
		return fmt.Sprintf("%T is no JSON", value)
	}
}

func wrongUnless(ok bool, value any, kind string) string {
	if ok {
		return ""
	}
	return fmt.Sprintf("%v is not of type %s; ", value, kind)
}

func bounds(schema map[string]any, least, most string, v float64) string {
	if n, ok := schema[least].(int); ok && v < float64(n) {
		return fmt.Sprintf("%v is less than %d; ", v, n)
	}
	if n, ok := schema[most].(int); ok && v > float64(n) {
		return fmt.Sprintf("%v is more than %d; ", v, n)
	}
	return ""
}

func (d *document) checkString(schema map[string]any, s string) string {
	problem := bounds(schema, "minLength", "maxLength", float64(utf8.RuneCountInString(s)))
	if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(s) {
		problem += fmt.Sprintf("%q does not match %s; ", s, pattern)
	}
	if list, ok := schema["enum"].([]any); ok && !contains(list, s) {
		problem += fmt.Sprintf("%q is none of %v; ", s, list)
	}
	return problem
}

func contains(list []any, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func (d *document) checkItems(schema map[string]any, list []any) (problem string) {
	if items, ok := schema["items"].(map[string]any); ok {
		for _, v := range list {
			problem += d.check(items, v)
		}
	}
	return problem
}

func (d *document) checkMembers(schema, object map[string]any) (problem string) {
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			problem += fmt.Sprintf("%s is missing; ", name)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, v := range object {
		s, known := properties[name].(map[string]any)
		switch {
		case known:
			problem += d.check(s, v)
		case schema["additionalProperties"] == false:
			problem += fmt.Sprintf("%s is unknown; ", name)
		}
	}
	return problem
}
