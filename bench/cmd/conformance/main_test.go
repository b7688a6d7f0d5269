package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
)

func TestMain(m *testing.M) {
	process.ServeIfChild()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each server sleeps a second before it exits
	assert.RunWithoutLeaks(m)
}

// TestRun runs some tests against two libraries and reads the page.
func TestRun(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	var progress bytes.Buffer
	pattern := `^(framing/§5\.7|utf8/§8\.1 text U\+)`
	assert.NoError(t, run(t.Context(), []string{"-lib", "duplex-conn,gorilla", "-run", pattern, "-out", name, "-v"}, &progress))
	page, err := os.ReadFile(name)
	assert.NoError(t, err)
	for _, want := range []string{
		"| duplex-conn (github.com/duplexhq/duplex) | this repository | takeover |",
		"| gorilla (github.com/gorilla/websocket) | v1.5.3 | no-takeover |",
		"| framing | all ", "## duplex-conn\n", "Keeps every rule that was tested",
	} {
		assert.Contains(t, string(page), want)
	}
	assert.Contains(t, progress.String(), " 0 failed, 0 informational, 0 unsupported, 0 crashes")
}

func TestRunRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-lib socket.io":    "there is no library",
		"-run no.such.test": "no test matches",
		"-nonsense":         "not defined",
	} {
		err := run(t.Context(), append(strings.Fields(args), "-out", "-"), io.Discard)
		assert.True(t, err != nil, "accepted "+args)
		assert.Contains(t, err.Error(), want)
	}
}

// TestCheckFindsCrashes runs tests of which some end the server's process: each of
// them is found, and those beside them are judged all the same.
func TestCheckFindsCrashes(t *testing.T) {
	gws, err := peers.Find("gws")
	assert.NoError(t, err)
	r, crashes, err := check(t.Context(), gws, peers.Options{}, `^framing/§5\.2 (text that declares 2\^63 b|text of 5 bytes)`)
	assert.NoError(t, err)
	assert.Equal(t, crashes, []string{"framing/§5.2 text that declares 2^63 bytes"})
	for _, result := range r.Results {
		assert.Equal(t, result.Problem == "the server's process ended", slices.Contains(crashes, result.ID()))
	}
	assert.True(t, r.Count(conformance.Passed) > 0, "all failed with those that crash it")
}

// TestAgain shows how often tests are repeated.
func TestAgain(t *testing.T) {
	c := &checker{fickle: make(map[string]bool), crashes: []string{"a/crash"}}
	slow := func(name string, v conformance.Verdict) *conformance.Result {
		return &conformance.Result{Area: "a", Name: name, Verdict: v, Elapsed: quick + 1}
	}
	count := func(r *conformance.Result) (n int) {
		for c.again(r, n) {
			n++
		}
		return n
	}
	assert.Equal(t, count(slow("passed", conformance.Passed)), 0)
	assert.Equal(t, count(slow("unsupported", conformance.Unsupported)), 0)
	assert.Equal(t, count(slow("crash", conformance.Failed)), 0)
	assert.Equal(t, count(slow("failed", conformance.Failed)), attempts)
	assert.Equal(t, count(&conformance.Result{Verdict: conformance.NotStrict}), attemptsQuick)
	assert.True(t, !c.better(*slow("fickle", conformance.NotStrict), *slow("fickle", conformance.Failed)), "worse is better")
	assert.Equal(t, count(slow("fickle", conformance.NotStrict)), attemptsFickle)
	assert.True(t, c.better(*slow("x", conformance.Failed), *slow("x", conformance.NotStrict)), "better is not better")
	assert.True(t, !c.better(*slow("x", conformance.Failed), *slow("x", conformance.Failed)), "the same is better")
}

// TestSubprotocols shows that tests of subprotocols are run after all, and which
// library cannot be asked.
func TestSubprotocols(t *testing.T) {
	for name, picky := range map[string]bool{"duplex-conn": false, "gws": true} {
		p, err := peers.Find(name)
		assert.NoError(t, err)
		trial := trial{pattern: "^opening/.*subprotocol that the server speaks", progress: io.Discard}
		o, err := trial.conduct(t.Context(), p)
		assert.NoError(t, err)
		assert.Equal(t, o.picky != nil, picky)
		assert.Equal(t, o.report.Count(conformance.Unsupported) > 0, picky)
		assert.Equal(t, o.report.Count(conformance.Passed) > 0, !picky)
	}
}
