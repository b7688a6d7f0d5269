//go:build !js

package browser_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/browser"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// over returns o with conn as the transport.
func over(conn net.Conn, o websocket.DialOptions) *websocket.DialOptions {
	o.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	o.DialContext = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	return &o
}

// withScript returns a WebSocket that is connected to a script over pipes that hold
// size bytes. The open event has been noted.
func withScript(t *testing.T, size int, o websocket.DialOptions) (*probe, *wstest.Script) {
	t.Helper()
	a, b := wstest.NetPipeSize(size)
	s := wstest.NewScript(t, b, wstest.Server)
	ws, err := browser.NewWithOptions("ws://example.com/chat", over(a, o))
	assert.NoError(t, err)
	p := watch(t, ws)
	s.ServerHandshake()
	p.expect("open, OPEN")
	return p, s
}

func TestOptionsReachTheServer(t *testing.T) {
	a, b := wstest.NetPipe()
	s := wstest.NewScript(t, b, wstest.Server)
	ws, err := browser.NewWithOptions("http://example.com", over(a, websocket.DialOptions{
		Header:       http.Header{"Authorization": {"Bearer token"}},
		Subprotocols: []string{"one", "two"},
	}))
	assert.NoError(t, err)
	p := watch(t, ws)
	request := s.ServerHandshake("Sec-WebSocket-Protocol: two")
	assert.Contains(t, request, "GET / HTTP/1.1\r\nHost: example.com\r\n")
	assert.Contains(t, request, "Authorization: Bearer token\r\n")
	assert.Contains(t, request, "Sec-WebSocket-Protocol: one, two\r\n")
	assert.Contains(t, request, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n") // as browsers do
	p.expect("open, OPEN")
	assert.Equal(t, p.Protocol(), "two")
	s.SendClose(1000, "")
	s.ExpectClose(1000, "")
	s.Close()
	p.expectEnd("close 1000 clean, CLOSED")
}

// TestCompressionCanBeChanged offers something else than browsers do.
func TestCompressionCanBeChanged(t *testing.T) {
	a, b := wstest.NetPipe()
	s := wstest.NewScript(t, b, wstest.Server)
	ws, err := browser.NewWithOptions("http://example.com", over(a, websocket.DialOptions{
		Compression: &websocket.Compression{WindowBits: 9, PeerNoContextTakeover: true},
	}))
	assert.NoError(t, err)
	p := watch(t, ws)
	request := s.ServerHandshake("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=8")
	assert.Contains(t, request, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=9\r\n")
	p.expect("open, OPEN")
	assert.Equal(t, p.Extensions(), "permessage-deflate; server_no_context_takeover; client_max_window_bits=8")
	assert.NoError(t, p.Close(1000, ""))
	s.ExpectClose(1000, "")
	s.SendClose(1000, "")
	p.expectEnd("close 1000 clean, CLOSED")
}

func TestOptionsMayBeNil(t *testing.T) {
	ws, err := browser.NewWithOptions(serverURL()+"/close", nil)
	assert.NoError(t, err)
	assert.NoError(t, ws.Wait())
	_, err = browser.NewWithOptions("http://example.com", &websocket.DialOptions{Subprotocols: []string{"", ""}})
	assert.ErrorIs(t, err, browser.ErrSyntax)
}

// What a page would accept, or its browser at least, and a program must not.
func TestNewRefusesNatively(t *testing.T) {
	for url, problem := range map[string]string{
		"/relative":              "the scheme must be",
		"ws://grün.example/":     "xn-- form",
		"ws://exa mple.com/":     "invalid character",
		"ws://exa%20mple.com/":   "invalid URL escape",
		"ws://a%7Cb/":            "invalid URL escape",
		"ws://[fe80::1%25eth0]/": "a zone",
		"ws://::1/":              "the host is not valid",
	} {
		_, err := browser.New(url)
		assert.ErrorIs(t, err, browser.ErrSyntax)
		assert.Contains(t, err.Error(), problem)
	}
}

func TestErrTellsWhatTheServerAnswered(t *testing.T) {
	ws, err := browser.New(serverURL() + "/refuse")
	assert.NoError(t, err)
	var told error
	ws.OnError(func(err error) { told = err })
	err = ws.Wait()
	var refused *websocket.HandshakeError
	assert.True(t, errors.As(err, &refused), "not a HandshakeError")
	assert.Equal(t, told, err)
	assert.Contains(t, err.Error(), "403")
}

func TestServerDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{})
		s.SendText("last words")
		p.expect("text last words, OPEN")
		s.Reset()
		p.expectEnd("close 1006 unclean, CLOSED")
		assert.ErrorIs(t, p.Err(), syscall.ECONNRESET)
	})
}

func TestServerCloseIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{})
		s.SendText("one")
		s.SendClose(4000, "reason")
		s.ExpectClose(4000, "")
		s.Close()
		p.expectEnd("text one, OPEN", `close 4000 "reason" clean, CLOSED`)
		assert.NoError(t, p.SendText("late")) // only counted
		assert.NoError(t, p.Close(1000, ""))
		assert.Equal(t, p.BufferedAmount(), int64(4))
	})
}

func TestServerAnswersCloseWithAnotherCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{})
		assert.NoError(t, p.Close(3000, "mine"))
		s.ExpectClose(3000, "mine")
		s.SendText("too late to be an event")
		s.SendClose(3001, "yours")
		s.Close()
		p.expectEnd(`close 3001 "yours" clean, CLOSED`)
	})
}

// The standard sets no bound, package websocket does: 5 s.
func TestServerDoesNotAnswerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{})
		begin := time.Now()
		assert.NoError(t, p.Close(0, ""))
		s.ExpectClose(frame.StatusNoStatusReceived, "")
		p.expectEnd("close 1006 unclean, CLOSED") // no error event: nobody broke a rule
		assert.Equal(t, time.Since(begin), websocket.DefaultCloseTimeout)
		assert.True(t, p.Err() != nil, "no Err")
	})
}

func TestCloseWhileAHandlerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{})
		p.OnMessage(func(browser.MessageEvent) {
			p.check(p.Close(4000, ""))
			synctest.Wait() // now the closing handshake goes on without us
			p.note("message")
		})
		s.SendText("x")
		s.SendText("y")
		s.ExpectClose(4000, "")
		s.SendClose(4000, "")
		s.Close()
		p.expectEnd("message, CLOSING", "close 4000 clean, CLOSED")
	})
}

func TestCloseEndsTheDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialling := make(chan error, 1)
		o := over(nil, websocket.DialOptions{})
		o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			dialling <- ctx.Err()
			return nil, ctx.Err()
		}
		ws, err := browser.NewWithOptions("ws://example.com/", o)
		assert.NoError(t, err)
		p := watch(t, ws)
		synctest.Wait()
		assert.NoError(t, p.Close(0, ""))
		p.expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
		assert.ErrorIs(t, <-dialling, context.Canceled)
	})
}

func TestCloseOfAConnectionThatIsThereButNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.NetPipe()
		s := wstest.NewScript(t, b, wstest.Server)
		ws, err := browser.NewWithOptions("ws://example.com/", over(a, websocket.DialOptions{}))
		assert.NoError(t, err)
		p := hold(t, ws)
		s.ServerHandshake()
		synctest.Wait()
		assert.Equal(t, p.ReadyState(), browser.Connecting)
		assert.NoError(t, p.Close(1000, ""))
		p.expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
		s.ExpectEOF()
	})
}

func TestMessageTooBig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{MaxMessage: 10})
		s.SendText("0123456789")
		s.SendText("0123456789a")
		s.ExpectCloseCode(websocket.StatusMessageTooBig)
		s.Close()
		p.expectEnd("text 0123456789, OPEN", "error, CLOSED", "close 1006 unclean, CLOSED")
		var tooBig *websocket.MessageTooBigError
		assert.True(t, errors.As(p.Err(), &tooBig) && tooBig.Limit == 10, "not a MessageTooBigError")
	})
}

func TestDeadServerIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1<<16, websocket.DialOptions{})
		begin := time.Now()
		<-p.Done() // the script answers no pings
		assert.Equal(t, time.Since(begin), websocket.DefaultPingInterval+websocket.DefaultPongTimeout)
		p.expectEnd("close 1006 unclean, CLOSED")
		s.ExpectPing()
	})
}

func TestNextMessageWaitsForTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := withScript(t, 1000, websocket.DialOptions{})
		proceed := make(chan bool)
		p.OnMessage(func(browser.MessageEvent) { <-proceed })
		var sent atomic.Int64
		wait := s.Go(func() {
			for range 300 {
				s.SendBinary(make([]byte, 1000))
				sent.Add(1)
			}
		})
		synctest.Wait()
		assert.True(t, sent.Load() < 100, "the server is not slowed down")
		close(proceed)
		wait()
		s.SendClose(1000, "")
		s.ExpectClose(1000, "")
		s.Close()
		p.expectEnd("close 1000 clean, CLOSED")
	})
}

// Messages of one goroutine arrive in order, none is lost and none comes twice.
func TestManySenders(t *testing.T) {
	const senders, messages = 8, 200
	p := dial(t, "/echo")
	last := make([]uint32, senders)
	all := make(chan bool)
	count := 0
	p.OnMessage(func(m browser.MessageEvent) {
		from, number := binary.BigEndian.Uint32(m.Data), binary.BigEndian.Uint32(m.Data[4:])
		if number != last[from]+1 {
			t.Errorf("message %d of sender %d comes after %d", number, from, last[from])
		}
		last[from] = number
		if count++; count == senders*messages {
			close(all)
		}
	})
	p.expect("open, OPEN")
	var wg sync.WaitGroup
	for from := range uint32(senders) {
		wg.Go(func() {
			for number := range uint32(messages) {
				b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, from), number+1)
				if err := p.Send(b); err != nil {
					t.Error(err)
				}
				if p.ReadyState() != browser.Open || p.BufferedAmount()%8 != 0 {
					t.Error("the state is wrong")
				}
			}
		})
	}
	wg.Wait()
	<-all
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
}
