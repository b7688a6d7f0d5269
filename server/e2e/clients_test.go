package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
)

// closeCodes are the codes that may stand in a close frame: all registered ones
// and the bounds of the ranges.
var closeCodes = []websocket.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}

// closings returns the JSON of what a client says of the end of connections that
// were closed with each of closeCodes.
func closings(format string, more ...string) string {
	var lines []string
	for _, code := range closeCodes {
		lines = append(lines, fmt.Sprintf(format, code))
	}
	return events(append(lines, more...)...)
}

// A workshop is a server of ours with a path for each thing that a server may do.
// It writes down what it saw.
type workshop struct {
	mu    sync.Mutex
	seen  map[string][]string // by path, how connections ended
	offer map[string]bool     // values of Sec-WebSocket-Extensions
}

func newWorkshop() *workshop {
	return &workshop{seen: map[string][]string{}, offer: map[string]bool{}}
}

func (w *workshop) handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]script{
		"/echo": echo, "/bye": echo, "/fragments": writeFragments, "/ping": pingOnce,
		"/drop": func(_ context.Context, c *websocket.Conn) error { return c.CloseNow() },
	} {
		mux.Handle(path, w.note(path, f))
	}
	for _, code := range closeCodes {
		path := "/close/" + strconv.Itoa(int(code))
		mux.Handle(path, w.note("/close", func(_ context.Context, c *websocket.Conn) error {
			return c.Close(code, "weil ✓")
		}))
	}
	return mux
}

// note returns a handler that runs f and remembers how connections end.
func (w *workshop) note(path string, f script) http.Handler {
	h := websocket.Handler(f, &websocket.AcceptOptions{
		Subprotocols: []string{"v2.example", "v1.example"},
		CloseTimeout: patience,
		Trace: &websocket.Trace{Closed: func(_ *websocket.Conn, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen[path] = append(w.seen[path], ending(err))
		}},
	})
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.offer[r.Header.Get("Sec-WebSocket-Extensions")] = true
		w.mu.Unlock()
		h.ServeHTTP(rw, r)
	})
}

// writeFragments sends a text and a binary message in frames of 16 KiB, with pings
// between them.
func writeFragments(ctx context.Context, c *websocket.Conn) error {
	c.CloseRead(ctx)
	for _, kind := range []websocket.MessageType{websocket.Text, websocket.Binary} {
		m, err := c.Writer(ctx, kind)
		if err != nil {
			return err
		}
		for range 3 {
			if _, err := io.WriteString(m, "x"+strings.Repeat("€", 20_000)); err != nil {
				return err
			}
			if _, err := c.Ping(ctx); err != nil { // the answer comes while the message is under way
				return err
			}
		}
		if err := m.Close(); err != nil {
			return err
		}
	}
	return nil
}

// pingOnce says so when its ping was answered, and waits for the end.
func pingOnce(ctx context.Context, c *websocket.Conn) error {
	over := c.CloseRead(ctx)
	if _, err := c.Ping(ctx); err != nil {
		return err
	}
	if err := c.Write(ctx, websocket.Text, []byte("it answered")); err != nil {
		return err
	}
	<-over.Done()
	return nil
}

// A client is told where to find what.
type task struct {
	Echo   string                 `json:"echo"`   // of the whole server
	URL    string                 `json:"url"`    // of a workshop
	Secure string                 `json:"secure"` // an echo over TLS
	CA     string                 `json:"ca"`     // the file with its certificate
	Codes  []websocket.StatusCode `json:"codes"`
}

const sizes = "[0,1,125,126,65535,65536,1048576]"

const sizesTwice = "[0,0,1,1,125,125,126,126,65535,65535,65536,65536,1048576,1048576]"

// nodeSees is what all clients of Node.js see.
func nodeSees(more map[string]string) map[string]string {
	want := map[string]string{
		"extensions":   `""`,
		"text":         sizes,
		"binary":       sizes,
		"echo":         `"1005  clean"`,
		"fragments":    `[true,true,"1000  clean"]`,
		"pinged":       `"it answered"`,
		"subprotocols": `["","v1.example","v2.example"]`,
		"closes":       events("1005  clean", "1000  clean", "1000  clean", "3000  clean", "4999  clean"),
		"closed":       closings("%d weil ✓ clean"),
		"dropped":      `"1006  unclean"`,
		"secure":       "true",
	}
	maps.Copy(want, more)
	return want
}

// Other people's clients and our server understand each other.
func TestClients(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		peer peer
		want map[string]string
		byes []string // ends that the client began, as the server saw them
		back string   // what its answer repeats of our reason
	}{
		{"npm ws", node("ws_client.mjs", "ws"), nodeSees(map[string]string{
			"fragmented": sizesTwice,
			"pong":       `"are you there?"`,
			"refused":    `"403 origin \"https://elsewhere.example\" is not allowed"`,
			"distrust":   `"DEPTH_ZERO_SELF_SIGNED_CERT"`,
		}), []string{`received 1005 "", sent 1005 ""`, `received 1000 "", sent 1000 ""`, `received 1000 "bye", sent 1000 ""`,
			`received 3000 "für später", sent 3000 ""`, `received 4999 "👋", sent 4999 ""`}, "weil ✓"},
		{"undici", node("undici_client.mjs", "undici"), nodeSees(map[string]string{
			"refused":  `"error"`,
			"distrust": `"error"`,
		}), []string{`received 1005 "", sent 1005 ""`, `received 1000 "", sent 1000 ""`, `received 1000 "bye", sent 1000 ""`,
			`received 3000 "für später", sent 3000 ""`, `received 4999 "👋", sent 4999 ""`}, ""},
		{"Python websockets", python("client.py"), map[string]string{
			"extensions":   `[]`,
			"text":         sizes,
			"binary":       sizes,
			"fragmented":   sizesTwice,
			"echo":         `"1000 "`,
			"fragments":    `[true,true,"1000 "]`,
			"pinged":       `"it answered"`,
			"pong":         "true",
			"subprotocols": `[null,"v1.example","v2.example"]`,
			"closes":       `["1000 ","1000 ","3000 ","4999 "]`,
			"closed":       closings("%d weil ✓", "1006 "),
			"refused":      "403",
			"secure":       "true",
			"distrust":     `"self-signed certificate"`,
		}, []string{`received 1000 "", sent 1000 ""`, `received 1000 "bye", sent 1000 ""`,
			`received 3000 "für später", sent 3000 ""`, `received 4999 "👋", sent 4999 ""`}, "weil ✓"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, cert := newWorkshop(), selfSigned(t)
			plain := httptest.NewServer(w.handler())
			defer plain.Close()
			secure := httptest.NewUnstartedServer(w.handler())
			secure.TLS = &tls.Config{Certificates: []tls.Certificate{cert.tls}}
			secure.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that trust nobody
			secure.StartTLS()
			defer secure.Close()
			seen := report(t, c.peer.start(t, task{
				Echo:   socketURL(runApp(t, app.Config{})) + "/echo",
				URL:    socketURL(plain.URL),
				Secure: socketURL(secure.URL) + "/echo",
				CA:     cert.certFile,
				Codes:  closeCodes,
			}))
			compare(t, seen, c.want)
			w.compare(t, c.byes, c.back)
		})
	}
}

// compare ends the test unless the workshop saw these ends. Those of connections
// that we closed were answered with our code and the reason back.
func (w *workshop) compare(t testing.TB, byes []string, back string) {
	t.Helper()
	closes := make([]string, len(closeCodes))
	for i, code := range closeCodes {
		closes[i] = fmt.Sprintf("sent %d %q, received %[1]d %[3]q", code, "weil ✓", back)
	}
	waitFor(t, "the ends of all connections", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.seen["/bye"]) == len(byes) && len(w.seen["/close"]) == len(closes)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Equal(t, slices.Sorted(slices.Values(w.seen["/bye"])), slices.Sorted(slices.Values(byes)))
	assert.Equal(t, slices.Sorted(slices.Values(w.seen["/close"])), closes)
	assert.Equal(t, w.seen["/drop"], []string{"no close frame"})
	for offer := range w.offer {
		assert.Contains(t, offer, "permessage-deflate") // or there was nothing to decline
	}
}
