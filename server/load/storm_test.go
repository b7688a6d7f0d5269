package load

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestConnect(t *testing.T) {
	var ended [2]atomic.Int64 // by code 1000, and otherwise
	url := serve(t, func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			ended[0].Add(1)
		} else {
			ended[1].Add(1)
		}
		return err
	})
	for i, ending := range []Ending{Handshake, Reset} {
		var progress atomic.Int64
		r, err := Connect(t.Context(), &Target{URL: url, Handshakes: &progress}, &Storm{Workers: 4, Limit: 20, Ending: ending})
		assert.NoError(t, err)
		assert.Equal(t, r.Messages, 20)
		assert.Equal(t, r.Latency.TotalCount(), 20)
		assert.Equal(t, progress.Load(), 20)
		assert.Equal(t, r.Problems, nil)
		for ended[i].Load() < 20 {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestConnectForATime(t *testing.T) {
	r, err := Connect(t.Context(), &Target{URL: serve(t, echoing)}, &Storm{Duration: 50 * time.Millisecond})
	assert.NoError(t, err)
	assert.Equal(t, r.Problems, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Connect(ctx, &Target{URL: serve(t, echoing)}, &Storm{Limit: 1})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = Connect(t.Context(), &Target{}, &Storm{})
	assert.Contains(t, err.Error(), "a Storm needs a Duration")
}

// TestConnectIsRefused at once, after a while, and now and then.
func TestConnectIsRefused(t *testing.T) {
	for _, c := range []struct {
		refuses  func(n int64) bool
		ends     bool
		accepted int64
	}{
		{func(int64) bool { return true }, true, 0},
		{func(n int64) bool { return n > 10 }, true, 10},
		{func(n int64) bool { return n%3 == 0 }, false, 200},
	} {
		var n atomic.Int64
		h := websocket.Handler(echoing, nil)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.refuses(n.Add(1)) {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		r, err := Connect(t.Context(), &Target{URL: "ws" + strings.TrimPrefix(s.URL, "http")}, &Storm{Workers: 1, Limit: 300})
		assert.Equal(t, r.Messages, c.accepted)
		assert.True(t, count(r.Problems, Refused) > 0, "nothing was refused")
		var refused *RefusedError
		assert.Equal(t, errors.As(err, &refused), c.ends)
		if c.ends {
			assert.Equal(t, refused.Response.StatusCode, http.StatusServiceUnavailable)
			assert.Equal(t, refused.Opened, int(c.accepted))
		}
	}
}

func TestHold(t *testing.T) {
	var talk atomic.Bool
	s := open(t, serve(t, func(ctx context.Context, c *websocket.Conn) error {
		if talk.CompareAndSwap(false, true) {
			_ = c.Write(ctx, websocket.Text, []byte("anybody there?"))
			return c.Close(websocket.StatusGoingAway, "")
		}
		return echoing(ctx, c)
	}), 3)
	for s.Len() == 3 {
		time.Sleep(time.Millisecond)
	}
	r, err := s.Hold(t.Context(), time.Millisecond)
	assert.NoError(t, err)
	assert.Equal(t, r.Connections, 2)
	assert.Equal(t, r.Ignored, 1)
	assert.Equal(t, count(r.Problems, Closed), 1)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Hold(ctx, time.Hour)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, s.Opening().Messages, 3)
}

// Connections come from the source addresses in turn.
func TestSources(t *testing.T) {
	var from [2]atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, _ := netip.ParseAddrPort(r.RemoteAddr)
		from[at.Addr().As4()[3]-1].Add(1)
		websocket.Handler(echoing, nil).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	target := &Target{URL: "ws" + strings.TrimPrefix(s.URL, "http")}
	if loopbacks > 1 {
		target.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
	} else {
		target.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	set := openTarget(t, target, 6)
	r, err := set.Echo(t.Context(), &Echo{Each: 2})
	assert.NoError(t, err)
	assert.Equal(t, r.Messages, 12)
	assert.Equal(t, from[0].Load(), 6/int64(len(target.Sources)))
}

func TestHints(t *testing.T) {
	for err, want := range refusals {
		assert.Contains(t, (&RefusedError{Opened: 7, Err: err}).Error(), want)
	}
	cause := errors.New("another one")
	err := &RefusedError{Err: cause}
	assert.Equal(t, err.Error(), "another one")
	assert.ErrorIs(t, err, cause)
}

func TestOpenRefusesNonsense(t *testing.T) {
	_, err := Open(t.Context(), &Target{}, 0)
	assert.Contains(t, err.Error(), "at least one")
	_, err = Open(t.Context(), &Target{Processes: Processes{-1}}, 1)
	assert.Contains(t, err.Error(), "process -1: ")
}
