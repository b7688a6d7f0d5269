package websocket_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

func TestRegistryKnowsWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg websocket.Registry
		assert.Equal(t, reg.Len(), 0)
		want := map[*websocket.Conn]bool{}
		var scripts []*wstest.Script
		for range 3 {
			c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Registry: &reg})
			d, r := wstest.DialScript(t, &websocket.DialOptions{Registry: &reg})
			want[c], want[d] = true, true
			scripts = append(scripts, s, r)
		}
		got := map[*websocket.Conn]bool{}
		for c := range reg.All() {
			got[c] = true
		}
		assert.True(t, maps.Equal(got, want), "All yields other connections")
		assert.Equal(t, reg.Len(), 6)
		for range reg.All() {
			break
		}

		ends := slices.Collect(reg.All())
		for i, c := range ends {
			c.CloseNow() // while All goes on
			assert.Equal(t, reg.Len(), 5-i)
		}
		for _, s := range scripts {
			s.ExpectEOF()
		}
	})
}

func TestRegistryForgetsWhatEnded(t *testing.T) {
	var reg websocket.Registry
	bothRoles(t, &websocket.AcceptOptions{Registry: &reg}, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
		assert.Equal(t, reg.Len(), 1)
		s.SendClose(websocket.StatusNormalClosure, "")
		_, _, err := c.Read(t.Context())
		assert.Equal(t, websocket.CloseStatus(err), websocket.StatusNormalClosure)
		assert.Equal(t, reg.Len(), 0)
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg websocket.Registry
		var scripts []*wstest.Script
		var reads []func() error
		for i := range 4 {
			c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Registry: &reg})
			scripts = append(scripts, s)
			if i%2 == 0 {
				reads = append(reads, reading(t.Context(), c))
			}
		}
		begun := time.Now()
		done := start(func() error { return reg.Shutdown(t.Context()) })
		for _, s := range scripts {
			s.ExpectClose(websocket.StatusGoingAway, "server is shutting down")
			time.Sleep(time.Second)
			s.SendClose(websocket.StatusGoingAway, "")
		}
		assert.NoError(t, done())
		assert.Equal(t, time.Since(begun), 4*time.Second)
		assert.Equal(t, reg.Len(), 0)
		for _, read := range reads {
			assert.Equal(t, websocket.CloseStatus(read()), websocket.StatusGoingAway)
		}
		_, _, err := websocket.Dial(t.Context(), "ws://example.com", &websocket.DialOptions{Registry: &reg})
		assert.True(t, err != nil, "Dial worked after Shutdown")
		assert.Contains(t, err.Error(), "shutting down")
		assert.NoError(t, reg.Shutdown(t.Context()))
	})
}

// TestShutdownIsBounded has peers that do not answer: Shutdown takes as long as
// its context or as the close timeout lets it.
func TestShutdownIsBounded(t *testing.T) {
	for _, tt := range []struct{ bound, took time.Duration }{
		{2 * time.Second, 2 * time.Second}, {time.Minute, 5 * time.Second},
	} {
		t.Run(tt.bound.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reg websocket.Registry
				c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Registry: &reg})
				_, r := wstest.AcceptScript(t, &websocket.AcceptOptions{Registry: &reg})
				read := reading(t.Context(), c)
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), tt.bound)
				defer cancel()
				begun := time.Now()
				err := reg.Shutdown(ctx)
				assert.Equal(t, time.Since(begun), tt.took)
				assert.Equal(t, errors.Is(err, context.DeadlineExceeded), tt.took == tt.bound)
				assert.Equal(t, reg.Len(), 0)
				assert.Equal(t, websocket.CloseStatus(read()), websocket.StatusAbnormalClosure)
				for _, s := range []*wstest.Script{s, r} {
					s.ExpectClose(websocket.StatusGoingAway, "server is shutting down")
					s.ExpectEOF()
				}
			})
		})
	}
}
