package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestEcho(t *testing.T) {
	url := serve(t, echoing)
	for _, driver := range []event.Driver{event.Auto, event.Goroutines} {
		s := openTarget(t, &Target{URL: url, Driver: driver}, 5)
		for _, m := range []Message{
			{},
			{Type: websocket.Text, Size: 1},
			{Type: websocket.Text, Size: 20},
			{Type: websocket.Binary, Size: 5},
			{Type: websocket.Binary, Size: 12},
			{Type: websocket.Text, Size: 12 << 10, Content: Chinese},
			{Type: websocket.Text, Size: 1000, Content: JSON},
			{Type: websocket.Binary, Size: 70_000},
		} {
			for _, depth := range []int{0, 16} {
				t.Run(fmt.Sprintf("%v %+v %d in flight", driver, m, depth), func(t *testing.T) {
					r, err := s.Echo(t.Context(), &Echo{Message: m, Depth: depth, Each: 20})
					assert.NoError(t, err)
					assert.Equal(t, r.Problems, nil)
					assert.Equal(t, r.Sent, 100)
					assert.Equal(t, r.Messages, 100)
					size := m.Size
					if size == 0 {
						size = DefaultSize
					}
					assert.Equal(t, r.Bytes, int64(100*size))
					assert.Equal(t, r.Latency.TotalCount(), 100)
					assert.True(t, r.Latency.Max() > 0 && time.Duration(r.Latency.Min()) <= r.Elapsed, "the times are wrong")
					assert.Equal(t, r.Connections, 5)
				})
			}
		}
		assert.Equal(t, s.Close(), nil)
		assert.Equal(t, s.Len(), 0)
	}
}

// TestEchoForATime ends by itself, with everything back.
func TestEchoForATime(t *testing.T) {
	s := open(t, serve(t, echoing), 3)
	// On a busy machine a short time may be over before all have sent something.
	d := 20 * time.Millisecond
	for n := 0; n < 3; d *= 2 {
		r, err := s.Echo(t.Context(), &Echo{Depth: 4, Duration: d})
		assert.NoError(t, err)
		assert.True(t, r.OK() && r.Sent == r.Messages && d < time.Minute, fmt.Sprintf("%+v", r))
		if r.Messages >= 3 {
			n++
		}
	}
}

// A spoiler answers message n of all in its own way.
type spoiler func(n int, m websocket.Message) []websocket.Message

func (s spoiler) handle() func(context.Context, *websocket.Conn) error {
	n := -1
	return answering(func(m websocket.Message) []websocket.Message {
		n++
		return s(n, m)
	})
}

// as returns messages of the type of m.
func as(m websocket.Message, data ...string) (all []websocket.Message) {
	for _, d := range data {
		all = append(all, websocket.Message{Type: m.Type, Data: []byte(d)})
	}
	return all
}

// badServers do one thing wrong, to message 3 of 10, and are caught at it.
func badServers() map[string]struct {
	spoil spoiler
	want  Kind
} {
	var kept websocket.Message
	third := func(f func(m websocket.Message) []websocket.Message) spoiler {
		return func(n int, m websocket.Message) []websocket.Message {
			if n == 3 {
				return f(m)
			}
			return []websocket.Message{m}
		}
	}
	return map[string]struct {
		spoil spoiler
		want  Kind
	}{
		"drops":      {third(func(websocket.Message) []websocket.Message { return nil }), Lost},
		"duplicates": {third(func(m websocket.Message) []websocket.Message { return []websocket.Message{m, m} }), Duplicate},
		"duplicates the last": {func(n int, m websocket.Message) []websocket.Message {
			return []websocket.Message{m, m}[:1+n/9]
		}, Duplicate},
		"reorders": {func(n int, m websocket.Message) []websocket.Message {
			switch n {
			case 3:
				kept = m
				return nil
			case 4:
				return []websocket.Message{m, kept}
			}
			return []websocket.Message{m}
		}, Reordered},
		"corrupts the filler": {third(func(m websocket.Message) []websocket.Message {
			m.Data[len(m.Data)-1] ^= 1
			return []websocket.Message{m}
		}), Corrupt},
		"corrupts the stamp": {third(func(m websocket.Message) []websocket.Message {
			m.Data[5] ^= 1
			return []websocket.Message{m}
		}), Corrupt},
		"shortens": {third(func(m websocket.Message) []websocket.Message {
			return as(m, string(m.Data[:len(m.Data)-1]))
		}), WrongSize},
		"lengthens": {third(func(m websocket.Message) []websocket.Message {
			return as(m, string(m.Data)+"!")
		}), WrongSize},
		"changes the type": {third(func(m websocket.Message) []websocket.Message {
			return []websocket.Message{{Type: 3 - m.Type, Data: m.Data}}
		}), WrongType},
		"talks": {third(func(m websocket.Message) []websocket.Message {
			return append([]websocket.Message{m}, as(m, "by the way")...)
		}), Unexpected},
		"answers with something else": {third(func(m websocket.Message) []websocket.Message {
			return as(m, strings.Repeat("?", len(m.Data)))
		}), Corrupt},
	}
}

func TestEchoCatchesBadServers(t *testing.T) {
	for name, c := range badServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some wait for what will not come
			s := openTarget(t, impatient(serve(t, c.spoil.handle())), 1)
			r, err := s.Echo(t.Context(), &Echo{Depth: 2, Each: 10})
			assert.NoError(t, err)
			all := mergeProblems(r.Problems, s.Close()) // what comes too late
			assert.True(t, count(all, c.want) > 0, fmt.Sprint(all))
			switch c.want {
			case Lost, Duplicate, Reordered, WrongSize, WrongType, Unexpected: // nothing else may be said
				assert.Equal(t, len(all), 1)
				assert.Equal(t, all[0].Count, 1)
			}
		})
	}
}

// A greeting does no harm, but one that comes instead of an answer does.
func TestGreeting(t *testing.T) {
	s := open(t, serve(t, func(ctx context.Context, c *websocket.Conn) error {
		if err := c.Write(ctx, websocket.Text, []byte("welcome!")); err != nil {
			return err
		}
		return echoing(ctx, c)
	}), 4)
	r, err := s.Echo(t.Context(), &Echo{Each: 5})
	assert.NoError(t, err)
	assert.Equal(t, r.Problems, nil)
	assert.Equal(t, r.Messages, 20)
	assert.Equal(t, r.Ignored, 4)

	s = openTarget(t, impatient(serve(t, answering(func(m websocket.Message) []websocket.Message {
		return as(m, "{\"error\":\"unknown command\"}")
	}))), 2)
	r, err = s.Echo(t.Context(), &Echo{Each: 5})
	assert.ErrorIs(t, err, ErrNoConnections)
	assert.Equal(t, count(r.Problems, Unexpected), 2)
	assert.Contains(t, r.Problems[0].Example, "unknown command")
}

// TestSilentServer never answers: the run is bounded.
func TestSilentServer(t *testing.T) {
	s := openTarget(t, impatient(serve(t, answering(func(websocket.Message) []websocket.Message { return nil }))), 3)
	r, err := s.Echo(t.Context(), &Echo{Each: 5})
	assert.ErrorIs(t, err, ErrNoConnections)
	assert.Equal(t, count(r.Problems, Silent), 3)
	assert.Equal(t, count(r.Problems, Lost), 3)
	assert.Contains(t, r.Problems[1].Example, "nothing came for 1s")
	_, err = s.Echo(t.Context(), &Echo{Each: 1})
	assert.ErrorIs(t, err, ErrNoConnections)
}

// TestServerCloses ends a connection in the middle; the others go on.
func TestServerCloses(t *testing.T) {
	var once sync.Once
	s := open(t, serve(t, func(ctx context.Context, c *websocket.Conn) error {
		for n := 0; ; n++ {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if n == 3 {
				closed := false
				once.Do(func() { closed = true })
				if closed {
					return c.Close(websocket.StatusGoingAway, "enough of this")
				}
			}
			if err := c.Write(ctx, typ, p); err != nil {
				return err
			}
		}
	}), 3)
	r, err := s.Echo(t.Context(), &Echo{Each: 10})
	assert.NoError(t, err)
	assert.Equal(t, r.Messages, 3+10+10)
	assert.Equal(t, count(r.Problems, Closed), 1)
	assert.Equal(t, count(r.Problems, Lost), 1)
	assert.Contains(t, r.Problems[1].Example, "1001 going away")
	assert.Equal(t, r.Connections, 2)
	r, err = s.Echo(t.Context(), &Echo{Each: 10})
	assert.NoError(t, err)
	assert.Equal(t, r.Messages, 20)
	assert.Equal(t, r.Problems, nil)
}

// TestNotAWebSocket breaks the protocol behind a good handshake, over a connection in
// memory.
func TestNotAWebSocket(t *testing.T) {
	l := wstest.Listen()
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		script := wstest.NewScript(t, c, wstest.Server)
		script.ServerHandshake()
		script.ExpectMessage()
		script.Send([]byte("HTTP/1.1 500 Internal Server Error\r\n\r\n"))
	}()
	target := impatient("ws://" + l.Addr().String())
	target.Dial = &websocket.DialOptions{DialContext: l.DialContext}
	s := openTarget(t, target, 1)
	r, err := s.Echo(t.Context(), &Echo{Each: 1})
	assert.ErrorIs(t, err, ErrNoConnections)
	assert.Equal(t, count(r.Problems, Closed), 1)
	assert.Contains(t, r.Problems[1].Example, "RFC 6455 §5.")
}

// A room is no echo.
func TestEchoOfARoom(t *testing.T) {
	s := open(t, serve(t, new(room).handle), 3)
	r, err := s.Echo(t.Context(), &Echo{Each: 4})
	assert.NoError(t, err)
	all := mergeProblems(r.Problems, s.Close())
	assert.True(t, count(all, Unexpected) > 0, fmt.Sprint(all))
	assert.Contains(t, all[0].Example, "is this an echo?")
}

func TestRefused(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "members only", http.StatusForbidden)
	}))
	t.Cleanup(s.Close)
	_, err := Open(t.Context(), &Target{URL: "ws" + strings.TrimPrefix(s.URL, "http")}, 10)
	var refused *RefusedError
	assert.True(t, errors.As(err, &refused), "it is another error")
	assert.Equal(t, refused.Response.StatusCode, http.StatusForbidden)
}

// TestEchoIsInterrupted returns what there is until then.
func TestEchoIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n int
	s := open(t, serve(t, answering(func(m websocket.Message) []websocket.Message {
		if n++; n == 20 {
			cancel()
		}
		return []websocket.Message{m}
	})), 2)
	r, err := s.Echo(ctx, &Echo{Duration: time.Hour})
	assert.ErrorIs(t, err, context.Canceled)
	assert.True(t, r.Messages >= 20 && r.Messages == r.Sent, fmt.Sprintf("%+v", r))
	assert.Equal(t, r.Problems, nil)
}

// TestInterruptedWhileSilent does not blame the server for what was not waited for.
func TestInterruptedWhileSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := openTarget(t, impatient(serve(t, answering(func(websocket.Message) []websocket.Message {
		cancel()
		return nil
	}))), 1)
	r, err := s.Echo(ctx, &Echo{Duration: time.Hour})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, r.Problems, nil)
}

func TestEchoRefusesNonsense(t *testing.T) {
	s := open(t, serve(t, echoing), 1)
	for _, e := range []Echo{{}, {Duration: -1}, {Rate: 1}, {Rate: 1, Each: 1}, {Depth: -1, Each: 1}, {Message: Message{Size: -1}, Each: 1}} {
		_, err := s.Echo(t.Context(), &e)
		assert.True(t, err != nil, fmt.Sprintf("%+v", e))
	}
}

// The check of a message and its record allocate nothing, whatever its form.
func TestMessageDoesNotAllocate(t *testing.T) {
	s := open(t, serve(t, echoing), 1)
	for _, m := range []Message{{}, {Type: websocket.Binary}} {
		sl, err := s.newSlice(m)
		assert.NoError(t, err)
		j := &echo{slice: sl, depth: 1}
		c := s.conns[0]
		c.times, c.sent = make([]int64, 1), c.sent+2000
		p := bytes.Clone(sl.form.payload)
		var st stamped
		assert.Equal(t, testing.AllocsPerRun(1000, func() {
			copy(p, sl.form.put(&st, c.back.next, c.id))
			j.message(c, nil, sl.form.kind, p)
		}), 0)
		c.back.giveUp(c.sent)
		var r Result
		s.harvest(&r)
		assert.Equal(t, r.Messages, 1001)
	}
}
