package wire

import "sync"

// What one socket may publish before the first of it is stored.
const (
	MaxUnstored      = 256     // messages
	MaxUnstoredBytes = 1 << 20 // of their payloads; one message may have more
)

// Unstored counts what a socket has published that is not stored yet, and makes the
// one who publishes more than [MaxUnstored] and [MaxUnstoredBytes] wait. The zero
// Unstored is ready. Enter is called by one goroutine at a time, Leave by any.
//
// It is the handler of the socket that waits: nothing more is read from the socket
// then, its peer is slowed down by TCP, and a loop goes on without it. Without a store
// nobody ever waits, as everything is stored when PublishAsync returns.
type Unstored struct {
	mu       sync.Mutex
	messages int
	bytes    int
	room     chan struct{} // closed when something was stored, nil if nobody waits
}

// Enter counts a message of n bytes, when there is room for it.
func (u *Unstored) Enter(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.messages >= MaxUnstored || u.messages > 0 && u.bytes+n > MaxUnstoredBytes {
		room := make(chan struct{})
		u.room = room
		u.mu.Unlock()
		<-room
		u.mu.Lock()
	}
	u.messages++
	u.bytes += n
}

// Leave takes a message of n bytes out of the count.
func (u *Unstored) Leave(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.messages--
	u.bytes -= n
	if u.room != nil {
		close(u.room)
		u.room = nil
	}
}
