package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func testClosedByPage(t *testing.T, w *standard) {
	long := strings.Repeat("é", 61) + "x" // 123 bytes
	url, ended := listen(t, echo, anyOrigin)
	for _, c := range []struct {
		name, call   string // what the page does
		event, frame string // what it is told, and what the server saw
	}{
		{"no code", `close()`, `close 1005 "" true`, `received 1005 "", sent 1005 ""`},
		{"1000", `close(1000)`, `close 1000 "" true`, `received 1000 "", sent 1000 ""`},
		{"1000 and a reason", `close(1000, "bye")`, `close 1000 "" true`, `received 1000 "bye", sent 1000 ""`},
		{"3000", `close(3000, "für später")`, `close 3000 "" true`, `received 3000 "für später", sent 3000 ""`},
		{"4999", `close(4999, "👋")`, `close 4999 "" true`, `received 4999 "👋", sent 4999 ""`},
		{"the longest reason", `close(4000, "` + long + `")`, `close 4000 "" true`, `received 4000 "` + long + `", sent 4000 ""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.run(t, `
				const w = await opened(%s);
				w.ws.`+c.call+`;
				await w.closed();
				return w.seen;`, url)
			assert.Equal(t, got, events("open, state 1", c.event+", state 3"))
			assert.Equal(t, ending(receive(t, "the end", ended)), c.frame)
		})
	}
	t.Run("what is not allowed", func(t *testing.T) {
		got := w.run(t, `
			const w = await opened(%s);
			const errors = [0, 999, 1001, 1005, 1006, 2999, 5000].map((code) => thrown(() => w.ws.close(code)));
			errors.push(thrown(() => w.ws.close(1000, "é".repeat(62))));
			w.ws.send("still open");
			return [...new Set(errors), await w.message()];`, url)
		assert.Equal(t, got, `["InvalidAccessError","SyntaxError","still open"]`)
	})
}

// events returns what Watched noted, as JSON.
func events(list ...string) string {
	for i, event := range list {
		list[i] = quote(event)
	}
	return "[" + strings.Join(list, ",") + "]"
}

func testClosedByServer(t *testing.T, w *standard) {
	codes := []websocket.StatusCode{1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}
	for _, code := range codes {
		t.Run(code.String(), func(t *testing.T) {
			reason := "weil " + code.String() + " ✓"
			if code == websocket.StatusNoStatusReceived {
				reason = ""
			}
			url, ended := listen(t, func(_ context.Context, c *websocket.Conn) error {
				return c.Close(code, reason)
			}, anyOrigin)
			got := w.run(t, `
				const w = new Watched(%s);
				await w.closed();
				return w.seen;`, url)
			assert.Equal(t, got, events("open, state 1", fmt.Sprintf("close %d %s true, state 3", code, quote(reason))))
			back := ending(receive(t, "the end", ended))
			assert.Equal(t, back, fmt.Sprintf("sent %d %q, received %[1]d %[2]q", code, reason))
		})
	}
}

// Without a close frame the page learns that something is wrong.
func testClosedByNobody(t *testing.T, w *standard) {
	url, ended := listen(t, func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		_ = c.CloseNow()
		return err
	}, anyOrigin)
	got := w.run(t, `
		const w = await opened(%s);
		w.ws.send("drop it");
		await w.closed();
		return w.seen;`, url)
	assert.Equal(t, got, events("open, state 1", `close 1006 "" false, state 3`))
	assert.Equal(t, ending(receive(t, "the end", ended)), "no close frame")
}

// Messages sent before a close arrive before it, in both directions.
func testClosedLate(t *testing.T, w *standard) {
	count := make(chan int, 1)
	url, ended := listen(t, func(ctx context.Context, c *websocket.Conn) error {
		n := 0
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			n += len(m.Data)
		}
		count <- n
		return nil
	}, anyOrigin)
	got := w.run(t, `
		const w = await opened(%s);
		for (let i = 0; i < 100; i++) w.ws.send(new Uint8Array(100000));
		w.ws.close(1000);
		await w.closed();
		return w.seen;`, url)
	assert.Equal(t, got, events("open, state 1", `close 1000 "" true, state 3`))
	assert.Equal(t, receive(t, "the messages", count), 100*100_000)
	assert.Equal(t, ending(receive(t, "the end", ended)), `received 1000 "", sent 1000 ""`)

	url, _ = listen(t, func(_ context.Context, c *websocket.Conn) error {
		for range 100 {
			if err := c.Post(websocket.Binary, make([]byte, 10_000)); err != nil {
				return err
			}
		}
		return c.Close(4000, "that was all")
	}, anyOrigin)
	got = w.run(t, `
		const w = new Watched(%s);
		await w.closed();
		return [w.messages.reduce((n, m) => n + m.byteLength, 0), w.seen];`, url)
	assert.Equal(t, got, `[1000000,`+events("open, state 1", `close 4000 "that was all" true, state 3`)+`]`)
}

func testTooBig(t *testing.T, w *standard) {
	url, ended := listen(t, echo, anyOrigin)
	got := w.run(t, `
		const w = await opened(%s);
		w.ws.send(new Uint8Array((1 << 20) + 1));
		await w.closed();
		return w.seen;`, url)
	assert.Equal(t, got, events("open, state 1", `close 1009 "message larger than the limit of 1048576 bytes" true, state 3`))
	assert.Equal(t, ending(receive(t, "the end", ended)), `sent 1009 "message larger than the limit of 1048576 bytes"`)
}

// A handshake that fails is an error and a close, and the page is not told why;
// its console is.
func testRefused(t *testing.T, w *standard) {
	strict, _ := listen(t, echo, websocket.AcceptOptions{})
	for _, c := range []struct{ name, url, console string }{
		{"a foreign origin", strict, "Error during WebSocket handshake: Unexpected response code: 403"},
		{"not a WebSocket", socketURL(w.app) + "/", "Error during WebSocket handshake: Unexpected response code: 200"},
		{"nothing there", socketURL(w.app) + "/nothing", "Error during WebSocket handshake: Unexpected response code: 404"},
		{"not a room", socketURL(w.app) + "/t/a%20b", "Error during WebSocket handshake: Unexpected response code: 400"},
		{"nobody listens", "ws://" + freeAddress(t) + "/", "Error in connection establishment: net::ERR_CONNECTION_REFUSED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.run(t, `return new Watched(%s).closed();`, c.url)
			assert.Equal(t, got, events("error, state 3", `close 1006 "" false, state 3`))
			line := "error: WebSocket connection to '" + c.url + "' failed: " + c.console
			waitFor(t, "the line in the console", func() bool { return slices.Contains(w.tab.console.problems(nil), line) })
		})
	}
}
