package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// address waits until a server has said where it listens, and returns it.
func address(t *testing.T, log string) string {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry struct{ Msg, Page string }
		assert.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry.Msg == "listening" {
			return strings.TrimSuffix(strings.TrimPrefix(entry.Page, "http://"), "/")
		}
	}
	t.Fatalf("the server did not say where it listens: %s", log)
	return ""
}

func TestServe(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		b := run(t, "serve", "--listen", "127.0.0.1:0", "--max-message", "1KiB", "--origin", "https://*.example.com")
		at := address(t, b.err.until(`"listening"`))
		c, _, err := websocket.Dial(t.Context(), "ws://"+at+"/echo", nil)
		assert.NoError(t, err)
		t.Cleanup(func() { _ = c.CloseNow() })
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("hello")))
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, string(p), "hello")

		b.signals <- sig
		_, _, err = c.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusGoingAway)
		assert.Equal(t, <-b.done, 0)
		assert.Contains(t, b.err.until(`"bye"`), `"signal":"`+sig.String()+`"`)
	}
}

func TestServeTakesItsFlags(t *testing.T) {
	b := run(t, "serve", "--listen", "127.0.0.1:0", "--max-message", "1KiB")
	at := address(t, b.err.until(`"listening"`))
	c, _, err := websocket.Dial(t.Context(), "ws://"+at+"/echo", nil)
	assert.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	assert.NoError(t, c.Write(t.Context(), websocket.Binary, make([]byte, 1025)))
	_, _, err = c.Read(t.Context())
	assert.Equal(t, websocket.CloseStatus(err), websocket.StatusMessageTooBig)
	r := command("", "connect", at+"/echo", "--origin", "https://a.example.com")
	assert.Contains(t, r.err, "403 Forbidden")
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 0)
}

// TestServeKeepsData restarts a server by its flags, with a rule from the environment of the
// shell: the first that matches counts.
func TestServeKeepsData(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DUPLEX_TOPIC", "short.* messages=1; > age=1h")
	for _, want := range []map[string]int{{"short.a": 1, "long": 2}, {"short.a": 1, "long": 4}} {
		b := run(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--sync", "interval", "--session-ttl", "1h")
		at := address(t, b.err.until(`"listening"`))
		b.err.until(`"sync":"interval"`)
		for topic, n := range want {
			for range 2 {
				resp, err := http.Post("http://"+at+"/t/"+topic, "text/plain", strings.NewReader("x"))
				assert.NoError(t, err)
				_ = resp.Body.Close()
			}
			// What is too much goes after the publisher has its answer.
			got := kept(t, at, topic)
			for end := time.Now().Add(10 * time.Second); got != n && time.Now().Before(end); got = kept(t, at, topic) {
				time.Sleep(time.Millisecond)
			}
			assert.Equal(t, got, n)
		}
		b.signals <- os.Interrupt
		assert.Equal(t, <-b.done, 0)
	}
}

// kept returns how many messages a topic has.
func kept(t *testing.T, at, topic string) int {
	t.Helper()
	resp, err := http.Get("http://" + at + "/t/" + topic)
	assert.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return strings.Count(string(body), `"x"`)
}

func TestServeThatCannotStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	assert.NoError(t, os.WriteFile(file, nil, 0o600))
	for says, flags := range map[string][]string{
		"data cannot be made":               {"--data", filepath.Join(file, "data")},
		`--topic`:                           {"--topic", "a..b"},
		`"message" is no setting of topics`: {"--topic", "a message=5"},
		"must be one of":                    {"--sync", "sometimes"},
		"--session-ttl 0s is no time":       {"--session-ttl", "0"},
	} {
		r := command("", append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
		assert.True(t, r.status != 0, says)
		assert.Contains(t, r.err, says)
	}
}

// TestCompressionIsAgreedOn needs both ends to want it.
func TestCompressionIsAgreedOn(t *testing.T) {
	for _, flags := range []struct{ serve, connect, want string }{
		{"", "", "/echo\n"},
		{"--compress", "", "/echo\n"},
		{"", "--compress", "/echo\n"},
		{"--compress", "-z", "/echo, extensions permessage-deflate\n"},
	} {
		b := run(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, strings.Fields(flags.serve)...)...)
		at := address(t, b.err.until(`"listening"`))
		said := strings.Repeat("the same again, ", 20)
		r := command(said+"\n", append([]string{"connect", at + "/echo"}, strings.Fields(flags.connect)...)...)
		assert.Equal(t, r.out, said+"\n")
		assert.Contains(t, r.err, "connected to ws://"+at+flags.want)
		b.signals <- os.Interrupt
		assert.Equal(t, <-b.done, 0)
	}
}

// A second signal does not wait for sockets that do not answer.
func TestServeEndsAtOnce(t *testing.T) {
	b := run(t, "serve", "--listen", "127.0.0.1:0")
	conn, err := net.Dial("tcp", address(t, b.err.until(`"listening"`)))
	assert.NoError(t, err)
	defer conn.Close()
	peer := wstest.NewScript(t, conn, wstest.Client)
	peer.ClientHandshake("/t/lobby")
	peer.SendText("hello")
	peer.ExpectText("hello")
	b.signals <- syscall.SIGTERM
	peer.ExpectClose(websocket.StatusGoingAway, "server is shutting down")
	b.signals <- syscall.SIGTERM
	assert.Equal(t, <-b.done, statusInterrupted)
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	at := l.Addr().String()
	r := command("", "serve", "--listen", at)
	assert.Equal(t, r.status, 1)
	assert.Equal(t, r.err, "duplex: "+at+" is in use by another program: stop that, "+
		"or choose another address with --listen, for example --listen 127.0.0.1:0 for any free port\n")

	r = command("", "serve", "--listen", "no.such.host.invalid:0")
	assert.Equal(t, r.status, 1)
	assert.Contains(t, r.err, "choose another address with --listen")
}

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		format, level string
		want          string // of a warning; "" if it is not logged
		debug         bool
	}{
		{"auto", "info", `"level":"WARN","msg":"careful"`, false}, // a buffer is no terminal
		{"json", "debug", `"level":"WARN","msg":"careful"`, true},
		{"text", "warn", "level=WARN msg=careful", false},
		{"text", "error", "", false},
	} {
		var b bytes.Buffer
		log := (&serveCommand{LogFormat: c.format, LogLevel: c.level}).logger(&b)
		log.Warn("careful")
		assert.Contains(t, b.String(), c.want)
		assert.Equal(t, b.Len() == 0, c.want == "")
		assert.Equal(t, log.Enabled(context.Background(), slog.LevelDebug), c.debug)
	}
}
