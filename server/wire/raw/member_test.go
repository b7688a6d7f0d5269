package raw

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestMessageIsEncodedOnce(t *testing.T) {
	m, same := &hub.Message{Payload: []byte("hello")}, &hub.Message{Payload: []byte("hello")}
	first := frameOf(m)
	assert.True(t, frameOf(m) == first, "a message was encoded twice")
	assert.True(t, frameOf(same) != first, "two messages share a frame")
	assert.Equal(t, frameOf(m).Type(), websocket.Text)
}

// TestMemberIsSmall holds what a subscription and its member cost together, without the
// connection: for ten thousand of them, in bytes of the heap.
func TestMemberIsSmall(t *testing.T) {
	const members, bound = 10_000, 640
	h, err := hub.New(nil)
	assert.NoError(t, err)
	defer h.Close()
	w := New(h, nil)
	defer w.Shutdown(t.Context())
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/t/room", nil)
	r.SetPathValue("topic", "room")
	all := make([]*member, members)
	before := heap()
	for i := range all {
		all[i], err = w.join(r)
		assert.NoError(t, err)
	}
	each := (heap() - before) / members
	t.Log(each, "bytes for each member")
	assert.True(t, each <= bound, fmt.Sprint(each, " bytes for each member"))
	for _, m := range all {
		m.leave()
		m.leave() // once is enough
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A socket that has not been answered keeps one message, and the log the others.
func TestEarlyMessages(t *testing.T) {
	h, err := hub.New(nil)
	assert.NoError(t, err)
	defer h.Close()
	w := New(h, nil)
	defer w.Shutdown(t.Context())
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/t/room", nil)
	r.SetPathValue("topic", "room")
	m, err := w.join(r)
	assert.NoError(t, err)
	for range 1000 {
		_, err := h.Publish(t.Context(), &hub.Message{Topic: "room", Payload: []byte("hello")})
		assert.NoError(t, err)
	}
	assert.Equal(t, len(m.early), 1)
	m.leave()
}
