package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// ErrNoConnections is returned when no connection is left.
var ErrNoConnections = errors.New("load: no connection is left")

// A job is what a slice does. All methods but start are called from any goroutine.
type job interface {
	// start sends the first messages, or sees to it that all are sent.
	start()

	// message takes what came.
	message(c *conn, e *event.Conn, t websocket.MessageType, p []byte)

	// closed is told that a connection has ended; it is marked so.
	closed(c *conn)

	// awaits tells whether something is awaited on c. c.lane.mu is held.
	awaits(c *conn) bool

	// abandon gives up what is awaited on c, and counts it as lost if it was
	// not interrupted. It tells whether c is of no use any more. c.lane.mu is
	// held.
	abandon(c *conn, interrupted bool) (broken bool)

	// ended is called after the last abandon.
	ended()
}

// A slice is one piece of work with its clock.
type slice struct {
	set     *Set
	form    *form
	job     job
	begin   time.Time
	end     atomic.Int64 // ns after begin: nothing is sent after it
	pending atomic.Int64 // what is not done yet: connections, publishers, those who start
	done    chan struct{}
	buffers sync.Pool // of *[]byte, each a message without a stamp
}

// newSlice returns a slice whose clock stands still.
func (s *Set) newSlice(m Message) (*slice, error) {
	f, err := m.form()
	if err != nil {
		return nil, err
	}
	sl := &slice{set: s, form: f, done: make(chan struct{})}
	sl.buffers.New = func() any {
		b := append([]byte(nil), f.payload...)
		return &b
	}
	return sl, nil
}

// now returns the time since the beginning, in nanoseconds.
func (s *slice) now() int64 { return int64(time.Since(s.begin)) }

// send sends message number seq of sender id. A failure is not told here: it ends
// the connection, and that is.
func (s *slice) send(e *event.Conn, seq uint64, id uint32) {
	b, _ := s.buffers.Get().(*[]byte)
	var st stamped
	copy(*b, s.form.put(&st, seq, id))
	_ = e.Send(s.form.kind, *b)
	s.buffers.Put(b)
}

// finish marks one of what is pending as done.
func (s *slice) finish() {
	if s.pending.Add(-1) == 0 {
		close(s.done)
	}
}

// run does the job for d, or until it is done, and returns what came of it.
func (s *slice) run(ctx context.Context, d time.Duration) (*Result, error) {
	set := s.set
	r := &Result{MemoryBefore: set.target.Processes.Memory()}
	cpu, own := set.target.Processes.CPU(), ownCPU()
	s.begin = time.Now()
	s.end.Store(int64(d))
	s.pending.Add(1) // start itself
	set.work.Store(s)
	s.job.start()
	s.finish()
	err := s.wait(ctx, d)
	r.Elapsed = time.Since(s.begin)
	r.CPU, r.OwnCPU = set.target.Processes.CPU()-cpu, ownCPU()-own
	r.Memory, r.Connections = set.target.Processes.Memory(), set.Len()
	if last := set.harvest(r); r.Messages > 0 {
		r.Elapsed = last // without the wait for what never came
	}
	if err == nil && r.Connections == 0 {
		err = ErrNoConnections
	}
	return r, err
}

// patience is how many timeouts a server that goes on answering may take after the
// end.
const patience = 10

// wait waits until the job is done, or hopeless.
func (s *slice) wait(ctx context.Context, d time.Duration) error {
	timeout := s.set.target.Timeout
	tick := time.NewTicker(min(timeout/4, 250*time.Millisecond))
	defer tick.Stop()
	var err error
	interrupted := ctx.Done()
	seen, at := int64(-1), time.Now()
	limit := d + patience*timeout
	for {
		select {
		case <-s.done:
			return err
		case <-interrupted:
			err, interrupted = ctx.Err(), nil
			s.end.Store(0)
			timeout = min(timeout, time.Second)
			limit = time.Since(s.begin) + timeout
		case now := <-tick.C:
			n, _ := s.set.Progress()
			if n != seen || !s.awaited() {
				seen, at = n, now
			}
			if now.Sub(at) >= timeout || now.Sub(s.begin) >= limit {
				s.abandon(err != nil)
			}
		}
	}
}

// awaited tells whether an answer is awaited on any connection.
func (s *slice) awaited() bool {
	for _, c := range s.set.conns {
		c.lane.mu.Lock()
		awaits := s.job.awaits(c)
		c.lane.mu.Unlock()
		if awaits {
			return true
		}
	}
	return false
}

// abandon gives up all that is awaited, and the connections on which it is.
func (s *slice) abandon(interrupted bool) {
	s.end.Store(0)
	var broken []*conn
	for _, c := range s.set.conns {
		c.lane.mu.Lock()
		if s.job.awaits(c) && s.job.abandon(c, interrupted) {
			c.closed = true
			broken = append(broken, c)
		}
		c.lane.mu.Unlock()
	}
	for _, c := range broken {
		c.event.CloseNow()
	}
	s.job.ended()
}
