package load

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestFanOut(t *testing.T) {
	for _, without := range []bool{false, true} {
		receivers := 6
		if without {
			receivers = 5
		}
		s := open(t, serve(t, (&room{without: without}).handle), 6)
		for _, f := range []FanOut{
			{Each: 5},
			{Each: 7, Outstanding: 3},
			{Each: 4, Publishers: 3, Outstanding: 4, Message: Message{Type: websocket.Binary, Size: 12}},
			{Each: 4, Publishers: 6, Message: Message{Size: 5000}},
		} {
			t.Run(fmt.Sprintf("own not sent %t %+v", without, f), func(t *testing.T) {
				r, err := s.FanOut(t.Context(), &f)
				assert.NoError(t, err)
				assert.Equal(t, r.Problems, nil)
				assert.Equal(t, r.Sent, f.Each*int64(max(f.Publishers, 1)))
				assert.Equal(t, r.Messages, r.Sent*int64(receivers))
				assert.Equal(t, r.Latency.TotalCount(), r.Messages)
			})
		}
		assert.Equal(t, s.Close(), nil)
	}
}

// TestFanOutAlone has a server for one connection, which gets its own.
func TestFanOutAlone(t *testing.T) {
	s := open(t, serve(t, echoing), 1)
	r, err := s.FanOut(t.Context(), &FanOut{Each: 5})
	assert.NoError(t, err)
	assert.Equal(t, r.Messages, 5)
}

// TestFanOutForATime ends by itself, with everything delivered, closed and open loop.
func TestFanOutForATime(t *testing.T) {
	s := open(t, serve(t, new(room).handle), 4)
	for _, rate := range []float64{0, 500} {
		// On a busy machine a short time may be over before anybody has sent something.
		for d, sent := 50*time.Millisecond, int64(0); sent == 0; d *= 2 {
			r, err := s.FanOut(t.Context(), &FanOut{Publishers: 2, Outstanding: 2, Rate: rate, Duration: d})
			assert.NoError(t, err)
			assert.True(t, r.OK() && r.Messages == 4*r.Sent && d < time.Minute, fmt.Sprintf("%+v", r))
			assert.Equal(t, r.Late != nil, rate > 0)
			if rate > 0 {
				assert.Equal(t, r.Sent+r.Unsent, int64(rate*d.Seconds()))
			}
			sent = r.Sent
		}
	}
}

func TestFanOutCatchesBadServers(t *testing.T) {
	// A message to one connection is treated badly, after the first few, with which
	// connections join.
	const bad = 40
	at := func(f func(m websocket.Message) []websocket.Message) func(*websocket.Conn, int, int, websocket.Message) []websocket.Message {
		return func(_ *websocket.Conn, to, n int, m websocket.Message) []websocket.Message {
			if to == 2 && n == bad {
				return f(m)
			}
			return []websocket.Message{m}
		}
	}
	var kept websocket.Message
	for name, c := range map[string]struct {
		spoil func(*websocket.Conn, int, int, websocket.Message) []websocket.Message
		want  Kind
	}{
		"drops":      {at(func(websocket.Message) []websocket.Message { return nil }), Lost},
		"duplicates": {at(func(m websocket.Message) []websocket.Message { return []websocket.Message{m, m} }), Duplicate},
		"corrupts": {at(func(m websocket.Message) []websocket.Message {
			p := bytes.Clone(m.Data)
			p[len(p)-1] ^= 1
			return []websocket.Message{{Type: m.Type, Data: p}}
		}), Corrupt},
		"shortens": {at(func(m websocket.Message) []websocket.Message {
			return []websocket.Message{{Type: m.Type, Data: m.Data[:30]}}
		}), WrongSize},
		"invents a message": {at(func(m websocket.Message) []websocket.Message {
			p := bytes.Clone(m.Data)
			p[10] = '7' // a number that is not reached
			return []websocket.Message{m, {Type: m.Type, Data: p}}
		}), Unexpected},
		"chats": {at(func(m websocket.Message) []websocket.Message {
			return []websocket.Message{m, {Type: m.Type, Data: []byte("psst")}}
		}), Unexpected},
		"reorders": {func(_ *websocket.Conn, to, n int, m websocket.Message) []websocket.Message {
			switch {
			case to == 2 && n == bad:
				kept = websocket.Message{Type: m.Type, Data: bytes.Clone(m.Data)}
				return nil
			case to == 2 && n == bad+1:
				return []websocket.Message{m, kept}
			}
			return []websocket.Message{m}
		}, Reordered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some wait for what will not come
			s := openTarget(t, impatient(serve(t, (&room{spoil: c.spoil}).handle)), 4)
			r, err := s.FanOut(t.Context(), &FanOut{Own: OwnSent, Each: 60, Outstanding: 4})
			assert.NoError(t, err)
			all := mergeProblems(r.Problems, s.Close())
			assert.Equal(t, len(all), 1)
			assert.Equal(t, all[0].Kind, c.want)
			assert.Equal(t, all[0].Count, 1)
			assert.Contains(t, all[0].Example, "connection")
		})
	}
}

// A server that loses the last message is waited for and then given up.
func TestFanOutIsBounded(t *testing.T) {
	s := openTarget(t, impatient(serve(t, (&room{spoil: func(_ *websocket.Conn, to, n int, m websocket.Message) []websocket.Message {
		if to == 1 && n >= 40 {
			return nil
		}
		return []websocket.Message{m}
	}}).handle)), 3)
	r, err := s.FanOut(t.Context(), &FanOut{Own: OwnSent, Duration: time.Hour, Outstanding: 2})
	assert.NoError(t, err)
	assert.True(t, count(r.Problems, Lost) > 0, fmt.Sprint(r.Problems))
	assert.Equal(t, r.Messages+count(r.Problems, Lost), 3*r.Sent)
	assert.Equal(t, r.Connections, 2)
}

// TestSubscriberIsClosed in the middle: the others go on.
func TestSubscriberIsClosed(t *testing.T) {
	s := open(t, serve(t, (&room{spoil: func(c *websocket.Conn, to, n int, m websocket.Message) []websocket.Message {
		if to == 2 && n == 40 {
			_ = c.CloseNow()
		}
		return []websocket.Message{m}
	}}).handle), 4)
	got, err := s.FanOut(t.Context(), &FanOut{Own: OwnSent, Each: 60, Outstanding: 2})
	assert.NoError(t, err)
	assert.Equal(t, count(got.Problems, Closed), 1)
	assert.Equal(t, got.Sent, 60)
	assert.True(t, got.Messages >= 180 && got.Messages < 240, fmt.Sprintf("%+v", got))
	assert.Equal(t, got.Connections, 3)
}

// TestPublisherIsClosed in the middle: what the other one publishes goes on.
func TestPublisherIsClosed(t *testing.T) {
	url := serve(t, (&room{spoil: func(c *websocket.Conn, to, n int, m websocket.Message) []websocket.Message {
		if to == -1 && n == 60 {
			_ = c.CloseNow()
		}
		return []websocket.Message{m}
	}}).handle)
	s := openTarget(t, impatient(url), 4)
	got, err := s.FanOut(t.Context(), &FanOut{Own: OwnSent, Publishers: 2, Each: 60})
	assert.NoError(t, err)
	assert.Equal(t, count(got.Problems, Closed), 1)
	assert.True(t, got.Sent > 60 && got.Sent < 120, fmt.Sprintf("%+v", got))
}

func TestFanOutIsInterrupted(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		ctx, cancel := context.WithCancel(t.Context())
		s := open(t, serve(t, (&room{spoil: func(_ *websocket.Conn, _, n int, m websocket.Message) []websocket.Message {
			if n == 60 {
				cancel()
			}
			return []websocket.Message{m}
		}}).handle), 3)
		r, err := s.FanOut(ctx, &FanOut{Duration: time.Hour, Rate: rate})
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, r.Problems, nil)
		assert.True(t, r.Messages > 0 && r.Messages == 3*r.Sent && r.Unsent == 0, fmt.Sprintf("%+v", r))
	}
}

// TestFanOutWaitsForSubscribers has a server that subscribes connections only after the
// first message: that is no loss.
func TestFanOutWaitsForSubscribers(t *testing.T) {
	r, published := &room{}, make(chan struct{})
	once := sync.OnceFunc(func() { close(published) })
	t.Cleanup(once)
	s := open(t, serve(t, func(ctx context.Context, c *websocket.Conn) error {
		go func() {
			<-published
			r.add(c)
		}()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			r.add(c)
			r.broadcast(ctx, c, m)
			once()
		}
		return nil
	}), 3)
	got, err := s.FanOut(t.Context(), &FanOut{Each: 5})
	assert.NoError(t, err)
	assert.Equal(t, got.Problems, nil)
	assert.Equal(t, got.Messages, 15)
}

func TestFanOutRefusesNonsense(t *testing.T) {
	s := open(t, serve(t, echoing), 1)
	for _, f := range []FanOut{
		{},
		{Each: 1, Publishers: 2},
		{Rate: 1, Each: 1},
		{Each: 1, Message: Message{Size: 23}},
		{Each: 1, Message: Message{Size: 11, Type: websocket.Binary}},
	} {
		_, err := s.FanOut(t.Context(), &f)
		assert.True(t, err != nil, fmt.Sprintf("%+v", f))
	}
}
