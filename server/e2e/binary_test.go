package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestServeAnswers(t *testing.T) {
	s := serveDuplex(t, "127.0.0.1:0")
	resp, err := http.Get(s.url + "/")
	assert.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	assert.Contains(t, string(page), "<title>lobby · Duplex chat</title>")

	c := dial(t, s.ws("/echo"))
	c.write(websocket.Text, "hello")
	assert.Equal(t, receive(t, "the echo", c.in), "hello")
	ann, bob := dial(t, s.ws("/t/room")), dial(t, s.ws("/t/room"))
	ann.write(websocket.Text, "to all")
	assert.Equal(t, receive(t, "the message", bob.in), "to all")
	assert.Equal(t, receive(t, "the own message", ann.in), "to all")
}

// On SIGTERM and SIGINT whoever is connected is told, and the program ends.
func TestServeEnds(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			s := serveDuplex(t, "127.0.0.1:0")
			ended := make(chan error, 2)
			for _, path := range []string{"/echo", "/t/room"} {
				c, _, err := websocket.Dial(t.Context(), s.ws(path), nil)
				assert.NoError(t, err)
				go func() {
					_, _, err := c.Read(context.Background())
					ended <- err
				}()
			}
			assert.Equal(t, s.signal(sig), 0)
			for range 2 {
				assert.Equal(t, ending(receive(t, "the end", ended)), `received 1001 "server is shutting down", sent 1001 ""`)
			}
			assert.Equal(t, s.lines(), []string(nil)) // the log goes to stderr
			for line := range strings.Lines(s.output()) {
				assert.True(t, json.Valid([]byte(line)), "not JSON: "+line)
			}
			assert.True(t, !strings.Contains(s.output(), "cut off"), s.output())
		})
	}
}

// A peer that does not answer cannot keep the program from ending.
func TestServeEndsThoughNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := serveDuplex(t, "127.0.0.1:0")
	c, _, err := websocket.Dial(t.Context(), s.ws("/echo"), nil) // and nobody reads
	assert.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	assert.Equal(t, s.signal(syscall.SIGTERM), 0)
}

func TestServeOnAPortInUse(t *testing.T) {
	s := serveDuplex(t, "127.0.0.1:0")
	address := strings.TrimPrefix(s.url, "http://")
	p := start(t, duplex(t), "serve", "--listen", address)
	assert.Equal(t, p.wait(), 1)
	assert.Equal(t, p.output(), "duplex: "+address+" is in use by another program: stop that, or "+
		"choose another address with --listen, for example --listen 127.0.0.1:0 for any free port")
}

func TestServeKeepsForeignPagesOut(t *testing.T) {
	s := serveDuplex(t, "127.0.0.1:0", "--origin", "https://*.example.com")
	for origin, status := range map[string]int{
		s.url:                     101,
		"https://www.example.com": 101,
		"https://www.example.net": 403,
		"http://www.example.com":  403,
		"null":                    403,
	} {
		c, resp, err := websocket.Dial(t.Context(), s.ws("/t/room"), &websocket.DialOptions{Header: http.Header{"Origin": {origin}}})
		if err == nil {
			_ = c.CloseNow()
		}
		assert.Equal(t, resp.StatusCode, status)
	}
}

// connect runs duplex connect with an input and returns what it writes.
func connect(t *testing.T, input string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, duplex(t), append([]string{"connect"}, args...)...)
	var out, problems strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &problems
	_ = cmd.Run() // the status is in ProcessState
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

func TestConnect(t *testing.T) {
	t.Parallel()
	s := serveDuplex(t, "127.0.0.1:0")
	testConnect(t, s.ws("/echo"))
	t.Run("a room", func(t *testing.T) {
		member := dial(t, s.ws("/t/room"))
		out, _, status := connect(t, "from a pipe\n", s.ws("/t/room"))
		assert.Equal(t, status, 0)
		assert.Equal(t, out, "from a pipe\n")
		assert.Equal(t, receive(t, "the message", member.in), "from a pipe")
	})
	t.Run("a page", func(t *testing.T) {
		out, problems, status := connect(t, "", s.ws("/"))
		assert.Equal(t, status, 1)
		assert.Equal(t, out, "")
		assert.Contains(t, problems, "the server answered 200 OK instead of opening a WebSocket")
	})
	t.Run("nothing", func(t *testing.T) {
		_, problems, status := connect(t, "", "ws://"+freeAddress(t))
		assert.Equal(t, status, 1)
		assert.Contains(t, problems, "connection refused (nothing listens there)")
	})
}

// The program talks to a server that somebody else wrote, as to ours.
func TestConnectToNode(t *testing.T) {
	t.Parallel()
	f := startForeign(t, node("ws_server.mjs", "ws"))
	testConnect(t, f.plain+"/echo")
	t.Run("over TLS", func(t *testing.T) {
		out, _, status := connect(t, "secret\n", "--insecure", f.secure+"/echo")
		assert.Equal(t, status, 0)
		assert.Equal(t, out, "secret\n")
		_, problems, status := connect(t, "secret\n", f.secure+"/echo")
		assert.Equal(t, status, 1)
		assert.Contains(t, problems, "(--insecure does without the check)")
	})
	t.Run("that closes", func(t *testing.T) {
		for url, want := range map[string]int{"/close/1000": 0, "/close/1001": 0, "/close/1011": 1, "/close/4000": 1, "/drop": 1} {
			_, problems, status := connect(t, "", "--linger", "30s", f.plain+url)
			assert.Equal(t, status, want)
			if code, ok := strings.CutPrefix(url, "/close/"); ok {
				assert.Contains(t, problems, "closed by the server: "+code)
				assert.Contains(t, problems, "weil ✓")
			}
		}
	})
}

// testConnect runs duplex connect against an echo.
func testConnect(t *testing.T, url string) {
	for _, c := range []struct{ name, input, want string }{
		{"no line", "", ""},
		{"lines", "one\ntwo ✓\n\nthree", "one\ntwo ✓\n\nthree\n"},
		{"a long line", strings.Repeat("x", 100_000) + "\n", strings.Repeat("x", 100_000) + "\n"},
		{"many lines", strings.Repeat("line\n", 2000), strings.Repeat("line\n", 2000)},
		{"escape sequences", "\x1b[31mred\n", `\x1b[31mred` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, problems, status := connect(t, c.input, "--quiet", url)
			assert.Equal(t, problems, "")
			assert.Equal(t, status, 0)
			assert.Equal(t, out, c.want)
		})
	}
	t.Run("it says how it ended", func(t *testing.T) {
		_, problems, _ := connect(t, "/close 4000 had enough\n", url)
		assert.Equal(t, problems, "connected to "+url+"\nclosed: 4000 \"had enough\"\n")
	})
}
