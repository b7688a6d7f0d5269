package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
)

// startApp runs a server that the test ends by itself.
func startApp(t *testing.T, c app.Config) (at string, stop func()) {
	t.Helper()
	a := app.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	at = strings.TrimPrefix(a.URL(), "http://")
	assert.True(t, at != "", "the server listens")
	return at, func() {
		cancel()
		assert.NoError(t, <-done)
	}
}

// reader returns a client that reads what the commands have done.
func reader(t *testing.T, at string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), "ws://"+at, nil)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close(context.Background())) })
	return c
}

// stored returns what a topic has, each message as kind, key and data.
func stored(t *testing.T, c *client.Client, topic string) (list []string) {
	t.Helper()
	h, err := c.History(t.Context(), topic, client.Query{Limit: 1000})
	assert.NoError(t, err)
	for _, m := range h.Messages {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Kind, m.Key, m.Data)))
	}
	return list
}

func TestPub(t *testing.T) {
	at := startServer(t)
	c := reader(t, at)
	for i, tt := range []struct {
		name, in string
		args     []string
		want     []string
		says     string
		status   int
	}{
		{name: "a message", args: []string{"one pizza"}, want: []string{"text  one pizza"}},
		{name: "an empty one", args: []string{""}, want: []string{"text"}},
		{name: "lines", in: "a\n\nb\r\nc", want: []string{"text  a", "text", "text  b", "text  c"}},
		{name: "no lines", in: ""},
		{name: "JSON", args: []string{"-j", `{"a": 1}`, "--key", "k"}, want: []string{`json k {"a":1}`}},
		{name: "JSON values", args: []string{"--json"}, in: "{\n\"a\":1} 2\n\n[3]", want: []string{`json  {"a":1}`, "json  2", "json  [3]"}},
		{name: "bytes", args: []string{"-b"}, in: "\x00\xff\n", want: []string{"binary  \x00\xff"}},
		{name: "twice the same ID", args: []string{"--id", "x", "a"}, want: []string{"text  a"}},
		{name: "lines with an ID", args: []string{"--id", "y"}, in: "a\nb\n", want: []string{"text  a", "text  b"}},
		{name: "not UTF-8", in: "a\n\xff\nb\n", want: []string{"text  a"}, status: 2,
			says: "duplex: line 2 of the input: it is not UTF-8, which text must be; --binary publishes all of the input as bytes; nothing was published from there on\n"},
		{name: "not JSON", args: []string{"--json"}, in: "1\n{", want: []string{"json  1"}, status: 2,
			says: "duplex: value 2 of the input: it is not JSON: unexpected EOF; nothing was published from there on\n"},
		{name: "JSON that is not UTF-8", args: []string{"--json"}, in: "1\n\"\xff\"", want: []string{"json  1"}, status: 2,
			says: "duplex: value 2 of the input: it is not UTF-8, which JSON must be; nothing was published from there on\n"},
		{name: "an argument that is not JSON", args: []string{"--json", "{"}, status: 2, says: "duplex: the message: it is not JSON; nothing was published"},
		{name: "too large", in: "a\n" + strings.Repeat("x", 1<<20+1) + "\n", want: []string{"text  a"}, status: 2, says: "duplex: message 2 of the input: the message has 1048577 bytes; at most 1048576 are allowed; "},
		{name: "too large alone", args: []string{"-b"}, in: strings.Repeat("x", 2<<20), status: 2, says: "duplex: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topic := fmt.Sprint("topic.", i)
			times := 1
			if strings.Contains(tt.name, "ID") {
				times = 2
			}
			for range times {
				r := command(tt.in, append([]string{"pub", "-S", at, topic}, tt.args...)...)
				assert.Equal(t, r.out, "")
				assert.Contains(t, r.err, tt.says)
				assert.Equal(t, r.err == "", tt.says == "")
				assert.Equal(t, r.status, tt.status)
			}
			assert.Equal(t, stored(t, c, topic), tt.want)
		})
	}
}

func TestPubSaysWhere(t *testing.T) {
	at := startServer(t)
	r := command("a\nb\n", "pub", "-v", "--server", at, "x")
	assert.Equal(t, r.status, 0)
	h, err := reader(t, at).History(t.Context(), "x", client.Query{})
	assert.NoError(t, err)
	assert.Equal(t, r.out, h.Messages[0].At+"\n"+h.Messages[1].At+"\n")
}

// Many lines keep their order, more bytes of them than may wait at once.
func TestPubKeepsTheOrder(t *testing.T) {
	at := startServer(t)
	var in strings.Builder
	var want []string
	for i := range 1000 {
		line := fmt.Sprintf("%d %s", i, strings.Repeat("x", 3000))
		fmt.Fprintln(&in, line)
		want = append(want, "text  "+line)
	}
	assert.Equal(t, command(in.String(), "pub", "-S", at, "x"), result{})
	c := reader(t, at)
	var got []string
	for after := ""; ; {
		h, err := c.History(t.Context(), "x", client.Query{After: after})
		assert.NoError(t, err)
		for _, m := range h.Messages {
			got = append(got, "text  "+string(m.Data))
		}
		if after = h.At; !h.More {
			break
		}
	}
	assert.True(t, strings.Join(got, "\n") == strings.Join(want, "\n"), "the messages are the lines, in order")
}

func TestPubIsRefused(t *testing.T) {
	at := startServer(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "not you\x1b[2J\n")
	}))
	defer other.Close()
	silent := startHandler(t, func(ctx context.Context, c *websocket.Conn) error {
		for range c.Messages(ctx) {
		}
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"duplex.v1.json"}})
	echo := startHandler(t, func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		return err
	}, nil)
	for _, tt := range []struct {
		name   string
		args   []string
		says   string
		status int
	}{
		{"bad topic", []string{"-S", at, "a b", "x"}, "duplex: ", 2},
		{"a filter", []string{"-S", at, "a.*", "x"}, "duplex: ", 2},
		{"nobody listens", []string{"-S", freePort(t), "a", "x"}, "connection refused (nothing listens there)", 1},
		{"not allowed", []string{"-S", other.URL, "a", "x"}, "the server answered 403 Forbidden instead of opening a WebSocket\n  not you\\x1b[2J\n", 1},
		{"no Duplex", []string{"-S", echo, "a", "x"}, "the server does not speak duplex.v1.json", 1},
		{"no answer", []string{"-S", silent, "a", "x", "--timeout", "50ms"}, "duplex: not stored within 50ms: the server does not answer\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := command("", append([]string{"pub"}, tt.args...)...)
			assert.Contains(t, r.err, tt.says)
			assert.True(t, strings.HasPrefix(r.err, "duplex: ") && !strings.Contains(r.err, "client: "), r.err)
			assert.Equal(t, r.status, tt.status)
		})
	}
}

// A server that restarts in the middle costs nothing but time.
func TestPubOutlivesARestart(t *testing.T) {
	c := app.Config{Listen: freePort(t), Data: t.TempDir()}
	at, stop := startApp(t, c)
	b := run(t, "pub", "-v", "-S", at, "x")
	fmt.Fprintln(b.in, "before")
	b.out.until("\n")
	stop()
	fmt.Fprintln(b.in, "between")
	_, stop = startApp(t, c)
	defer stop()
	fmt.Fprintln(b.in, "after")
	b.in.Close()
	assert.Equal(t, <-b.done, 0)
	assert.Equal(t, stored(t, reader(t, at), "x"), []string{"text  before", "text  between", "text  after"})
}

func TestPubIsInterrupted(t *testing.T) {
	at := startServer(t)
	b := run(t, "pub", "-v", "-S", at, "x")
	fmt.Fprintln(b.in, "a")
	b.out.until("\n")
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 130)
}

// An output that is gone ends the command.
func TestPubCannotWrite(t *testing.T) {
	at := startServer(t)
	r, w := io.Pipe()
	r.CloseWithError(errors.New("nobody reads"))
	errs := newOutput(t)
	status := Main([]string{"pub", "-v", "-S", at, "x", "a"}, Env{In: strings.NewReader(""), Out: w, Err: errs})
	assert.Equal(t, status, 1)
	assert.Contains(t, errs.until("\n"), "nobody reads")
}
