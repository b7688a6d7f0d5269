package wstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestListenerJoinsTwoEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		defer l.Close()
		client, err := l.DialContext(t.Context(), "tcp", "example.com:80")
		assert.NoError(t, err)
		defer client.Close()
		write(t, client, "before it is accepted")
		server, err := l.Accept()
		assert.NoError(t, err)
		defer server.Close()
		assert.Equal(t, readN(t, server, 21), "before it is accepted")
		write(t, server, "welcome")
		assert.Equal(t, readN(t, client, 7), "welcome")
		assert.Equal(t, client.RemoteAddr(), l.Addr())
		assert.Equal(t, server.RemoteAddr(), client.LocalAddr())
		assert.Contains(t, l.Addr().String(), "localhost:")
	})
}

func TestListenerAcceptsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		defer l.Close()
		for i := range 300 {
			c, err := l.DialContext(t.Context(), "tcp", "")
			assert.NoError(t, err)
			defer c.Close()
			fmt.Fprintf(c, "%03d", i)
		}
		for i := range 300 {
			c, err := l.Accept()
			assert.NoError(t, err)
			defer c.Close()
			assert.Equal(t, readN(t, c, 3), fmt.Sprintf("%03d", i))
		}
	})
}

func TestListenerAcceptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		defer l.Close()
		start := time.Now()
		time.AfterFunc(time.Minute, func() { l.DialContext(context.Background(), "tcp", "") })
		c, err := l.Accept()
		assert.NoError(t, err)
		assert.NoError(t, c.Close())
		assert.Equal(t, time.Since(start), time.Minute)
	})
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		accepted, err := l.DialContext(t.Context(), "tcp", "")
		assert.NoError(t, err)
		_, err = l.Accept()
		assert.NoError(t, err)
		waiting, err := l.DialContext(t.Context(), "tcp", "")
		assert.NoError(t, err)
		assert.NoError(t, l.Close())

		write(t, accepted, "x")
		_, err = waiting.Write([]byte("x"))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorIs(t, l.Close(), net.ErrClosed)
		_, err = l.DialContext(t.Context(), "tcp", "")
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Contains(t, err.Error(), "dial wstest localhost:")
	})
}

func TestListenerCloseWakesAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		time.AfterFunc(time.Second, func() { l.Close() })
		_, err := l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestListenerDialWithAnEndedContext(t *testing.T) {
	l := Listen()
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.DialContext(ctx, "tcp", "")
	assert.ErrorIs(t, err, context.Canceled)
}

// TestListenerServesHTTP has the server and the client of net/http talk over a
// listener, in fake time: an answer after an hour takes no time at all.
func TestListenerServesHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour)
			io.WriteString(w, r.Host+" "+r.RemoteAddr)
		})}
		go srv.Serve(l)
		defer srv.Close()
		transport := &http.Transport{DialContext: l.DialContext}
		defer transport.CloseIdleConnections()
		answer, err := (&http.Client{Transport: transport}).Get("http://example.com/")
		assert.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		assert.NoError(t, err)
		assert.Contains(t, string(body), "example.com client:")
	})
}

// TestListenerHijack is the way a WebSocket server gets its connection: the
// read that net/http has under way is cut off, and nothing is lost.
func TestListenerHijack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			c, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			line, err := buf.ReadString('\n')
			if err != nil {
				t.Error(err)
			}
			io.WriteString(c, "you said "+line)
		})}
		go srv.Serve(l)
		defer srv.Close()
		c, err := l.DialContext(t.Context(), "tcp", "")
		assert.NoError(t, err)
		defer c.Close()
		write(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		time.Sleep(2 * time.Second)
		write(t, c, "hello\n")
		got, err := io.ReadAll(c)
		assert.NoError(t, err)
		assert.Equal(t, string(got), "you said hello\n")
	})
}
