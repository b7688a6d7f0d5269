// Package examples runs the programs below it as their readers do: built and
// started. Each has tests of its own beside it.
package examples

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// anyPort makes a program listen wherever there is room.
const anyPort = ":0"

// announced finds the address in what a server prints first.
var announced = regexp.MustCompile(`^listening on \w+://([\w.:\[\]]+)`)

// startServer starts one of the servers and returns it with its address.
func startServer(t *testing.T, dir, port string) (p *program, addr string) {
	t.Helper()
	p = build(t, dir, port, anyPort).start()
	line := p.line()
	found := announced.FindStringSubmatch(line)
	assert.True(t, found != nil, "the first line says where it listens: "+line)
	return p, found[1]
}

// ask connects to url, says s and returns the first message that comes.
func ask(t *testing.T, url, s string) string {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, nil)
	assert.NoError(t, err)
	defer c.CloseNow()
	assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte(s)))
	_, got, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
	return string(got)
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	assert.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	assert.NoError(t, err)
	assert.Equal(t, r.StatusCode, http.StatusOK)
	return string(body)
}

func TestEcho(t *testing.T) {
	_, addr := startServer(t, "echo", ":6789")
	assert.Equal(t, ask(t, "ws://"+addr, "hello"), "Echo: hello")
}

func TestChat(t *testing.T) {
	_, addr := startServer(t, "chat", ":8080")
	assert.Contains(t, get(t, "http://"+addr), "new WebSocket(location.href.replace(/^http/, 'ws'))")
	assert.Equal(t, ask(t, "ws://"+addr, "hello"), "hello")
}

func TestClientTalksToRoutes(t *testing.T) {
	routes, addr := startServer(t, "routes", ":5000")
	assert.Contains(t, get(t, "http://"+addr+"/about"), "WebSocket")

	port := addr[strings.LastIndex(addr, ":"):]
	client := build(t, "client", ":5000", port).start()
	assert.Equal(t, client.line(), "open")
	assert.Equal(t, client.line(), "message: Hello")
	assert.Equal(t, client.line(), "close: 1000 normal closure")
	assert.Equal(t, client.line(), "") // it is done
	assert.Equal(t, routes.line(), `"Goodbye"`)
}

func TestClientTakesAURL(t *testing.T) {
	_, addr := startServer(t, "echo", ":6789")
	client := build(t, "client").start("ws://" + addr)
	assert.Equal(t, client.line(), "open")
	assert.Equal(t, client.line(), "message: Echo: Goodbye")
}
