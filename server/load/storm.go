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

// An Ending is how the connections of a Storm end.
type Ending uint8

// The endings.
const (
	// Reset drops a connection as soon as it is open. Its port is free again.
	Reset Ending = iota

	// Handshake ends it with a closing handshake, which is waited for.
	Handshake
)

// A Storm is handshakes, as many as the server can take.
type Storm struct {
	// Workers is how many handshakes are in progress at the same time. Default
	// 16.
	Workers int

	// Duration is how long to begin new ones.
	Duration time.Duration

	// Limit, if not 0, ends the work after so many. Duration may be 0 then.
	Limit int64

	// Ending is how each connection ends. Default: Reset.
	Ending Ending
}

// DefaultWorkers is the default of Storm.Workers.
const DefaultWorkers = 16

// maxRefused is how many handshakes in a row may fail before the storm is over: then
// the server does not answer any more, and the numbers would be those of errors.
const maxRefused = 100

// Connect opens connections and ends them. In the Result, Messages are handshakes
// and Latency is the time that each took, from the first packet to the answer. It
// returns the Result with an error too if ctx ends first, and a *RefusedError if the
// first handshake failed or too many in a row.
func Connect(ctx context.Context, t *Target, s *Storm) (*Result, error) {
	t, err := t.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case s.Workers < 0, s.Duration < 0, s.Limit < 0, s.Duration == 0 && s.Limit == 0:
		return nil, errors.New("load: a Storm needs a Duration, or a Limit, and nothing may be negative")
	case s.Limit > 0 && s.Duration == 0:
		s = &Storm{s.Workers, forever, s.Limit, s.Ending}
	}
	j := &storm{Storm: s, target: t, r: &Result{Latency: NewHistogram()}}
	j.client = event.NewClient(event.Handler{OnClose: j.closed},
		&event.ClientOptions{Driver: t.Driver, Loops: t.Loops, Dial: t.dialOptions(s.Ending == Reset)})
	return j.run(ctx)
}

// A storm is the work of Connect.
type storm struct {
	*Storm
	target *Target
	client *event.Client
	begun  atomic.Int64
	end    time.Time

	mu      sync.Mutex
	r       *Result
	wrong   problems
	refused int // in a row
	err     error
}

func (j *storm) run(ctx context.Context) (*Result, error) {
	p := j.target.Processes
	j.r.MemoryBefore = p.Memory()
	cpu, own, begin := p.CPU(), ownCPU(), time.Now()
	over, cancel := context.WithTimeout(ctx, j.Duration)
	defer cancel()
	j.end = begin.Add(j.Duration)
	var workers sync.WaitGroup
	for range orDefault(j.Workers, DefaultWorkers) {
		workers.Go(func() {
			for over.Err() == nil && (j.Limit == 0 || j.begun.Add(1) <= j.Limit) {
				if !j.one(ctx, over) {
					cancel()
				}
			}
		})
	}
	workers.Wait()
	j.r.Elapsed, j.r.CPU, j.r.OwnCPU = time.Since(begin), p.CPU()-cpu, ownCPU()-own
	j.r.Memory, j.r.Problems = p.Memory(), j.wrong.list()
	last, stop := context.WithTimeout(context.Background(), j.target.Timeout)
	defer stop()
	_ = j.client.Shutdown(last)
	if j.err == nil {
		j.err = ctx.Err()
	}
	return j.r, j.err
}

// one makes one connection and ends it. It returns false if the storm should be over.
// over ends a handshake that is in progress when the time is up; it is not counted.
func (j *storm) one(ctx, over context.Context) bool {
	ended := make(chan struct{})
	begin := time.Now()
	c, resp, err := j.client.Dial(over, j.target.URL, ended)
	took := time.Since(begin)
	if err != nil {
		late := over.Err() != nil || begin.Add(took).After(j.end) // the dialler's timer may be the first
		return late || j.refuse(&RefusedError{int(j.target.Handshakes.Load()), resp, err})
	}
	j.target.Handshakes.Add(1)
	j.mu.Lock()
	j.refused = 0
	j.r.Sent++
	j.r.Messages++
	record(j.r.Latency, int64(took))
	j.mu.Unlock()
	if j.Ending == Reset {
		c.CloseNow()
		return true
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	select {
	case <-ended:
	case <-ctx.Done():
		c.CloseNow()
	}
	return true
}

// closed is called for each connection that has ended.
func (*storm) closed(c *event.Conn, _ error) {
	if ended, ok := c.Data().(chan struct{}); ok {
		close(ended)
	}
}

// refuse counts a handshake that failed. It returns false if there is no use in more.
func (j *storm) refuse(err *RefusedError) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused++
	j.r.Sent++
	j.wrong.add(Refused, 1, "%v", err)
	if j.r.Messages > 0 && j.refused < maxRefused {
		return true
	}
	if j.err == nil {
		j.err = err
	}
	return false
}
