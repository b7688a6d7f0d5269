package e2e

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/browser/browsertest"
)

const (
	browserPackage = "github.com/duplexhq/duplex/websocket/browser"
	contract       = "../../websocket/browser/contract_test.go"
)

// The contract of package browser holds in a real browser: its tests, built for
// js/wasm, run and pass in Chromium.
func TestBrowserContractInChromium(t *testing.T) {
	t.Parallel()
	program := build(t, "js", "wasm", "test", "-c", browserPackage)
	server := serve(t, program)
	status, output := runInPage(t, server, url.Values{
		"arg": {"-test.v", "-test.timeout=3m"},
		"env": {"DUPLEX_BROWSERTEST=" + server},
	})
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, output)
	}
	names := testsIn(t, contract)
	assert.True(t, len(names) > 20, "the contract has lost its tests")
	for _, name := range names {
		assert.Contains(t, output, "--- PASS: "+name+" (")
	}
	assert.Equal(t, strings.Count(output, "\n--- PASS: "), len(names))
}

// testsIn returns the names of the tests in a file.
func testsIn(t *testing.T, path string) (names []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	assert.NoError(t, err)
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

// One program prints the same events, states and exceptions natively and in Chromium.
func TestTranscriptInChromium(t *testing.T) {
	t.Parallel()
	const source = "./testdata/wasm/transcript"
	native := exec.CommandContext(t.Context(), build(t, "", "", "build", source), serve(t, ""))
	want, err := native.CombinedOutput()
	assert.NoError(t, err)
	lines := strings.Split(string(want), "\n")
	assert.True(t, len(lines) > 50, "the transcript is short:\n"+string(want))

	server := serve(t, build(t, "js", "wasm", "build", source))
	status, output := runInPage(t, server, url.Values{"arg": {server}})
	assert.Equal(t, status, 0)
	for i, got := range strings.Split(output, "\n") {
		if i >= len(lines) || got != lines[i] {
			t.Errorf("line %d in Chromium: %q\nnatively:\n%s", i+1, got, want)
			break
		}
	}
	assert.Equal(t, strings.Count(output, "\n"), len(lines)-1)
}

// A program for a page must stay small.
func TestBrowserInAPageKnowsNoHTTP(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", browserPackage)
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	list, err := command.Output()
	assert.NoError(t, err)
	for path := range strings.FieldsSeq(string(list)) {
		switch path {
		case "net", "net/http", "crypto/tls", "github.com/duplexhq/duplex/websocket":
			t.Errorf("with GOOS=js, package browser depends on %s", path)
		}
	}
}

// build runs the go command and returns the path of the program it makes. An empty
// system means this machine.
func build(t *testing.T, system, architecture string, args ...string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "program")
	args = append([]string{args[0], "-o", program}, args[1:]...)
	command := exec.CommandContext(t.Context(), "go", args...)
	if system != "" {
		command.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+architecture)
	}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return program
}

// serve serves browsertest.Handler and, beside it, the page that runs program. It
// returns the URL, without a slash at the end.
func serve(t *testing.T, program string) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	assert.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", browsertest.Handler())
	mux.HandleFunc("/page.html", file("testdata/wasm/page.html", "text/html"))
	mux.HandleFunc("/wasm_exec.js", file(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"), "text/javascript"))
	mux.HandleFunc("/program.wasm", file(program, "application/wasm"))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func file(path, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		http.ServeFile(w, r, path)
	}
}

// runInPage opens the page of server and waits until its program has ended.
func runInPage(t *testing.T, server string, query url.Values) (status int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(newBrowser(t), 4*time.Minute)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.Navigate(server+"/page.html?"+query.Encode()))
	assert.NoError(t, err)
	_, ended := chromedp.Run(ctx, chromedp.Poll[bool]("exit !== null",
		chromedp.WithPollingInterval(100*time.Millisecond), chromedp.WithPollingTimeout(3*time.Minute)))
	output, err = chromedp.Run(ctx, chromedp.Evaluate[string]("output"))
	assert.NoError(t, err)
	if ended != nil {
		t.Fatalf("the program does not end: %v\n%s", ended, output)
	}
	status, err = chromedp.Run(ctx, chromedp.Evaluate[int]("exit"))
	assert.NoError(t, err)
	return status, output
}
