package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
)

// publish publishes texts and returns their cursors.
func publish(t *testing.T, c *client.Client, topic string, list ...string) (at []string) {
	t.Helper()
	for _, text := range list {
		r, err := c.Publish(t.Context(), topic, client.Message{Data: []byte(text)})
		assert.NoError(t, err)
		at = append(at, r.At)
	}
	return at
}

func TestSubHistory(t *testing.T) {
	at := startServer(t)
	c := reader(t, at)
	where := publish(t, c, "x", "a", "b\x1b[2J\n", "c")
	_, err := c.Publish(t.Context(), "kinds", client.Message{Kind: client.JSON, Data: []byte(`{"a":"<"}`), Key: "k"})
	assert.NoError(t, err)
	_, err = c.Publish(t.Context(), "kinds", client.Message{Kind: client.Binary, Data: []byte("\x00\xff")})
	assert.NoError(t, err)
	var many []string
	for i := range 2500 {
		many = append(many, fmt.Sprint(i))
	}
	publish(t, c, "many", many...)
	for _, tt := range []struct {
		name string
		args string
		want string
	}{
		{"all", "x", "a\nb\\x1b[2J\\n\nc\n"},
		{"the newest", "x --last 1", "c\n"},
		{"behind", "x --after " + where[1], "c\n"},
		{"behind the last", "x -a " + where[2], ""},
		{"a number of them", "x -n 2", "a\nb\\x1b[2J\\n\n"},
		{"raw", "x --raw", "a\nb\x1b[2J\n\nc\n"},
		{"nothing", "nobody", ""},
		{"kinds", "kinds", "{\"a\":\"<\"}\nbinary 2 bytes: 00 ff\n"},
		{"kinds, raw", "kinds --raw", "{\"a\":\"<\"}\n\x00\xff"},
		{"pages", "many --last 1000", strings.Join(many[1500:], "\n") + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := command("", append([]string{"sub", "-S", at, "--no-follow"}, strings.Fields(tt.args)...)...)
			assert.Equal(t, r, result{0, tt.want, ""})
		})
	}
	// All of them come, by pages.
	r := command("", "sub", "-S", at, "--no-follow", "many")
	assert.Equal(t, r, result{0, strings.Join(many, "\n") + "\n", ""})

	r = command("", "sub", "-S", at, "--no-follow", "--json", "kinds")
	lines := strings.Split(r.out, "\n")
	assert.Equal(t, len(lines), 3)
	assert.Contains(t, lines[0], `{"topic":"kinds","at":"`)
	assert.Contains(t, lines[0], `,"ts":`)
	assert.Contains(t, lines[0], `,"key":"k","data":{"a":"`)
	assert.Contains(t, lines[1], `,"base64":"AP8="}`)
}

func TestSubFollows(t *testing.T) {
	at := startServer(t)
	c := reader(t, at)
	publish(t, c, "orders.1", "old")
	one := run(t, "sub", "-S", at, "orders.1", "--last", "10", "-n", "2")
	all := run(t, "sub", "-S", at, "orders.>", "--json", "--after", publish(t, c, "orders.2", "two")[0])
	one.out.until("old\n")
	publish(t, c, "orders.1", "new")
	assert.Equal(t, <-one.done, 0)
	assert.Equal(t, one.out.until(""), "old\nnew\n")
	publish(t, c, "orders.3", "three")
	assert.Contains(t, all.out.until("three"), `"text":"new"`)
	assert.Contains(t, all.out.until("three"), `{"topic":"orders.3","at":"`)
	all.signals <- os.Interrupt
	assert.Equal(t, <-all.done, 130)
	assert.Equal(t, all.err.until(""), "")
}

// A restart of a server that keeps its messages costs nothing; of one that does not,
// there is a sentence in their place.
func TestSubOutlivesARestart(t *testing.T) {
	for _, data := range []string{t.TempDir(), ""} {
		c := app.Config{Listen: freePort(t), Data: data}
		at, stop := startApp(t, c)
		b := run(t, "sub", "-S", at, "x", "--last", "10")
		assert.Equal(t, command("a\n", "pub", "-S", at, "x"), result{})
		b.out.until("a\n")
		stop()
		b.err.until("duplex: no connection (")
		_, stop = startApp(t, c)
		if data == "" {
			b.err.until("duplex: messages are lost: those that come now are behind ")
		}
		assert.Equal(t, command("b\nc\n", "pub", "-S", at, "x"), result{})
		assert.Equal(t, b.out.until("c\n"), "a\nb\nc\n")
		assert.Contains(t, b.err.until("again\n"), "duplex: connected again\n")
		b.signals <- os.Interrupt
		assert.Equal(t, <-b.done, 130)
		stop()
	}
}

func TestCursorFile(t *testing.T) {
	at := startServer(t)
	c := reader(t, at)
	file := filepath.Join(t.TempDir(), "cursor")
	sub := func(args ...string) string {
		t.Helper()
		r := command("", append([]string{"sub", "-S", at, "x", "-c", file}, args...)...)
		assert.Equal(t, r.err, "")
		assert.Equal(t, r.status, 0)
		return r.out
	}
	where := publish(t, c, "x", "a", "b", "c")
	assert.Equal(t, sub("-n", "1", "--last", "3"), "a\n")
	text, err := os.ReadFile(file)
	assert.NoError(t, err)
	assert.Equal(t, string(text), where[0]+"\n")
	assert.Equal(t, sub("-n", "1", "--last", "3"), "b\n") // the file counts
	assert.Equal(t, sub("--no-follow", "--after", where[2]), "c\n")
	assert.Equal(t, sub("--no-follow"), "")
	publish(t, c, "x", "d")
	assert.Equal(t, sub("-n", "1"), "d\n")

	// Interrupted before anything came, it still knows where it was.
	file = filepath.Join(filepath.Dir(file), "another")
	b := run(t, "sub", "-S", at, "x", "-c", file)
	for _, err := os.Stat(file); err != nil; _, err = os.Stat(file) {
		select {
		case status := <-b.done:
			t.Fatal("it ended with ", status)
		default:
		}
	}
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 130)
	publish(t, c, "x", "e")
	assert.Equal(t, sub("-n", "1"), "e\n")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*.new"))
	assert.NoError(t, err)
	assert.Equal(t, len(left), 0)
}

func TestCursorFileOfSomebodyElse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"words": "dear diary", "lines": "a.b.c\nd.e.f\n", "long": strings.Repeat("a", 1000)} {
		file := filepath.Join(dir, name)
		assert.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := command("", "sub", "x", "-c", file)
		assert.Equal(t, r.status, 2)
		assert.Contains(t, r.err, "has no cursor in it: name another file, or remove it to begin anew")
		after, err := os.ReadFile(file)
		assert.NoError(t, err)
		assert.Equal(t, string(after), text)
	}
	r := command("", "sub", "x", "-c", dir)
	assert.Equal(t, r.status, 2)
	assert.Contains(t, r.err, "duplex: --cursor-file: ")
	file := filepath.Join(dir, "none", "cursor")
	r = command("", "sub", "x", "-c", file)
	assert.Equal(t, r.status, 2)
	assert.Contains(t, r.err, "duplex: --cursor-file: "+file+": nothing can be written beside it: name a file in another directory: ")
}

func TestSubIsRefused(t *testing.T) {
	at := startServer(t)
	for _, tt := range []struct {
		name   string
		args   []string
		says   string
		status int
	}{
		{"bad topic", []string{"-S", at, "a b"}, "duplex: ", 2},
		{"bad filter", []string{"-S", at, ">.a"}, "duplex: ", 2},
		{"bad topic of history", []string{"-S", at, "a b", "--no-follow"}, "duplex: ", 2},
		{"bad cursor", []string{"-S", at, "a", "--after", "x"}, "duplex: ", 2},
		{"nobody listens", []string{"-S", freePort(t), "a"}, "duplex: dial tcp ", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := command("", append([]string{"sub"}, tt.args...)...)
			assert.Contains(t, r.err, tt.says)
			assert.Equal(t, strings.Count(r.err, "\n"), 1)
			assert.Equal(t, r.out, "")
			assert.Equal(t, r.status, tt.status)
		})
	}
}
