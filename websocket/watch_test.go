package websocket_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// A watchedContext is never done and counts who waits for that.
type watchedContext struct {
	context.Context //nolint:containedctx // it is one
	done            chan struct{}
	waiting         atomic.Int32
}

func (x *watchedContext) Done() <-chan struct{} { return x.done }

// AfterFunc is what context.AfterFunc calls.
func (x *watchedContext) AfterFunc(func()) (stop func() bool) {
	x.waiting.Add(1)
	return func() bool {
		x.waiting.Add(-1)
		return true
	}
}

// TestContextOutlivesConnections uses one context for many connections, read with it
// and written so much that writes wait. It must hold none that has ended, however.
func TestContextOutlivesConnections(t *testing.T) {
	ctx := &watchedContext{Context: t.Context(), done: make(chan struct{})}
	m := sample(websocket.Binary, 1<<20)
	ends := []func(a, b *websocket.Conn){
		func(a, b *websocket.Conn) {
			assert.NoError(t, a.CloseNow())
			assert.NoError(t, b.CloseNow())
		},
		func(a, b *websocket.Conn) {
			read := reading(ctx, b)
			assert.NoError(t, a.Close(websocket.StatusNormalClosure, ""))
			assert.Equal(t, websocket.CloseStatus(read()), websocket.StatusNormalClosure)
		},
	}
	for _, end := range ends {
		overAll(t, nil, func(t *testing.T, a, b *websocket.Conn) {
			wait := writing(ctx, a, m)
			_, _, err := b.Next(ctx)
			assert.NoError(t, err)
			assert.NoError(t, wait())
			wait = writing(ctx, b, m)
			_, _, err = a.Next(ctx)
			assert.NoError(t, err)
			assert.NoError(t, wait())
			assert.True(t, ctx.waiting.Load() > 0, "nobody has registered")
			end(a, b)
			assert.Equal(t, ctx.waiting.Load(), 0)
		})
	}
}
