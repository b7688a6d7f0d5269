package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// startServer runs the real server and returns where: host:port.
func startServer(t *testing.T) string {
	t.Helper()
	// A topic keeps more than these tests send at once, so that nobody is too slow for it.
	rules := []app.Rule{{Filter: ">", Settings: app.Settings{MaxMessages: 100_000}}}
	a := app.New(app.Config{Listen: "127.0.0.1:0", Rules: rules})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return strings.TrimPrefix(a.URL(), "http://")
}

// startHandler serves a WebSocket that does what f says.
func startHandler(t *testing.T, f func(ctx context.Context, c *websocket.Conn) error, o *websocket.AcceptOptions) string {
	t.Helper()
	srv := httptest.NewServer(websocket.Handler(f, o))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

func TestConnectToTheEcho(t *testing.T) {
	at := startServer(t)
	for _, c := range []struct {
		name, flags, in string
		want            string
		notes           string // "" for those of a normal end
		status          int
	}{
		{name: "nothing", in: "", want: ""},
		{name: "a line", in: "hello\n", want: "hello\n"},
		{name: "the last line has no end", in: "a\nb", want: "a\nb\n"},
		{name: "an empty line", in: "\n", want: "\n"},
		{name: "control characters", in: "a\x1b[2J\u202e\tb\n", want: "a\\x1b[2J\\u202e\tb\n"},
		{name: "binary lines", flags: "--binary", in: "hello\n\xff\n", want: "binary 5 bytes: 68 65 6c 6c 6f\nbinary 1 byte: ff\n"},
		{name: "bytes", in: "/binary 00 ff\n", want: "binary 2 bytes: 00 ff\n"},
		{name: "a slash to be sent", in: "//x\n", want: "/x\n"},
		{name: "no commands", flags: "--no-slash", in: "/ping\n//x\n", want: "/ping\n//x\n"},
		{name: "raw", flags: "--raw", in: "a\x1b\n/binary 00\n", want: "a\x1b\n\x00"},
		{name: "the first message", flags: "--once", in: "a\nb\nc\n", want: "a\n"},
		{name: "the first message, in short", flags: "-1", in: "a", want: "a\n"},
		{name: "lingering", flags: "-w 1ms", in: "a", want: "a\n"},
		{name: "quiet", flags: "-q", in: "a", want: "a\n", notes: "-"},
		{
			name: "a command that is none", in: "a\n/nope\nb\n", want: "a\n", status: 2,
			notes: "line 2 of the input: there is no command /nope: see /help, or send it as a message with //nope; " +
				"nothing was sent from there on\nclosed: 1000 normal closure\n",
		},
		{name: "not UTF-8", in: "\xff\n", status: 2, notes: "--binary sends it as bytes; nothing was sent from there on\nclosed: 1000 normal closure\n"},
		{name: "own close", in: "/close 4001 good bye\nlost", notes: "closed: 4001 \"good bye\"\n"},
		{name: "a close code that must not be sent", in: "/close 1006\n", status: 2, notes: "1006 must not be sent"},
		{name: "help", in: "/help\n", notes: "/binary 68 65"},
		{name: "ping", in: "/ping\n", notes: "pong after "},
		{name: "the first message never comes", flags: "-1 -w 1ms", in: "", notes: "no message came\n", status: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"connect", at + "/echo"}, strings.Fields(c.flags)...)
			r := command(c.in, args...)
			assert.Equal(t, r.out, c.want)
			assert.Equal(t, r.status, c.status)
			switch c.notes {
			case "":
				assert.Equal(t, r.err, "connected to ws://"+at+"/echo\nclosed: 1000 normal closure\n")
			case "-":
				assert.Equal(t, r.err, "")
			default:
				assert.Contains(t, r.err, c.notes)
			}
		})
	}
}

// All answers are shown, however many are still on their way at the end of the
// input: of a topic as many as its window lets be, 256 KiB with 48 bytes for each.
func TestConnectLosesNoAnswer(t *testing.T) {
	at := startServer(t)
	for path, lines := range map[string]int{"/echo": 5000, "/t/lobby": 3000} {
		var in strings.Builder
		for i := range lines {
			fmt.Fprintln(&in, "line", i)
		}
		r := command(in.String(), "connect", "-q", at+path)
		assert.Equal(t, r.status, 0)
		assert.True(t, r.out == in.String(), "some answers are missing")
	}
}

func TestConnectToARoom(t *testing.T) {
	at := startServer(t)
	ann := run(t, "connect", at+"/t/lobby")
	bob := run(t, "connect", at+"/t/lobby", "--once", "-q")
	ann.err.until("connected to")
	// Bob is quiet, so that Ann's words come until they reach him.
	words := make(chan struct{})
	go func() {
		defer close(words)
		for {
			if _, err := fmt.Fprintln(ann.in, "is anybody there?"); err != nil {
				return
			}
		}
	}()
	assert.Equal(t, <-bob.done, 0)
	assert.Equal(t, bob.out.until("\n"), "is anybody there?\n")
	ann.in.Close()
	<-words
	assert.Equal(t, <-ann.done, 0)
}

func TestHowItEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		flags  []string
		server func(s *wstest.Script)
		says   string
		status int
	}{
		{"going away", nil, func(s *wstest.Script) {
			s.SendClose(1001, "server is shutting down")
			s.ExpectCloseCode(1001)
		}, `closed by the server: 1001 going away "server is shutting down"` + "\n", 0},
		{"normally", nil, func(s *wstest.Script) {
			s.SendClose(1000, "")
			s.ExpectCloseCode(1000)
		}, "closed by the server: 1000 normal closure\n", 0},
		{"without a code", nil, func(s *wstest.Script) {
			s.SendHex("8800")
			s.ExpectCloseCode(1005)
		}, "closed by the server: no code given\n", 0},
		{"an error of the server", nil, func(s *wstest.Script) {
			s.SendClose(1011, "\x1b[31m")
			s.ExpectCloseCode(1011)
		}, `closed by the server: 1011 internal error "\x1b[31m"` + "\n", 1},
		{"a code of the application", nil, func(s *wstest.Script) {
			s.SendClose(4000, "no")
			s.ExpectCloseCode(4000)
		}, `closed by the server: 4000 "no"` + "\n", 1},
		{"a breach of the protocol", nil, func(s *wstest.Script) {
			s.SendHex("c100")
			s.ExpectCloseCode(1002)
		}, "the server broke the protocol: RSV1", 1},
		{"lost", nil, func(s *wstest.Script) { s.Close() }, "connection lost", 1},
		{"a server that does not close properly", []string{"--once"}, func(s *wstest.Script) {
			s.SendText("over")
			s.ExpectCloseCode(1000)
			s.Close()
		}, "closed: 1000 normal closure; the server did not answer\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			assert.NoError(t, err)
			defer l.Close()
			b := run(t, append([]string{"connect", l.Addr().String()}, c.flags...)...)
			conn, err := l.Accept()
			assert.NoError(t, err)
			defer conn.Close()
			peer := wstest.NewScript(t, conn, wstest.Server)
			peer.ServerHandshake()
			c.server(peer)
			peer.Close()
			assert.Equal(t, <-b.done, c.status)
			assert.Contains(t, b.err.until("\n"), c.says)
		})
	}
}

// A server that closes after EOF of the input is as good as one that is closed.
func TestServerClosesFirst(t *testing.T) {
	at := startHandler(t, func(_ context.Context, c *websocket.Conn) error {
		return c.Close(websocket.StatusGoingAway, "closed for today")
	}, nil)
	r := command("", "connect", "-w", "1m", at)
	assert.Equal(t, r.status, 0)
	assert.Contains(t, r.err, `closed by the server: 1001 going away "closed for today"`+"\n")
}

func TestRequest(t *testing.T) {
	requests := make(chan *http.Request, 1)
	handler := websocket.Handler(func(_ context.Context, c *websocket.Conn) error { return nil },
		&websocket.AcceptOptions{Subprotocols: []string{"b"}, Origins: []string{"https://page.example"}})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	r := command("", "connect", strings.Replace(srv.URL, "://", "://ann:secret@", 1)+"/path?q=1", "-w", "1m",
		"-H", "X-One: 1, 2", "--header", "X-Two:3", "-H", "Host: elsewhere.example",
		"-s", "a", "--subprotocol", "b", "--origin", "https://page.example")
	assert.Equal(t, r.status, 0)
	assert.Contains(t, r.err, "connected to http://ann:xxxxx@")
	assert.Contains(t, r.err, `/path?q=1, subprotocol "b"`)
	got := <-requests
	assert.Equal(t, got.URL.String(), "/path?q=1")
	assert.Equal(t, got.Host, "elsewhere.example")
	for name, want := range map[string]string{
		"X-One": "1, 2", "X-Two": "3", "Origin": "https://page.example", "Sec-WebSocket-Protocol": "a, b",
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:secret")),
	} {
		assert.Equal(t, got.Header.Get(name), want)
	}
}

func TestRefusals(t *testing.T) {
	at := startServer(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/html", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><p>Hello") })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) })
	mux.HandleFunc("/evil", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "one\x1b[2J\n\n"+strings.Repeat("a line\n", 100))
	})
	other := httptest.NewServer(mux)
	defer other.Close()
	for _, c := range []struct {
		name   string
		args   []string
		says   string
		status int
	}{
		{"no topic", []string{at + "/t/a%20b"}, "the server answered 400 Bad Request instead of opening a WebSocket\n  topic name: ' ' at byte 1 is not allowed; use letters, digits, - _ ~ and dots", 1},
		{"nothing there", []string{at + "/x"}, "404 Not Found instead of opening a WebSocket\n  There is nothing here.", 1},
		{"a foreign page", []string{at + "/echo", "--origin", "https://evil.example"}, "403 Forbidden instead of opening a WebSocket\n  pages of the origin \"https://evil.example\" may not connect", 1},
		{"a page", []string{other.URL + "/html"}, "200 OK instead of opening a WebSocket\n", 1},
		{"elsewhere", []string{other.URL + "/moved"}, "302 Found instead of opening a WebSocket\n  it leads to /there", 1},
		{"words that would do harm", []string{other.URL + "/evil"}, "\n  one\\x1b[2J\n" + strings.Repeat("  a line\n", 4), 1},
		{"our own mistake", []string{at + "/echo", "-s", "a b"}, "is not a token", 2},
		{"no TLS", []string{"wss://" + at + "/echo"}, "(the server does not speak TLS there: try ws://)", 1},
		{"nobody listens", []string{freePort(t)}, "connection refused", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command("lost\n", append([]string{"connect"}, c.args...)...)
			assert.Equal(t, r.status, c.status)
			assert.Equal(t, r.out, "")
			assert.True(t, strings.HasPrefix(r.err, "duplex: "), r.err)
			assert.Contains(t, r.err, c.says)
		})
	}
}

// freePort returns an address on which nothing listens. It stays free: the ports that systems
// give to clients lie higher, those of the end-to-end tests below 28000.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 28000+rand.IntN(4000)))
		if err != nil {
			continue
		}
		assert.NoError(t, l.Close())
		return l.Addr().String()
	}
	t.Fatal("found no free port")
	return ""
}

func TestInsecure(t *testing.T) {
	srv := httptest.NewUnstartedServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return c.Write(ctx, websocket.Text, []byte("hello"))
	}, nil))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	r := command("", "connect", srv.URL)
	assert.Equal(t, r.status, 1)
	assert.Contains(t, r.err, "(--insecure does without the check)")
	r = command("", "connect", srv.URL, "--insecure", "-1")
	assert.Equal(t, r.status, 0)
	assert.Equal(t, r.out, "hello\n")
}

func TestSignalEndsTheConversation(t *testing.T) {
	b := run(t, "connect", startServer(t)+"/echo")
	b.err.until("connected to")
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 0)
	assert.Contains(t, b.err.until("closed"), "closed: 1000 normal closure\n")
}

func TestSecondSignalWaitsForNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	b := run(t, "connect", l.Addr().String())
	conn, err := l.Accept()
	assert.NoError(t, err)
	defer conn.Close()
	peer := wstest.NewScript(t, conn, wstest.Server)
	peer.ServerHandshake()
	b.err.until("connected to")
	b.signals <- os.Interrupt
	peer.ExpectClose(websocket.StatusNormalClosure, "") // and does not answer
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, statusInterrupted)
}

func TestSignalWhileDialling(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	b := run(t, "connect", l.Addr().String()) // nobody answers the handshake
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, statusInterrupted)
}

func TestCompleteURL(t *testing.T) {
	for in, want := range map[string]string{
		"localhost:8080/echo":  "ws://localhost:8080/echo",
		"localhost":            "ws://localhost",
		"127.0.0.1:80/?a=b":    "ws://127.0.0.1:80/?a=b",
		"[::1]:8080":           "ws://[::1]:8080",
		"wss://example.com/x":  "wss://example.com/x",
		"https://example.com":  "https://example.com",
		"user:pw@localhost/":   "ws://user:pw@localhost/",
		"localhost/a?u=ws://x": "ws://localhost/a?u=ws://x",
	} {
		u, err := completeURL(in)
		assert.NoError(t, err)
		assert.Equal(t, u.String(), want)
	}
	for in, says := range map[string]string{
		"":                 "has no host",
		"ftp://localhost":  "the scheme must be ws or wss",
		"ws:///x":          "has no host",
		"localhost:x":      `is no URL: invalid port`,
		"ws://localhost#x": "has a fragment",
	} {
		_, err := completeURL(in)
		assert.True(t, err != nil, in+" is taken for a URL")
		assert.Contains(t, err.Error(), says)
	}
}

func TestWriteErrorIsNotForgotten(t *testing.T) {
	var out, errs bytes.Buffer
	status := Main([]string{"connect", startServer(t) + "/echo"}, Env{In: errReader{}, Out: &out, Err: &errs})
	assert.Equal(t, status, 2)
	assert.Contains(t, errs.String(), "input: the disk is on fire\n")
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, fmt.Errorf("the disk is on fire") }
