package browser_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/browser"
	"github.com/duplexhq/duplex/websocket/frame"
)

// The tests of this file are the contract: they run natively and, built for
// GOOS=js, in a browser.

func TestEcho(t *testing.T) {
	p := dial(t, "/echo")
	p.expect("open, OPEN")
	assert.NoError(t, p.SendText("grüße"))
	assert.NoError(t, p.Send([]byte{0, 1, 0xff}))
	assert.NoError(t, p.SendText(""))
	assert.NoError(t, p.Send(nil))
	p.expect("text grüße, OPEN", "binary 0001ff, OPEN", "text , OPEN", "binary , OPEN")
	assert.NoError(t, p.Err())
	assert.NoError(t, p.Close(1000, ""))
	assert.True(t, p.ReadyState() >= browser.Closing, "it is still open") // the answer may be there already
	p.expectEnd("close 1000 clean, CLOSED")
	assert.NoError(t, p.Err())
}

func TestMessagesOfAllSizes(t *testing.T) {
	p := dial(t, "/echo")
	got := make(chan browser.MessageEvent, 1)
	p.OnMessage(func(m browser.MessageEvent) { got <- m })
	p.expect("open, OPEN")
	for _, n := range []int{1, 125, 126, 65535, 65536, 1 << 20, 5 << 20} {
		want := bytes.Repeat([]byte{'a', 'b', 'c'}, n/3+1)[:n]
		for _, binary := range []bool{false, true} {
			if binary {
				assert.NoError(t, p.Send(want))
			} else {
				assert.NoError(t, p.SendText(string(want)))
			}
			m := <-got
			assert.Equal(t, m.Binary, binary)
			assert.True(t, bytes.Equal(m.Data, want), "the echo differs")
		}
	}
	assert.NoError(t, p.Close(0, ""))
	p.expectEnd("close 1005 clean, CLOSED")
}

func TestTheSenderMayReuseItsBytes(t *testing.T) {
	p := dial(t, "/echo")
	p.expect("open, OPEN")
	b := []byte{1}
	assert.NoError(t, p.Send(b))
	b[0] = 2
	assert.NoError(t, p.Send(b))
	b[0] = 3
	p.expect("binary 01, OPEN", "binary 02, OPEN")
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
}

func TestHandlersMaySendAndClose(t *testing.T) {
	p := prepare(t, "/echo")
	p.OnOpen(func() {
		p.check(p.SendText("1"))
		p.note("open")
	})
	p.OnMessage(func(m browser.MessageEvent) {
		if m.Text() == "1" {
			p.check(p.SendText("2"))
		} else {
			p.check(p.Close(3000, "enough"))
		}
		p.note("text " + m.Text())
	})
	p.Start()
	p.expectEnd("open, OPEN", "text 1, OPEN", "text 2, CLOSING", `close 3000 clean, CLOSED`)
}

func TestNoEventIsMissedBeforeStart(t *testing.T) {
	p := prepare(t, "/hello?code=4001")
	time.Sleep(100 * time.Millisecond) // the events could all have come by now
	assert.Equal(t, p.ReadyState(), browser.Connecting)
	assert.ErrorIs(t, p.SendText("too early"), browser.ErrInvalidState)
	p.Start()
	p.Start() // does nothing
	p.expectEnd("open, OPEN", "text one, OPEN", "text two, OPEN", "binary 0304, OPEN", "close 4001 clean, CLOSED")
}

func TestEventsWithoutHandlersAreDropped(t *testing.T) {
	ws, err := browser.New(serverURL() + "/hello?code=1000")
	assert.NoError(t, err)
	assert.NoError(t, ws.Wait())
	assert.NoError(t, ws.Wait())
	assert.Equal(t, ws.ReadyState(), browser.Closed)
	p := hold(t, ws)
	p.expectEnd() // it is too late for them
}

func TestHandlersMayBeReplaced(t *testing.T) {
	p := dial(t, "/echo")
	p.expect("open, OPEN")
	p.OnMessage(nil)
	p.OnOpen(nil)
	p.OnError(nil)
	assert.NoError(t, p.SendText("nobody listens"))
	assert.NoError(t, p.SendText("last"))
	p.drained()
	p.OnClose(func(browser.CloseEvent) { p.note("another handler") })
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("another handler, CLOSED")
}

func TestHandlersAreCalledOneAtATime(t *testing.T) {
	p := prepare(t, "/hello?code=1000")
	p.OnMessage(func(browser.MessageEvent) {
		p.note("begin")
		time.Sleep(10 * time.Millisecond) // another call would now get in between
		p.note("end")
	})
	p.Start()
	p.expectEnd("open, OPEN", "begin, OPEN", "end, OPEN", "begin, OPEN", "end, OPEN", "begin, OPEN", "end, OPEN",
		"close 1000 clean, CLOSED")
}

// In a page, a handler that waited inside the browser's callback would wait for ever.
func TestAHandlerMayWaitForAnotherSocket(t *testing.T) {
	p := dial(t, "/echo")
	p.expect("open, OPEN")
	p.OnMessage(func(browser.MessageEvent) {
		other, err := browser.New(serverURL() + "/close")
		p.check(err)
		p.check(other.Wait())
		p.note("both")
	})
	assert.NoError(t, p.SendText("go"))
	p.expect("both, OPEN")
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
}

func TestSubprotocols(t *testing.T) {
	p := prepare(t, "/echo", "chat.v1", "chat.v2")
	assert.Equal(t, p.Protocol(), "")
	p.Start()
	p.expect("open, OPEN")
	assert.Equal(t, p.Protocol(), "chat.v2")
	assert.Equal(t, p.Extensions(), "")
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
	assert.Equal(t, p.Protocol(), "chat.v2")

	p = dial(t, "/echo")
	p.expect("open, OPEN")
	assert.Equal(t, p.Protocol(), "")
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
}

// TestCompression has the server agree to what browsers offer, in every way.
func TestCompression(t *testing.T) {
	for query, want := range map[string]string{
		"":           "permessage-deflate",
		"?window=9":  "permessage-deflate; client_max_window_bits=9",
		"?alone=yes": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
	} {
		p := prepare(t, "/deflate"+query)
		got := make(chan browser.MessageEvent, 1)
		p.OnMessage(func(m browser.MessageEvent) { got <- m })
		assert.Equal(t, p.Extensions(), "")
		p.Start()
		p.expect("open, OPEN")
		assert.Equal(t, p.Extensions(), want)
		for _, n := range []int{0, 1, 100, 1000, 20_000, 300_000} {
			for range 2 {
				sent := strings.Repeat("grüße aus dem Fenster, ", n/23+1)[:n]
				sent = strings.ToValidUTF8(sent, "")
				assert.NoError(t, p.SendText(sent))
				assert.True(t, (<-got).Text() == sent, "the echo of the text differs")
				assert.NoError(t, p.Send([]byte(sent)))
				assert.True(t, string((<-got).Data) == sent, "the echo of the bytes differs")
			}
		}
		assert.NoError(t, p.Close(1000, ""))
		p.expectEnd("close 1000 clean, CLOSED")
		assert.Equal(t, p.Extensions(), want)
	}
}

func TestServerChoosesNoSubprotocol(t *testing.T) {
	p := dial(t, "/plain", "chat.v1")
	p.expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
	assert.Equal(t, p.Protocol(), "")
}

func TestServerCloses(t *testing.T) {
	longest := strings.Repeat("r", frame.MaxReason)
	for query, want := range map[string]string{
		"":                             "close 1005 clean, CLOSED",
		"?code=1000":                   "close 1000 clean, CLOSED",
		"?code=1001&reason=away":       `close 1001 "away" clean, CLOSED`,
		"?code=1011&reason=oh":         `close 1011 "oh" clean, CLOSED`,
		"?code=1013":                   "close 1013 clean, CLOSED",
		"?code=4999&reason=gr%C3%BCn":  `close 4999 "grün" clean, CLOSED`,
		"?code=4000&reason=" + longest: `close 4000 "` + longest + `" clean, CLOSED`,
	} {
		p := dial(t, "/close"+query)
		p.expectEnd("open, OPEN", want)
		assert.NoError(t, p.Err())
	}
}

func TestClientCloses(t *testing.T) {
	longest := strings.Repeat("€", frame.MaxReason/3)
	for i, c := range []struct {
		code         browser.StatusCode
		reason       string
		seen, answer string
	}{
		{0, "", "1005 ", "close 1005 clean, CLOSED"},
		{1000, "", "1000 ", "close 1000 clean, CLOSED"},
		{1000, "done", "1000 done", "close 1000 clean, CLOSED"},
		{3000, "", "3000 ", "close 3000 clean, CLOSED"},
		{4999, longest, "4999 " + longest, "close 4999 clean, CLOSED"},
	} {
		id := uniqueID(t, i)
		p := dial(t, "/echo?id="+id)
		p.expect("open, OPEN")
		assert.NoError(t, p.Close(c.code, c.reason))
		p.expectEnd(c.answer) // the server echoes the code and gives no reason of its own
		assert.Equal(t, serverSaw(t, id), c.seen)
	}
}

// serverSaw returns what the server says about the end of a connection to /echo.
func serverSaw(t *testing.T, id string) string {
	p := dial(t, "/end?id="+id)
	p.expect("open, OPEN")
	seen := p.next()
	p.expectEnd("close 1000 clean, CLOSED")
	return strings.TrimSuffix(strings.TrimPrefix(seen, "text "), ", OPEN")
}

func TestCloseComesAfterWhatWasSent(t *testing.T) {
	id := uniqueID(t, 0)
	p := dial(t, "/echo?id="+id)
	p.expect("open, OPEN")
	assert.NoError(t, p.Send(make([]byte, 4<<20)))
	assert.NoError(t, p.Close(4000, "after it"))
	assert.True(t, p.ReadyState() >= browser.Closing, "it is still open")
	p.expectEnd("close 4000 clean, CLOSED") // the echo comes too late to be an event
	assert.Equal(t, serverSaw(t, id), "4000 after it")
	assert.Equal(t, p.BufferedAmount(), int64(0))
}

func TestCloseTwice(t *testing.T) {
	id := uniqueID(t, 0)
	p := dial(t, "/echo?id="+id)
	p.expect("open, OPEN")
	assert.NoError(t, p.Close(3001, "first"))
	assert.NoError(t, p.Close(3002, "second"))
	assert.ErrorIs(t, p.Close(1, ""), browser.ErrInvalidAccess)
	p.expectEnd("close 3001 clean, CLOSED")
	assert.NoError(t, p.Close(3003, "third"))
	assert.ErrorIs(t, p.Close(2, ""), browser.ErrInvalidAccess)
	assert.Equal(t, serverSaw(t, id), "3001 first")
}

func TestConnectionIsLost(t *testing.T) {
	p := dial(t, "/drop")
	p.expect("open, OPEN")
	assert.NoError(t, p.SendText("drop it"))
	p.expectEnd("close 1006 unclean, CLOSED") // lost, not failed: no error event
	assert.True(t, p.Err() != nil, "a lost connection has no Err")
}

func TestServerBreaksTheProtocol(t *testing.T) {
	p := dial(t, "/break")
	p.expectEnd("open, OPEN", "error, CLOSED", "close 1006 unclean, CLOSED")
	assert.True(t, p.Err() != nil, "a failed connection has no Err")
}

func TestServerRefuses(t *testing.T) {
	for _, path := range []string{"/refuse", "/nothing-there"} {
		p := prepare(t, path)
		assert.Equal(t, p.ReadyState(), browser.Connecting)
		p.Start()
		p.expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
		assert.True(t, p.Err() != nil, "a failed connection has no Err")
	}
}

func TestNobodyListens(t *testing.T) {
	ws, err := browser.New("ws://127.0.0.1:2/")
	assert.NoError(t, err)
	watch(t, ws).expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
}

func TestCloseWhileConnecting(t *testing.T) {
	for _, code := range []browser.StatusCode{0, 1000, 4000} {
		p := dial(t, "/hang")
		assert.ErrorIs(t, p.Close(1001, ""), browser.ErrInvalidAccess)
		assert.Equal(t, p.ReadyState(), browser.Connecting)
		assert.NoError(t, p.Close(code, ""))
		assert.True(t, p.ReadyState() >= browser.Closing, "it still connects") // it may be closed already
		assert.NoError(t, p.SendText("counted"))
		p.expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
		assert.Equal(t, p.Err().Error(), "websocket: closed before the connection was established")
		assert.Equal(t, p.BufferedAmount(), int64(len("counted")))
	}
}

func TestCloseBeforeStart(t *testing.T) {
	p := prepare(t, "/hello")
	time.Sleep(100 * time.Millisecond) // most likely the connection is there by now
	assert.NoError(t, p.Close(0, ""))
	p.expectEnd("error, CLOSED", "close 1006 unclean, CLOSED")
}

func TestSendInEachState(t *testing.T) {
	p := prepare(t, "/echo")
	assert.ErrorIs(t, p.SendText("x"), browser.ErrInvalidState)
	assert.ErrorIs(t, p.Send([]byte("x")), browser.ErrInvalidState)
	assert.Equal(t, p.BufferedAmount(), int64(0))
	p.Start()
	p.expect("open, OPEN")
	assert.NoError(t, p.SendText("€"))
	p.expect("text €, OPEN")
	p.drained()
	assert.NoError(t, p.Close(1000, ""))
	assert.NoError(t, p.SendText("€")) // 3 bytes
	assert.NoError(t, p.Send(make([]byte, 1000)))
	p.expectEnd("close 1000 clean, CLOSED")
	assert.Equal(t, p.BufferedAmount(), int64(1003))
	assert.NoError(t, p.Send(make([]byte, 10)))
	assert.Equal(t, p.BufferedAmount(), int64(1013))
}

func TestBufferedAmountFallsToZero(t *testing.T) {
	p := dial(t, "/echo")
	p.expect("open, OPEN")
	p.OnMessage(nil)
	most := int64(0)
	for i := range 100 {
		assert.NoError(t, p.Send(make([]byte, 50_000)))
		amount := p.BufferedAmount()
		assert.True(t, amount <= int64(i+1)*50_000 && amount%50_000 == 0, "the amount is not that of messages that wait")
		most = max(most, amount)
	}
	assert.True(t, most > 0, "no message ever waits")
	p.drained()
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
	assert.Equal(t, p.BufferedAmount(), int64(0))
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{
		"ftp://example.com/", "mailto:someone@example.com", "ws://", "ws://[::1/", "ws://example.com:port/", "ws://example.com:65536/",
		"ws://example.com/#", "ws://example.com/#fragment", "https://example.com/a?b#c",
	} {
		ws, err := browser.New(url)
		assert.ErrorIs(t, err, browser.ErrSyntax)
		assert.True(t, ws == nil && strings.HasPrefix(err.Error(), "websocket: "), err.Error())
	}
	for _, protocols := range [][]string{{""}, {"a b"}, {"a,b"}, {"grün"}, {"a", "b", "a"}, {"a/b"}, {"\x7f"}, {`"a"`}} {
		_, err := browser.New(serverURL()+"/echo", protocols...)
		assert.ErrorIs(t, err, browser.ErrSyntax)
	}
}

func TestURL(t *testing.T) {
	for url, want := range map[string]string{
		"ws://127.0.0.1:2":            "ws://127.0.0.1:2/",
		"HTTP://127.0.0.1:2/a?b=c%20": "ws://127.0.0.1:2/a?b=c%20",
		"https://127.0.0.1:2/":        "wss://127.0.0.1:2/",
		"wss://LOCALHOST:443/A":       "wss://localhost/A",
		"ws://[::1]:80?q":             "ws://[::1]/?q",
	} {
		ws, err := browser.New(url)
		assert.NoError(t, err)
		assert.Equal(t, ws.URL(), want)
		assert.NoError(t, ws.Close(0, ""))
		assert.True(t, ws.Wait() != nil, "closed while connecting, and no error")
	}
}

func TestCloseRefuses(t *testing.T) {
	p := dial(t, "/echo")
	p.expect("open, OPEN")
	for _, code := range []browser.StatusCode{1, 999, 1001, 1005, 1006, 1011, 1015, 2999, 5000, 65535} {
		assert.ErrorIs(t, p.Close(code, ""), browser.ErrInvalidAccess)
	}
	assert.ErrorIs(t, p.Close(0, "a reason without a code"), browser.ErrInvalidAccess)
	assert.ErrorIs(t, p.Close(1000, strings.Repeat("r", frame.MaxReason+1)), browser.ErrSyntax)
	assert.ErrorIs(t, p.Close(1000, strings.Repeat("€", 42)), browser.ErrSyntax)
	assert.ErrorIs(t, p.Close(1000, "\xff"), browser.ErrSyntax)
	assert.ErrorIs(t, p.SendText("\xff"), browser.ErrSyntax)
	assert.True(t, !errors.Is(p.Close(1, ""), browser.ErrSyntax), "one exception is another")
	assert.Equal(t, p.ReadyState(), browser.Open)
	assert.NoError(t, p.Close(1000, ""))
	p.expectEnd("close 1000 clean, CLOSED")
}

func TestNames(t *testing.T) {
	assert.Equal(t, browser.Connecting.String(), "CONNECTING")
	assert.Equal(t, browser.Closed.String(), "CLOSED")
	assert.Equal(t, browser.ReadyState(7).String(), "7")
	assert.Equal(t, browser.StatusCode(1001).String(), "1001 going away")
}

func TestManyAtOnce(t *testing.T) {
	var all []*probe
	for range 20 {
		all = append(all, dial(t, "/echo"))
	}
	for _, p := range all {
		p.expect("open, OPEN")
		assert.NoError(t, p.SendText("x"))
	}
	for _, p := range all {
		p.expect("text x, OPEN")
		assert.NoError(t, p.Close(1000, ""))
		p.expectEnd("close 1000 clean, CLOSED")
	}
}
