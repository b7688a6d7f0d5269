package cli

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A full disk has no room for what is written behind its last byte.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	if f.Len()+len(p) > f.room {
		return 0, errors.New("no space left on device")
	}
	return f.Buffer.Write(p)
}

// What could not be printed is printed the next time.
func TestCursorFileOnAFullDisk(t *testing.T) {
	at := startServer(t)
	publish(t, reader(t, at), "x", "a", "b", "c")
	for _, how := range []string{"--last=3", "--no-follow"} {
		file := filepath.Join(t.TempDir(), "cursor")
		out, says := full{room: 4}, bytes.Buffer{}
		status := Main([]string{"sub", "-S", at, "x", how, "-c", file}, Env{In: strings.NewReader(""), Out: &out, Err: &says})
		assert.Equal(t, status, 1)
		assert.Contains(t, says.String(), "no space left on device")
		assert.Equal(t, out.String(), "a\nb\n")
		r := command("", "sub", "-S", at, "x", "-n", "1", "-c", file)
		assert.Equal(t, r, result{out: "c\n"})
	}
}

// A server may allow larger messages than a client takes by default. It is believed about the
// length of this one, whose end never comes.
func TestSubTakesWhatTheServerAllows(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	accept := func() *wstest.Script {
		conn, err := l.Accept()
		assert.NoError(t, err)
		p := wstest.NewScript(t, conn, wstest.Server)
		p.ServerHandshake("Sec-WebSocket-Protocol: duplex.v1.json")
		_, _ = p.ExpectMessage()
		return p
	}
	b := run(t, "sub", "-S", l.Addr().String(), "x", "--no-follow")
	p := accept()
	p.SendHex("81 7f 0000000001000000 7b7d")
	p.Close()
	p = accept()
	p.SendText(`{"ok":1,"messages":[{"at":"c1","text":"a"}],"at":"c1"}`)
	p.ExpectCloseCode(websocket.StatusNormalClosure)
	p.SendClose(websocket.StatusNormalClosure, "")
	assert.Equal(t, <-b.done, 0)
	assert.Equal(t, b.out.until("a\n"), "a\n")
	assert.Contains(t, b.err.until("again\n"), "duplex: no connection (connection lost (no close frame)")
}
