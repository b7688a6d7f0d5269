package browser_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/browser"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// A probe is a WebSocket whose events are noted down with the state in which they
// found it.
type probe struct {
	*browser.WebSocket
	t      testing.TB
	events chan string
}

// watch sets all handlers of ws and starts it.
func watch(t testing.TB, ws *browser.WebSocket) *probe {
	p := hold(t, ws)
	p.Start()
	return p
}

// hold sets all handlers of ws.
func hold(t testing.TB, ws *browser.WebSocket) *probe {
	p := &probe{WebSocket: ws, t: t, events: make(chan string, 1000)}
	p.OnOpen(func() { p.note("open") })
	p.OnMessage(func(m browser.MessageEvent) {
		if m.Binary {
			p.note(fmt.Sprintf("binary %x", m.Data))
		} else {
			p.note("text " + m.Text())
		}
	})
	p.OnError(func(err error) {
		if err == nil {
			t.Error("an error event without an error")
		}
		p.note("error")
	})
	p.OnClose(func(e browser.CloseEvent) { p.note(describe(e)) })
	return p
}

// prepare returns a WebSocket for a path of the server that is not started.
func prepare(t testing.TB, path string, protocols ...string) *probe {
	t.Helper()
	ws, err := browser.New(serverURL()+path, protocols...)
	assert.NoError(t, err)
	return hold(t, ws)
}

// dial returns a WebSocket for a path of the server that is started.
func dial(t testing.TB, path string, protocols ...string) *probe {
	t.Helper()
	p := prepare(t, path, protocols...)
	p.Start()
	return p
}

func (p *probe) note(event string) { p.events <- fmt.Sprintf("%s, %v", event, p.ReadyState()) }

// check reports an error in a handler, which must not end the test.
func (p *probe) check(err error) {
	if err != nil {
		p.t.Errorf("in a handler: %v", err)
	}
}

// describe puts a close event in words.
func describe(e browser.CloseEvent) string {
	s := "close " + strconv.Itoa(int(e.Code))
	if e.Reason != "" {
		s += " " + strconv.Quote(e.Reason)
	}
	if e.WasClean {
		return s + " clean"
	}
	return s + " unclean"
}

// expect waits for the next events.
func (p *probe) expect(events ...string) {
	p.t.Helper()
	for _, want := range events {
		assert.Equal(p.t, p.next(), want)
	}
}

func (p *probe) next() string {
	p.t.Helper()
	select {
	case e := <-p.events:
		return e
	case <-time.After(patience):
		p.t.Fatal("an event did not come")
		return ""
	}
}

// expectEnd waits for the last events and makes sure that they were the last.
func (p *probe) expectEnd(events ...string) {
	p.t.Helper()
	p.expect(events...)
	select {
	case <-p.Done():
	case <-time.After(patience):
		p.t.Fatal("Done was not closed")
	}
	select {
	case e := <-p.events:
		p.t.Fatalf("an event after the end: %s", e)
	default:
	}
	assert.Equal(p.t, p.ReadyState(), browser.Closed)
}

// drained waits until everything sent was handed to the network.
func (p *probe) drained() {
	p.t.Helper()
	for deadline := time.Now().Add(patience); p.BufferedAmount() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%d bytes are not sent", p.BufferedAmount())
		}
	}
}

var lastID atomic.Int64

// uniqueID returns an ID for the server's /echo, which may serve several runs.
func uniqueID(t testing.TB, i int) string {
	return fmt.Sprintf("%s-%d-%d-%d", t.Name(), i, lastID.Add(1), time.Now().UnixNano())
}
