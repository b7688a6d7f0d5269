package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestTopics(t *testing.T) {
	at := startServer(t)
	c := reader(t, at)
	assert.Equal(t, command("", "topics", "-S", at), result{0, "TOPIC  MESSAGES  SIZE  SUBSCRIBERS  PRESENT  LAST\n", ""})
	publish(t, c, "orders.1", strings.Repeat("x", 1024))
	publish(t, c, "orders.größe", "a", "b")
	other := publish(t, c, "x", "a")[0]
	sub, err := c.Subscribe("orders.1", &client.SubscribeOptions{As: "ann"})
	assert.NoError(t, err)
	assert.NoError(t, sub.Ready(t.Context()))

	r := command("", "topics", "-S", "ws://"+at+"/ws", "orders.*")
	assert.Equal(t, r.err, "")
	lines := strings.Split(r.out, "\n")
	assert.Equal(t, lines[0], "TOPIC         MESSAGES      SIZE  SUBSCRIBERS  PRESENT  LAST")
	assert.Equal(t, strings.Fields(lines[1])[0], "orders.1")
	assert.Contains(t, lines[1], "KiB            1        1  "+time.Now().Format("2006-"))
	assert.Contains(t, lines[2], "orders.größe         2")
	assert.Contains(t, lines[2], "0        0  "+time.Now().Format("2006-"))
	assert.Equal(t, len(lines), 4)

	r = command("", "topics", "-S", "http://"+at, "--json")
	assert.Equal(t, r.status, 0)
	assert.Equal(t, strings.Count(r.out, "\n"), 3)
	assert.Contains(t, r.out, `{"topic":"x","messages":1,"bytes":`)
	assert.Contains(t, r.out, `,"subscribers":0,"present":0,"last":"`+other+`","ts":`)

	r = command("", "topics", "-S", at, "--json", "-n", "1")
	assert.Equal(t, strings.Count(r.out, "\n"), 1)
	assert.Contains(t, r.out, `"orders.1"`)
}

// More topics than the server tells at once.
func TestTopicsByPages(t *testing.T) {
	at := startServer(t)
	c := reader(t, at)
	for i := range 2100 {
		assert.NoError(t, c.PublishAsync(fmt.Sprintf("many.%04d", i), client.Message{Data: []byte("x")}, nil))
	}
	publish(t, c, "zz", "x") // behind all of them
	r := command("", "topics", "-S", at, "many.>", "--json")
	assert.Equal(t, r.status, 0)
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	assert.Equal(t, len(lines), 2100)
	for i, line := range lines {
		assert.Contains(t, line, fmt.Sprintf(`"many.%04d"`, i))
	}
	assert.Equal(t, strings.Count(command("", "topics", "-S", at, "--json", "-n", "1500").out, "\n"), 1500)
}

func TestTopicsURL(t *testing.T) {
	for server, want := range map[string]string{
		"localhost:8080":         "http://localhost:8080/topics?a=b",
		"ws://localhost":         "http://localhost/topics?a=b",
		"wss://host/ws":          "https://host/topics?a=b",
		"https://host/prefix/ws": "https://host/prefix/topics?a=b",
		"http://host/prefix/":    "http://host/prefix/topics?a=b",
	} {
		u, err := access{server: server}.httpURL("/topics", url.Values{"a": {"b"}})
		assert.NoError(t, err)
		assert.Equal(t, u.String(), want)
	}
}

func TestTopicsAreRefused(t *testing.T) {
	at := startServer(t)
	serve := func(status int, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, r.Header.Get("X-One"), "1")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()
	for _, tt := range []struct {
		name   string
		args   []string
		says   string
		status int
	}{
		{"bad filter", []string{"-S", at, "a.>.b"}, "duplex: ", 2},
		{"nobody listens", []string{"-S", freePort(t)}, "connection refused (nothing listens there)\n", 1},
		{"no TLS", []string{"-S", "https://" + at}, "duplex: ", 1},
		{"a page", []string{"-S", serve(200, "<html>")}, "is it a Duplex server?\n", 1},
		{"nothing there", []string{"-S", serve(404, "not found")}, "duplex: the server answered 404 Not Found: is it a Duplex server?\n", 1},
		{"a problem", []string{"-S", serve(503, `{"detail":"not now\u001b","retry":true}`)}, "duplex: not now\\x1b\n", 1},
		{"for ever", []string{"-S", serve(200, `{"topics":[{"topic":"a"}],"more":true}`)}, "duplex: the server repeats its topics\n", 1},
		{"no answer", []string{"-S", hanging.URL, "--timeout", "20ms"}, "duplex: context deadline exceeded\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := command("", append([]string{"topics", "-H", "X-One: 1"}, tt.args...)...)
			assert.Contains(t, r.err, tt.says)
			assert.Equal(t, r.out, "")
			assert.Equal(t, r.status, tt.status)
		})
	}
}
