package event_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/event"
)

// blocking is a server of the blocking Conn that echoes, with the options below: it takes
// compressed messages, and sends none, as the two compress in pieces of different sizes.
func blocking(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			kind, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := c.Write(ctx, kind, p); err != nil {
				return err
			}
		}
	}, &websocket.AcceptOptions{MaxMessage: 64 << 10, Compression: &websocket.Compression{Threshold: 1 << 30}}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// answers returns all that a server says to wire, which is sent in pieces of size, or as
// one if it is 0, behind a request.
func answers(t testing.TB, network, addr string, wire []byte, size int) []byte {
	t.Helper()
	c, err := net.Dial(network, addr)
	assert.NoError(t, err)
	defer reset(c) // or all ports would wait for the end of their time
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		_, _ = io.WriteString(c, goodRequest[:len(goodRequest)-2]+"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n")
		for rest := wire; len(rest) > 0; {
			n := len(rest)
			if size > 0 {
				n = min(n, size)
			}
			if _, err := c.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
	})
	b, err := io.ReadAll(c) // its end may be a reset
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("%s neither answers nor ends: %x, got %x", addr, wire, b)
	}
	if _, frames, ok := bytes.Cut(b, []byte("\r\n\r\n")); ok {
		return frames
	}
	return b
}

// FuzzAnswers sends any bytes in any pieces to servers of all ways, which must answer byte
// for byte what the blocking Conn does.
func FuzzAnswers(f *testing.F) {
	for i, c := range conformance.Cases() {
		if i%3 == 0 {
			f.Add(c.AppendWire(nil, conformance.Client, 0x01020304), uint16(i))
		}
	}
	f.Add(bytes.Repeat(appendText(nil, "many"), 100), uint16(7))
	f.Add(append(appendMessage(nil, 2, pattern(40<<10, 0)), 0x89, 0x80, 0, 0, 0, 0, 0x88, 0x80, 0, 0, 0, 0), uint16(1000))
	addr := blocking(f)
	var servers []*served
	for _, w := range plain() {
		if w.network == "tcp" {
			servers = append(servers, w.serve(f, echo, event.Options{
				MaxMessage: 64 << 10, Compression: &websocket.Compression{Threshold: 1 << 30},
			}))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, size uint16) {
		if len(wire) > 128<<10 || size > 0 && len(wire)/int(size) > 1000 {
			return
		}
		want := answers(t, "tcp", addr, bytes.Clone(wire), 0)
		for _, s := range servers {
			got := answers(t, "tcp", s.l.Addr().String(), bytes.Clone(wire), int(size))
			if !bytes.Equal(got, want) {
				t.Fatalf("%s answers\n%x\nwant\n%x\nto\n%x in pieces of %d", s.way.name, got, want, wire, size)
			}
		}
	})
}
