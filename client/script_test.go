package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A scripted server is played by the test: it accepts each connection by hand and
// says what comes and what goes.
type scripted struct {
	t        *testing.T
	listener *wstest.Listener
	idem     []string // the keys of the messages that came, in order
}

// inBubble runs a test in a bubble, with a server that nobody has connected to yet.
func inBubble(t *testing.T, f func(t *testing.T, s *scripted)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{t: t, listener: wstest.Listen()}
		defer s.listener.Close()
		f(t, s)
	})
}

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// client returns a Client of this server, that is closed at the end of the test.
func (s *scripted) client(o *Options) *Client {
	if o == nil {
		o = &Options{}
	}
	if o.Dial == nil {
		o.Dial = &websocket.DialOptions{DialContext: s.listener.DialContext, Proxy: noProxy, PingInterval: -1}
	}
	c := New("ws://localhost", o)
	s.t.Cleanup(func() { closeNow(s.t, c) })
	return c
}

// closeNow closes a client that may have things to do.
func closeNow(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.Close(ctx)
	assert.Equal(t, c.State().Phase, Closed)
}

// A peer is the server's end of one connection.
type peer struct {
	*wstest.Script
	s *scripted
}

// accept waits for the next connection and opens it.
func (s *scripted) accept() *peer {
	s.t.Helper()
	p := s.acceptRaw()
	request := p.ServerHandshake("Sec-WebSocket-Protocol: " + subprotocol)
	assert.Contains(s.t, request, "GET /ws HTTP/1.1\r\n")
	assert.Contains(s.t, request, "Sec-WebSocket-Protocol: "+subprotocol+"\r\n")
	return p
}

// acceptRaw waits for the next connection.
func (s *scripted) acceptRaw() *peer {
	s.t.Helper()
	conn, err := s.listener.Accept()
	assert.NoError(s.t, err)
	return &peer{wstest.NewScript(s.t, conn, wstest.Server), s}
}

// Reset breaks the connection off when the client has read what was sent.
func (p *peer) Reset() {
	synctest.Wait()
	p.Script.Reset()
}

// expect expects one request, without its idem, which is kept.
func (p *peer) expect(want string) {
	p.s.t.Helper()
	_, text := p.ExpectMessage()
	var got, wanted map[string]any
	assert.NoError(p.s.t, json.Unmarshal(text, &got))
	assert.NoError(p.s.t, json.Unmarshal([]byte(want), &wanted))
	if idem, ok := got["idem"].(string); ok && wanted["idem"] == nil {
		p.s.idem = append(p.s.idem, idem)
		delete(got, "idem")
	}
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		p.s.t.Fatalf("got  %s\nwant %s", text, want)
	}
}

// say sends a frame.
func (p *peer) say(format string, args ...any) {
	p.s.t.Helper()
	p.SendText(fmt.Sprintf(format, args...))
}

// message sends a message of a topic whose text is its cursor.
func (p *peer) message(topic string, n int) {
	p.s.t.Helper()
	p.say(`{"t":%q,"at":"c%d","ts":1790000000000,"text":"%d"}`, topic, n, n)
}

// silent expects that nothing comes.
func (p *peer) silent(d time.Duration) {
	p.s.t.Helper()
	p.ExpectSilence(d)
}

// subscribe subscribes without an error.
func subscribe(t *testing.T, c *Client, filter string, o *SubscribeOptions) *Subscription {
	t.Helper()
	sub, err := c.Subscribe(filter, o)
	assert.NoError(t, err)
	return sub
}

// texts takes n events and returns the texts of the messages, "gap" for gaps.
func texts(t *testing.T, sub *Subscription, n int) (list []string) {
	t.Helper()
	for range n {
		ev, err := sub.Next(t.Context())
		assert.NoError(t, err)
		switch ev.Type {
		case MessageEvent:
			list = append(list, string(ev.Data))
		default:
			list = append(list, ev.Type.String())
		}
	}
	return list
}

// publishing publishes in the background.
func publishing(ctx context.Context, c *Client, topic string, m Message) chan published {
	done := make(chan published, 1)
	go func() {
		r, err := c.Publish(ctx, topic, m)
		done <- published{r, err}
	}()
	return done
}

type published struct {
	Receipt
	err error
}

// unreachable returns a DialContext of a network without servers.
func unreachable(called func()) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		called()
		return nil, &net.OpError{Op: "route", Err: errors.New("none")}
	}
}
