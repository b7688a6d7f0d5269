package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// A foreign server is one that somebody else wrote.
type foreign struct {
	*process
	t             testing.TB
	plain, secure string // URLs without a path
	cert          certificate
	ended         chan error // how our connections ended
}

// startForeign starts a server and waits until it listens.
func startForeign(t testing.TB, p peer) *foreign {
	t.Helper()
	f := &foreign{t: t, cert: selfSigned(t), ended: make(chan error, 100)}
	f.process = p.start(t, map[string]string{"cert": f.cert.certFile, "key": f.cert.keyFile})
	line := f.awaitLine("its ports", &f.stdout, func(string) bool { return true })
	var ports struct{ Plain, Secure int }
	assert.NoError(t, json.Unmarshal([]byte(line), &ports))
	f.plain = fmt.Sprintf("ws://127.0.0.1:%d", ports.Plain)
	f.secure = fmt.Sprintf("wss://127.0.0.1:%d", ports.Secure)
	return f
}

// dial connects with a path of the server.
func (f *foreign) dial(t testing.TB, url string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
		Subprotocols: subprotocols,
		TLSConfig:    &tls.Config{RootCAs: f.cert.pool},
		CloseTimeout: patience,
		Trace:        &websocket.Trace{Closed: func(_ *websocket.Conn, err error) { f.ended <- err }},
	})
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// end returns how the connection that was dialled last ended.
func (f *foreign) end(t testing.TB) string {
	t.Helper()
	return ending(receive(t, "the end of the connection", f.ended))
}

// Our client and other people's servers understand each other.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name  string
		peer  peer
		back  string // what its answer repeats of our reason
		codes []websocket.StatusCode
	}{
		{"npm ws", node("ws_server.mjs", "ws"), "bye", append(slices.Clone(closeCodes), 1005)},
		{"Python websockets", python("server.py"), "bye", closeCodes},
	} {
		t.Run(s.name, func(t *testing.T) {
			f := startForeign(t, s.peer)
			t.Run("echo", func(t *testing.T) { testEcho(t, f, f.plain) })
			t.Run("echo over TLS", func(t *testing.T) { testEcho(t, f, f.secure) })
			t.Run("a certificate of nobody", func(t *testing.T) {
				_, _, err := websocket.Dial(t.Context(), f.secure+"/echo", nil)
				assert.Contains(t, err.Error(), "x509: certificate signed by unknown authority")
			})
			t.Run("fragments", func(t *testing.T) { testTheirFragments(t, f) })
			t.Run("their ping", func(t *testing.T) { testTheirPing(t, f) })
			t.Run("subprotocols", func(t *testing.T) { testTheirSubprotocols(t, f) })
			t.Run("refused", func(t *testing.T) { testTheirRefusal(t, f) })
			byes := testOurCloses(t, f, s.back)
			testTheirCloses(t, f, s.codes)
			assert.NoError(t, f.stdin.Close())
			seen := report(t, f.process)
			seen["byes"] = sorted(t, seen["byes"])
			compare(t, seen, map[string]string{
				"offers": `[""]`, // none, though the server would deflate
				"byes":   byes,
				"pings":  `[8,8]`, // one for each echo
			})
		})
	}
}

// payloads returns messages of both types and of all sizes at which the form of
// a frame changes.
func payloads() (list []websocket.Message) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		text := strings.Repeat("é", size/2) + strings.Repeat("x", size%2)
		binary := make([]byte, size)
		for i := range binary {
			binary[i] = byte(i*31 + i>>8)
		}
		list = append(list, websocket.Message{Type: websocket.Text, Data: []byte(text)},
			websocket.Message{Type: websocket.Binary, Data: binary})
	}
	return list
}

func testEcho(t *testing.T, f *foreign, url string) {
	c := f.dial(t, url+"/echo")
	ctx := t.Context()
	expect := func(m websocket.Message) {
		t.Helper()
		kind, data, err := c.Read(ctx)
		assert.NoError(t, err)
		assert.True(t, kind == m.Type && string(data) == string(m.Data), fmt.Sprintf("%v of %d bytes came back as %v of %d", m.Type, len(m.Data), kind, len(data)))
	}
	for _, m := range payloads() {
		assert.NoError(t, c.Write(ctx, m.Type, m.Data))
		expect(m)
		w, err := c.Writer(ctx, m.Type) // in fragments, if it is large
		assert.NoError(t, err)
		_, err = w.Write(m.Data)
		assert.NoError(t, err)
		assert.NoError(t, w.Close())
		expect(m)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := c.Read(ctx)
		done <- err
	}()
	rtt, err := c.Ping(ctx)
	assert.NoError(t, err)
	assert.True(t, rtt > 0, "it took time")
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
	assert.Equal(t, websocket.CloseStatus(receive(t, "the end of Read", done)), websocket.StatusNormalClosure)
	assert.Equal(t, f.end(t), `sent 1000 "", received 1000 ""`)
}

func testTheirFragments(t *testing.T, f *foreign) {
	c := f.dial(t, f.plain+"/fragments")
	want := strings.Repeat("x"+strings.Repeat("€", 20_000), 3)
	for _, kind := range []websocket.MessageType{websocket.Text, websocket.Binary} {
		got, r, err := c.Reader(t.Context())
		assert.NoError(t, err)
		data, err := io.ReadAll(r)
		assert.NoError(t, err)
		assert.True(t, got == kind && string(data) == want, "the message is whole")
	}
	_, _, err := c.Read(t.Context())
	assert.Equal(t, ending(err), `received 1000 "", sent 1000 ""`)
	f.end(t)
}

func testTheirPing(t *testing.T, f *foreign) {
	c := f.dial(t, f.plain+"/ping")
	_, data, err := c.Read(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, string(data), "pong: are you there?")
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
	f.end(t)
}

func testTheirSubprotocols(t *testing.T, f *foreign) {
	for _, c := range []struct {
		offer []string
		want  string
	}{
		{nil, ""},
		{[]string{"v1.example"}, "v1.example"},
		{[]string{"v0.example", "v1.example"}, "v1.example"},
		{[]string{"v0.example"}, ""},
	} {
		conn := f.dial(t, f.plain+"/bye", c.offer...)
		assert.Equal(t, conn.Subprotocol(), c.want)
		assert.NoError(t, conn.Close(websocket.StatusNormalClosure, "subprotocol"))
		f.end(t)
	}
}

func testTheirRefusal(t *testing.T, f *foreign) {
	_, resp, err := websocket.Dial(t.Context(), f.plain+"/refuse", nil)
	assert.Equal(t, err.Error(), "websocket: handshake: the server answered with status 403 instead of 101 (RFC 6455 §4.1)")
	assert.Equal(t, resp.StatusCode, http.StatusForbidden)
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, string(body), "not you")
}

// sorted sorts the strings of a JSON array: a server notes the ends of connections when it gets
// to it, those of two that follow each other in any order.
func sorted(t testing.TB, list string) string {
	t.Helper()
	var all []string
	assert.NoError(t, json.Unmarshal([]byte(list), &all))
	slices.Sort(all)
	return events(all...)
}

// testOurCloses closes connections and returns what the server must have noted, sorted.
func testOurCloses(t *testing.T, f *foreign, back string) (byes string) {
	noted := slices.Repeat([]string{"1000 subprotocol"}, 4)
	for _, code := range append(slices.Clone(closeCodes), websocket.StatusNoStatusReceived) {
		t.Run(fmt.Sprintf("we close with %d", code), func(t *testing.T) {
			reason, answer := "bye", back
			if code == websocket.StatusNoStatusReceived {
				reason, answer = "", ""
			}
			c := f.dial(t, f.plain+"/bye")
			assert.NoError(t, c.Close(code, reason))
			assert.Equal(t, f.end(t), fmt.Sprintf("sent %d %q, received %[1]d %[3]q", code, reason, answer))
			noted = append(noted, fmt.Sprintf("%d %s", code, reason))
		})
	}
	slices.Sort(noted)
	return events(noted...)
}

// testTheirCloses has the server close connections, and drop one.
func testTheirCloses(t *testing.T, f *foreign, codes []websocket.StatusCode) {
	for _, code := range codes {
		t.Run(fmt.Sprintf("they close with %d", code), func(t *testing.T) {
			want := fmt.Sprintf(`received %d "weil ✓", sent %[1]d ""`, code)
			if code == websocket.StatusNoStatusReceived {
				want = `received 1005 "", sent 1005 ""`
			}
			c := f.dial(t, fmt.Sprintf("%s/close/%d", f.plain, code))
			_, _, err := c.Read(context.Background())
			assert.Equal(t, ending(err), want)
			f.end(t)
		})
	}
	t.Run("they drop it", func(t *testing.T) {
		c := f.dial(t, f.plain+"/drop")
		_, _, err := c.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
		assert.Equal(t, f.end(t), "no close frame")
	})
}
