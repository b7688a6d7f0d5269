package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// some selects few tests that need no time: those of the examples in the RFC.
const some = `§5\.7`

// startShouting serves an echo that breaks the first rule of echoes.
func startShouting(t *testing.T) string {
	return startHandler(t, func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, bytes.ToUpper(m.Data)); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

func TestCheckOfAServer(t *testing.T) {
	got := command("", "check", startServer(t)+"/echo", "--run", some)
	assert.Equal(t, got.status, 0)
	assert.Contains(t, got.out, "framing")
	assert.True(t, regexp.MustCompile(`\n\d+ tests in \d+\.\d s: \d+ passed, 0 failed\n$`).MatchString(got.out), got.out)
	assert.Equal(t, got.err, "") // no bar without a terminal
}

func TestCheckOfABrokenServer(t *testing.T) {
	got := command("", "check", startShouting(t), "--run", some)
	assert.Equal(t, got.status, 1)
	for _, want := range []string{"FAILED  framing/§5.7", "MUST: ", "sent ", "received ", "HELLO", " failed\n"} {
		assert.Contains(t, got.out, want)
	}
}

func TestCheckOfNothing(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, c := range map[string]struct{ url, want string }{
		"a page":  {strings.TrimPrefix(plain.URL, "http://"), "404"},
		"no port": {"127.0.0.1:1", "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			got := command("", "check", c.url)
			assert.Equal(t, got.status, 1)
			assert.Equal(t, got.out, "")
			assert.Contains(t, got.err, "duplex: ")
			assert.Contains(t, got.err, c.want)
		})
	}
}

func TestCheckWritesReports(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	got := command("", "check", startServer(t)+"/echo", "--run", some,
		"--json", file("r.json"), "--junit", file("r.xml"), "--html", file("r.html"))
	assert.Equal(t, got.status, 0)
	assert.Contains(t, got.out, " passed, 0 failed\n")
	for name, want := range map[string]string{"r.json": `"verdict": "passed"`, "r.xml": "<testsuite ", "r.html": "<table>"} {
		b, err := os.ReadFile(file(name))
		assert.NoError(t, err)
		assert.Contains(t, string(b), want)
	}
}

func TestCheckWritesAReportToItsOutput(t *testing.T) {
	at := startServer(t) + "/echo"
	got := command("", "check", at, "--run", some, "--json", "-")
	assert.Equal(t, got.status, 0)
	assert.Contains(t, got.err, " passed, 0 failed\n") // the text gives way
	var r conformance.Report
	assert.NoError(t, json.Unmarshal([]byte(got.out), &r))
	assert.Equal(t, r.Endpoint, "ws://"+at)
	assert.True(t, len(r.Results) > 3, "results are missing")
	assert.Contains(t, command("", "check", at, "--run", some, "--junit", "-").out, "<testsuites ")
	assert.Contains(t, command("", "check", at, "--run", some, "--html", "-").out, "<!doctype html>")

	got = command("", "check", at, "--run", some, "--json", filepath.Join(t.TempDir(), "no", "such", "dir"))
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.err, "no such file")
}

func TestCheckList(t *testing.T) {
	got := command("", "check", "--list")
	assert.Equal(t, got.status, 0)
	assert.Equal(t, strings.Count(got.out, "\n"), len(conformance.ServerTests()))
	assert.Contains(t, got.out, "MUST    framing/§5.7 ")

	clients := command("", "check", "--list", "--client")
	assert.Equal(t, strings.Count(clients.out, "\n"), len(conformance.ClientTests()))

	few := command("", "check", "-l", "-r", some)
	n := strings.Count(few.out, "\n")
	assert.Equal(t, n, strings.Count(few.out, "§5.7"))
	assert.True(t, n > 3, "the list is too short")
}

func TestCheckOfAClient(t *testing.T) {
	b := run(t, "check", "--client", "--listen", "127.0.0.1:0", "--run", some)
	url := regexp.MustCompile(`ws://\S+`).FindString(b.err.until("410 Gone"))
	connections := 0
	for ; ; connections++ {
		c, resp, err := websocket.Dial(t.Context(), url, nil)
		if err != nil {
			assert.Equal(t, resp.StatusCode, http.StatusGone)
			break
		}
		for m, err := range c.Messages(t.Context()) {
			if err != nil || c.Write(t.Context(), m.Type, m.Data) != nil {
				break
			}
		}
		_ = c.CloseNow()
	}
	assert.Equal(t, <-b.done, 0)
	assert.Contains(t, b.out.until("failed"), " passed, 0 failed\n")
	assert.True(t, connections > 3, "there were too few connections")
}

func TestCheckIsInterrupted(t *testing.T) {
	b := run(t, "check", "--client", "--listen", "127.0.0.1:0")
	b.err.until("410 Gone")
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 130)
}

func TestCheckUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                                  "which server?",
		"--client localhost:1":              "needs no URL",
		"localhost:1 --run (":               "--run: error parsing regexp",
		"localhost:1 --json - --html -":     "only one of --json, --junit and --html",
		"localhost:1 --parallel 0":          "--parallel must be at least 1",
		"localhost:1 --timeout 0s":          "--timeout must be more than 0",
		"--client --tls-cert cert.pem":      "--tls-cert and --tls-key belong together",
		"x --tls-cert a.pem --tls-key b":    "--tls-cert is for --client",
		"localhost:1 --max-message many":    "--max-message",
		"ftp://localhost":                   "the scheme must be ws or wss",
		"localhost:1 --header nonsense":     "write 'Name: value'",
		"--client --listen nowhere":         "missing port",
		"--client --tls-cert a --tls-key b": "--tls-cert, --tls-key: ",
	} {
		t.Run(args, func(t *testing.T) {
			got := command("", append([]string{"check"}, strings.Fields(args)...)...)
			assert.True(t, got.status == 2 || got.status == 1, "it went well")
			assert.Contains(t, got.err, want)
		})
	}
}

// A strict run fails for recommendations too.
func TestCheckStrict(t *testing.T) {
	r := &conformance.Report{Results: []conformance.Result{{Verdict: conformance.NotStrict}}}
	assert.NoError(t, (&checkCommand{}).judge(r))
	var f *failure
	assert.True(t, errors.As((&checkCommand{Strict: true}).judge(r), &f), "it is not strict")
	assert.Equal(t, f.status, 1)
	assert.NoError(t, (&checkCommand{Strict: true}).judge(&conformance.Report{}))
}
