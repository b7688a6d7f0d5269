package examples

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// TestREADME holds the programs of the README to those that are compiled and run
// here.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	assert.NoError(t, err)
	for _, name := range []string{"readme/server/main.go", "readme/event/main.go", "readme/client/main.go"} {
		program, err := os.ReadFile(name)
		assert.NoError(t, err)
		block := "```go\n" + string(program) + "```\n"
		assert.True(t, strings.Contains(string(readme), block), "README.md must show examples/"+name+" as it is")
	}
}

func TestREADMEProgramsTalk(t *testing.T) {
	for _, server := range []string{"readme/server", "readme/event"} {
		t.Run(server, func(t *testing.T) {
			addr := freeAddr(t)
			port := addr[strings.LastIndex(addr, ":"):]
			build(t, server, ":8080", port).start()
			client := build(t, "readme/client", ":8080", port)
			awaitServer(t, "ws://"+addr)
			assert.Equal(t, client.start().line(), "hello")
		})
	}
}

// The README counts the lines below the imports.
func TestREADMEProgramsAreShort(t *testing.T) {
	for name, limit := range map[string]int{"readme/server/main.go": 15, "readme/event/main.go": 7, "readme/client/main.go": 10} {
		program, err := os.ReadFile(name)
		assert.NoError(t, err)
		_, body, found := strings.Cut(string(program), "\n)\n\n")
		assert.True(t, found, name+" has imports")
		if n := strings.Count(body, "\n"); n > limit {
			t.Errorf("%s has %d lines below its imports; the README promises %d", name, n, limit)
		}
	}
}

// freeAddr returns an address where nobody listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	assert.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// awaitServer returns when a server answers at url. The README's does not say when
// it listens.
func awaitServer(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		c, _, err := websocket.Dial(ctx, url, nil)
		if err == nil {
			_ = c.CloseNow()
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
