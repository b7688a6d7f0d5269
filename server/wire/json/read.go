package json

import (
	"context"
	"sync"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

const (
	maxReaders = 16 // goroutines that read for all sockets
	maxGets    = 16 // requests of one socket that may wait
)

// A query is a get that waits.
type query struct {
	topic, id string
	hub.Query
}

// get has the history of a topic read, behind what else the client asks for: one request
// at a time, and none while its window is full.
func (s *socket) get(q *request) error {
	if err := hub.CheckTopic(q.name); err != nil {
		return err
	}
	next := query{q.name, q.id, hub.Query{Last: q.last, Limit: limitOf(q), MaxBytes: int64(s.wire.window)}}
	if q.after != "" {
		var err error
		if next.After, err = hub.ParseCursor(q.after); err != nil {
			return err
		}
		next.Last = 0
	}
	if q.id == "" {
		return nil // nobody would know what the answer is to
	}
	s.mu.Lock()
	if len(s.gets) >= maxGets {
		s.mu.Unlock()
		return &wire.Refusal{Code: "unavailable", Retry: true, Detail: "too many requests wait; ask again when some are answered"}
	}
	s.gets = append(s.gets, next)
	ask := !s.busy && !s.flow.Full(s.wire.window)
	s.busy = s.busy || ask
	s.mu.Unlock()
	if ask {
		s.wire.readers.add(s)
	}
	return nil
}

// A readers is a few goroutines that read histories for sockets, one request of each in
// turn. There are none while there is nothing to read.
type readers struct {
	hub  *hub.Hub
	ctx  context.Context // ends the reading
	stop context.CancelFunc
	all  sync.WaitGroup

	mu      sync.Mutex
	queue   []*socket // those with something to read, whose busy is set
	running int
}

func (r *readers) init(h *hub.Hub) {
	r.hub = h
	r.ctx, r.stop = context.WithCancel(context.Background())
}

// close ends the reading and waits for that.
func (r *readers) close() {
	r.mu.Lock()
	r.stop() // with mu held, so that nobody adds while it waits
	r.mu.Unlock()
	r.all.Wait()
}

// add has one request of s read.
func (r *readers) add(s *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return
	}
	r.queue = append(r.queue, s)
	if r.running < maxReaders {
		r.running++
		r.all.Go(r.run)
	}
}

// run reads until there is nothing to read.
func (r *readers) run() {
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			r.running--
			r.queue = nil
			r.mu.Unlock()
			return
		}
		s := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		r.mu.Unlock()
		if s.readOne(r.ctx) {
			r.add(s)
		}
	}
}

// readOne answers one request, and tells whether there is another that can be answered
// now.
func (s *socket) readOne(ctx context.Context) (more bool) {
	s.mu.Lock()
	if len(s.gets) == 0 { // it has ended
		s.busy = false
		s.mu.Unlock()
		return false
	}
	q := s.gets[0]
	s.gets = s.gets[1:]
	s.mu.Unlock()
	h, err := s.wire.hub.Read(ctx, q.topic, q.Query)
	if err != nil {
		s.refuse(q.id, err)
	} else {
		s.send(func(dst []byte) []byte { return appendHistory(dst, q.id, &h) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gets) == 0 {
		s.gets = nil
	}
	s.busy = len(s.gets) > 0 && !s.flow.Full(s.wire.window)
	return s.busy
}
