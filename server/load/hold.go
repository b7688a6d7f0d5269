package load

import (
	"context"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// Hold keeps the connections open for d without sending anything. What the server
// sends is ignored and counted; a connection that ends is a Problem. Result.Memory is
// what the server takes at the end of it, Result.CPU what it used.
func (s *Set) Hold(ctx context.Context, d time.Duration) (*Result, error) {
	s.work.Store(&slice{set: s, job: hold{}})
	r := &Result{MemoryBefore: s.target.Processes.Memory()}
	cpu, own, begin := s.target.Processes.CPU(), ownCPU(), time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.Elapsed = time.Since(begin)
	r.CPU, r.OwnCPU = s.target.Processes.CPU()-cpu, ownCPU()-own
	r.Memory, r.Connections = s.target.Processes.Memory(), s.Len()
	s.harvest(r)
	if err == nil && r.Connections == 0 {
		err = ErrNoConnections
	}
	return r, err
}

// A hold is the job of Hold: nothing is awaited.
type hold struct{}

func (hold) message(c *conn, _ *event.Conn, _ websocket.MessageType, _ []byte) {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.lane.tally.ignored++
}

func (hold) start()                   {}
func (hold) closed(*conn)             {}
func (hold) awaits(*conn) bool        { return false }
func (hold) abandon(*conn, bool) bool { return false }
func (hold) ended()                   {}
