package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

func TestSmoke(t *testing.T) {
	for _, tls := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(websocket.Handler(echo, &websocket.AcceptOptions{MaxMessage: -1}))
		o := &websocket.DialOptions{MaxMessage: -1}
		if tls {
			srv.StartTLS()
			o.TLSConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
		} else {
			srv.Start()
		}
		c, _, err := websocket.Dial(t.Context(), srv.URL, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20, 5 << 20} {
			p := bytes.Repeat([]byte("x"), n)
			errc := make(chan error, 1)
			go func() { errc <- c.Write(t.Context(), websocket.Text, p) }()
			typ, got, err := c.Read(t.Context())
			if err != nil || typ != websocket.Text || !bytes.Equal(got, p) {
				t.Fatal(n, typ, len(got), err)
			}
			if err := <-errc; err != nil {
				t.Fatal(err)
			}
		}
		// timed-out read
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, _, err = c.Read(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 50 {
					if err := c.Write(t.Context(), websocket.Binary, []byte(strings.Repeat("y", 100))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 1000 {
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		go func() {
			for {
				if _, _, err := c.Read(t.Context()); err != nil {
					return
				}
			}
		}()
		rtt, err := c.Ping(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Log(rtt)
		if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Read(t.Context())
		t.Log(err)
		if !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		srv.Close()
	}
}

func TestPingInPiecesInsideLargeMessage(t *testing.T) {
	srv := httptest.NewServer(websocket.Handler(echo, nil))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(s string) {
		if _, err := conn.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	send("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	send("\x01\x85\x00\x00\x00\x00hello")
	send("\x89\x84\x00\x00\x00\x00pi")
	send("ng")
	send("\x80\x85\x00\x00\x00\x00world")
	buf := make([]byte, 4096)
	got := ""
	for !strings.HasSuffix(got, "helloworld") {
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%q %v", got, err)
		}
		got += string(buf[:n])
	}
}
