package wire

import "sync"

// What one socket may publish before the first of it is stored: when it has come to one
// of these, it is not read from until half of that is stored.
const (
	MaxUnstored      = 256     // messages
	MaxUnstoredBytes = 1 << 20 // of their payloads
)

// Pausable is a socket that need not be read from: a *event.Conn.
type Pausable interface {
	Pause()
	Resume()
}

// Unstored counts what a socket has published that is not stored yet, and pauses the socket
// while that is too much: its peer is slowed down by TCP, and nobody waits. The zero
// Unstored is ready. Enter is called by the handler of the socket, Leave by any goroutine.
//
// Without a store a socket is never paused, as everything is stored when PublishAsync
// returns.
type Unstored struct {
	mu       sync.Mutex // held while the socket is paused and resumed, so that the last of it counts
	messages int
	bytes    int
	paused   bool
}

// Enter counts a message of n bytes, which is about to be published.
func (u *Unstored) Enter(c Pausable, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.messages++
	u.bytes += n
	if !u.paused && (u.messages >= MaxUnstored || u.bytes >= MaxUnstoredBytes) {
		u.paused = true
		c.Pause()
	}
}

// Leave takes a message of n bytes out of the count: it is stored, or will not be.
func (u *Unstored) Leave(c Pausable, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.messages--
	u.bytes -= n
	if u.paused && u.messages <= MaxUnstored/2 && u.bytes <= MaxUnstoredBytes/2 {
		u.paused = false
		c.Resume()
	}
}
