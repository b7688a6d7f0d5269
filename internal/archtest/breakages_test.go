package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/duplexhq/duplex/internal/assert"
)

// sound is a small repository in which every rule holds.
var sound = map[string]string{
	"go.mod": "module " + modulePath + "\n\ngo 1.26\n\nrequire github.com/klauspost/compress v1.18.0\n",

	"websocket/frame/frame.go":      file("frame", "errors"),
	"websocket/frame/frame_test.go": file("frame", "os", "time", "testing", own("internal/assert"), own("websocket/wstest")),
	"websocket/handshake/h.go":      file("handshake", "strings", own("websocket/frame")),
	"websocket/deflate/d.go":        file("deflate", "errors", own("websocket/frame"), own("websocket/handshake")),
	"websocket/proto/p.go":          file("proto", own("websocket/frame"), own("websocket/handshake"), own("websocket/deflate")),
	"websocket/conn.go":             file("websocket", "net/http", "log/slog", own("websocket/proto"), own("websocket/frame")),
	"websocket/wstest/w.go":         file("wstest", "testing", own("websocket"), own("internal/assert")),
	"websocket/browser/b.go":        file("browser", own("websocket")),
	"hub/hub.go":                    file("hub", "time", "sync"),
	"examples/echo/main.go":         file("main", own("websocket"), own("hub")),
	"server/app/app.go":             file("app", own("websocket"), own("hub"), own("server/wire/raw")),
	"server/wire/raw/raw.go":        file("raw", own("websocket"), own("hub")),
	"server/api/api.go":             file("api", own("hub")),
	"server/api/api_test.go":        file("api_test", own("hub"), own("websocket"), own("websocket/wstest")),
	"server/e2e/node_modules/x.go":  "not ours, not even Go",
	"internal/assert/assert.go":     file("assert", "testing"),
	"docs/testdata/case.go":         "read as text only",
}

// own returns the import path of a directory of this repository.
func own(dir string) string { return modulePath + "/" + dir }

// file returns the source of a Go file with a package comment and imports.
func file(name string, imports ...string) string {
	b := fmt.Appendf(nil, "// Package %s is made for a test.\npackage %s\n\n", name, name)
	for _, path := range imports {
		b = fmt.Appendf(b, "import _ %q\n", path)
	}
	return string(b)
}

// function returns the source of a function of n lines.
func function(name string, n int) string {
	return "func " + name + "() {" + strings.Repeat("\n", n-1) + "}\n"
}

// load reads the sound repository with some files laid over it.
func load(t *testing.T, over map[string]string) *Tree {
	t.Helper()
	files := maps.Clone(sound)
	maps.Copy(files, over)
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
	}
	tree, err := Load(fsys)
	assert.NoError(t, err)
	return tree
}

// breakages holds at least one way to break each rule: one file, laid over the
// sound repository, and a part of what must be reported.
var breakages = []struct {
	name, rule string
	path, data string
	want       string
}{
	{"frame imports handshake", "floors", "websocket/frame/up.go", file("frame", own("websocket/handshake")), "websocket/frame/up.go:4: websocket/frame/... must not import websocket/handshake"},
	{"handshake imports its neighbour", "floors", "websocket/handshake/x.go", file("handshake", own("websocket/deflate")), "must not import websocket/deflate"},
	{"proto imports the connection", "floors", "websocket/proto/x.go", file("proto", own("websocket")), "must not import websocket"},
	{"the connection imports a driver", "floors", "websocket/x.go", file("websocket", own("websocket/event")), "must not import websocket/event"},
	{"one driver imports another", "floors", "websocket/browser/x.go", file("browser", own("websocket/event")), "must not import websocket/event"},
	{"the library imports the server", "floors", "websocket/x.go", file("websocket", own("server/app")), "must not import server/app"},
	{"the hub imports the wire", "floors", "hub/x.go", file("hub", own("websocket/frame")), "must not import websocket/frame"},
	{"a test of the hub imports the wire", "floors", "hub/x_test.go", file("hub_test", own("websocket")), "must not import websocket"},
	{"an example imports what users cannot", "floors", "examples/echo/x.go", file("main", own("internal/assert")), "must not import internal/assert"},
	{"the server imports a peer for tests", "floors", "server/api/x.go", file("api", own("websocket/wstest")), "must not import websocket/wstest"},
	{"a new room without a floor", "floors", "websocket/novel/x.go", file("novel"), "websocket/novel: stands on no floor"},

	{"a room of the server knows both wings", "two wings", "server/api/x.go", file("api", own("websocket/frame")), "server/api: imports both wings"},

	{"frame imports net", "forbidden packages", "websocket/frame/x.go", file("frame", "net"), "must not import net (bytes"},
	{"handshake imports net/http", "forbidden packages", "websocket/handshake/x.go", file("handshake", "net/http"), "must not import net/http"},
	{"proto imports net/textproto", "forbidden packages", "websocket/proto/x.go", file("proto", "net/textproto"), "must not import net/textproto"},
	{"frame imports os", "forbidden packages", "websocket/frame/x.go", file("frame", "os"), "must not import os"},
	{"proto imports time", "forbidden packages", "websocket/proto/x.go", file("proto", "time"), "must not import time (the driver owns the clock"},
	{"proto imports sync", "forbidden packages", "websocket/proto/x.go", file("proto", "sync"), "must not import sync"},
	{"proto imports context", "forbidden packages", "websocket/proto/x.go", file("proto", "context"), "must not import context"},
	{"handshake imports log/slog", "forbidden packages", "websocket/handshake/x.go", file("handshake", "log/slog"), "must not import log/slog"},
	{"deflate imports sync", "forbidden packages", "websocket/deflate/x.go", file("deflate", "sync"), "must not import sync"},
	{"deflate imports time", "forbidden packages", "websocket/deflate/x.go", file("deflate", "time"), "must not import time"},
	{"proto imports crypto/rand", "forbidden packages", "websocket/proto/x.go", file("proto", "crypto/rand"), "must not import crypto/rand"},
	{"the hub imports net", "forbidden packages", "hub/x.go", file("hub", "net"), "must not import net"},
	{"the connection logs", "forbidden packages", "websocket/x.go", file("websocket", "log"), "must not import log"},

	{"the server imports testing", "testing stays in tests", "server/api/x.go", file("api", "testing"), "must not import testing"},

	{"a requirement in a block", "requirements of the library", "go.mod", "module m\n\nrequire (\n\tgithub.com/stretchr/testify v1.9.0\n)\n", "go.mod:4: the library must not require github.com/stretchr/testify"},
	{"a requirement on a line", "requirements of the library", "go.mod", "module m\n\nrequire golang.org/x/net v0.1.0 // indirect\n", "go.mod:3: the library must not require golang.org/x/net"},
	{"a replacement", "requirements of the library", "go.mod", "module m\n\nreplace github.com/klauspost/compress => ../compress\n", "go.mod:3: a replacement"},

	{"no package comment", "package comments", "server/api/api.go", "package api\n", "server/api: has no package comment"},
	{"a comment about something else", "package comments", "server/api/api.go", "// This answers requests.\npackage api\n", "server/api: has no package comment"},
	{"a command without a comment", "package comments", "server/cmd/duplex/main.go", "package main\n", "server/cmd/duplex: has no package comment"},

	{"a package called util", "telling names", "server/x/x.go", file("util"), "must not be called util"},
	{"a directory called helpers", "telling names", "server/helpers/x.go", file("useful"), "must not be called helpers"},

	{"a file of 501 lines", "short files", "server/api/x.go", file("api") + strings.Repeat("\n", 498), "501 lines; the limit is 500"},

	{"a function of 81 lines", "short functions", "server/api/x.go", file("api") + function("answer", 81), "server/api/x.go:4: answer has 81 lines"},

	{"a mark in Go", "nothing left for later", "server/api/x.go", file("api") + "// TO" + "DO: answer\n", "server/api/x.go:4: says"},
	{"a mark in a document", "nothing left for later", "docs/x.md", "One\n\nFIX" + "ME\n", "docs/x.md:3: says"},

	{"a skipped test", "no skipped tests", "server/api/x_test.go", file("api", "testing") + "func TestX(t *testing.T) { t.Skip() }\n", "calls Skip"},

	{"a parser that is not fuzzed", "parsers are fuzzed", "server/api/x.go", file("api") + function("ParseQuery", 2), "server/api/x.go:4: ParseQuery has no fuzz target"},
}

// TestSoundRepository shows that no rule is broken by what is right.
func TestSoundRepository(t *testing.T) {
	tree := load(t, map[string]string{
		"server/e2e/x_test.go":             file("e2e", "testing") + "func TestX(t *testing.T) { t.Skip() }\n",
		"websocket/frame/short.go":         file("frame") + strings.Repeat("\n", 496) + "\n",
		"websocket/frame/parse.go":         file("frame") + "// Long comments\n// do not count.\n" + function("ParseHeader", 80),
		"websocket/frame/parse_test.go":    file("frame") + function("FuzzHeader", 90),
		"websocket/frame/long_test.go":     file("frame") + strings.Repeat("\n", 900),
		"websocket/frame/generated.go":     "// Code generated by a test. DO NOT EDIT.\n\n" + file("frame") + strings.Repeat("\n", 900),
		"server/e2e/package-lock.json":     "sha512-a/X" + "XX/b",
		"server/web/app.bin":               "\x00TO" + "DO",
		"server/node_modules/a/index.js":   "// TO" + "DO",
		"websocket/frame/testdata/seed.go": "package broken (",
	})
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, b := range rule.Check(tree) {
				t.Error(b)
			}
		})
	}
}

// TestEveryRuleCanFail breaks the sound repository in one place at a time.
func TestEveryRuleCanFail(t *testing.T) {
	shown := map[string]bool{}
	for _, c := range breakages {
		shown[c.rule] = true
		t.Run(c.name, func(t *testing.T) {
			tree := load(t, map[string]string{c.path: c.data})
			rules := Rules()
			i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == c.rule })
			assert.True(t, i >= 0, "no such rule: "+c.rule)
			assert.Contains(t, fmt.Sprint(rules[i].Check(tree)), c.want)
		})
	}
	for _, rule := range Rules() {
		assert.True(t, shown[rule.Name], "nothing shows that this rule can fail: "+rule.Name)
		assert.True(t, rule.Why != "", "no reason for the rule: "+rule.Name)
	}
}

// TestBrokenSyntax shows that a file that does not parse is an error, not a
// file that no rule looks at.
func TestBrokenSyntax(t *testing.T) {
	_, err := Load(fstest.MapFS{"hub/hub.go": {Data: []byte("package (")}})
	assert.True(t, err != nil, "a broken file was accepted")
	assert.Contains(t, err.Error(), "hub/hub.go:1:9")
}
