package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// A Set is an open set of connections to one server. One goroutine at a time may use
// it, but for Progress, which may be called at any time. Any number of Sets may be
// open side by side.
type Set struct {
	target  *Target
	lanes   []*lane
	conns   []*conn
	opening *Result
	work    atomic.Pointer[slice] // the latest; it stays to judge what comes too late
	closing atomic.Bool

	publishers []*publisher // of FanOut, made by the first
	joined     bool         // every connection gets what is published
	own        Own
}

// A lane is one loop of the event driver with the connections it serves, and the
// counts of these, so that loops do not share what they write.
type lane struct {
	client *event.Client

	mu    sync.Mutex
	tally tally
	total int64 // messages that came since the Set was opened, right or wrong
	wrong int64 // problems since then
}

// A tally counts one slice.
type tally struct {
	sent, messages, bytes, ignored int64
	last                           int64 // when the latest message came, ns after the beginning
	latency                        *hdrhistogram.Histogram
	problems                       problems
}

// took counts a message that is right. l.mu must be held.
func (l *lane) took(now, latency int64, size int) {
	l.total++
	l.tally.messages++
	l.tally.bytes += int64(size)
	l.tally.last = now
	record(l.tally.latency, latency)
}

// problem counts n of a kind. l.mu must be held.
func (l *lane) problem(k Kind, n int64, format string, args ...any) {
	l.wrong += n
	l.tally.problems.add(k, n, format, args...)
}

// A conn is one connection. Its fields are guarded by the mutex of its lane.
type conn struct {
	id    uint32
	lane  *lane
	event *event.Conn // set once, before the Set is returned

	closed  bool   // it has ended, or was given up
	active  bool   // it takes part in the slice and is not done
	greeted bool   // something has come
	suspect string // the first message, if it is not what was sent; it may be a greeting

	// Of Echo.
	sent  uint64  // the number of the next message to send
	back  track   // of those that come back
	base  uint64  // sent when the slice began
	slot  int     // its place in the schedule
	times []int64 // when the messages in flight were sent, by number modulo the depth

	marks []mark // of FanOut, one for each publisher
}

// Open opens n connections, or none: the error is a *RefusedError with the server's
// words if a handshake failed.
func Open(ctx context.Context, t *Target, n int) (*Set, error) {
	t, err := t.withDefaults()
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, errors.New("load: a Set has at least one connection")
	}
	o := t.dialOptions(false)
	s := &Set{target: t, opening: &Result{Latency: NewHistogram(), MemoryBefore: t.Processes.Memory()}}
	for range min(t.lanes(o), n) {
		s.lanes = append(s.lanes, newLane(s, o))
	}
	cpu, own, begin := t.Processes.CPU(), ownCPU(), time.Now()
	if err := s.dial(ctx, n); err != nil {
		s.Close()
		return nil, err
	}
	r := s.opening
	r.Elapsed, r.CPU, r.OwnCPU = time.Since(begin), t.Processes.CPU()-cpu, ownCPU()-own
	r.Sent, r.Messages, r.Connections, r.Memory = int64(n), int64(n), n, t.Processes.Memory()
	return s, nil
}

func newLane(s *Set, o *websocket.DialOptions) *lane {
	l := &lane{tally: tally{latency: NewHistogram()}}
	l.client = event.NewClient(event.Handler{OnMessage: s.message, OnClose: s.closed},
		&event.ClientOptions{Driver: s.target.Driver, Loops: 1, Dial: o})
	return l
}

// dial opens the connections, several at a time.
func (s *Set) dial(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.conns = make([]*conn, n)
	var next atomic.Int64
	var mu sync.Mutex // of the histogram
	var workers sync.WaitGroup
	for range min(s.target.Concurrency, n) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				c := &conn{id: uint32(i), lane: s.lanes[i%int64(len(s.lanes))]}
				begin := time.Now()
				if err := s.dialOne(ctx, c); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				s.conns[i] = c
				record(s.opening.Latency, int64(time.Since(begin)))
				mu.Unlock()
				s.target.Handshakes.Add(1)
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// dialOne opens c. The error is a *RefusedError.
func (s *Set) dialOne(ctx context.Context, c *conn) error {
	e, resp, err := c.lane.client.Dial(ctx, s.target.URL, c)
	if err != nil {
		return &RefusedError{int(s.target.Handshakes.Load()), resp, err}
	}
	c.event = e
	return nil
}

// message is called for each message, by the loop of its connection.
func (s *Set) message(e *event.Conn, t websocket.MessageType, p []byte) {
	c, _ := e.Data().(*conn)
	if w := s.work.Load(); w != nil {
		w.job.message(c, e, t, p)
		return
	}
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	c.lane.tally.ignored++
}

// closed is called once for each connection.
func (s *Set) closed(e *event.Conn, err error) {
	c, _ := e.Data().(*conn)
	l := c.lane
	l.mu.Lock()
	mine := c.closed || s.closing.Load()
	c.closed = true
	if !mine {
		l.problem(Closed, 1, "connection %d: %v", c.id, err)
		c.tell()
	}
	l.mu.Unlock()
	if w := s.work.Load(); w != nil {
		w.job.closed(c)
	}
}

// Opening returns what came of the handshakes: their number, their time from the
// beginning of dialling, and what they cost.
func (s *Set) Opening() *Result { return s.opening }

// Len returns how many connections are open.
func (s *Set) Len() (n int) {
	for _, c := range s.conns {
		if c == nil {
			continue
		}
		c.lane.mu.Lock()
		if !c.closed {
			n++
		}
		c.lane.mu.Unlock()
	}
	return n
}

// Extensions returns what was agreed on for the first connection, as in its
// handshake.
func (s *Set) Extensions() string { return s.conns[0].event.Extensions() }

// Progress returns how many messages have come since the Set was opened, and how
// many problems there were. Any goroutine may call it.
func (s *Set) Progress() (messages, problems int64) {
	for _, l := range s.lanes {
		l.mu.Lock()
		messages += l.total
		problems += l.wrong
		l.mu.Unlock()
	}
	return messages, problems
}

// Close ends the connections with the closing handshake, for which it waits no
// longer than Target.Timeout. It returns what went wrong since the last slice: a
// message that came twice may come that late.
func (s *Set) Close() []Problem {
	s.closing.Store(true)
	for _, c := range s.conns {
		if c != nil {
			_ = c.event.Close(websocket.StatusNormalClosure, "")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.target.Timeout)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range s.lanes {
		all.Go(func() { _ = l.client.Shutdown(ctx) })
	}
	all.Wait()
	var left Result
	s.harvest(&left)
	return left.Problems
}

// harvest adds the tallies of all lanes to r and begins new ones.
func (s *Set) harvest(r *Result) (last time.Duration) {
	var wrong problems
	for _, l := range s.lanes {
		l.mu.Lock()
		t := &l.tally
		r.Sent += t.sent
		r.Messages += t.messages
		r.Bytes += t.bytes
		r.Ignored += t.ignored
		r.Latency = merge(r.Latency, t.latency)
		wrong.merge(&t.problems)
		last = max(last, time.Duration(t.last))
		t.latency.Reset()
		l.tally = tally{latency: t.latency}
		l.mu.Unlock()
	}
	r.Problems = wrong.list()
	return last
}
