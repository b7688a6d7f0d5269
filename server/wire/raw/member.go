package raw

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
)

// tooSlow is the reason that a member is given that cannot keep up. The code
// beside it is 1013: whoever reconnects finds an empty queue.
const tooSlow = "too slow"

// maxEarly is how many bytes are kept for a member whose handshake is still
// being answered. That takes no time worth mentioning, unless the client does not read
// even the answer.
const maxEarly = 1 << 20

// A member is one socket in a room, and a Sink to the hub.
type member struct {
	room  *room
	leave func() // leaves the room; may be called more than once

	conn atomic.Pointer[websocket.Conn] // nil until the handshake is done
	slow atomic.Bool                    // it is being closed for that

	mu    sync.Mutex     // guards early, and the moment in which conn is set
	early []*hub.Message // delivered before there was a conn
	size  int            // bytes in early
}

// Deliver queues m for the socket and never waits for it.
func (m *member) Deliver(msg *hub.Message) {
	if c := m.conn.Load(); c != nil {
		m.post(c, msg)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.conn.Load(); c != nil {
		m.post(c, msg)
		return
	}
	m.size += len(msg.Payload)
	if m.size > maxEarly {
		m.slow.Store(true)
		m.early = nil
		return
	}
	m.early = append(m.early, msg)
}

// attach gives the member its socket, and the socket what came before it.
func (m *member) attach(c *websocket.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.slow.Load() {
		go closeSlow(c)
	}
	for _, msg := range m.early {
		m.post(c, msg)
	}
	m.early = nil
	m.conn.Store(c)
}

// post queues msg on c, and gives c up if its queue is full. Other errors mean
// that the connection has ended, or is ending, and whoever reads from it knows.
func (m *member) post(c *websocket.Conn, msg *hub.Message) {
	if m.slow.Load() {
		return
	}
	f, err := m.room.frame(msg)
	if err == nil {
		err = c.PostPrepared(f)
	}
	if errors.Is(err, websocket.ErrQueueFull) && m.slow.CompareAndSwap(false, true) {
		// The close frame waits behind the queue, which must not hold up the
		// topic. The goroutine ends with the close timeout at the latest.
		go closeSlow(c)
	}
}

func closeSlow(c *websocket.Conn) {
	_ = c.Close(websocket.StatusTryAgainLater, tooSlow)
}
