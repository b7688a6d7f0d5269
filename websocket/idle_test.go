package websocket_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// idleServerEnv makes this test binary a server instead: a process of its own,
// whose memory is nothing but that of its connections.
const idleServerEnv = "DUPLEX_IDLE_SERVER"

func init() {
	if mode := os.Getenv(idleServerEnv); mode != "" {
		idleServer(mode)
		os.Exit(0)
	}
}

// idleHandlers are the ways of an application to read.
var idleHandlers = map[string]http.HandlerFunc{
	// In a goroutine of its own: the HTTP handler returns, and net/http frees
	// what it holds.
	"goroutine": func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			go func() { _ = echoAll(context.Background(), c) }()
		}
	},
	// The same, with messages lent and answers posted.
	"lent": func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			go func() { _ = echoPosted(context.Background(), c) }()
		}
	},
	// With Handler, which does the same and makes a context.
	"handler": websocket.Handler(echoAll, nil).ServeHTTP,
	// With compression, as much of it as the client offers.
	"compressed": func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Compression: &websocket.Compression{}}); err == nil {
			go func() { _ = echoAll(context.Background(), c) }()
		}
	},
	// In the HTTP handler, as other libraries are mostly used.
	"inline": func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			_ = echoAll(context.Background(), c)
		}
	},
}

// idleServer echoes and prints its address, then its memory for each line of
// standard input: resident bytes, heap in use, stacks in use.
func idleServer(mode string) {
	mode, secure := strings.CutSuffix(mode, "+tls")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	if secure {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{selfSigned()}, SessionTicketsDisabled: true})
	}
	h := echoHandler(mode)
	if h == nil {
		h = idleHandlers[mode]
	}
	go func() { panic(http.Serve(l, h)) }()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		// Several rounds: stacks shrink by half at a time, pools are
		// emptied in two, and freed pages are returned at the end.
		for range 8 {
			runtime.GC()
		}
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(residentBytes(), m.HeapAlloc, m.StackInuse)
	}
}

// BenchmarkIdle measures what a connection costs that is open and silent after
// one message was echoed, in a server of its own process. Metrics are bytes per
// connection: rss is what the operating system sees.
func BenchmarkIdle(b *testing.B) {
	b.Run("goroutine", func(b *testing.B) { benchmarkIdle(b, 4000, "goroutine", openIdle) })
	b.Run("lent", func(b *testing.B) { benchmarkIdle(b, 4000, "lent", openIdle) })
	b.Run("goroutine-busy", func(b *testing.B) { benchmarkIdle(b, 4000, "goroutine", openBusy) })
	b.Run("lent-busy", func(b *testing.B) { benchmarkIdle(b, 4000, "lent", openBusy) })
	b.Run("handler", func(b *testing.B) { benchmarkIdle(b, 4000, "handler", openIdle) })
	b.Run("inline", func(b *testing.B) { benchmarkIdle(b, 4000, "inline", openIdle) })
	b.Run("goroutine-tls", func(b *testing.B) { benchmarkIdle(b, 1500, "goroutine+tls", openIdle) })
	b.Run("handler-tls", func(b *testing.B) { benchmarkIdle(b, 1500, "handler+tls", openIdle) })
}

// benchmarkIdle measures n connections that open makes.
func benchmarkIdle(b *testing.B, n int, mode string, open func(b testing.TB, addr string, n int, secure bool) []net.Conn) {
	if runtime.GOOS != "linux" {
		b.Log("resident memory is read from /proc, which only Linux has")
		return
	}
	secure := strings.HasSuffix(mode, "+tls")
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), idleServerEnv+"="+mode)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		assert.NoError(b, err)
		stdout, err := cmd.StdoutPipe()
		assert.NoError(b, err)
		assert.NoError(b, cmd.Start())
		out := bufio.NewScanner(stdout)
		out.Scan()
		addr := out.Text()

		warm := open(b, addr, 50, secure) // pools, caches and code pages
		before := askMemory(b, in, out)
		conns := open(b, addr, n, secure)
		after := askMemory(b, in, out)
		for i, unit := range []string{"rss-B/conn", "heap-B/conn", "stack-B/conn"} {
			b.ReportMetric(float64(after[i]-before[i])/float64(n), unit)
		}
		for _, c := range append(conns, warm...) {
			_ = c.Close()
		}
		_ = in.Close()
		assert.NoError(b, cmd.Wait())
	}
	b.ReportMetric(0, "ns/op")
}

// openIdle opens n connections and has one message echoed on each.
func openIdle(b testing.TB, addr string, n int, secure bool) []net.Conn {
	conns := make([]net.Conn, n)
	buf := make([]byte, 7)
	for i := range conns {
		c := openBare(b, addr, secure, "")
		conns[i] = c
		_, err := c.Write([]byte("\x81\x85\x00\x00\x00\x00hello"))
		assert.NoError(b, err)
		_, err = io.ReadFull(c, buf)
		assert.NoError(b, err)
		assert.Equal(b, string(buf), "\x81\x05hello")
	}
	return conns
}

// openBusy opens n connections and has 16 messages at once echoed on each, and one of
// 64 KiB.
func openBusy(b testing.TB, addr string, n int, secure bool) []net.Conn {
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = openBare(b, addr, secure, "")
		for _, p := range []*echoPeer{newEchoPeer(conns[i], 64, 16), newEchoPeer(conns[i], 64<<10, 1)} {
			p.round(b)
		}
	}
	return conns
}

// openBare opens a connection of which there is only the socket on this side, to hold
// no memory worth mentioning. header are further lines of the request.
func openBare(b testing.TB, addr string, secure bool, header string) net.Conn {
	c, err := net.Dial("tcp", addr)
	assert.NoError(b, err)
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // our own certificate
	}
	_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: " + addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + header +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"))
	assert.NoError(b, err)
	buf := make([]byte, 4096)
	for got := ""; !strings.HasSuffix(got, "\r\n\r\n"); {
		k, err := c.Read(buf)
		assert.NoError(b, err)
		got += string(buf[:k])
	}
	return c
}

// askMemory asks the server for its memory.
func askMemory(b *testing.B, in io.Writer, out *bufio.Scanner) [3]int64 {
	_, err := io.WriteString(in, "\n")
	assert.NoError(b, err)
	assert.True(b, out.Scan(), "the server died")
	var m [3]int64
	_, err = fmt.Sscan(out.Text(), &m[0], &m[1], &m[2])
	assert.NoError(b, err)
	return m
}

// residentBytes returns the resident set of this process, on Linux.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}

// selfSigned returns a certificate for tests.
func selfSigned() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
